"""The README says what the program does. ``make readme`` (``python -m tests.test_readme``) writes its tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main
from pydantic_core import PydanticUndefined

from app.__main__ import cli
from app.api.metrics import Metrics
from app.config import PREFIX, Settings
from app.core.lifecycle import (
    INVOICE_TABLE,
    TRANSITIONS,
    InvoiceRole,
    InvoiceTurn,
    OrderState,
    Phase,
    Target,
    Trigger,
)
from app.core.signal_catalogue import markdown_table
from app.services.health import Readiness, Standing

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def settings_table() -> str:
    """One row for each field of `Settings`."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `{PREFIX}{name.upper()}` | {_default(field.default)} | {field.description} |")
    return "\n".join(lines)


def _default(value: Any) -> str:
    if value is None or value is PydanticUndefined:
        return "none"
    text = ",".join(f"{one:g}" for one in value) if isinstance(value, tuple) else str(value)
    return f"`{text}`"


def transitions_table() -> str:
    """Triggers down, states across."""
    lines = [
        "| trigger | " + " | ".join(f"`{state}`" for state in OrderState) + " |",
        "|---" * (len(OrderState) + 1) + "|",
    ]
    for trigger in Trigger:
        cells = [_cell(TRANSITIONS.get((state, trigger))) for state in OrderState]
        lines.append(f"| {trigger} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(target: Target | None) -> str:
    if target is None:
        return ""
    return f"*{target}*" if target in {Target.RELEASE, Target.SAME} else str(target)


def invoices_table() -> str:
    """Whose invoice and what became of it down, where the order stands across."""
    lines = ["| invoice | is found | " + " | ".join(Phase) + " |", "|---" * (len(Phase) + 2) + "|"]
    for role in InvoiceRole:
        for turn in InvoiceTurn:
            cells = [INVOICE_TABLE[role, turn, phase].value for phase in Phase]
            lines.append(f"| {role} | {turn} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "transitions": transitions_table,
    "invoices": invoices_table,
    "signals": markdown_table,
}


def _part(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name}: [^\n]*-->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)


def write() -> None:
    """Write every generated table into the README."""
    text = README.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        made = table()
        text = _part(name).sub(lambda match, made=made: f"{match[1]}{made}\n{match[3]}", text)  # type: ignore[misc]
    README.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TABLES)
def test_generated_tables_are_those_of_the_program(readme: str, name: str) -> None:
    found = _part(name).search(readme)
    assert found is not None
    assert found[2].strip() == TABLES[name](), "run `make readme`"


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, inner in getattr(command, "commands", {}).items():
        if inner.hidden:
            continue
        if hasattr(inner, "commands"):
            yield from _commands(inner, (*path, name))
        else:
            yield " ".join((*path, name))


def _section(readme: str, title: str) -> str:
    return readme.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_commands_are_those_of_the_program(readme: str) -> None:
    listed = re.findall(
        r"^\| `([a-z]+(?:[ -][a-z]+)*)(?: [A-Z\[-].*?)?` \|", _section(readme, "Commands"), re.MULTILINE
    )
    assert sorted(listed) == sorted(_commands(typer.main.get_command(cli)))


def test_make_targets_exist(readme: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)\b", readme, re.MULTILINE))
    assert named <= targets
    assert {"demo", "test", "lint", "bench", "run", "lock", "openapi"} <= targets


def test_the_first_two_commands_are_demo_and_test(readme: str) -> None:
    [block] = re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)[:1]
    assert [line.split("#")[0].strip() for line in block.splitlines()] == ["make demo", "make test"]


def test_named_files_exist(readme: str) -> None:
    for named in re.findall(r"`((?:app|tests|migrations)/[\w./*-]+)`", readme):
        assert list(ROOT.glob(named.rstrip("/"))), named


def test_role_list_holds_every_action_that_the_adapter_calls(readme: str) -> None:
    adapter = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "app/panels/whmcs").glob("*.py"))
    verbs = "Get|Accept|Pending|Cancel|Fraud|Create|Update|Add|Open|Send"
    called = set(re.findall(rf'"((?:{verbs})[A-Z][A-Za-z]+|(?:Accept|Pending|Cancel|Fraud)Order)"', adapter))
    listed = set(re.findall(rf"`((?:{verbs})[A-Z][A-Za-z]+)`", _section(readme, "Installing it")))
    assert called
    assert called == listed


def test_metrics_are_those_of_the_program(readme: str) -> None:
    shown = Metrics().render(Standing()).decode()
    named = {name.removesuffix("_total") for name in re.findall(r"^# HELP (doorman_\w+)", shown, re.MULTILINE)}
    listed = re.findall(r"^\| .*`(?:doorman_).*? \|", _section(readme, "Runbook"), re.MULTILINE)
    rows = [
        name.removesuffix("_total") for row in listed for name in re.findall(r"`(doorman_\w+)", row.split(" | ")[0])
    ]
    assert sorted(set(rows)) == sorted(named)


def test_readiness_has_the_fields_listed(readme: str) -> None:
    table = _section(readme, "Runbook").split("| field | what it says |\n", 1)[1].split("\n\n", 1)[0]
    listed = [name for row in table.splitlines()[1:] for name in re.findall(r"`(\w+)`", row.split(" | ")[0])]
    assert sorted(listed) == sorted(field.name for field in fields(Readiness))


def test_no_paths_of_a_machine(readme: str) -> None:
    assert not re.search(r"/(?:work|home|root|tmp|Users)/", readme)


if __name__ == "__main__":
    write()
