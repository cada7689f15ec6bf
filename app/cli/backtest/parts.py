"""Tables, headings and shares, as a backtest prints them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from app.evaluation.backtest.record_types import Proportion
from app.evaluation.backtest.records import Counted, UntestedFact

NONE: Final = "-"
_LEAST: Final = 0.0005  # a smaller share would be printed as 0.0 %


def heading(title: str, out: Console) -> None:
    """Print a title."""
    out.print(f"\n{escape(title)}", style="bold")


def listed(sentences: Iterable[str], out: Console) -> None:
    """Print sentences as a list."""
    for sentence in sentences:
        out.print(Padding("- " + escape(sentence), (0, 0, 0, 2)))


def table(title: str, *columns: str, out: Console, rows: Iterable[Sequence[str]]) -> None:
    """Print a table, unless it has no rows."""
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 else "right", overflow="fold")
    filled = False
    for row in rows:
        table.add_row(*[escape(cell) for cell in row])
        filled = True
    if filled:
        out.print(table)


def percent(found: Counted | Proportion | UntestedFact) -> str:
    """Return the share of some orders in percent; a tiny share is not shown as zero."""
    if found.share is None:
        return NONE
    return "<0.1%" if found.orders and found.share < _LEAST else f"{found.share:.1%}"
