"""Turn what was read into the facts that are judged. No I/O: everything comes in as a parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from disposable_email_domains import blocklist

from app.core.facts import (
    Agreement,
    CustomerFacts,
    EnrichmentReport,
    Facts,
    Item,
    ListKind,
    Neighbours,
    NewAccount,
    OrderFacts,
    OrderKind,
    PlacedBy,
    Regulars,
)
from app.core.judgement import vetting
from app.core.judgement.first_orders import FirstOrders
from app.core.judgement.labour_value import nothing_to_pay, postpaid
from app.core.judgement.written import Reading, look_alikes
from app.core.money import Money
from app.core.policy.document import Policy
from app.core.policy.matching import match_lists
from app.core.reading.hosted import read_domain
from app.core.reading.kinds import TermFinding
from app.core.reading.requests import find_terms
from app.core.rows.belongings import Aggregates
from app.customers.first_orders import has_paid_past
from app.customers.identities import canonical_email, canonical_phone, email_domain, phone_country
from app.gathering.panel import Gathered
from app.gathering.payments import payment_state
from app.gathering.texts import DOMAIN_CAP, line_domain, read_written
from app.panels.records import PanelCustomer, PanelInvoice, PanelLine, PanelOrder, PanelProduct, PanelService

OURS_MARK = "#ours"
_CYCLE_WORDS = {"one time": "onetime", "free account": "free", "semi-annually": "semiannually"}


#: Facts of a customer that signals depend on and only the panel knows.
TOLD_BY_PANEL: Final = (
    "country", "phone_country", "email_disposable", "email_verified", "active_services", "overdue_invoices",
    "collections_invoices", "paid_invoices",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKnowledge:
    """What our own tables hold about the order and its customer, read in the deciding transaction."""

    placed_by: PlacedBy  # from the event, if it said so
    staff_id: int | None = None
    agreement: Agreement = Agreement.NONE
    aggregates: Aggregates | None = None  # None: the customer is not known yet
    counted: bool = False  # the aggregates include this order already, so it is subtracted
    counted_manual: bool = False
    counted_effortless: bool = False
    neighbours: tuple[Neighbours, ...] = ()
    together: tuple[NewAccount, ...] = ()
    regulars: tuple[Regulars, ...] = ()
    customer_velocity: tuple[int, int] = (0, 0)
    ip_velocity: tuple[int, int] = (0, 0)
    our_unpaid_fees: int = 0  # unpaid fee invoices of ours that are past due
    our_tickets: frozenset[int] = frozenset()  # opened by us, or caused by our hold
    first_orders: FirstOrders | None = None  # accepted ones of other customers, in the order's currency
    muted: tuple[str, ...] = ()
    own_admin_id: int | None = None


def build_facts(
    gathered: Gathered, own: OwnKnowledge, policy: Policy, *, offered: frozenset[str] | None = None
) -> Facts:
    """Return the snapshot that is judged and stored. `gathered.order` must not be None.

    `offered` is `offered_by(gathered.catalogue)`, from callers that build many facts with one catalogue.
    """
    order = gathered.order
    if order is None:
        raise ValueError("no facts about an order that the panel does not list")
    placed_by = who_placed(order, own, policy)
    missing = set(gathered.missing)
    if order.customer_id is None or gathered.customer is None:
        missing.add("customer")
    reports = (*gathered.enrichment, *(gathered.ip_place.reports() if _theirs(placed_by) else ()))
    missing |= {f"outside.{report.provider}" for report in reports if report.degraded}
    customer = gathered.customer and _customer(gathered, own, policy, placed_by)
    if customer:
        missing |= _untold(customer)
    return Facts(
        order=_order(gathered, order, own, policy, placed_by=placed_by, offered=offered, reports=reports),
        customer=customer or None,
        agreement=own.agreement,
        muted=own.muted,
        missing=tuple(sorted(missing)),
    )


def _untold(customer: CustomerFacts) -> set[str]:
    """Return the names of the facts that signals use and the panel does not provide about a customer."""
    found = {f"customer.{name}" for name in TOLD_BY_PANEL if getattr(customer, name) is None}
    return found | ({"signed_up_on"} if customer.signed_up_at is None else set())


def who_placed(order: PanelOrder, own: OwnKnowledge, policy: Policy) -> PlacedBy:
    """Return who entered the order: by the event, else by the panel; automation is not staff."""
    automation = {*policy.staff.automation_admin_ids, own.own_admin_id} - {None}
    if own.placed_by is PlacedBy.STAFF and own.staff_id in automation:
        return PlacedBy.API
    if own.placed_by is not PlacedBy.UNKNOWN:
        return own.placed_by
    return PlacedBy.API if order.placed_by is PlacedBy.STAFF and order.staff_id in automation else order.placed_by


def order_kind(order: PanelOrder) -> OrderKind:
    """Return what the order is for, by the types of its lines."""
    if order.is_renewal:
        return OrderKind.RENEWAL
    kinds = {line.kind for line in order.lines}
    single = {
        "product": OrderKind.NEW, "addon": OrderKind.ADDON, "upgrade": OrderKind.UPGRADE,
        "renewal": OrderKind.RENEWAL, "domain": OrderKind.DOMAIN,
    }  # fmt: skip
    if len(kinds) == 1:
        return single.get(kinds.pop(), OrderKind.NEW)
    if kinds <= {"product", "addon", "domain"} and "product" in kinds:
        return OrderKind.NEW
    return OrderKind.MIXED if kinds else OrderKind.NEW


def is_settled(gathered: Gathered, order: PanelOrder, policy: Policy) -> bool:
    """Return whether an approved order may be accepted: paid, nothing to pay, or only of postpaid groups."""
    amount = order.amount.amount_minor if order.amount else None
    if nothing_to_pay(payment_state(order, gathered.invoice), amount):
        return True
    return postpaid(_items(gathered, order, policy), policy)


def _order(
    gathered: Gathered,
    order: PanelOrder,
    own: OwnKnowledge,
    policy: Policy,
    *,
    placed_by: PlacedBy,
    offered: frozenset[str] | None,
    reports: tuple[EnrichmentReport, ...],
) -> OrderFacts:
    items = tuple(_items(gathered, order, policy))
    reading = gathered.reading or read_written(gathered, offered=offered)
    return OrderFacts(
        order_id=order.order_id,
        placed_at=order.placed_at or gathered.read_at,
        placed_by=placed_by,
        staff_id=own.staff_id or order.staff_id,
        kind=order_kind(order),
        panel_status=order.status,
        currency=order.currency,
        amount=order.amount.amount_minor if order.amount else None,
        payment=payment_state(order, gathered.invoice),
        payment_method=order.payment_method,
        invoice_id=order.invoice_id,
        promo_code=order.promo_code,
        items=items,
        requests=reading.requests,
        **findings_in(reading, policy),
        expected=reading.expected,
        ours=OURS_MARK in order.notes.lower(),
        labour_billed=_labour_billed(gathered.invoice),
        asking_ticket_id=gathered.asking_ticket.ticket_id if gathered.asking_ticket else None,
        fraud_check=order.fraud_check,
        fraud_check_ran=order.fraud_check is not None,
        outside=reports,
        **_among_first_orders(gathered, order, own),
        ip_asn=gathered.ip_place.asn if _theirs(placed_by) else None,
    )


def _among_first_orders(gathered: Gathered, order: PanelOrder, own: OwnKnowledge) -> dict[str, Any]:
    """Return how the amount of a customer's first order compares with other first orders, if that is known."""
    first, customer, earlier = own.first_orders, gathered.customer, own.aggregates
    if first is None or customer is None or order.amount is None or order.amount.amount_minor <= 0:
        return {}
    if has_paid_past(customer.stats.paid_invoices) or (earlier is not None and earlier.orders > own.counted):
        return {}
    return {"first_order_rank": first.rank(order.amount.amount_minor), "first_orders": first.orders}


def _theirs(placed_by: PlacedBy) -> bool:
    """True if the order's IP is the customer's own."""
    return placed_by in {PlacedBy.CUSTOMER, PlacedBy.UNKNOWN}


def findings_in(reading: Reading, policy: Policy) -> dict[str, Any]:
    """Return the order's fields for the findings of the policy's own terms, and for what was cut from the texts."""
    use, vetted, fit = policy.acceptable_use.terms, policy.vetting.terms, vetting.rule_terms(policy)
    return {
        "acceptable_use": reading.meant(use),
        "vetting": reading.listed(vetted, domains=True),
        "fit": reading.not_denied(fit),
        "hosted": reading.hosted,
        "look_alikes": look_alikes(reading, policy),
        "cut": reading.cut_by((*use, *vetted, *fit)),
    }


def _labour_billed(invoice: PanelInvoice | None) -> bool:
    """True if a line that staff added by hand to the order's own invoice bills the work already."""
    return invoice is not None and any(
        not item.kind.strip() and not item.relid and item.amount is not None and item.amount.amount_minor > 0
        for item in invoice.items
    )


def _items(gathered: Gathered, order: PanelOrder, policy: Policy) -> list[Item]:
    """Return the order's lines, each with its service and product: there may be thousands of each."""
    services = {service.service_id: service for service in gathered.services}
    products = {product.product_id: product for product in gathered.catalogue}
    items = []
    for line in order.lines:
        service = services.get(line.relid) if line.kind == "product" and line.relid is not None else None
        product = None
        if service is not None and service.product_id is not None:
            product = products.get(service.product_id)
        items.append(_item(line, service, product, order, policy, catalogue_known=bool(products)))
    return items


def _item(
    line: PanelLine,
    service: PanelService | None,
    product: PanelProduct | None,
    order: PanelOrder,
    policy: Policy,
    *,
    catalogue_known: bool,
) -> Item:
    cycle = _cycle(service.cycle if service else line.cycle)
    first = service.first_amount if service else line.amount
    recurring = service.recurring_amount if service else None
    listed = product is not None if service is not None and catalogue_known else None
    prices = product.prices.get(order.currency or "", {}) if product else {}
    setup = product.setup_fees.get(order.currency or "", {}).get(cycle) if product else None
    price = prices.get(cycle)
    free = product is not None and (product.pay_type == "free" or cycle == "free")
    return Item(
        kind=line.kind,
        relid=line.relid,
        product_id=service.product_id if service else None,
        product=(service.name if service else line.product) or line.product,
        group_id=product.group_id if product else None,
        group=service.group if service else "",
        product_type=(product.kind if product else line.product_type).lower(),
        module=product.module if product else None,
        cycle=cycle,
        first_amount=first.amount_minor if first else None,
        recurring_amount=recurring.amount_minor if recurring else None,
        list_first=price.amount_minor + (setup.amount_minor if setup else 0) if price else None,
        list_recurring=price.amount_minor if price else None,
        listed=listed,
        cycle_offered=(price is not None or free) if product is not None else None,
        price_override=_overridden(service, product, price, order),
        service_status=(service.status if service else line.status),
        domain_terms=domain_terms(line_domain(line, service), policy),
    )


def _cycle(text: str) -> str:
    plain = text.strip().lower()
    return _CYCLE_WORDS.get(plain, plain.replace("-", "").replace(" ", ""))


def _overridden(
    service: PanelService | None, product: PanelProduct | None, price: Money | None, order: PanelOrder
) -> bool | None:
    """True if the recurring price was set by hand; None if unknown.

    So is a price below the catalogue's without a promo code, or above it without options, which only add to it.
    """
    if service is None or product is None or price is None or service.recurring_amount is None:
        return None
    below = service.recurring_amount.amount_minor < price.amount_minor
    return (below and not order.promo_code) or (
        service.recurring_amount.amount_minor > price.amount_minor and not service.options and not product.options
    )


def domain_terms(domain: str, policy: Policy) -> tuple[TermFinding, ...]:
    """Return the acceptable-use terms in a domain name, unless the name itself warns of them ("stop-phishing")."""
    if not domain:
        return ()
    found = find_terms(domain[:DOMAIN_CAP], policy.acceptable_use.terms, where="domain")
    excuses = read_domain(domain[:DOMAIN_CAP]).excuses if found else None
    return tuple(one for one in found if excuses is not None and not excuses.excuses(one.start))


def _customer(gathered: Gathered, own: OwnKnowledge, policy: Policy, placed_by: PlacedBy) -> CustomerFacts:
    customer, row = gathered.customer, own.aggregates
    if customer is None:
        raise ValueError("no customer")
    domain = email_domain(customer.email)
    phone = canonical_phone(customer.phone, customer.phone_cc, customer.country)
    stats = customer.stats
    theirs = _theirs(placed_by)
    recent = sum(1 for t in gathered.tickets if not t.opened_by_staff and t.ticket_id not in own.our_tickets)
    return CustomerFacts(
        customer_id=customer.customer_id,
        status=customer.status,
        group_id=customer.group_id,
        signed_up_at=gathered.signed_up.at if gathered.signed_up else None,
        signed_up_exact=gathered.signed_up is not None and gathered.signed_up.exact,
        country=customer.country,
        phone_country=phone_country(phone, customer.country),
        ip_country=gathered.ip_place.country if theirs else None,
        email_domain=domain,
        email_disposable=None if domain is None else _disposable(domain),
        email_verified=customer.email_verified,
        active_services=stats.active_services,
        total_services=stats.total_services,
        overdue_invoices=None
        if stats.overdue_invoices is None
        else max(0, stats.overdue_invoices - own.our_unpaid_fees),
        collections_invoices=stats.collections_invoices,
        paid_invoices=stats.paid_invoices,
        revenue=customer.revenue.amount_minor if customer.revenue else None,
        tickets_total=stats.tickets,
        tickets_recent=None if "tickets" in gathered.missing else recent,
        earlier_orders=max(0, row.orders - own.counted) if row else 0,
        earlier_manual_orders=max(0, row.manual_orders - own.counted_manual) if row else 0,
        earlier_effortless_orders=max(0, row.effortless_orders - own.counted_effortless) if row else 0,
        earlier_fraud_orders=row.fraud_orders if row else 0,
        chargebacks=row.chargebacks if row else 0,
        orders_last_hour=own.customer_velocity[0],
        orders_last_day=own.customer_velocity[1],
        ip_orders_last_hour=own.ip_velocity[0] if theirs else 0,
        ip_orders_last_day=own.ip_velocity[1] if theirs else 0,
        neighbours=own.neighbours,
        together=own.together,
        regulars=own.regulars,
        lists=_lists(gathered, customer, policy, placed_by),
        white_glove=bool(row.white_glove) if row else False,
    )


def _lists(
    gathered: Gathered, customer: PanelCustomer, policy: Policy, placed_by: PlacedBy
) -> tuple[tuple[ListKind, str], ...]:
    return match_lists(
        policy,
        customer_id=customer.customer_id,
        emails=(customer.email, canonical_email(customer.email) or ""),
        ip=gathered.order.ip if gathered.order and _theirs(placed_by) else None,
    )


def is_allowed(gathered: Gathered, policy: Policy, placed_by: PlacedBy) -> bool:
    """Return whether the customer is on the policy's allow list."""
    customer = gathered.customer
    found = () if customer is None else _lists(gathered, customer, policy, placed_by)
    return any(kind is ListKind.ALLOW for kind, _ in found)


def _disposable(domain: str) -> bool:
    parts = domain.split(".")
    return any(".".join(parts[index:]) in blocklist for index in range(len(parts) - 1))
