"""README and handbook say what the program does, and every link in them leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer.main

from app.api.metrics import Metrics
from app.cli.commands import cli
from app.config import PREFIX, Settings
from app.handbook import PICTURES
from app.upkeep.health import Readiness, ServiceStanding
from tests.documents import HANDBOOK, README, ROOT, TABLES, documents, part
from tests.pictures import pictures

LONGEST_README = 250


@pytest.fixture(scope="module")
def texts() -> dict[Path, str]:
    return {document: document.read_text(encoding="utf-8") for document in documents()}


def page(name: str) -> str:
    return (HANDBOOK / f"{name}.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub generates them."""
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    titles = [title.lower() for title in re.findall(r"^#+ (.+)$", outside, re.MULTILINE)]
    return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", TABLES)
def test_generated_tables_are_those_of_the_program(texts: dict[Path, str], name: str) -> None:
    found = [match for text in texts.values() for match in part(name).finditer(text)]
    assert [match[2].strip() for match in found] == [TABLES[name]()], "run `make readme`"


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_those_that_the_program_draws(name: str) -> None:
    assert (HANDBOOK / name).read_text(encoding="utf-8") == pictures()[name], "run `make readme`"


def test_the_readme_is_read_in_two_minutes(texts: dict[Path, str]) -> None:
    assert len(texts[README].splitlines()) <= LONGEST_README


def test_every_link_leads_to_a_file_and_a_heading(texts: dict[Path, str]) -> None:
    broken = []
    for document, text in texts.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if link.startswith("https://"):
                continue
            name, _, anchor = link.partition("#")
            target = (document.parent / name).resolve() if name else document
            if not target.is_file() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
                broken.append(f"{document.name}: {link}")
    assert broken == []


def test_every_page_is_reached_from_the_readme_and_the_index(texts: dict[Path, str]) -> None:
    pages = {document.stem for document in documents() if document.parent == HANDBOOK} - {"index"}
    assert pages == set(re.findall(r"\(app/handbook/([\w-]+)\.md\)", texts[README]))
    assert pages == set(re.findall(r"\(([\w-]+)\.md\)", page("index")))


def test_every_setting_is_described_and_listed() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    listed = re.findall(rf"^\| `({PREFIX}\w+)` \|", section(page("server"), "Settings"), re.MULTILINE)
    assert listed == [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]


def test_every_setting_that_is_named_exists(texts: dict[Path, str]) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    named = {name for text in texts.values() for name in re.findall(rf"{PREFIX}[A-Z_]*[A-Z]", text)}
    assert {name for name in named - known if not name.startswith(f"{PREFIX}TEST_")} == set()


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, inner in getattr(command, "commands", {}).items():
        if inner.hidden:
            continue
        if hasattr(inner, "commands"):
            yield from _commands(inner, (*path, name))
        else:
            yield " ".join((*path, name))


def test_commands_are_those_of_the_program() -> None:
    listed = re.findall(
        r"^\| `([a-z]+(?:[ -][a-z]+)*)(?: [A-Z\[-].*?)?` \|", section(page("server"), "Commands"), re.MULTILINE
    )
    assert sorted(listed) == sorted(_commands(typer.main.get_command(cli)))


def test_make_targets_exist(texts: dict[Path, str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {name for text in texts.values() for name in re.findall(r"(?:`|^)make ([a-z]+)\b", text, re.MULTILINE)}
    assert named <= targets
    assert {"demo", "test", "lint", "bench", "run", "lock", "openapi"} <= targets


def test_the_first_two_commands_are_demo_and_test(texts: dict[Path, str]) -> None:
    [block] = re.findall(r"```sh\n(.*?)```", texts[README], re.DOTALL)[:1]
    assert [line.split("#")[0].strip() for line in block.splitlines()] == ["make demo", "make test"]


def test_named_files_exist(texts: dict[Path, str]) -> None:
    tests = {path.name for path in (ROOT / "tests").rglob("*.py")}
    gone = []
    for text in texts.values():
        paths = re.findall(r"`((?:app|tests|migrations)/[\w./*-]+)`", text)
        gone += [path for path in paths if not list(ROOT.glob(path.rstrip("/")))]
        gone += [name for name in re.findall(r"`((?:test|bench)_\w+\.py)`", text) if name not in tests]
    assert gone == []


def test_role_list_holds_every_action_that_the_adapter_calls() -> None:
    adapter = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "app/panels/whmcs").rglob("*.py"))
    verbs = "Get|Accept|Pending|Cancel|Fraud|Create|Update|Add|Open|Send"
    called = set(re.findall(rf'"((?:{verbs})[A-Z][A-Za-z]+|(?:Accept|Pending|Cancel|Fraud)Order)"', adapter))
    listed = set(re.findall(rf"`((?:{verbs})[A-Z][A-Za-z]+)`", page("whmcs-admin")))
    assert called
    assert called == listed


def test_metrics_are_those_of_the_program() -> None:
    shown = Metrics().render(ServiceStanding()).decode()
    named = {name.removesuffix("_total") for name in re.findall(r"^# HELP (doorman_\w+)", shown, re.MULTILINE)}
    listed = re.findall(r"^\| .*`(?:doorman_).*? \|", section(page("runbook"), "What to watch"), re.MULTILINE)
    rows = [
        name.removesuffix("_total") for row in listed for name in re.findall(r"`(doorman_\w+)", row.split(" | ")[0])
    ]
    assert sorted(set(rows)) == sorted(named)


def test_readiness_has_the_fields_listed() -> None:
    table = page("runbook").split("| field | what it says |\n", 1)[1].split("\n\n", 1)[0]
    listed = [name for row in table.splitlines()[1:] for name in re.findall(r"`(\w+)`", row.split(" | ")[0])]
    assert sorted(listed) == sorted(field.name for field in fields(Readiness))


def test_no_paths_of_a_machine(texts: dict[Path, str]) -> None:
    for text in texts.values():
        assert not re.search(r"/(?:work|home|root|tmp|Users)/", text)
