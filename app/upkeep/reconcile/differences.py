"""What comparing finds, and what it needs of a panel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from app.context import Context
from app.panels.actions import PanelAction
from app.panels.base import Panel, PanelUnavailable
from app.panels.records import PanelOrder


class What(StrEnum):
    """In what we and the panel differ."""

    UNHEARD = "unheard"  # an order that we never heard of
    STATUS = "status"
    DELETED = "deleted"
    PAYMENT = "payment"
    FEE = "fee"
    ITEMS = "items"
    LATE = "late"  # a call that we gave up took effect after all
    TWICE = "twice"  # something that we made is there more than once


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing in which we and the panel differ, in words for staff: nothing that a customer wrote."""

    what: What
    order_id: int | None  # None: a call that is about no order
    ours: str
    panel: str
    remedy: str


#: A Pending order, and the panel's own words for its amount and its payment.
Waiting = tuple[PanelOrder, str, str]


@runtime_checkable
class ComparablePanel(Panel, Protocol):
    """A panel that can be compared with. Each raises PanelUnavailable."""

    async def last_placed_before(self, moment: datetime) -> int:
        """Return the highest id of an order placed before then; 0 if there is none."""
        ...

    async def pending_orders(self, *, heard: Callable[[int, int | None], None]) -> tuple[Waiting, ...]:
        """Return all Pending orders, lowest id first.

        `heard` is told how many were read, and of how many where the panel says so.
        """
        ...

    async def changed_by(self, order_id: int, status: str, *, since: datetime) -> int | None:
        """Return the admin who gave an order this status; 0: the system itself; None: nobody can be named."""
        ...

    async def copies(self, action: PanelAction) -> int:
        """Count what carries the reference of a findable action; cancelled invoices are none."""
        ...


def comparable(context: Context) -> ComparablePanel:
    """Return the panel of this process. Raises PanelUnavailable where none is configured."""
    panel = context.panel
    if panel is None:
        raise PanelUnavailable("no panel is configured")
    if not isinstance(panel, ComparablePanel):
        raise TypeError(f"{type(panel).__name__} can't be compared with")
    return panel
