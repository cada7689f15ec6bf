"""Reading the rows of orders and building their views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.views.orders import HoldView, OrderFeeView, OrderSummary, OrderView, PanelStep, PaymentView
from app.config import Settings
from app.core.consequences.desk.in_panel import left_to_staff
from app.core.consequences.desk.unpaid import unpaid_work
from app.core.judgement.stored import load_judgement
from app.core.records import POLICY, Mode
from app.core.states import Flag, OrderState, Trigger
from app.errors import NotFound
from app.shown import MAX_ROW_BYTES, SHOWN, amount, panel_url, within
from app.tables.orders import decisions, fees, order_texts, orders, ticket_orders, timeline
from app.tables.outbox import panel_calls
from app.workflow.queue import actions_of

#: All columns of a decision except the facts, which may be large and are only needed for replays.
_DECISION = (
    decisions.c.id, decisions.c.order_id, decisions.c.outcome, decisions.c.reasons, decisions.c.by, decisions.c.mode,
    decisions.c.policy_version, decisions.c.engine_version, decisions.c.judgement, decisions.c.at,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The rows that alone and in lists make up an order's view; `judgement` is the policy's latest."""

    row: Any
    decision: Any
    judgement: dict[str, Any]
    fee: Any


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
    judgement, acts, url = parts.judgement, settings.mode is Mode.ENFORCE, panel_url(settings, order_id)
    shared = _common(parts, settings)
    unpaid = unpaid_work(row, load_judgement(judgement) if judgement else None)
    view = OrderView.of(
        row,
        **shared,
        items_total=max([len(row.items), *(one.get("total") or 0 for one in row.items[:1])]),
        request_text=text or "",
        ticket_ids=await _ticket_ids(connection, order_id),
        signals=judgement.get("signals"),
        panel_calls=calls,
        panel_calls_total=calls_total,
        timeline=lines,
        timeline_total=lines_total,
        prepared_question=judgement.get("question"),
        work_unpaid=unpaid is not None and Trigger.APPROVE.value in shared["actions"],
        panel_steps=[PanelStep(text=text, url=url) for text in left_to_staff(row)] if acts else (),
    )
    return within(view)


async def order_summaries(connection: AsyncConnection, settings: Settings, rows: Sequence[Any]) -> list[OrderSummary]:
    """Return orders as lists show them, with two more queries however many orders there are."""
    found = await _common_parts(connection, rows)
    return [within(OrderSummary.of(parts.row, **_common(parts, settings)), MAX_ROW_BYTES) for parts in found]


async def _common_parts(connection: AsyncConnection, rows: Sequence[Any]) -> list[_Parts]:
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
        _Parts(
            row=row,
            decision=by_id.get(row.decision_id),
            judgement=judgements.get(row.order_id, {}),
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


# --- what no row holds by the name of the field -------------------------------------------------------------------


def _common(parts: _Parts, settings: Settings) -> dict[str, Any]:
    """Return the computed fields; in shadow mode hold and fee are null and no action is allowed."""
    row, fee, decision, acts = parts.row, parts.fee, parts.decision, settings.mode is Mode.ENFORCE
    labour = parts.judgement.get("labour")
    fee_state, why = None if fee is None else fee.state, () if decision is None else decision.reasons
    held = acts and row.state == OrderState.HELD and row.hold_kind is not None
    return {
        "panel_url": panel_url(settings, row.order_id),
        "amount": amount(row.amount_minor, row.currency),
        "recurring_monthly": labour["recurring_monthly"] if labour else None,
        "payment": PaymentView.of(row, state=row.payment_state),
        "refund_due": amount(row.refund_due_minor, row.currency) if row.refund_due_minor > 0 else None,
        "scores": parts.judgement.get("scores"),
        "labour": labour,
        "decision": decision,
        "flags": tuple(flag for flag in row.flags if flag in set(Flag)),
        "hold": _hold(row) if held else None,
        "fee": _fee(fee) if acts and fee is not None else None,
        "actions": actions_of(row, fee_state, why) if acts else (),
    }


def _hold(row: Any) -> HoldView:
    return HoldView(kind=row.hold_kind, since=row.hold_since, due_at=row.hold_due_at, expires_at=row.hold_expires_at)


def _fee(row: Any) -> OrderFeeView:
    return OrderFeeView.of(
        row, amount=amount(row.amount_minor, row.currency), total=amount(row.total_minor, row.currency)
    )
