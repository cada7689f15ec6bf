"""Copy the panel's data about an order and its customer into our own rows."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, time
from typing import Any

import sqlalchemy as sa

from app.core.facts import Facts, PaymentState, PlacedBy
from app.core.judgement.decide import Outcome
from app.core.records import PANEL, Mode, TimelineCode
from app.core.states import Flag, OrderState, Provisioning
from app.core.statuses import BUILT, PanelOrderStatus, PanelServiceStatus
from app.customers import identities, links
from app.customers.links import Links
from app.db import insert_new
from app.enrichment import geoip
from app.gathering.facts import order_kind, paid_on, payment_state
from app.gathering.panel import Gathered
from app.gathering.texts import as_stored
from app.orders.order import OrderDraft
from app.panels.records import PanelOrder
from app.tables.customers import customers
from app.tables.orders import order_texts
from app.workflow import decisions

_ITEMS_SHOWN = 50


async def mirror_order(draft: OrderDraft, gathered: Gathered, placed_by: PlacedBy) -> None:
    """Update the order's row from the panel; `draft.changes()` holds the changed columns."""
    order = gathered.order
    if order is None:
        return
    draft.change(
        customer_id=order.customer_id,
        order_number=order.order_number[:40],
        kind=order_kind(order).value,
        panel_status=order.status[:40],
        placed_by=placed_by.value,
        placed_at=order.placed_at or draft.order.placed_at,
        amount_minor=order.amount.amount_minor if order.amount else None,
        currency=order.currency,
        invoice_id=order.invoice_id,
    )
    if "services" not in gathered.missing or not draft.order.items:  # else the known ones stay
        statuses = _statuses(gathered, order)
        draft.change(items=_items(gathered, order), provisioning=_provisioning(draft, statuses).value)
    if placed_by is PlacedBy.STAFF and order.staff_id and draft.order.staff_id is None:
        draft.change(staff_id=order.staff_id)
    _mirror_payment(draft, gathered, order)
    draft.flag(Flag.UNKNOWN_TO_PANEL, raised=False)
    await _keep_texts(draft, gathered, order, placed_by)


def _mirror_payment(draft: OrderDraft, gathered: Gathered, order: PanelOrder) -> None:
    if "invoice" in gathered.missing:
        return  # not readable now: the known state stays
    state = payment_state(order, gathered.invoice)
    paid = paid_on(gathered.invoice) if gathered.invoice else None
    draft.change(payment_state=state.value, paid_minor=max(0, paid.amount_minor) if paid else 0)
    if state is PaymentState.PAID and draft.order.paid_at is None:
        draft.change(paid_at=(gathered.invoice.paid_at if gathered.invoice else None) or draft.now)


def _statuses(gathered: Gathered, order: PanelOrder) -> list[str]:
    by_id = {service.service_id: service.status for service in gathered.services}
    return [(by_id.get(line.relid or 0) if line.kind == "product" else None) or line.status for line in order.lines]


def _provisioning(draft: OrderDraft, statuses: list[str]) -> Provisioning:
    built = sum(status in BUILT for status in statuses)
    if statuses and built == len(statuses):
        return Provisioning.DONE
    failed = Flag.PROVISIONING_FAILED.value in draft.flags or PanelServiceStatus.FAILED in statuses
    if failed and not (built and draft.state is OrderState.RELEASED):
        return Provisioning.FAILED  # even if held: what a failed accept built is no breach of the hold
    return Provisioning.PARTIAL if built else Provisioning.NONE


def _items(gathered: Gathered, order: PanelOrder) -> list[dict[str, Any]]:
    """Return the order's first fifty lines, kept for display; `total` is the number of all lines."""
    by_id = {service.service_id: service.status for service in gathered.services}
    return [
        {
            "product": (line.product or line.domain or line.kind)[:200],
            "amount": line.amount.to_text() if line.amount else None,
            "panel_status": (by_id.get(line.relid or 0) if line.kind == "product" else None) or line.status,
            "total": len(order.lines),
        }
        for line in order.lines[:_ITEMS_SHOWN]
    ]


async def _keep_texts(draft: OrderDraft, gathered: Gathered, order: PanelOrder, placed_by: PlacedBy) -> None:
    """Store texts and the IP in a table of their own that can be erased; a staff member's IP is not stored."""
    text = as_stored(gathered)
    theirs = placed_by in {PlacedBy.CUSTOMER, PlacedBy.UNKNOWN}
    row = {"customer_id": order.customer_id, "request_text": text, "ip": order.ip[:45] if order.ip and theirs else None}
    changed = await draft.tx.execute(order_texts.update().where(order_texts.c.order_id == draft.order_id).values(row))
    if changed.rowcount == 0:
        await draft.tx.execute(order_texts.insert().values(order_id=draft.order_id, **row))


async def lock_customer(draft: OrderDraft, gathered: Gathered) -> Any:
    """Bring the customer's row up to date, lock it, and return it; None without a customer."""
    if draft.customer_id is None:
        return None
    query = sa.select(customers).where(customers.c.customer_id == draft.customer_id).with_for_update()
    row = (await draft.tx.execute(query)).first()
    if row is None:
        await draft.tx.execute(
            insert_new(draft.tx, customers).values(customer_id=draft.customer_id, first_heard_at=draft.now)
        )
        row = (await draft.tx.execute(query)).one()
    customer = gathered.customer
    if customer is not None:
        await draft.tx.execute(
            customers.update()
            .where(customers.c.customer_id == draft.customer_id)
            .values(
                status=customer.status[:24],
                currency=customer.currency,
                signed_up_at=_first_day(gathered) or row.signed_up_at,
                active_services=customer.stats.active_services,
                paid_invoices=customer.stats.paid_invoices,
                overdue_invoices=customer.stats.overdue_invoices,
                revenue_minor=customer.revenue.amount_minor if customer.revenue else None,
                last_read_at=draft.now,
            )
        )
    return row


async def remember_identities(draft: OrderDraft, gathered: Gathered, known: Links) -> None:
    """Record the customer's identities and that this order was placed, for later orders."""
    if draft.customer_id is None or gathered.order is None:
        return
    placed_at = draft.order.placed_at or draft.now
    await links.remember(draft.tx, draft.customer_id, known, now=placed_at)
    ip_hash = known.hashes.get("ip")
    await identities.remember_order(draft.tx, draft.order_id, draft.customer_id, ip_hash, placed_at=placed_at)


def inputs_digest(facts: Facts, *, without: tuple[str, ...] = ()) -> str:
    """Return a digest of the inputs whose change has an order decided again: fraud check, payment, asking ticket,
    items, agreement.

    It includes who placed the order, because that event may arrive after the first look, and the facts that could not
    be read, because the order is decided again once they are available.
    """
    order = facts.order
    check = order.fraud_check
    seen: list[Any] = [
        order.payment.value,
        order.placed_by.value,
        None if check is None else [check.module, check.verdict.value, check.score],
        order.asking_ticket_id,
        facts.agreement.value,
        [[item.kind, item.relid, item.product_id, item.cycle, item.first_amount] for item in order.items],
        [[finding.kind.value, finding.term] for finding in order.requests],
        facts.customer is None,
        order.currency,
    ]
    answers = [each for each in order.outside if each.provider != geoip.NAME]  # a new GeoIP file changes no order
    if answers:  # an answer may arrive after the first look
        seen.append([[each.provider, each.degraded, each.score, each.reports] for each in answers])
    if without:
        seen.append(["without", *without])
    if order.cut:
        seen.append([[one.where, one.why.value] for one in order.cut])
    return hashlib.sha256(json.dumps(seen, separators=(",", ":")).encode()).hexdigest()


def follow_in_shadow(draft: OrderDraft) -> None:
    """Set the state from the panel alone, as shadow mode requires."""
    states: dict[str, OrderState] = {
        PanelOrderStatus.ACTIVE: OrderState.RELEASED,
        PanelOrderStatus.CANCELLED: OrderState.CANCELLED,
        PanelOrderStatus.FRAUD: OrderState.REJECTED,
        PanelOrderStatus.PENDING: OrderState.RECEIVED,
    }
    target = states.get(draft.order.panel_status, OrderState.RECEIVED)
    if target is not draft.state:
        draft.change(state=target.value)
        active = TimelineCode.SHOWN_ACTIVE if draft.order.panel_status == "Active" else None
        draft.say(f"the panel shows it {draft.order.panel_status}", by=PANEL, code=active)


async def go_on_after_shadow(draft: OrderDraft) -> None:
    """Put the earlier decision into force again after a time in shadow, when the state only followed the panel."""
    if draft.state is not OrderState.RECEIVED or draft.order.panel_status != PanelOrderStatus.PENDING:
        return
    decision = await decisions.latest(draft)
    if decision is None or decision.mode != Mode.ENFORCE:
        return
    release = draft.release_target()
    waits = OrderState.RELEASED if release is OrderState.RELEASED else OrderState.AWAITING_PAYMENT
    states = {Outcome.APPROVE: waits, Outcome.REJECT: OrderState.REJECTING}
    draft.change(state=states.get(decision.outcome, OrderState.HELD).value)


def _first_day(gathered: Gathered) -> datetime | None:
    day = gathered.signed_up_on
    return None if day is None else datetime.combine(day, time.min, tzinfo=UTC)
