"""Comparing with the panel every few minutes: orders that we never received, differences, and effects that came late.

Webhooks may come early, twice or never, and a panel call may take effect after we stopped waiting for it. One round
reads the newest page of orders (after an outage all pages above the cursor), a few pages of lists, and singly only what
differs there or is not reached by the lists: up to three objects for each order, and the activity log once for each
changed status. It reads a few objects for each of 30 calls. The reads are made one after the other, so that other work
always finds room in the rate limit.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import structlog

from app.context import Context
from app.core.records import AlertKind
from app.installation import facts as installation
from app.installation.alerts import alert
from app.panels.base import PanelUnavailable
from app.upkeep.reconcile import late as reconcile_late
from app.upkeep.reconcile import lists
from app.upkeep.reconcile import new as reconcile_new
from app.upkeep.reconcile import orders as reconcile_orders
from app.upkeep.reconcile.differences import ComparablePanel, Difference, What, comparable
from app.upkeep.reconcile.late import ListPosition, Suspect

log = structlog.get_logger()

POSITION: Final = "reconcile:position"
LATE: Final = "reconcile:late"
ORDERS_A_ROUND: Final = 2_000
#: Orders read singly because they seem to differ; the rest is left to the next round.
DIFFERING_A_ROUND: Final = 200
#: Orders read singly because no list reaches them.
UNREACHED_A_ROUND: Final = 20
CALLS_A_ROUND: Final = 30
#: When this many orders of a page are gone at once, and more than half of it, a person confirms the deletion.
_MANY_GONE: Final = 10
#: After this many consecutive calls that can't be checked the panel counts as unavailable; one may just be odd.
_STRANGE: Final = 2


async def round(context: Context) -> None:
    """Compare once; differences become events, which the worker handles like any other.

    The parts are independent: what was read before the panel became unavailable is kept. Raises PanelUnavailable.
    """
    panel = comparable(context)
    away: PanelUnavailable | None = None
    for part in (_new_orders, _open_orders, _late_effects):
        try:
            await part(context, panel)
        except PanelUnavailable as error:
            away = away or error
    if away is not None:
        raise away


async def _new_orders(context: Context, panel: ComparablePanel) -> None:
    new = await reconcile_new.read_new(context, panel)
    fed = await reconcile_new.feed_new(context, new)
    if fed:
        log.warning("reconcile.missed_orders", orders=fed, more=not new.complete)


# --- open orders --------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class ComparedPage:
    """A page of orders or calls: what was found, and the last one checked."""

    differences: list[Difference] = field(default_factory=list)
    events: list[tuple[Any, Any]] = field(default_factory=list)
    read: int = 0
    last: Any = None
    away: PanelUnavailable | None = None


async def compare_page(context: Context, panel: ComparablePanel, rows: Sequence[Any]) -> ComparedPage:
    """Compare these orders; when the panel becomes unavailable, the page ends with the order being read."""
    page = ComparedPage()
    for ours in rows:
        page.last = ours.order_id
        try:
            compared = await reconcile_orders.compare(panel, ours)
            if compared.differences:
                page.events.append((ours, await reconcile_orders.look_again_at(context, panel, compared)))
                page.differences += compared.differences
        except PanelUnavailable as error:
            page.away = error
            return page
        page.read += 1
    return page


async def feed_page(context: Context, page: ComparedPage, *, position: bool) -> int:
    """Have differing orders read back, in one transaction; return how many. `position` stores how far we got."""
    now = context.clock()
    async with context.db.begin() as tx:
        by_id = sorted(page.events, key=lambda one: int(one[0].order_id))  # every process locks in the same order
        added = [await reconcile_orders.feed(tx, ours, data, now=now) for ours, data in by_id]
        if position:
            await installation.put(tx, POSITION, page.last or 0, now=now)
    if any(added):
        context.wake()
    return sum(added)


async def _open_orders(context: Context, panel: ComparablePanel) -> None:
    """Compare the watched orders; of those read singly, the one checked longest ago comes first."""
    now = context.clock()
    async with context.db.read() as connection:
        after = int(await installation.get(connection, POSITION) or 0)
        rows = await reconcile_orders.next_orders(connection, after=after, limit=ORDERS_A_ROUND, now=now)
        left = ORDERS_A_ROUND - len(rows)
        if left and after:
            again = await reconcile_orders.next_orders(connection, after=0, limit=left, now=now)
            rows = [*rows, *(row for row in again if row.order_id <= after)]
    if not rows:
        return
    glance = await lists.glance(panel, rows)
    turn = glance.unreached[:UNREACHED_A_ROUND]
    chosen = {row.order_id for row in (*glance.differing[:DIFFERING_A_ROUND], *turn)}
    singly = [row for row in rows if row.order_id in chosen]
    page = await compare_page(context, panel, singly)
    if page.away is None:
        page.last = (turn if len(turn) < len(glance.unreached) else rows)[-1].order_id
    await _spare_many_gone(context, page, [*glance.agreeing, *singly[: page.read]])
    fed = await feed_page(context, page, position=True)
    if fed:
        log.warning("reconcile.differences", orders=fed, compared=len(glance.agreeing) + page.read)
    if page.away is not None:
        raise page.away


async def _spare_many_gone(context: Context, page: ComparedPage, compared: Sequence[Any]) -> None:
    """Closing orders ends their fees: when most seem deleted at once, a person confirms it, to limit the damage.

    Most of all, or most of the open ones: many that were released recently don't make up for those.
    """
    gone = {one.order_id for one in page.differences if one.what is What.DELETED}
    open_ones = [row for row in compared if row.state in reconcile_orders.OPEN]
    kinds = (compared, open_ones)
    damage = next((kind for kind in kinds if _most_are_gone(gone, kind)), None)
    if damage is None:
        return
    missing = sum(row.order_id in gone for row in damage)
    page.events = [one for one in page.events if one[0].order_id not in gone]
    text = (
        f"The panel no longer lists {missing} of {len(damage)} orders that Doorman holds or awaits; none was closed. "
        "If they were really deleted, run `doorman reconcile --fix`."
    )
    now = context.clock()
    async with context.db.begin() as tx:
        await alert(tx, AlertKind.DAMAGE_LIMIT, name=f"gone:{now:%Y-%m-%dT%H}", text=text, now=now)


def _most_are_gone(gone: Collection[int | None], compared: Sequence[Any]) -> bool:
    missing = sum(row.order_id in gone for row in compared)
    return missing >= _MANY_GONE and missing * 2 > len(compared)


# --- late effects -------------------------------------------------------------------------------------------------


def settle_time(context: Context) -> timedelta:
    """Return how long an attempt without an answer may still take effect."""
    return timedelta(seconds=context.settings.panel_settle_seconds)


async def look_page(context: Context, panel: ComparablePanel, suspects: Sequence[Suspect]) -> ComparedPage:
    """Check these calls for late effects.

    A single call that can't be checked is skipped; with two in a row, or at the last one, the page ends before it.
    """
    page, failed = ComparedPage(), 0
    for suspect in suspects:
        try:
            found = await reconcile_late.look_at(context, panel, suspect.call)
        except PanelUnavailable as error:
            page.away, failed = error, failed + 1
            log.warning("reconcile.call_check_failed", call_id=str(suspect.call.id), error=str(error))
            if failed >= _STRANGE:
                return page
            continue
        page.away, failed = None, 0
        page.read += 1
        page.last = suspect.place
        if found is not None:
            page.differences.append(found)
            page.events.append((suspect, found))
    return page


async def tell_page(context: Context, page: ComparedPage, *, place: bool) -> int:
    """Notify staff of late effects, in one transaction; return how many are new. `place` stores how far we got."""
    now = context.clock()
    async with context.db.begin() as tx:
        reported = [await reconcile_late.tell(tx, suspect.call, found, now=now) for suspect, found in page.events]
        if place and page.last is not None:
            await installation.put(tx, LATE, page.last.dump(), now=now)
    if any(reported):
        context.wake()
    return sum(reported)


async def _late_effects(context: Context, panel: ComparablePanel) -> None:
    async with context.db.read() as connection:
        after = ListPosition.load(await installation.get(connection, LATE))
        suspects = await reconcile_late.next_suspects(
            connection, after=after, limit=CALLS_A_ROUND, now=context.clock(), settle=settle_time(context)
        )
    if not suspects:
        return
    page = await look_page(context, panel, suspects)
    await tell_page(context, page, place=True)
    if page.away is not None:
        raise page.away
