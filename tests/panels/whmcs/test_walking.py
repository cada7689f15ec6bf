"""Whole lists, page by page: no row that exists all the time is skipped, however rows move meanwhile."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.panels.base import PanelPlace, PanelUnavailable
from app.panels.whmcs.walking import PAGE, ListPage, Step, walk


@dataclass
class Listed:
    """A panel's list that changes while it is read."""

    ids: list[int]
    cap: int = PAGE
    change: Callable[["Listed", int], None] = lambda _listed, _call: None
    calls: int = 0
    widest: int = 0
    under_way: int = 0
    nameless: int = 0  # rows without an id, after all others
    gone: set[int] = field(default_factory=set)

    async def fetch(self, offset: int, size: int) -> ListPage:
        """Answer as a panel does, after a delay, and let something change."""
        self.under_way += 1
        self.widest = max(self.widest, self.under_way)
        for _ in range(self.calls % 3):
            await asyncio.sleep(0)
        self.calls += 1
        self.change(self, self.calls)
        rows: list[int | None] = [*self.ids, *[None] * self.nameless]
        came = rows[offset : offset + min(size, self.cap)]
        self.under_way -= 1
        return ListPage(rows=[(one, {"id": one}) for one in came if one is not None], came=len(came), total=len(rows))

    def remove(self, row_id: int) -> None:
        """Delete a row."""
        self.ids.remove(row_id)
        self.gone.add(row_id)


async def steps_of(
    listed: Listed, after: PanelPlace | None = None, *, by_id: bool = True, ahead: int = 8
) -> list[Step]:
    """Read the whole list."""
    return [step async for step in walk(listed.fetch, after, ahead=ahead, by_id=by_id)]


def ids_in(steps: list[Step]) -> list[int]:
    """Return the ids that were returned."""
    return [row["id"] for step in steps for row in step.rows]


ORDERS = {
    "rising": lambda ids: ids,
    "falling": lambda ids: ids[::-1],
    "shuffled": lambda ids: random.Random(3).sample(ids, len(ids)),
}


@pytest.mark.parametrize("cap", [2, 7, 25, 100, 1000])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 26, 99, 100, 101, 350])
@pytest.mark.parametrize("order", ORDERS)
async def test_a_list_that_stands_still_is_handed_out_whole(order: str, count: int, cap: int) -> None:
    listed = Listed(ORDERS[order](list(range(1, count + 1))), cap=cap)
    found = ids_in(await steps_of(listed))
    assert sorted(set(found)) == list(range(1, count + 1))
    assert len(found) == count or order == "shuffled"


@given(
    st.integers(0, 2**32),
    st.integers(2, 40),
    st.integers(0, 160),
    st.sampled_from(["rising", "falling"]),
    st.integers(1, 9),
)
async def test_rows_that_were_there_all_the_time_are_all_handed_out(
    seed: int, cap: int, count: int, order: str, ahead: int
) -> None:
    rng = random.Random(seed)
    listed = Listed(ORDERS[order](list(range(1, count + 1))), cap=cap, change=lambda one, _: restless(one, rng, order))
    found = ids_in(await steps_of(listed, ahead=ahead))
    assert set(range(1, count + 1)) - listed.gone <= set(found)


def restless(listed: Listed, rng: random.Random, order: str) -> None:
    """Place orders, which get the next id, and delete some."""
    if listed.calls > 60:
        return
    for _ in range(rng.randrange(3)):
        new = max(listed.ids, default=1000) + 1
        listed.ids.insert(0 if order == "falling" else len(listed.ids), new)
    for _ in range(rng.randrange(3)):
        if listed.ids:
            listed.remove(rng.choice(listed.ids))


@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(0, 120))
@example(seed=27, cap=15, count=29)  # six rounds were not enough
async def test_a_list_that_moves_with_each_reply_is_handed_out_whole(seed: int, cap: int, count: int) -> None:
    rng = random.Random(seed)
    listed = Listed(rng.sample(range(1, count + 1), count), cap=cap, change=lambda one, call: replied(one, rng, call))
    found = ids_in(await steps_of(listed, by_id=False))
    assert set(range(1, count + 1)) - listed.gone <= set(found)


def replied(listed: Listed, rng: random.Random, call: int) -> None:
    """Move a ticket to the top by a reply; sometimes open or delete one."""
    if call > 40 or not listed.ids:
        return
    moved = rng.choice(listed.ids)
    listed.ids.remove(moved)
    listed.ids.insert(0, moved)
    if rng.random() < 0.2:
        listed.ids.insert(0, max(listed.ids) + 1)
    if rng.random() < 0.2:
        listed.remove(rng.choice(listed.ids))


@pytest.mark.parametrize("order", ["rising", "falling"])
async def test_reading_goes_on_after_each_page_though_rows_moved_meanwhile(order: str) -> None:
    count = 230
    for stop in range(1, 12):
        listed = Listed(ORDERS[order](list(range(1, count + 1))), cap=25)
        first: list[Step] = []
        async for step in walk(listed.fetch, None, ahead=4):
            first.append(step)
            if len(first) == stop:
                break
        rng = random.Random(stop)
        for _ in range(10):
            restless(listed, rng, order)
        rest = await steps_of(listed, first[-1].place)
        found = set(ids_in(first)) | set(ids_in(rest))
        assert set(range(1, count + 1)) - listed.gone <= found
        assert not set(ids_in(first)) & set(ids_in(rest))


async def test_pages_are_read_several_at_a_time_but_no_more_than_told() -> None:
    listed = Listed(list(range(5000, 0, -1)))
    await steps_of(listed, ahead=5)
    assert 2 <= listed.widest <= 5
    assert listed.calls <= 5000 / (PAGE - 1) + 2


@pytest.mark.parametrize("by_id", [True, False])
async def test_rows_without_an_id_are_counted_and_stop_nothing(by_id: bool) -> None:
    listed = Listed(list(range(150, 0, -1)), nameless=20)
    steps = await steps_of(listed, by_id=by_id)
    assert sorted(ids_in(steps)) == list(range(1, 151))
    assert sum(step.unreadable for step in steps) >= 20


async def test_a_panel_that_shows_the_same_page_for_ever_is_an_error() -> None:
    same = [(one, {"id": one}) for one in range(50, 0, -1)]

    async def fetch(_offset: int, _size: int) -> ListPage:
        return ListPage(rows=same, came=50, total=500)

    with pytest.raises(PanelUnavailable):
        async for _ in walk(fetch, None, ahead=4):
            pass
