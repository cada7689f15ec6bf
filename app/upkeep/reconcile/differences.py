"""The differences that comparing finds, and the panel interface it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from app.context import Context
from app.core.actions import PanelAction
from app.core.statuses import PanelOrderStatus
from app.panels.base import Panel, PanelUnavailable
from app.panels.records import NewestOrders, PanelOrder, UnpaidInvoices


class What(StrEnum):
    """The kinds of differences between us and the panel."""

    MISSED = "missed"  # an order that we have not received
    STATUS = "status"
    DELETED = "deleted"
    PAYMENT = "payment"
    FEE = "fee"
    ITEMS = "items"
    LATE = "late"  # a call that we gave up on took effect after all
    TWICE = "twice"  # something that we created exists more than once


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference between us and the panel, in words for staff: nothing that a customer wrote."""

    what: What
    order_id: int | None  # None: the call belongs to no order
    ours: str
    panel: str
    remedy: str


#: A Pending order, with its amount in the panel's words and the status of its invoice.
Waiting = tuple[PanelOrder, str, str]


@runtime_checkable
class ComparablePanel(Panel, Protocol):
    """A panel to compare with. Each method raises PanelUnavailable."""

    async def last_placed_before(self, moment: datetime) -> int:
        """Return the highest id of an order placed before `moment`; 0 if there is none."""
        ...

    async def pending_orders(self, *, progress: Callable[[int, int | None], None]) -> tuple[Waiting, ...]:
        """Return all Pending orders, lowest id first.

        `progress` is called with how many were read, and of how many if the panel says so.
        """
        ...

    async def newest_orders(
        self, *, down_to: int, pages: int, currencies: Mapping[int, str], status: PanelOrderStatus | None = None
    ) -> NewestOrders:
        """Return the newest orders, with this status if one is given, down to this id or for so many pages.

        `currencies` are those of orders, by id, for amounts that name none.
        """
        ...

    async def unpaid_invoices(self, *, down_to: int, pages: int) -> UnpaidInvoices:
        """Return the newest unpaid invoices, down to this id or for so many pages."""
        ...

    async def changed_by(self, order_id: int, status: str, *, since: datetime) -> int | None:
        """Return the admin who gave an order this status; 0: the system itself; None: unknown."""
        ...

    async def copies(self, action: PanelAction) -> int:
        """Count the objects that carry the reference of a findable action, except cancelled invoices."""
        ...


def comparable(context: Context) -> ComparablePanel:
    """Return the panel of this process. Raises PanelUnavailable if none is configured."""
    panel = context.panel
    if panel is None:
        raise PanelUnavailable("no panel is configured")
    if not isinstance(panel, ComparablePanel):
        raise TypeError(f"{type(panel).__name__} does not support comparing")
    return panel
