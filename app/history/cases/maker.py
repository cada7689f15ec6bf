"""Facts of past orders as of their own time, made by the same code as live ones.

Whatever the panel dates is as it was then. What it shows only as of today is named in `Facts.today`
(`app.core.judgement.provenance`); what can't be known is named in `Facts.missing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from msgspec import structs

from app.core.facts import Facts, PlacedBy
from app.core.judgement.first_orders import FirstOrders
from app.core.judgement.rulebook import rulebook
from app.core.judgement.scoring import find
from app.core.judgement.signals.base import LIMITS, ScoreKind
from app.core.judgement.together import FARTHEST
from app.core.money import Money
from app.core.policy.document import Policy
from app.core.rows.belongings import Aggregates
from app.core.statuses import PanelInvoiceStatus, PanelOrderStatus, PanelServiceStatus
from app.customers.identities import canonical_ip, hashed
from app.gathering.asking_tickets import asks_for_order, could_ask, not_all_read
from app.gathering.facts import OwnKnowledge, build_facts, who_placed
from app.gathering.newcomers import Newcomer, newcomer_of
from app.gathering.panel import Gathered
from app.gathering.sign_up import SignUp
from app.gathering.texts import offered_by
from app.history.cases.labels import is_paid, label_of
from app.history.cases.shared import OF_TODAY, Shared, micros
from app.history.cases.timeline import Account, Earlier, Rows, fraud_known_at, services_of
from app.history.imported import Resource
from app.panels.records import (
    CustomerStats,
    PanelCustomer,
    PanelInvoice,
    PanelOrder,
    PanelProduct,
    PanelService,
    PanelTicket,
)
from app.tables.history import Label

_CUSTOMER_TODAY: Final = (
    "customer.collections_invoices",
    "customer.chargebacks",
    "customer.lists",
    "customer.white_glove",
    *(f"neighbours.{kind}" for kind in OF_TODAY),
)
#: Named only if the panel shows them at all.
_CUSTOMER_IF_KNOWN: Final = (
    "group_id",
    "country",
    "phone_country",
    "email_domain",
    "email_disposable",
    "email_verified",
)
_ITEMS_TODAY: Final = (
    "items.cycle_offered",
    "items.group_id",
    "items.list_first",
    "items.list_recurring",
    "items.listed",
    "items.module",
    "items.price_override",
    "items.product_type",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What we created, which never counts against a customer, and what staff set for customers."""

    invoices: frozenset[int] = frozenset()
    tickets: frozenset[int] = frozenset()
    white_glove: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCase:
    """A past order with its facts, its label, and what it adds to its customer's history."""

    order: PanelOrder
    placed_at: datetime
    judged_at: datetime
    facts: Facts
    label: Label
    fired: tuple[str, ...]  # risk signals by the active policy
    manual: bool
    effortless: bool
    known: dict[str, str]  # hashed identities by kind
    newcomer: Newcomer | None  # if it is of a new account


@dataclass(frozen=True, slots=True, kw_only=True)
class _Then:
    """One order with everything known about its customer."""

    rows: Rows
    ours: Ours
    account: Account
    earlier: Earlier
    identities: dict[str, str]  # of today, hashed, by kind
    order: PanelOrder
    invoice: PanelInvoice | None
    services: tuple[PanelService, ...]
    placed_at: datetime
    judged_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMaker:
    """Builds the cases of one customer after the other. `absent` names resources that were never imported."""

    policy: Policy
    shared: Shared
    catalogue: tuple[PanelProduct, ...]
    offered: frozenset[str]
    settle: timedelta
    own_admin_id: int | None
    absent: frozenset[str]
    zone: tzinfo

    @classmethod
    def of(
        cls,
        policy: Policy,
        shared: Shared,
        catalogue: tuple[PanelProduct, ...],
        *,
        settle_seconds: float,
        own_admin_id: int | None,
        absent: frozenset[str],
        zone: tzinfo,
    ) -> CaseMaker:
        """Prepare a maker for many customers."""
        return cls(
            policy=policy,
            shared=shared,
            catalogue=catalogue,
            offered=offered_by(catalogue),
            settle=timedelta(seconds=settle_seconds),
            own_admin_id=own_admin_id,
            absent=absent,
            zone=zone,
        )

    def cases(self, rows: Rows, ours: Ours) -> Iterator[PastCase]:
        """Yield the cases of one customer in time order, without orders that have no date."""
        account = Account.of(rows, our_invoices=ours.invoices)
        earlier = Earlier()
        known = rows.identities()
        dated = [(order.placed_at.astimezone(UTC), order.order_id, order) for order in rows.orders if order.placed_at]
        for placed_at, _, order in sorted(dated, key=lambda entry: entry[:2]):
            invoice = rows.invoices.get(order.invoice_id or 0)
            then = _Then(
                rows=rows,
                ours=ours,
                account=account,
                earlier=earlier,
                identities=known,
                order=order,
                invoice=invoice,
                services=services_of(order, rows.services),
                placed_at=placed_at,
                judged_at=self.judged_at(placed_at, invoice),
            )
            case = self._case(then)
            yield case
            earlier.add(
                placed_at,
                manual=case.manual,
                free_from=_released_at(order, invoice, placed_at),
                fraud_at=fraud_known_at(order, placed_at),
            )
            earlier.chargebacks += (order.invoice_id or 0) in account.collections

    def judged_at(self, placed_at: datetime, invoice: PanelInvoice | None) -> datetime:
        """Return when we would have decided for good: once it was paid, or when its settle time was over.

        An order that is not paid while its hold lasts is judged as unpaid.
        """
        paid_at = invoice.paid_at.astimezone(UTC) if invoice is not None and invoice.paid_at else None
        if paid_at is not None and paid_at <= placed_at + timedelta(days=self.policy.hold.expires_days):
            return max(placed_at, paid_at)
        return placed_at + self.settle

    def _case(self, then: _Then) -> PastCase:
        order, judged_at = then.order, then.judged_at
        gathered = self._gathered(then)
        placed_by = who_placed(order, self._nobody(), self.policy)
        theirs = placed_by in {PlacedBy.CUSTOMER, PlacedBy.UNKNOWN}
        ip = canonical_ip(order.ip) if theirs and gathered.customer else None
        known = then.identities | {"ip": hashed("ip", ip)} if ip else then.identities
        own = self._own(then, known)
        newcomer = newcomer_of(gathered, self.policy, placed_by=placed_by, orders_last_day=own.customer_velocity[1])
        if newcomer is not None:
            own = self._with_group(then, own, newcomer, known)
        facts = build_facts(gathered, own, self.policy, offered=self.offered)
        facts = replace(facts, today=_today(facts, then.account, micros(judged_at)))
        by_staff = placed_by in {PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER}
        manual = by_staff or any(self.policy.labour.minutes.of(found.kind) for found in facts.order.requests)
        label = label_of(order, then.invoice, then.services)
        return PastCase(
            order=order,
            placed_at=then.placed_at,
            judged_at=judged_at,
            facts=facts,
            label=label,
            fired=self._fired(facts, judged_at),
            manual=manual,
            effortless=label is Label.GOOD and not manual,
            known=known,
            newcomer=newcomer,
        )

    def _with_group(self, then: _Then, own: OwnKnowledge, newcomer: Newcomer, known: dict[str, str]) -> OwnKnowledge:
        """Return what was known, with the new accounts that ordered together with this one.

        An order that was not paid at once waited for its payment, and was judged again as its group grew.
        """
        until = then.judged_at
        if then.order.invoice_id and not is_paid(then.invoice):
            until = then.placed_at + FARTHEST
        elif then.invoice is not None and then.invoice.paid_at is not None:
            until = max(until, then.invoice.paid_at)
        together = self.shared.newcomers.group_of(newcomer, until=until)
        if not together:
            return own
        regulars = self.shared.regulars(newcomer, known)
        return replace(own, together=together, regulars=regulars)

    def _fired(self, facts: Facts, now: datetime) -> tuple[str, ...]:
        """Return the risk signals that fire, except those that only keep the sum exact."""
        found, _, _ = find(facts, rulebook(self.policy), now=now)
        return tuple(sorted({one.code for one in found if one.score is ScoreKind.RISK} - LIMITS))

    def _nobody(self) -> OwnKnowledge:
        return OwnKnowledge(placed_by=PlacedBy.UNKNOWN, own_admin_id=self.own_admin_id)

    def _own(self, then: _Then, known: dict[str, str]) -> OwnKnowledge:
        """Return what our own tables would have held then."""
        if then.rows.customer is None:
            return self._nobody()
        customer_id, earlier, moment = then.rows.customer_id, then.earlier, micros(then.judged_at)
        aggregates = Aggregates(
            orders=len(earlier.placed),
            manual_orders=earlier.manual,
            effortless_orders=earlier.effortless.at(moment),
            fraud_orders=earlier.frauds(moment),
            chargebacks=earlier.chargebacks,
            white_glove=then.ours.white_glove,
        )
        return OwnKnowledge(
            placed_by=PlacedBy.UNKNOWN,
            own_admin_id=self.own_admin_id,
            aggregates=aggregates,
            neighbours=self.shared.neighbours(customer_id, known, then.rows.payments(), before=then.placed_at),
            customer_velocity=earlier.velocity(micros(then.placed_at)),
            ip_velocity=self.shared.ip_velocity(then.order.order_id) if "ip" in known else (0, 0),
            our_tickets=then.ours.tickets,
            first_orders=self._first_orders(then),
        )

    def _first_orders(self, then: _Then) -> FirstOrders | None:
        if then.earlier.placed or then.order.amount is None:
            return None
        return self.shared.first_orders(then.order.amount.currency, then.placed_at)

    def _gathered(self, then: _Then) -> Gathered:
        """Assemble what a live judgement would have read at that moment."""
        order, listed = then.order, then.rows.customer
        tickets = then.account.recent_tickets(micros(then.judged_at))
        by_staff = order.placed_by is PlacedBy.STAFF
        asking = _asking(order, tickets) if by_staff else None
        lines = tuple(structs.replace(line, status=PanelServiceStatus.PENDING.value) for line in order.lines)
        return Gathered(
            order_id=order.order_id,
            order_version=None,
            read_at=then.judged_at,
            order=structs.replace(order, status=PanelOrderStatus.PENDING.value, lines=lines),
            customer=self._customer_then(listed.customer, then) if listed else None,
            signed_up=SignUp.on(listed.signed_up_on, self.zone) if listed and listed.signed_up_on else None,
            services=tuple(structs.replace(one, status=PanelServiceStatus.PENDING.value) for one in then.services),
            invoice=_invoice_then(then.invoice, then.judged_at),
            catalogue=self.catalogue,
            pay_methods=then.rows.pay_methods,
            tickets=tickets,
            asking_ticket=asking,
            tickets_left=asking is None and by_staff and not_all_read(order, tickets),
            missing=tuple(sorted(self._missing(then, tickets, asking))),
        )

    def _customer_then(self, customer: PanelCustomer, then: _Then) -> PanelCustomer:
        """Return the customer with the panel's counters as of then, computed from dated rows."""
        account, order, moment = then.account, then.order, micros(then.judged_at)
        services, invoices, tickets = (name not in self.absent for name in ("services", "invoices", "tickets"))
        disputed = len(account.collections) - (order.invoice_id in account.collections)
        stats = CustomerStats(
            active_services=account.active_at(moment, order.order_id) if services else None,
            total_services=account.total_services.at(moment) + account.undated_services if services else None,
            paid_invoices=account.paid.at(moment) if invoices else None,
            overdue_invoices=account.overdue.at(moment) if invoices else None,
            collections_invoices=disputed if invoices else None,
            tickets=account.tickets_at(moment) if tickets else None,
        )
        priced = invoices and customer.currency is not None
        revenue = Money(account.revenue_at(moment), customer.currency or "") if priced else None
        return structs.replace(customer, status="", stats=stats, revenue=revenue)

    def _missing(self, then: _Then, tickets: tuple[PanelTicket, ...], asking: PanelTicket | None) -> set[str]:
        """Return the names of the facts that can't be known for that time."""
        order, invoice = then.order, then.invoice
        missing = set(self.absent & {"services", "tickets", "invoices"})
        if Resource.PAY_METHODS in self.absent:
            missing.add("neighbours.payment")
        if not self.catalogue:
            missing.add("catalogue")
        if then.rows.customer is not None and then.rows.customer.signed_up_on is None:
            missing.add("signed_up_on")
        if order.invoice_id and invoice is None:
            missing.add("invoice")
        elif invoice is not None and not invoice.items:
            missing.add("invoice_lines")  # lists of invoices lack them, so labour already billed is unknown
        if order.placed_by is PlacedBy.STAFF and asking is None:
            unread = any(not ticket.replies for ticket in could_ask(order, tickets))
            missing |= {"asking_ticket"} if unread else set()
        return missing


def _released_at(order: PanelOrder, invoice: PanelInvoice | None, placed_at: datetime) -> datetime | None:
    """Return when an order starts to count as effortless: once paid, or free and active."""
    if invoice is not None and invoice.paid_at is not None:
        return max(placed_at, invoice.paid_at.astimezone(UTC))
    free = not order.invoice_id or is_paid(invoice)
    return placed_at if free and order.status == PanelOrderStatus.ACTIVE else None


def _asking(order: PanelOrder, recent: tuple[PanelTicket, ...]) -> PanelTicket | None:
    return next((ticket for ticket in could_ask(order, recent) if asks_for_order(ticket, order)), None)


def _invoice_then(invoice: PanelInvoice | None, judged_at: datetime) -> PanelInvoice | None:
    """Return the order's invoice as of then: paid or not, whatever happened to it later."""
    if invoice is None:
        return None
    paid = invoice.paid_at <= judged_at if invoice.paid_at is not None else is_paid(invoice)
    status = PanelInvoiceStatus.PAID if paid else PanelInvoiceStatus.UNPAID
    return structs.replace(invoice, status=status.value, credit=None, transactions=())


def _today(facts: Facts, account: Account, moment: int) -> tuple[str, ...]:
    """Return the names of these facts that are known only as of today."""
    names: list[str] = []
    if facts.customer is not None:
        names += [name for name in _CUSTOMER_TODAY if name not in facts.missing]
        names += [f"customer.{name}" for name in _CUSTOMER_IF_KNOWN if getattr(facts.customer, name) is not None]
        names += account.undated(moment, facts.order.order_id)
    if any(item.listed is not None or item.product_type for item in facts.order.items):
        names += _ITEMS_TODAY
    return tuple(sorted(names))
