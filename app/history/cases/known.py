"""What live judgements know about the past after an import: identities, sightings, and each customer's history.

Safe to repeat, and nothing is counted twice: an order counts by its own row if live decisions have counted it, else by
its imported row. Live decisions will count orders that are still Pending.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.muting import MATURE
from app.core.judgement.together import FARTHEST
from app.core.policy.document import Policy
from app.core.statuses import PanelInvoiceStatus, PanelOrderStatus
from app.customers.addresses import block_of
from app.customers.first_orders import has_paid_past
from app.customers.newcomers import rows_of
from app.db import insert_into, insert_new
from app.history.cases.maker import PastCase
from app.history.cases.rows import in_chunks
from app.history.cases.shared import Shared
from app.history.cases.timeline import Rows, fraud_known_at, midnight
from app.tables.customers import (
    address_blocks,
    customers,
    first_orders,
    identities,
    new_accounts,
    order_sightings,
    signal_firings,
)
from app.tables.history import CaseSource, cases
from app.tables.orders import orders

#: Velocity looks back one day; muting as far as the policy says, from orders that are old enough.
_SIGHTING_DAYS: Final = 2
_COUNTS: Final = ("orders", "manual_orders", "effortless_orders", "fraud_orders")


@dataclass(slots=True)
class Known:
    """One customer of a page: the rows of the panel and the cases made from them."""

    rows: Rows
    cases: list[PastCase] = field(default_factory=list)


async def remember(tx: AsyncConnection, page: list[Known], shared: Shared, policy: Policy, *, now: datetime) -> None:
    """Update our own tables with a page of customers."""
    known = [one for one in page if one.rows.customer_id]
    if not known:
        return
    await _identities(tx, known, shared)
    await _customers(tx, known, now=now)
    await _first_orders(tx, known)
    since = now - timedelta(days=max(_SIGHTING_DAYS, policy.muting.days)) - MATURE
    await _sightings(tx, known, since=since, now=now)


async def _identities(tx: AsyncConnection, page: list[Known], shared: Shared) -> None:
    """Store identities, each with the earliest moment that we know of."""
    seen: dict[tuple[str, str, int], datetime] = {}
    addresses: list[dict[str, Any]] = []
    for one in page:
        customer_id, listed = one.rows.customer_id, one.rows.customer
        signed_up_at = midnight(listed.signed_up_on) if listed and listed.signed_up_on else None
        first = shared.first_seen(customer_id, signed_up_at)
        if listed is not None and first is not None:
            since = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=first)
            for kind, value in one.rows.identities().items():
                seen[kind, value, customer_id] = since
            for value in one.rows.payments():
                seen["payment", value, customer_id] = since
            if (block := block_of(listed.customer)) is not None:
                row = {"block": block.block, "customer_id": customer_id}
                addresses.append(row | {"street": block.street, "first_seen_at": since})
        for case in one.cases:
            if "ip" in case.known:
                seen.setdefault(("ip", case.known["ip"], customer_id), case.placed_at)
    if addresses:
        await tx.execute(insert_new(tx, address_blocks), addresses)
    if not seen:
        return
    rows = [
        {"kind": kind, "hash": value, "customer_id": customer_id, "first_seen_at": at}
        for (kind, value, customer_id), at in sorted(seen.items())
    ]
    new = insert_into(tx, identities)
    earlier = new.on_conflict_do_update(
        index_elements=list(identities.primary_key),
        set_={"first_seen_at": new.excluded.first_seen_at},
        where=identities.c.first_seen_at > new.excluded.first_seen_at,
    )
    await tx.execute(earlier, rows)


async def _customers(tx: AsyncConnection, page: list[Known], *, now: datetime) -> None:
    """Set each customer's counts; the rows are locked before our own orders are counted, as live decisions do."""
    new = [{"customer_id": one.rows.customer_id, "first_heard_at": _first_heard(one, now)} for one in page]
    await tx.execute(insert_new(tx, customers), new)
    ids = [one.rows.customer_id for one in page]
    query = sa.select(customers).order_by(customers.c.customer_id).with_for_update()
    stored = {row.customer_id: row async for row in in_chunks(tx, query, customers.c.customer_id, ids)}
    counted = await _counted_live(tx, ids)
    changes = []
    for one in page:
        row = stored[one.rows.customer_id]
        if row.merged_into is not None:
            continue
        wanted = _wanted(one, row, counted[one.rows.customer_id], now=now)
        if any(getattr(row, name) != value for name, value in wanted.items()):
            changes.append({"of": row.customer_id, **wanted})
    if changes:
        values: dict[str, Any] = {name: sa.bindparam(name) for name in changes[0] if name != "of"}
        update = customers.update().where(customers.c.customer_id == sa.bindparam("of"))
        await tx.execute(update.values(**values, version=customers.c.version + 1), changes)


def _first_heard(one: Known, now: datetime) -> datetime:
    listed = one.rows.customer
    signed_up = [midnight(listed.signed_up_on)] if listed and listed.signed_up_on else []
    return min([*signed_up, *(case.placed_at for case in one.cases)], default=now)


async def _counted_live(tx: AsyncConnection, customer_ids: list[int]) -> dict[int, dict[int, Any]]:
    query = sa.select(
        orders.c.order_id,
        orders.c.customer_id,
        orders.c.panel_status,
        orders.c.counted,
        orders.c.counted_manual,
        orders.c.effortless,
        orders.c.fraud,
    )
    found: dict[int, dict[int, Any]] = defaultdict(dict)
    async for row in in_chunks(tx, query, orders.c.customer_id, customer_ids):
        found[row.customer_id][row.order_id] = row
    return found


def _wanted(one: Known, row: Any, live: dict[int, Any], *, now: datetime) -> dict[str, Any]:
    """Return the values that the customer's row should have."""
    counts = dict.fromkeys(_COUNTS, 0)
    for order in live.values():
        counts["orders"] += order.counted
        counts["manual_orders"] += order.counted_manual
        counts["effortless_orders"] += order.effortless
        counts["fraud_orders"] += order.fraud
    disputed = 0
    evidence = [] if row.bad_at is None else [row.bad_at]
    for case in one.cases:
        own, status = live.get(case.order.order_id), case.order.status
        invoice = one.rows.invoices.get(case.order.invoice_id or 0)
        if invoice is not None and invoice.status == PanelInvoiceStatus.COLLECTIONS:
            disputed += 1
            evidence.append(case.placed_at if invoice.due_on is None else midnight(invoice.due_on))
        if (known_at := fraud_known_at(case.order, case.placed_at)) is not None:
            evidence.append(known_at)
        if (own is None or not own.counted) and status != PanelOrderStatus.PENDING:
            counts["orders"] += 1
            counts["manual_orders"] += case.manual
            counts["effortless_orders"] += case.effortless
        seen_as_fraud = own is None or (not own.fraud and own.panel_status == PanelOrderStatus.FRAUD)
        counts["fraud_orders"] += status == PanelOrderStatus.FRAUD and seen_as_fraud
    chargebacks = max(row.chargebacks, disputed)
    listed = one.rows.customer
    unread = listed is not None and row.last_read_at is None
    return counts | {
        "chargebacks": chargebacks,
        "bad": counts["fraud_orders"] > 0 or chargebacks > 0,
        "bad_at": min(max(evidence), now) if evidence else None,
        "status": listed.customer.status[:24] if listed and unread else row.status,
        "currency": listed.customer.currency if listed and unread else row.currency,
        "signed_up_at": midnight(listed.signed_up_on)
        if listed and listed.signed_up_on and row.signed_up_at is None
        else row.signed_up_at,
    }


async def _first_orders(tx: AsyncConnection, page: list[Known]) -> None:
    """Store each customer's first order; the earliest that we know of stays."""
    firsts = [one.cases[0] for one in page if one.cases]
    rows = [
        {
            "customer_id": case.order.customer_id,
            "order_id": case.order.order_id,
            "currency": case.order.amount.currency,
            "amount_minor": case.order.amount.amount_minor,
            "placed_at": case.placed_at,
        }
        for case in firsts
        if case.order.amount is not None
        and case.order.amount.amount_minor > 0
        and not (case.facts.customer and has_paid_past(case.facts.customer.paid_invoices))
    ]
    if not rows:
        return
    new = insert_into(tx, first_orders)
    earlier = new.on_conflict_do_update(
        index_elements=list(first_orders.primary_key),
        set_={name: new.excluded[name] for name in ("order_id", "currency", "amount_minor", "placed_at")},
        where=first_orders.c.placed_at > new.excluded.placed_at,
    )
    await tx.execute(earlier, rows)


async def _sightings(tx: AsyncConnection, page: list[Known], *, since: datetime, now: datetime) -> None:
    """Store recent orders for velocity, and their signals for muting; live orders have theirs already."""
    recent = [case for one in page for case in one.cases if case.placed_at > since and case.order.customer_id]
    if not recent:
        return
    ids = [case.order.order_id for case in recent]
    query = sa.select(cases.c.order_id).where(cases.c.source == CaseSource.LIVE.value)
    live = {row.order_id async for row in in_chunks(tx, query, cases.c.order_id, ids)}
    imported = [case for case in recent if case.order.order_id not in live]
    if not imported:
        return
    rows = [
        {
            "order_id": case.order.order_id,
            "customer_id": case.order.customer_id,
            "ip_hash": case.known.get("ip"),
            "placed_at": case.placed_at,
        }
        for case in imported
    ]
    await tx.execute(insert_new(tx, order_sightings), rows)
    newest = now - FARTHEST  # an older order is in nobody's group
    newcomers = [case.newcomer for case in imported if case.newcomer is not None and case.placed_at > newest]
    shared = [row for one in newcomers for row in rows_of(one.sighting, one.traits)]
    if shared:
        await tx.execute(insert_new(tx, new_accounts), shared)
    stale = signal_firings.delete().where(
        signal_firings.c.placed_at == sa.bindparam("at"), signal_firings.c.order_id == sa.bindparam("of")
    )
    await tx.execute(stale, [{"at": case.placed_at, "of": case.order.order_id} for case in imported])
    fired = [
        {"code": code, "order_id": case.order.order_id, "placed_at": case.placed_at}
        for case in imported
        for code in case.fired
    ]
    if fired:
        await tx.execute(signal_firings.insert(), fired)
