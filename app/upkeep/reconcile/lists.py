"""What a few pages of the panel's lists say of many orders: which agree with our rows, and which need a single read.

The Pending orders show most of what is open, the newest orders most of what was decided recently, and the unpaid
invoices the open fees. A list only ever clears an order: what differs in it, or should be in it and is missing, is read
singly before anything follows from it, so that rows may move while the pages are read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.core.states import FeeState
from app.core.statuses import PanelOrderStatus
from app.panels.records import ListedOrder, NewestOrders, UnpaidInvoices
from app.upkeep.reconcile.differences import ComparablePanel
from app.upkeep.reconcile.orders import agrees, is_gone

#: Pages read of each list, at most one for each order that is looked for in it: to read those singly costs no more.
PAGES: Final = 10
_UNPAID: Final = {FeeState.UNPAID, FeeState.PARTLY_PAID}


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """Our rows by what the lists say of them, each in the given order."""

    agreeing: list[Any] = field(default_factory=list)
    differing: list[Any] = field(default_factory=list)
    unreached: list[Any] = field(default_factory=list)


async def glance(panel: ComparablePanel, rows: Sequence[Any]) -> Glance:
    """Compare our rows with the panel's lists. Raises PanelUnavailable."""
    pending, newest = await _orders(panel, rows)
    invoices = await _invoices(panel, [row.fee_invoice_id for row in rows if row.fee_invoice_id is not None])
    listed = {one.order.order_id: one for one in (*pending.orders, *newest.orders)}
    found = Glance()
    for ours in rows:
        own_list = pending if _is_pending(ours) else newest
        verdicts = (_order_agrees(ours, listed, own_list), _fee_agrees(ours, invoices))
        if False in verdicts:
            found.differing.append(ours)
        else:
            (found.unreached if None in verdicts else found.agreeing).append(ours)
    return found


async def _orders(panel: ComparablePanel, rows: Sequence[Any]) -> tuple[NewestOrders, NewestOrders]:
    """Return the Pending and the newest orders, as far as our rows need them."""
    currencies = {row.order_id: row.currency for row in rows if row.currency is not None}
    ours = [row.order_id for row in rows if _is_pending(row)]
    pending = await _newest(panel, ours, currencies, PanelOrderStatus.PENDING)
    shown = {one.order.order_id for one in pending.orders}
    others = [row.order_id for row in rows if not _is_pending(row) and row.order_id not in shown]
    return pending, await _newest(panel, others, currencies)


async def _newest(
    panel: ComparablePanel,
    wanted: Collection[int],
    currencies: Mapping[int, str],
    status: PanelOrderStatus | None = None,
) -> NewestOrders:
    if not wanted:
        return NewestOrders(orders=(), complete_from=None)
    pages = min(PAGES, len(wanted))
    return await panel.newest_orders(down_to=min(wanted), pages=pages, currencies=currencies, status=status)


async def _invoices(panel: ComparablePanel, wanted: Collection[int]) -> UnpaidInvoices:
    if not wanted:
        return UnpaidInvoices(ids=frozenset(), complete_from=None)
    return await panel.unpaid_invoices(down_to=min(wanted), pages=min(PAGES, len(wanted)))


def _is_pending(ours: Any) -> bool:
    return bool(ours.panel_status == PanelOrderStatus.PENDING)


def _order_agrees(ours: Any, listed: Mapping[int, ListedOrder], own_list: NewestOrders) -> bool | None:
    """Return whether nothing seems to differ; None if the lists don't reach the order."""
    shown = listed.get(ours.order_id)
    if shown is not None:
        return agrees(ours, shown)
    if own_list.complete_from is None or ours.order_id < own_list.complete_from:
        return None
    return is_gone(ours)


def _fee_agrees(ours: Any, invoices: UnpaidInvoices) -> bool | None:
    """Return whether the open fee's invoice seems unpaid still; None if the list doesn't reach it."""
    if ours.fee_invoice_id is None:
        return True
    if ours.fee_invoice_id in invoices.ids:
        return ours.fee_state in _UNPAID
    unreached = invoices.complete_from is None or ours.fee_invoice_id < invoices.complete_from
    return None if unreached else False
