"""Copy the panel's data about an order and its customer into our own rows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from app.core.consequences.snapshot import Conditions
from app.core.facts import PaymentState, PlacedBy
from app.core.rows.belongings import Customer
from app.core.rows.order import Order
from app.core.rows.typed import read
from app.core.states import Flag, OrderState, Provisioning
from app.core.statuses import BUILT, PanelServiceStatus
from app.customers import identities, links, names
from app.customers.links import Links
from app.db import insert, insert_new
from app.gathering.facts import OwnKnowledge, is_settled, order_kind, who_placed
from app.gathering.panel import Gathered
from app.gathering.payments import paid_on, payment_state
from app.gathering.texts import as_stored
from app.orders.order import LockedOrder
from app.panels.records import PanelOrder
from app.tables.customers import customers
from app.tables.orders import order_texts

_ITEMS_SHOWN: Final = 50
_OF_CUSTOMER: Final = customers.c.customer_id == sa.bindparam("of_customer")
_LOCK: Final = sa.select(customers).where(_OF_CUSTOMER).with_for_update()
_SHOW: Final = customers.update().where(_OF_CUSTOMER)
_LONGEST_DOMAIN: Final = 253


def shown_order(order: Order, gathered: Gathered, given: Conditions, *, own_admin_id: int | None) -> Order:
    """Return the order's row with what the panel shows now; what could not be read stays."""
    panel, policy = gathered.order, given.active.policy
    if panel is None:
        raise ValueError("nothing to copy of an order that the panel does not list")
    flags = [flag for flag in order.flags if flag != Flag.UNKNOWN_TO_PANEL.value]
    known = OwnKnowledge(placed_by=order.placed_by, staff_id=order.staff_id, own_admin_id=own_admin_id)
    shown = order.changed(
        customer_id=panel.customer_id,
        order_number=panel.order_number[:40],
        kind=order_kind(panel).value,
        panel_status=panel.status[:40],
        placed_at=panel.placed_at or order.placed_at,
        amount_minor=panel.amount.amount_minor if panel.amount else None,
        currency=panel.currency,
        invoice_id=panel.invoice_id,
        last_read_at=given.now,
        read_event_id=gathered.newest_event,
        read_digest=gathered.digest or order.read_digest,
        placed_by=who_placed(panel, known, policy).value,
        flags=flags,
    )
    if "services" not in gathered.missing or not order.items:  # else the known ones stay
        statuses = _statuses(gathered, panel)
        by_id = {service.service_id: service.status for service in gathered.services}
        shown = shown.changed(items=items_of(panel, by_id), provisioning=_provisioning(order, statuses).value)
    if shown.placed_by is PlacedBy.STAFF and panel.staff_id and order.staff_id is None:
        shown = shown.changed(staff_id=panel.staff_id)
    if "invoice" in {*gathered.missing, *gathered.unasked}:
        return shown  # not readable now: the known state stays
    shown = _with_payment(shown, gathered, panel, given)
    if gathered.at_rest and shown.payment_state is order.payment_state:
        return shown  # whether its groups are paid afterwards is not read again
    return shown.changed(settled=is_settled(gathered, panel, policy))


def _with_payment(order: Order, gathered: Gathered, panel: PanelOrder, given: Conditions) -> Order:
    state = payment_state(panel, gathered.invoice)
    paid = paid_on(gathered.invoice) if gathered.invoice else None
    order = order.changed(payment_state=state.value, paid_minor=max(0, paid.amount_minor) if paid else 0)
    if state is PaymentState.PAID and order.paid_at is None:
        order = order.changed(paid_at=(gathered.invoice.paid_at if gathered.invoice else None) or given.now)
    return order


def _statuses(gathered: Gathered, panel: PanelOrder) -> list[str]:
    by_id = {service.service_id: service.status for service in gathered.services}
    return [(by_id.get(line.relid or 0) if line.kind == "product" else None) or line.status for line in panel.lines]


def _provisioning(order: Order, statuses: list[str]) -> Provisioning:
    built = sum(status in BUILT for status in statuses)
    if statuses and built == len(statuses):
        return Provisioning.DONE
    failed = Flag.PROVISIONING_FAILED.value in order.flags or PanelServiceStatus.FAILED in statuses
    if failed and not (built and order.state is OrderState.RELEASED):
        return Provisioning.FAILED  # even if held: what a failed accept built is no breach of the hold
    return Provisioning.PARTIAL if built else Provisioning.NONE


def items_of(panel: PanelOrder, services: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the order's first fifty lines, kept for display, with the statuses of services that were read.

    `total` is the number of all lines.
    """
    return [
        {
            "product": (line.product or line.domain or line.kind)[:200],
            "amount": line.amount.to_text() if line.amount else None,
            "panel_status": (services.get(line.relid or 0) if line.kind == "product" else None) or line.status,
            "total": len(panel.lines),
            **({"domain": line.domain[:_LONGEST_DOMAIN]} if line.domain else {}),
        }
        for line in panel.lines[:_ITEMS_SHOWN]
    ]


async def keep_texts(locked: LockedOrder, shown: Order, gathered: Gathered) -> None:
    """Store texts and the IP in a table of their own that can be erased; a staff member's IP is not stored."""
    panel = gathered.order
    theirs = shown.placed_by in {PlacedBy.CUSTOMER, PlacedBy.UNKNOWN}
    ip = panel.ip[:45] if panel is not None and panel.ip and theirs else None
    row = {"customer_id": shown.customer_id, "request_text": as_stored(gathered), "ip": ip}
    await locked.tx.execute(_keep(locked.tx.dialect.name), {"order_id": shown.order_id, **row})


@cache
def _keep(dialect: str) -> Any:
    row = insert(dialect, order_texts)
    latest = {name: row.excluded[name] for name in ("customer_id", "request_text", "ip")}
    return row.on_conflict_do_update(index_elements=[order_texts.c.order_id], set_=latest)


async def keep_domains(locked: LockedOrder, shown: Order) -> None:
    """Store the domains by which people find the order, if they are other ones than before."""
    before, now = _domains(locked.order), _domains(shown)
    if now != before:
        await names.remember_domains(locked.tx, shown.order_id, now, anew=bool(before))


def _domains(order: Order) -> tuple[str, ...]:
    return tuple(sorted({item["domain"] for item in order.items if item.get("domain")}))


async def lock_customer(locked: LockedOrder, shown: Order, gathered: Gathered) -> Customer | None:
    """Bring the customer's row up to date, lock it, and return it as it was; None without a customer."""
    tx, customer_id, now = locked.tx, shown.customer_id, locked.given.now
    if customer_id is None:
        return None
    row = (await tx.execute(_LOCK, {"of_customer": customer_id})).first()
    if row is None:
        new = {"customer_id": customer_id, "first_heard_at": now}
        row = (await tx.execute(insert_new(tx, customers, *customers.c), new)).first()
    if row is None:  # added by another order just now
        row = (await tx.execute(_LOCK, {"of_customer": customer_id})).one()
    customer = gathered.customer
    if customer is not None:
        shows = {
            "status": customer.status[:24],
            "currency": customer.currency,
            **_signed_up(gathered),
            "active_services": customer.stats.active_services,
            "paid_invoices": customer.stats.paid_invoices,
            "overdue_invoices": customer.stats.overdue_invoices,
            "revenue_minor": customer.revenue.amount_minor if customer.revenue else None,
            "last_read_at": now,
            "named": await names.remember(tx, customer_id, customer, known=row.named),
        }
        await tx.execute(_SHOW, {**shows, "of_customer": customer_id})
    return read(Customer, row)


def _signed_up(gathered: Gathered) -> dict[str, Any]:
    found = gathered.signed_up
    return {} if found is None else {"signed_up_at": found.stored, "signed_up_exact": found.exact}


async def remember_identities(locked: LockedOrder, order: Order, known: Links) -> None:
    """Record the customer's identities and that this order was placed, for later orders."""
    if order.customer_id is None:
        return
    placed_at = order.placed_at or locked.given.now
    await links.remember(locked.tx, order.customer_id, known, now=placed_at)
    ip_hash = known.hashes.get("ip")
    await identities.remember_order(locked.tx, order.order_id, order.customer_id, ip_hash, placed_at=placed_at)
