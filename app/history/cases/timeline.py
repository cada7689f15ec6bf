"""One customer's past: the state of the account at any moment, from dated rows.

Changes over time are stored as sorted moments (microseconds since 1970), so that each query is a binary search however
long the history is.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from app.core.facts import FraudVerdict
from app.core.policy.terms import MATURE_DAYS
from app.core.statuses import BUILT, PanelInvoiceStatus, PanelOrderStatus, PanelServiceStatus
from app.customers.identities import identities_of
from app.customers.links import payment_hashes
from app.gathering.asking_tickets import TICKET_DAYS
from app.history.cases.labels import is_paid
from app.history.cases.shared import micros
from app.history.imported import HistoryCustomer
from app.panels.records import PanelInvoice, PanelOrder, PanelPayMethod, PanelService, PanelTicket

_NEVER: Final = 2**62
_DAY: Final = 86_400_000_000
_ALIVE: Final = BUILT | {PanelServiceStatus.SUSPENDED}
_ENDED: Final = frozenset({PanelServiceStatus.TERMINATED, PanelServiceStatus.CANCELLED, PanelServiceStatus.FRAUD})
#: Names in `Facts.today` of what the panel shows without a date.
ACTIVE_SERVICES: Final = "customer.active_services"
TOTAL_SERVICES: Final = "customer.total_services"
OVERDUE: Final = "customer.overdue_invoices"


@dataclass(slots=True)
class Rows:
    """Everything imported about one customer."""

    customer_id: int
    customer: HistoryCustomer | None = None
    orders: list[PanelOrder] = field(default_factory=list)
    services: dict[int, PanelService] = field(default_factory=dict)
    invoices: dict[int, PanelInvoice] = field(default_factory=dict)
    tickets: list[PanelTicket] = field(default_factory=list)
    pay_methods: tuple[PanelPayMethod, ...] = ()
    _identities: dict[str, str] | None = None

    def identities(self) -> dict[str, str]:
        """Return the customer's identities of today, hashed, by kind."""
        if self._identities is None:
            self._identities = identities_of(self.customer.customer, None) if self.customer else {}
        return self._identities

    def payments(self) -> tuple[str, ...]:
        """Return the customer's means of payment of today, hashed."""
        return payment_hashes(self.customer.customer, self.pay_methods) if self.customer and self.pay_methods else ()


def midnight(day: date, zone: tzinfo = UTC) -> datetime:
    """Return the start of a day, by default in UTC."""
    return datetime.combine(day, time.min, tzinfo=zone)


def services_of(order: PanelOrder, services: dict[int, PanelService]) -> tuple[PanelService, ...]:
    """Return the services that an order's lines are for."""
    wanted = dict.fromkeys(line.relid for line in order.lines if line.kind == "product" and line.relid)
    return tuple(services[relid] for relid in wanted if relid in services)


def fraud_known_at(order: PanelOrder, placed_at: datetime) -> datetime | None:
    """Return since when an order was certainly known as fraud; None if it is not fraud.

    The panel shows that an order is Fraud but not since when. If its own fraud check failed, the checkout set it at
    once; otherwise staff found out later, and it counts as known after the days that any label takes to mature.
    """
    if order.status != PanelOrderStatus.FRAUD:
        return None
    if order.fraud_check is not None and order.fraud_check.verdict is FraudVerdict.FAIL:
        return placed_at
    return placed_at + timedelta(days=MATURE_DAYS)


@dataclass(slots=True)
class _Span:
    """Counts how many intervals of a kind contain a moment; an interval excludes its end."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, start: int, end: int = _NEVER) -> None:
        if start < end:
            insort(self.starts, start)
            if end < _NEVER:
                insort(self.ends, end)

    def at(self, moment: int) -> int:
        return bisect_right(self.starts, moment) - bisect_right(self.ends, moment)


_NONE: Final = _Span()


def _moment(entry: tuple[int, int, PanelTicket]) -> int:
    return entry[0]


@dataclass(slots=True)
class Account:
    """The customer's invoices, services and tickets over time."""

    paid: _Span = field(default_factory=_Span)
    overdue: _Span = field(default_factory=_Span)
    overdue_undated: _Span = field(default_factory=_Span)  # cancelled unpaid at an unknown moment
    revenue: list[tuple[int, int]] = field(default_factory=list)  # paid at, sum so far in minor units
    collections: dict[int, int] = field(default_factory=dict)  # invoice: 1
    total_services: _Span = field(default_factory=_Span)
    active_services: _Span = field(default_factory=_Span)
    ended_services: _Span = field(default_factory=_Span)  # ended by today, at an unknown moment
    own_active: dict[int, _Span] = field(default_factory=dict)  # by order
    own_ended: dict[int, _Span] = field(default_factory=dict)
    undated_services: int = 0
    by_opening: list[tuple[int, int, PanelTicket]] = field(default_factory=list)  # in time order

    @classmethod
    def of(cls, rows: Rows, *, our_invoices: frozenset[int]) -> Account:
        """Read the rows of one customer."""
        account = cls()
        for invoice in rows.invoices.values():
            account._invoice(invoice, ours=invoice.invoice_id in our_invoices)
        placed = {order.order_id: order.placed_at for order in rows.orders}
        for service in rows.services.values():
            account._service(service, placed.get(service.order_id or 0))
        for ticket in rows.tickets:
            if ticket.opened_at is not None:
                account.by_opening.append((micros(ticket.opened_at), ticket.ticket_id, ticket))
        account.by_opening.sort(key=lambda entry: entry[:2])
        account._sum_revenue(rows)
        return account

    def _invoice(self, invoice: PanelInvoice, *, ours: bool) -> None:
        if invoice.status == PanelInvoiceStatus.COLLECTIONS:
            self.collections[invoice.invoice_id] = 1
        if invoice.paid_at is not None:
            self.paid.add(micros(invoice.paid_at))
        elif is_paid(invoice) and invoice.created_on is not None:  # nothing was due: paid when it was created
            self.paid.add(micros(midnight(invoice.created_on)))
        undated = is_paid(invoice) and invoice.paid_at is None
        if invoice.due_on is None or ours or invoice.status == PanelInvoiceStatus.DRAFT or undated:
            return
        made = invoice.created_on or invoice.due_on
        since = micros(midnight(max(invoice.due_on + timedelta(days=1), made)))
        until = micros(invoice.paid_at) if invoice.paid_at is not None else _NEVER
        cancelled = invoice.status == PanelInvoiceStatus.CANCELLED
        (self.overdue_undated if until == _NEVER and cancelled else self.overdue).add(since, until)

    def _service(self, service: PanelService, placed_at: datetime | None) -> None:
        known = [midnight(service.registered_on)] if service.registered_on else []
        known += [placed_at] if placed_at else []
        if not known:
            self.undated_services += 1
            return
        since = max(known)
        moment = micros(since)
        self.total_services.add(moment)
        if service.status in _ALIVE:
            self.active_services.add(moment)
            self.own_active.setdefault(service.order_id or 0, _Span()).add(moment)
        elif service.status in _ENDED:
            self.ended_services.add(moment)
            self.own_ended.setdefault(service.order_id or 0, _Span()).add(moment)

    def _sum_revenue(self, rows: Rows) -> None:
        currency = rows.customer.customer.currency if rows.customer else None
        paid = sorted(
            (micros(invoice.paid_at), invoice.total.amount_minor)
            for invoice in rows.invoices.values()
            if invoice.paid_at is not None and invoice.total is not None and invoice.total.currency == currency
        )
        total = 0
        for moment, amount in paid:
            total += amount
            self.revenue.append((moment, total))

    def active_at(self, moment: int, order_id: int) -> int:
        """Return how many services were active then, without those of the order itself."""
        return self.active_services.at(moment) - self.own_active.get(order_id, _NONE).at(moment)

    def revenue_at(self, moment: int) -> int:
        """Return the sum paid until then, in minor units of the customer's currency."""
        place = bisect_right(self.revenue, (moment, _NEVER))
        return self.revenue[place - 1][1] if place else 0

    def tickets_at(self, moment: int) -> int:
        """Return how many tickets had been opened by then."""
        return bisect_right(self.by_opening, moment, key=_moment)

    def recent_tickets(self, moment: int) -> tuple[PanelTicket, ...]:
        """Return the tickets of the days before that live judgements look at."""
        first = bisect_left(self.by_opening, moment - TICKET_DAYS * _DAY, key=_moment)
        return tuple(ticket for _, _, ticket in self.by_opening[first : self.tickets_at(moment)])

    def undated(self, moment: int, order_id: int) -> list[str]:
        """Return the names of what is unknown for that moment, because the panel has no date for its start or end."""
        names = [OVERDUE] if self.overdue_undated.at(moment) else []
        if self.undated_services:
            names.append(TOTAL_SERVICES)
        ended = self.ended_services.at(moment) - self.own_ended.get(order_id, _NONE).at(moment)
        if self.undated_services or ended:
            names.append(ACTIVE_SERVICES)
        return names


@dataclass(slots=True)
class Earlier:
    """The customer's orders before the current one; `add` each in time order once its case is built."""

    placed: list[int] = field(default_factory=list)
    manual: int = 0
    chargebacks: int = 0  # earlier orders whose invoice is in collections today
    fraud: list[int] = field(default_factory=list)  # when each became known
    effortless: _Span = field(default_factory=_Span)

    def add(self, placed_at: datetime, *, manual: bool, free_from: datetime | None, fraud_at: datetime | None) -> None:
        """Add an order. `free_from`: since when it counts as effortless, None if never."""
        self.placed.append(micros(placed_at))
        self.manual += manual
        if fraud_at is not None:
            insort(self.fraud, micros(fraud_at))
        if free_from is not None and not manual:
            self.effortless.add(micros(free_from), _NEVER if fraud_at is None else micros(fraud_at))

    def velocity(self, moment: int) -> tuple[int, int]:
        """Return how many orders came in the hour and the day before that moment."""
        count = len(self.placed)
        return count - bisect_right(self.placed, moment - _DAY // 24), count - bisect_right(self.placed, moment - _DAY)

    def frauds(self, moment: int) -> int:
        """Return how many of them were known as fraud by then."""
        return bisect_right(self.fraud, moment)
