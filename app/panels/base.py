"""What Doorman needs of a billing panel: the things it reads, the actions it takes, and three kinds of failure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from app.panels.actions import PanelAction
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
    """Something went wrong between us and the panel."""


class PanelRejected(PanelError):
    """The panel understood and refused; asking again changes nothing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class PanelUnavailable(PanelError):
    """Surely not applied: refused connection, DNS, TLS, 429, failed authentication; try later.

    `retry_after` is in seconds where the panel named a time. `alarm` marks what will not heal by itself
    (credentials, permissions, IP list).
    """

    def __init__(self, message: str, *, retry_after: float | None = None, alarm: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.alarm = alarm


class PanelNotPermitted(PanelUnavailable):
    """Our role lacks this action, or this version of the panel has none; other actions may well work."""


class PanelDown(PanelUnavailable):
    """The panel has not answered anybody for a while, so it was not even asked (circuit breaker)."""


class PanelOutcomeUnknown(PanelError):
    """Bytes were sent and no clear answer came back.

    `complete` is true when PHP itself answered (a 500, an unreadable 200): what was not applied by then never will
    be. After time-outs, resets and proxy errors PHP goes on, and the effect may come later. `refused` marks a complete
    answer in which the panel says *error* in words that we don't know: a person should read them some day.
    """

    def __init__(self, message: str, *, complete: bool = False, refused: bool = False) -> None:
        super().__init__(message)
        self.complete = complete or refused
        self.refused = refused


# --- what a panel can tell and do ---------------------------------------------------------------------------------


class PanelReader(Protocol):
    """Reads. Each raises PanelUnavailable when no trustworthy answer came; `urgent` goes first in the rate limit."""

    async def order(self, order_id: int, *, urgent: bool = False) -> PanelOrder | None: ...
    async def customer(self, customer_id: int, *, urgent: bool = False) -> PanelCustomer | None: ...
    async def signed_up_on(self, customer_id: int, email: str, *, urgent: bool = False) -> date | None: ...
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
        """Return orders with higher ids, lowest first; `limit` cuts off the highest."""
        ...

    async def module_queue(self) -> tuple[PanelQueueEntry, ...]:
        """Return the module actions that failed and wait for staff."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelPlace:
    """How far the reading of a list has come: every row up to `edge` was handed out. JSON can hold its fields."""

    offset: int
    edge: int  # the id of the last row
    falling: bool | None  # whether ids fall from row to row; None while one row tells nothing


_Row_co = TypeVar("_Row_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch(Generic[_Row_co]):
    """The next rows of a list.

    `place` is where to go on after them; None where the list is in no order that could be gone on with. `unreadable`
    rows named nothing that they could be kept by.
    """

    rows: tuple[_Row_co, ...]
    place: PanelPlace | None
    total: int | None
    unreadable: int = 0

    @property
    def newest_first(self) -> bool:
        """Whether all rows that come after these are older."""
        return self.place is not None and self.place.falling is True


class HistoryReader(Protocol):
    """Reads whole lists, several pages at a time; raises PanelUnavailable as `PanelReader` does.

    Every row that is there from the first call to the last is handed out at least once, however rows move meanwhile.
    """

    def customers(self) -> AsyncGenerator[Stretch[PanelCustomerHead]]: ...

    def orders(
        self, *, after: PanelPlace | None = None, status: str | None = None
    ) -> AsyncGenerator[Stretch[PanelOrder]]:
        """Hand out orders, with the amounts of those whose currency is known (`know_currency`) or written."""
        ...

    def services(
        self, *, after: PanelPlace | None = None, customer_id: int | None = None
    ) -> AsyncGenerator[Stretch[PanelService]]: ...

    def invoices(
        self, *, after: PanelPlace | None = None, customer_id: int | None = None, status: str | None = None
    ) -> AsyncGenerator[Stretch[PanelInvoice]]:
        """Hand out invoices without lines, payments and balance."""
        ...

    def tickets(
        self, *, after: PanelPlace | None = None, customer_id: int | None = None
    ) -> AsyncGenerator[Stretch[PanelTicket]]:
        """Hand out tickets without messages."""
        ...

    async def order(self, order_id: int) -> PanelOrder | None: ...
    async def ticket(self, ticket_id: int) -> PanelTicket | None: ...

    async def customer(self, customer_id: int) -> PanelCustomer | None:
        """Return a customer without the panel's statistics, which are of today."""
        ...

    async def credits(self, customer_id: int) -> tuple[PanelCredit, ...]: ...

    def know_currency(self, customer_id: int, currency: str | None) -> None:
        """Tell what was read before, so that it is not asked for again."""
        ...


#: Awaited before the first byte of each write leaves, and not before there is one to send: it commits the attempt.
#: What it raises passes through, and nothing was sent.
BeforeSend = Callable[[], Awaitable[None]]


class Standing(StrEnum):
    """What a look-up says about a wanted action."""

    APPLIED = "applied"  # the effect is there
    ABSENT = "absent"  # it is not there, and the action is possible
    MOOT = "moot"  # it is not there and can't be any more (the order was deleted, the invoice paid …)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """The answer of a look-up; `result` as `perform` would have given it, `detail` for people.

    `partial` with ABSENT: some of what the action does is there and some is not, so that after an attempt of ours a
    person has to look before it is repeated.
    """

    standing: Standing
    result: dict[str, Any]
    detail: str = ""
    partial: bool = False


class PanelWriter(Protocol):
    """Acts. Only the outbox calls it."""

    async def perform(self, action: PanelAction, *, before_send: BeforeSend | None = None) -> dict[str, Any]:
        """Do it once. Raises PanelRejected, PanelUnavailable or PanelOutcomeUnknown.

        The result holds what the panel made: ``invoice_id``, ``ticket_id``, ``status``, ``balance`` …
        """
        ...

    async def look_up(self, action: PanelAction) -> LookUp:
        """Say whether the effect is there. Raises PanelUnavailable. Not for courtesy actions."""
        ...


class Panel(PanelReader, PanelWriter, Protocol):
    """A whole panel."""

    async def aclose(self) -> None: ...
