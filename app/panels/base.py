"""The interface to a billing panel: reads, actions, and three kinds of failure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from app.core.actions import PanelAction
from app.core.statuses import PanelInvoiceStatus, PanelOrderStatus
from app.panels.records import (
    PanelCredit,
    PanelCustomer,
    PanelCustomerHead,
    PanelIdentity,
    PanelInvoice,
    PanelOrder,
    PanelPayMethod,
    PanelProduct,
    PanelQueueEntry,
    PanelService,
    PanelTicket,
)

# --- failures ---------------------------------------------------------------------------------------------------


class PanelError(Exception):
    """A failed call to the panel."""


class PanelRejected(PanelError):
    """The panel understood and refused; a retry won't change that."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class PanelUnavailable(PanelError):
    """Certainly not applied (refused connection, DNS, TLS, failed authentication); retry later.

    `retry_after` is in seconds, if the panel gave a time. `alarm` marks failures that need staff to fix them
    (credentials, permissions, IP list).
    """

    def __init__(self, message: str, *, retry_after: float | None = None, alarm: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.alarm = alarm


class PanelNotPermitted(PanelUnavailable):
    """Our role lacks this action, or this panel version doesn't have it; other actions may work."""


class PanelTooBusy(PanelUnavailable):
    """The panel, or what stands before it, asks us to slow down (429): no attempt is counted, however often."""


class PanelDown(PanelUnavailable):
    """The panel has not answered for a while, so it was not called (circuit breaker)."""


class PanelOutcomeUnknown(PanelError):
    """Bytes were sent, but no clear answer was received.

    `complete` is true if PHP itself answered (a 500, an unreadable 200): what was not applied by then never will be.
    After time-outs, resets and proxy errors PHP keeps running, and the effect may come later. `refused` marks a
    complete answer with an error text that we don't know; staff should read it.
    """

    def __init__(self, message: str, *, complete: bool = False, refused: bool = False) -> None:
        super().__init__(message)
        self.complete = complete or refused
        self.refused = refused


# --- reads and actions --------------------------------------------------------------------------------------------


class PanelReader(Protocol):
    """Reads. Each raises PanelUnavailable without a trustworthy answer; `urgent` reads go first in the rate limit."""

    async def order(self, order_id: int, *, urgent: bool = False) -> PanelOrder | None: ...
    async def customer(self, customer_id: int, *, urgent: bool = False) -> PanelCustomer | None: ...
    async def signed_up_on(self, customer_id: int, email: str, *, urgent: bool = False) -> date | None: ...

    async def signed_up_at(self, customer_id: int, email: str, *, urgent: bool = False) -> datetime | None:
        """Return when the login that owns a customer was created, to the minute; None if the panel doesn't tell."""
        ...

    async def services(
        self, *, customer_id: int | None = None, service_id: int | None = None, urgent: bool = False
    ) -> tuple[PanelService, ...]: ...
    async def invoice(self, invoice_id: int, *, urgent: bool = False) -> PanelInvoice | None: ...
    async def pay_methods(self, customer_id: int, *, urgent: bool = False) -> tuple[PanelPayMethod, ...]: ...
    async def customer_orders(self, customer_id: int, *, limit: int = 100) -> tuple[PanelOrder, ...]: ...
    async def catalogue(self, *, urgent: bool = False) -> tuple[PanelProduct, ...]: ...
    async def tickets(self, customer_id: int, *, limit: int = 50, urgent: bool = False) -> tuple[PanelTicket, ...]: ...
    async def ticket(self, ticket_id: int, *, urgent: bool = False) -> PanelTicket | None: ...
    async def identity(self) -> PanelIdentity: ...

    async def orders_above(self, order_id: int, *, limit: int = 1000) -> tuple[PanelOrder, ...]:
        """Return orders with higher ids, lowest first; `limit` drops the highest."""
        ...

    async def module_queue(self) -> tuple[PanelQueueEntry, ...]:
        """Return the failed module actions that wait for staff."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelPlace:
    """The progress of reading a list: every row up to `edge` was returned. Its fields are JSON-serialisable."""

    offset: int
    edge: int  # the id of the last row
    falling: bool | None  # True if ids fall from row to row; None while too few rows are known


_Row_co = TypeVar("_Row_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch(Generic[_Row_co]):
    """The next rows of a list.

    `place` is where to continue after them; None if the list has no order to continue by. `unreadable` counts the
    rows without a usable id.
    """

    rows: tuple[_Row_co, ...]
    place: PanelPlace | None
    total: int | None
    unreadable: int = 0

    @property
    def newest_first(self) -> bool:
        """True if all rows after these are older."""
        return self.place is not None and self.place.falling is True


class HistoryReader(Protocol):
    """Reads whole lists, several pages at a time; raises PanelUnavailable as `PanelReader` does.

    Every row that exists from the first call to the last is returned at least once, however rows move in the meantime.
    """

    def customers(self) -> AsyncGenerator[Stretch[PanelCustomerHead]]: ...

    def orders(
        self, *, after: PanelPlace | None = None, status: PanelOrderStatus | None = None
    ) -> AsyncGenerator[Stretch[PanelOrder]]:
        """Yield orders, with amounts where the currency is known (`know_currency`) or written in the row."""
        ...

    def services(
        self, *, after: PanelPlace | None = None, customer_id: int | None = None
    ) -> AsyncGenerator[Stretch[PanelService]]: ...

    def invoices(
        self,
        *,
        after: PanelPlace | None = None,
        customer_id: int | None = None,
        status: PanelInvoiceStatus | None = None,
    ) -> AsyncGenerator[Stretch[PanelInvoice]]:
        """Yield invoices without lines, payments and balance."""
        ...

    def tickets(
        self, *, after: PanelPlace | None = None, customer_id: int | None = None
    ) -> AsyncGenerator[Stretch[PanelTicket]]:
        """Yield tickets without messages."""
        ...

    async def order(self, order_id: int) -> PanelOrder | None: ...
    async def ticket(self, ticket_id: int) -> PanelTicket | None: ...

    async def customer(self, customer_id: int) -> PanelCustomer | None:
        """Return a customer without the panel's statistics, which describe today."""
        ...

    async def credits(self, customer_id: int) -> tuple[PanelCredit, ...]: ...
    async def pay_methods(self, customer_id: int) -> tuple[PanelPayMethod, ...]: ...

    def know_currency(self, customer_id: int, currency: str | None) -> None:
        """Provide a currency read earlier, so that it is not requested again."""
        ...


#: Awaited just before the first byte of a write, and only if one is about to be sent: it commits the attempt. If it
#: raises, nothing is sent and the exception is passed on.
BeforeSend = Callable[[], Awaitable[None]]


class Standing(StrEnum):
    """The result of looking up an action."""

    APPLIED = "applied"  # it took effect
    ABSENT = "absent"  # it did not take effect, and it is possible
    MOOT = "moot"  # it did not take effect and no longer can (the order was deleted, the invoice paid …)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """The answer of a look-up; `result` as `perform` would have returned it, `detail` for staff.

    `partial` with ABSENT: the action took effect in part, so after an attempt of ours staff have to check before it is
    repeated.
    """

    standing: Standing
    result: dict[str, Any]
    detail: str = ""
    partial: bool = False


class PanelWriter(Protocol):
    """Performs actions. Only the outbox calls it."""

    async def perform(self, action: PanelAction, *, before_send: BeforeSend | None = None) -> dict[str, Any]:
        """Perform the action once. Raises PanelRejected, PanelUnavailable or PanelOutcomeUnknown.

        The result describes what the panel created: ``invoice_id``, ``ticket_id``, ``status``, ``balance`` …
        """
        ...

    async def look_up(self, action: PanelAction) -> LookUp:
        """Return whether the action took effect. Raises PanelUnavailable. Not for courtesy actions."""
        ...


class PanelLinks(Protocol):
    """The addresses of the panel's pages."""

    def order_url(self, order_id: int) -> str:
        """Return the page of an order in the admin area."""
        ...

    def customer_url(self, customer_id: int) -> str:
        """Return the page of a customer in the admin area."""
        ...

    def ticket_url(self, ticket_id: int) -> str:
        """Return the page of a ticket in the admin area."""
        ...

    def staff_invoice_url(self, invoice_id: int) -> str:
        """Return the page of an invoice in the admin area."""
        ...

    def invoice_url(self, invoice_id: int) -> str:
        """Return the page where the customer sees and pays an invoice."""
        ...


class Panel(PanelReader, PanelWriter, Protocol):
    """The complete interface of a panel."""

    async def aclose(self) -> None: ...
