"""Reading the rows of orders and building their views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.views.orders import (
    DecisionView,
    HoldView,
    ItemView,
    LabourView,
    OrderCallView,
    OrderFeeView,
    OrderParts,
    OrderSummary,
    OrderView,
    PaymentView,
    ScoresView,
    SignalView,
    TimelineView,
)
from app.config import Settings
from app.core.facts import OrderKind, PaymentState, PlacedBy
from app.core.judgement.decide import Outcome
from app.core.judgement.signals.base import ScoreKind
from app.core.records import POLICY, CallState, Mode
from app.core.states import FeeState, Flag, HoldKind, OrderState, Provisioning
from app.errors import NotFound
from app.shown import MAX_ROW_BYTES, SHOWN, Lengths, amount, cut, cut_or_none, fit, money, panel_url, reasons
from app.tables.orders import FeeForm, decisions, fees, order_texts, orders, ticket_orders, timeline
from app.tables.outbox import panel_calls
from app.workflow.queue import actions_of

_SIGNALS = 40
_EVIDENCE = 12
_QUESTION = 4_000
#: All columns of a decision except the facts, which may be large and are only needed for replays.
_DECISION = (
    decisions.c.id, decisions.c.order_id, decisions.c.outcome, decisions.c.reasons, decisions.c.by, decisions.c.mode,
    decisions.c.policy_version, decisions.c.engine_version, decisions.c.judgement, decisions.c.at,
)  # fmt: skip


# --- reading ------------------------------------------------------------------------------------------------------


async def order_view(connection: AsyncConnection, settings: Settings, order_id: int) -> OrderView:
    """Return one order with all fields of the API. Raises NotFound."""
    row = (await connection.execute(sa.select(orders).where(orders.c.order_id == order_id))).first()
    if row is None:
        raise NotFound(f"no order {order_id} is known; its event may not have arrived yet")
    (parts,) = await _common_parts(connection, [row])
    text = await connection.scalar(sa.select(order_texts.c.request_text).where(order_texts.c.order_id == order_id))
    calls, calls_total = await _latest(connection, panel_calls, panel_calls.c.seq, order_id)
    lines, lines_total = await _latest(connection, timeline, timeline.c.id, order_id)
    full = OrderParts(
        row=row,
        decision=parts.decision,
        judgement=parts.judgement,
        fee=parts.fee,
        text=text or "",
        ticket_ids=await _ticket_ids(connection, order_id),
        calls=calls,
        calls_total=calls_total,
        timeline=lines,
        timeline_total=lines_total,
    )
    return fit(lambda lengths: _full(full, settings, lengths))


async def order_summaries(connection: AsyncConnection, settings: Settings, rows: Sequence[Any]) -> list[OrderSummary]:
    """Return orders as lists show them, with two more queries however many orders there are."""
    parts = await _common_parts(connection, rows)
    return [_summary_of(one, settings) for one in parts]


def _summary_of(parts: OrderParts, settings: Settings) -> OrderSummary:
    return fit(lambda lengths: _summary(parts, settings, lengths), limit=MAX_ROW_BYTES)


async def _common_parts(connection: AsyncConnection, rows: Sequence[Any]) -> list[OrderParts]:
    ids = [row.order_id for row in rows]
    if not ids:
        return []
    in_force = [row.decision_id for row in rows if row.decision_id is not None]
    judged = (
        sa.select(sa.func.max(decisions.c.id).label("id"))
        .where(decisions.c.order_id.in_(ids), decisions.c.by == POLICY)
        .group_by(decisions.c.order_id)
    )
    named = sa.select(decisions.c.id).where(decisions.c.id.in_(in_force))
    # one list of ids, because PostgreSQL scans the table for two conditions joined by OR
    found = await connection.execute(sa.select(*_DECISION).where(decisions.c.id.in_(sa.union(named, judged))))
    by_id = {row.id: row for row in found}
    judgements = {row.order_id: row.judgement for row in by_id.values() if row.by == POLICY and row.judgement}
    newest = await connection.execute(sa.select(fees).where(fees.c.order_id.in_(ids)).order_by(fees.c.created_at))
    fee_of = {row.order_id: row for row in newest}
    return [
        OrderParts(
            row=row,
            decision=by_id.get(row.decision_id),
            judgement=judgements.get(row.order_id),
            fee=fee_of.get(row.order_id),
        )
        for row in rows
    ]


async def _latest(
    connection: AsyncConnection, table: sa.Table, place: sa.ColumnElement[Any], order_id: int
) -> tuple[list[Any], int]:
    """Return the latest rows about an order, oldest first, and how many there are."""
    total = sa.func.count().over().label("total")
    query = sa.select(table, total).where(table.c.order_id == order_id).order_by(place.desc()).limit(SHOWN)
    rows = (await connection.execute(query)).all()
    return list(reversed(rows)), int(rows[0].total) if rows else 0


async def _ticket_ids(connection: AsyncConnection, order_id: int) -> tuple[int, ...]:
    linked = sa.select(ticket_orders.c.ticket_id).where(ticket_orders.c.order_id == order_id)
    found = await connection.scalars(linked.order_by(ticket_orders.c.ticket_id.desc()).limit(SHOWN))
    return tuple(sorted(found.all()))


# --- building -----------------------------------------------------------------------------------------------------


def _summary(parts: OrderParts, settings: Settings, lengths: Lengths) -> OrderSummary:
    return OrderSummary(**_head(parts, settings, lengths), **_tail(parts, settings, lengths))


def _full(parts: OrderParts, settings: Settings, lengths: Lengths) -> OrderView:
    items = [one for one in parts.row.items if isinstance(one, dict)]
    return OrderView(
        **_head(parts, settings, lengths),
        **_tail(parts, settings, lengths),
        items=tuple(_item(one, lengths) for one in items[:SHOWN]),
        items_total=max([len(items), *(int(one.get("total") or 0) for one in items[:1])]),
        request_text=cut(parts.text, lengths.request),
        ticket_ids=parts.ticket_ids,
        signals=tuple(_signal(one, lengths) for one in ((parts.judgement or {}).get("signals") or [])[:_SIGNALS]),
        panel_calls=tuple(_call(one, lengths) for one in parts.calls),
        panel_calls_total=parts.calls_total,
        timeline=tuple(
            TimelineView(at=one.at, what=cut(one.what, lengths.line), by=cut(one.by, lengths.name))
            for one in parts.timeline
        ),
        timeline_total=parts.timeline_total,
        prepared_question=cut_or_none((parts.judgement or {}).get("question"), min(_QUESTION, lengths.request)),
    )


def _head(parts: OrderParts, settings: Settings, lengths: Lengths) -> dict[str, Any]:
    row, labour = parts.row, (parts.judgement or {}).get("labour") or {}
    monthly = money(labour.get("recurring_monthly"))
    return {
        "order_id": row.order_id,
        "order_number": cut(row.order_number, 40),
        "panel_url": panel_url(settings, row.order_id),
        "customer_id": row.customer_id,
        "kind": OrderKind(row.kind),
        "state": OrderState(row.state),
        "panel_status": cut(row.panel_status, lengths.name),
        "provisioning": Provisioning(row.provisioning),
        "placed_by": PlacedBy(row.placed_by),
        "placed_at": row.placed_at,
        "amount": amount(row.amount_minor, row.currency),
        "currency": row.currency,
        "recurring_monthly": monthly,
    }


def _tail(parts: OrderParts, settings: Settings, lengths: Lengths) -> dict[str, Any]:
    """Return money, verdict and allowed actions; in shadow mode hold and fee are null and no action is allowed."""
    row, acts = parts.row, settings.mode is Mode.ENFORCE
    judgement = parts.judgement or {}
    scores, labour = judgement.get("scores"), judgement.get("labour")
    return {
        "payment": PaymentView(invoice_id=row.invoice_id, state=PaymentState(row.payment_state), paid_at=row.paid_at),
        "refund_due": amount(row.refund_due_minor, row.currency) if row.refund_due_minor > 0 else None,
        "scores": ScoresView(self_service=scores["self_service"], risk=scores["risk"]) if scores else None,
        "labour": _labour(labour) if labour else None,
        "decision": _decision(parts.decision, lengths) if parts.decision is not None else None,
        "flags": tuple(Flag(one) for one in row.flags if one in set(Flag)),
        "hold": _hold(row) if acts and row.state == OrderState.HELD else None,
        "fee": _fee(parts.fee) if acts and parts.fee is not None else None,
        "actions": _actions(parts) if acts else (),
    }


def _actions(parts: OrderParts) -> tuple[str, ...]:
    reasons_of = () if parts.decision is None else parts.decision.reasons
    return actions_of(parts.row, None if parts.fee is None else parts.fee.state, reasons_of)


def _hold(row: Any) -> HoldView | None:
    if row.hold_kind is None:
        return None
    return HoldView(
        kind=HoldKind(row.hold_kind), since=row.hold_since, due_at=row.hold_due_at, expires_at=row.hold_expires_at
    )


def _fee(row: Any) -> OrderFeeView:
    return OrderFeeView(
        amount=amount(row.amount_minor, row.currency) or "",
        total=amount(row.total_minor, row.currency),
        currency=row.currency,
        form=FeeForm(row.form),
        invoice_id=row.invoice_id,
        quote_id=row.quote_id,
        state=FeeState(row.state),
    )


def _decision(row: Any, lengths: Lengths) -> DecisionView:
    return DecisionView(
        outcome=Outcome(row.outcome),
        reasons=reasons(row.reasons, lengths),
        by=cut(row.by, min(lengths.name, 120)),
        policy_version=row.policy_version,
        engine_version=row.engine_version,
        mode=Mode(row.mode),
        at=row.at,
    )


def _labour(stored: dict[str, Any]) -> LabourView:
    payback = stored.get("payback_months")
    return LabourView(
        minutes=stored["minutes"],
        cost=money(stored.get("cost")),
        margin_month=money(stored.get("margin_month")),
        payback_months=None if payback is None else float(payback),
    )


def _signal(stored: dict[str, Any], lengths: Lengths) -> SignalView:
    found = (stored.get("evidence") or [])[:_EVIDENCE] if lengths.evidence else []
    return SignalView(
        code=stored["code"],
        score=ScoreKind(stored["score"]),
        points=stored["points"],
        detail=cut(stored["detail"], lengths.line),
        evidence={
            cut(str(name), 40): cut(value, lengths.evidence) if isinstance(value, str) else value
            for name, value in found
        },
    )


def _item(stored: dict[str, Any], lengths: Lengths) -> ItemView:
    return ItemView(
        product=cut(str(stored.get("product") or ""), lengths.name),
        amount=cut_or_none(stored.get("amount"), 20),
        panel_status=cut(str(stored.get("panel_status") or ""), min(lengths.name, 40)),
    )


def _call(row: Any, lengths: Lengths) -> OrderCallView:
    return OrderCallView(
        id=row.id,
        action=row.action,
        state=CallState(row.state),
        attempts=row.attempts,
        last_error=cut_or_none(row.last_error, lengths.error),
        uncertain=row.uncertain,
    )
