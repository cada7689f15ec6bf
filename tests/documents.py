"""README and handbook, and the generated tables in them: ``make readme``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from app.config import PREFIX, Settings
from app.core.judgement.signals.catalogue import markdown_table
from app.core.states import (
    INVOICE_TABLE,
    TRANSITIONS,
    InvoiceRole,
    InvoiceTurn,
    OrderState,
    Phase,
    Target,
    Trigger,
)
from tests.pictures import pictures
from tests.worked_example import example_table

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
HANDBOOK = ROOT / "app" / "handbook"


def documents() -> tuple[Path, ...]:
    """Return the README and every page of the handbook."""
    return README, *sorted(HANDBOOK.glob("*.md"))


def settings_table() -> str:
    """Return a table with one row for each field of `Settings`."""
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
    """Return the table of transitions: one row per trigger, one column per state."""
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
    """Return the table of invoices: one row per invoice and outcome, one column per order state."""
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
    "example": example_table,
}


def part(name: str) -> re.Pattern[str]:
    """Return the pattern of a generated table: its opening mark, its text, its closing mark."""
    return re.compile(rf"(<!-- {name}: [^\n]*-->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)


def write() -> None:
    """Draw the pictures, and write each generated table into the document with its marks."""
    for name, drawn in pictures().items():
        (HANDBOOK / name).write_text(drawn, encoding="utf-8")
    made = {name: table() for name, table in TABLES.items()}
    for document in documents():
        text = document.read_text(encoding="utf-8")
        for name, table in made.items():
            text = part(name).sub(lambda match, table=table: f"{match[1]}{table}\n{match[3]}", text)  # type: ignore[misc]
        document.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
