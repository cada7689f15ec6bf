"""What follows from each piece of news in each state: `tests/data/consequences/*.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.core.consequences.news import what_follows
from tests.core.consequences.situations import situation
from tests.core.consequences.tables import Row, rows


def _cases() -> list[Any]:
    return [pytest.param(row, id=row.id) for row in rows()]


@pytest.mark.parametrize("row", _cases())
def test_what_follows(row: Row) -> None:
    before = situation(row.when)
    # of several states in this row, one may have already what the others get
    order = before.order
    already = {"state": order.state, "hold": order.hold_kind, "touched": order.touched_by_person}
    then = {word: said for word, said in row.then.items() if word not in already or already[word] != said}
    assert _in_any_order(what_follows(row.how, before)) == _in_any_order(then)


def _in_any_order(found: Mapping[str, Any]) -> dict[str, Any]:
    return {word: sorted(said) if isinstance(said, list) else said for word, said in found.items()}


def test_no_row_stands_twice() -> None:
    ids = [row.id for row in rows()]
    assert [one for one in ids if ids.count(one) > 1] == []
