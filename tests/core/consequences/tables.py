"""The tables of `tests/data/consequences`: one row for each situation, piece of news, and what follows.

A row names one or several states and pieces of news, to all of which the same happens. `then` says everything that
follows; what it leaves out must not happen. `doubt` says where the program and its handbook differ.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[2] / "data" / "consequences"
HOW: Final = frozenset({
    "name", "why", "state", "news", "when", "then", "request", "event", "at_once", "without", "paid_on_invoice", "key",
    "params", "answer", "event_waits", "ticket_shows_answer", "lines", "asked", "queue_readable", "said", "doubt",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One situation, one piece of news, and what follows; `how` are the details of the news."""

    table: str
    name: str
    state: str
    news: str
    when: Mapping[str, Any]
    then: Mapping[str, Any]
    how: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The row's name in the output of the tests."""
        return f"{self.table}: {self.name} [{self.state}; {self.news}]"


@cache
def rows() -> tuple[Row, ...]:
    """Return every row of every table."""
    return tuple(itertools.chain.from_iterable(_read(path) for path in sorted(FOLDER.glob("*.toml"))))


def _read(path: Path) -> Iterator[Row]:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    usual = table.get("usual", {})
    for case in table["case"]:
        assert set(case) <= HOW, f"{path.stem}, {case['name']}: these words mean nothing: {set(case) - HOW}"
        for state, news in itertools.product(_listed(case["state"]), _listed(case["news"])):
            yield Row(
                table=path.stem, name=case["name"], state=state, news=news,
                when={**usual, **case.get("when", {}), "state": state}, then=case.get("then", {}),
                how={**case, "news": news},
            )  # fmt: skip


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
