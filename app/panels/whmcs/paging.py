"""Paged lists."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from app.panels.base import PanelRejected, PanelUnavailable
from app.panels.whmcs import wire
from app.panels.whmcs.client import WhmcsClient

PAGE: Final = 100
_MOST_PAGES: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list action and the location of its rows; `filters` are its other parameters."""

    action: str
    outer: str
    inner: str
    filters: Mapping[str, Any]


async def read_or_none(
    client: WhmcsClient,
    action: str,
    params: Mapping[str, Any],
    *,
    absent: str = "customer-not-found",
    urgent: bool = False,
) -> wire.Row | None:
    """Read; None when the panel refuses with the code `absent`. Any other refusal of a read is PanelUnavailable."""
    try:
        return await client.read(action, params, urgent=urgent)
    except PanelRejected as refusal:
        if refusal.code == absent:
            return None
        raise PanelUnavailable(str(refusal)) from None


def rows_of(answer: wire.Row, outer: str, inner: str, *, strict: bool) -> list[wire.Row]:
    """Return the rows of one answer. Raises AnswerError when the panel counts rows but returns none."""
    rows = wire.as_list(answer.get(outer), inner, strict=strict)
    announced = wire.integer(answer.get("numreturned"))
    if announced is None and not wire.integer(answer.get("startnumber")):
        announced = wire.integer(answer.get("totalresults"))
    if announced and announced > 0 and not rows:
        raise wire.AnswerError(f"the panel counts {announced} rows but lists none")
    return rows


def require_list(answer: wire.Row, outer: str) -> None:
    """Raise AnswerError for a success with neither a list nor a row count: any number of rows may exist."""
    counts = (answer.get("totalresults"), answer.get("numreturned"))
    if outer not in answer and all(wire.integer(count) is None for count in counts):
        raise wire.AnswerError(f"the panel answered without the list of {outer}")


async def pages(
    client: WhmcsClient, listing: Listing, *, size: int = PAGE, strict: bool = False, urgent: bool = False
) -> AsyncGenerator[dict[int, wire.Row]]:
    """Yield page after page, rows by id, each row once.

    The offset advances by the number of rows received. The list ends at an empty page, at a short page that reaches
    ``totalresults``, or at a page without new rows (a panel that ignores the offset). With `strict`, a row without an
    id raises AnswerError.
    """
    seen: set[int] = set()
    start = 0
    for _ in range(_MOST_PAGES):
        window = {"limitstart": start, "limitnum": size}
        answer = await read_or_none(client, listing.action, {**listing.filters, **window}, urgent=urgent)
        if answer is None:
            return
        rows = rows_of(answer, listing.outer, listing.inner, strict=strict)
        page = {row_id: row for row in rows if (row_id := wire.identifier(row.get("id"))) is not None}
        if strict and len(page) < len(rows):
            raise wire.AnswerError(f"{listing.action} lists rows without an id, or one id twice")
        fresh = {row_id: row for row_id, row in page.items() if row_id not in seen}
        seen |= fresh.keys()
        start += len(rows)
        total = wire.integer(answer.get("totalresults"))
        if strict and rows and not fresh and total is not None and total > len(seen):
            raise wire.AnswerError(f"{listing.action} shows the same page again")
        if fresh:
            yield fresh
        if not fresh or (total is not None and start >= total and len(rows) < size):
            return
    raise wire.AnswerError(f"{listing.action} returns page after page without an end")


async def newest(
    client: WhmcsClient, listing: Listing, *, limit: int, strict: bool = False, urgent: bool = False
) -> list[wire.Row]:
    """Return the rows with the highest ids, newest first.

    The sort order of GetOrders and GetTickets is not documented. Reading stops at the limit only while ids fall from
    row to row; else it reads the whole list.
    """
    kept: dict[int, wire.Row] = {}
    falling, last = True, None
    async with aclosing(pages(client, listing, size=min(PAGE, limit), strict=strict, urgent=urgent)) as listed:
        async for page in listed:
            for row_id in page:
                falling = falling and (last is None or row_id < last)
                last = row_id
            kept |= page
            if falling and len(kept) >= limit:
                break
    return [kept[row_id] for row_id in sorted(kept, reverse=True)[:limit]]
