"""What waits for a person, most urgent first: breaches, customers' answers, dead calls, groups of new accounts and
reviews by due time, refunds that are due, and last fee holds and questions, which wait for the customer.

One row per order (and per dead call without an order), with its most urgent reason.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Settings
from app.core.consequences.desk.groups import GROUP_ACTIONS
from app.core.consequences.modes import proposal
from app.core.judgement.decide import Judgement
from app.core.judgement.stored import load_judgement
from app.core.records import POLICY, CallState, Mode
from app.core.states import BREACHES, FeeState, Flag, HoldKind, OrderState, possible_actions
from app.paging import Page, SortOrder, Window, read_page
from app.shown import MAX_ROW_BYTES, SHOWN, Cut, ReasonView, View, amount, cut, panel_url, within
from app.tables.columns import UtcDateTime
from app.tables.customers import group_members, groups
from app.tables.orders import decisions, fees, orders
from app.tables.outbox import panel_calls
from app.tables.search import customer_names
from app.tickets import questions
from app.workflow.deciding import Waiting
from app.workflow.provisioning import unbuilt_orders


class Why(StrEnum):
    """Why it waits for a person."""

    FEE = "fee"
    REVIEW = "review"
    ANSWER = "answer"
    REFUND_DUE = "refund_due"
    BREACH = "breach"
    DEAD_CALL = "dead_call"
    GROUP = "group"


class QueueRow(View):
    """One thing that waits for a person."""

    order_id: Annotated[
        int | None, Field(description="Null for a group, and for a dead call that is about no order, such as a credit.")
    ]
    order_number: Annotated[str | None, Cut(40)]
    panel_url: str | None
    customer_id: int | None
    why: Why
    reasons: tuple[ReasonView, ...]
    since: datetime | None
    due_at: datetime | None
    actions: Annotated[
        tuple[str, ...],
        Field(
            description="The possible actions; the policy's suggestion comes first.", examples=[["approve", "cancel"]]
        ),
    ]
    customer_name: Annotated[str | None, Cut(80), Field(description="Person, company.")] = None
    product: Annotated[str | None, Cut(120), Field(examples=["VPS S and 2 more"])] = None
    amount: Annotated[
        str | None, Field(description="With the decimals of the order's currency.", examples=["15.00"])
    ] = None
    currency: Annotated[str | None, Field(examples=["USD"])] = None
    fee: Annotated[
        str | None,
        Field(description="The open fee, or what the work would cost that nobody pays for; net of tax."),
    ] = None
    minutes: Annotated[int | None, Field(description="Staff minutes that the order asks for.")] = None
    risk: Annotated[int | None, Field(description="0-100; 100: certainly fraud or abuse.")] = None
    sentence: Annotated[str, Cut(300), Field(description="Why it waits, in a sentence.")]
    work_unpaid: Annotated[
        bool,
        Field(description="It asks for work that nobody pays for: `approve` needs `work` to say whether it is free."),
    ] = False
    group_id: Annotated[int | None, Field(description="The group of new accounts, for `group`.")] = None
    members: Annotated[
        tuple[int, ...], Field(description="The group's orders, the first fifty; actions on the group are for all.")
    ] = ()


#: Reviews and dead calls share a rank; their due times decide between them.
_DEAD_CALL_RANK = 2
_ANSWERED_RANK = 1
_REASONS_SHOWN = 12
_UNBUILT_TEXT = (
    "Accepted, but not everything was provisioned. The timeline lists what is missing: provision it in the panel."
)
_BREACH_TEXTS = {
    Flag.HOLD_BREACHED: "Services went active although the order is held.",
    Flag.ACCEPTED_BY_AUTOMATION: "Automation accepted the order in the panel although it is held.",
}
_NO_ID = 0
#: Stands before a group's id where a dead call has its own.
_GROUP = "group:"


async def list_queue(connection: AsyncConnection, settings: Settings, window: Window) -> Page[QueueRow]:
    """Return a page of the queue."""
    waiting = _waiting()
    order = SortOrder(
        columns=(waiting.c.rank, waiting.c.at, waiting.c.order_id, waiting.c.call_id),
        kinds=(int, datetime, int, str),
        falling=False,
    )
    rows, cursor = await read_page(connection, sa.select(waiting), order, window)
    found = await _rows(connection, settings, rows)
    return Page(items=tuple(found), next_cursor=cursor)


async def count_queue(connection: AsyncConnection, *, at_most: int) -> int:
    """Return how many things wait, counting up to `at_most`."""
    some = sa.select(sa.literal(1)).select_from(_waiting()).limit(at_most).subquery()
    return int(await connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0)


# --- which, and in which order ------------------------------------------------------------------------------------


def _waiting() -> sa.Subquery:
    """Return (order_id, call_id, why, rank, at, since, due_at) of everything that waits."""
    dead = (
        sa.select(panel_calls.c.order_id, sa.func.min(panel_calls.c.settled_at, type_=UtcDateTime()).label("since"))
        .where(panel_calls.c.state == CallState.DEAD, panel_calls.c.order_id.is_not(None))
        .group_by(panel_calls.c.order_id)
        .subquery()
    )
    return sa.union_all(_waiting_orders(dead), _orderless_calls(), _groups()).subquery()


def _waiting_orders(dead: sa.Subquery) -> sa.Select[*tuple[Any, ...]]:
    breached = orders.c.breached
    unbuilt = unbuilt_orders()
    candidates = sa.union(
        sa.select(orders.c.order_id).where(orders.c.hold_kind.is_not(None)),
        sa.select(orders.c.order_id).where(orders.c.refund_due_minor > 0),
        sa.select(orders.c.order_id).where(breached),
        sa.select(orders.c.order_id).where(unbuilt),
        sa.select(dead.c.order_id),
    ).subquery()
    first_heard = sa.func.coalesce(orders.c.hold_since, orders.c.first_heard_at, type_=UtcDateTime())
    decided = sa.func.coalesce(decisions.c.at, orders.c.first_heard_at, type_=UtcDateTime())
    asked = orders.c.hold_kind == HoldKind.ANSWER
    cases: Sequence[tuple[sa.ColumnElement[bool] | None, Why, int, sa.ColumnElement[Any]]] = (
        (breached, Why.BREACH, 0, first_heard),
        (sa.and_(asked, ~questions.order_waits()), Why.ANSWER, _ANSWERED_RANK, orders.c.hold_since),
        (dead.c.since.is_not(None), Why.DEAD_CALL, _DEAD_CALL_RANK, dead.c.since),
        (unbuilt, Why.DEAD_CALL, _DEAD_CALL_RANK, decided),  # the panel took our accept but built nothing
        (orders.c.hold_kind == HoldKind.REVIEW, Why.REVIEW, _DEAD_CALL_RANK, orders.c.hold_since),
        (orders.c.refund_due_minor > 0, Why.REFUND_DUE, 3, decided),
        (asked, Why.ANSWER, 4, orders.c.hold_since),  # the customer has not answered yet
        (None, Why.FEE, 4, orders.c.hold_since),
    )
    why = _case([(condition, sa.literal(one.value)) for condition, one, _, _ in cases])
    rank = _case([(condition, sa.literal(place)) for condition, _, place, _ in cases])
    since = _case([(condition, moment) for condition, _, _, moment in cases])
    held = orders.c.hold_kind.is_not(None)
    due_at = sa.case((held, orders.c.hold_due_at), else_=sa.null())
    return (
        sa.select(
            orders.c.order_id.label("order_id"),
            sa.literal("").label("call_id"),
            why.label("why"),
            rank.label("rank"),
            _moment(sa.func.coalesce(due_at, since, orders.c.first_heard_at), "at"),
            _moment(since, "since"),
            _moment(due_at, "due_at"),
        )
        .select_from(candidates)
        .join(orders, orders.c.order_id == candidates.c.order_id)
        .outerjoin(dead, dead.c.order_id == orders.c.order_id)
        .outerjoin(decisions, decisions.c.id == orders.c.decision_id)
    )


def _orderless_calls() -> sa.Select[*tuple[Any, ...]]:
    settled = panel_calls.c.settled_at
    return sa.select(
        sa.literal(_NO_ID).label("order_id"),
        sa.cast(panel_calls.c.id, sa.String(36)).label("call_id"),
        sa.literal(Why.DEAD_CALL.value).label("why"),
        sa.literal(_DEAD_CALL_RANK).label("rank"),
        _moment(sa.func.coalesce(settled, panel_calls.c.created_at), "at"),
        _moment(settled, "since"),
        _moment(sa.null(), "due_at"),
    ).where(panel_calls.c.state == CallState.DEAD, panel_calls.c.order_id.is_(None))


def _groups() -> sa.Select[*tuple[Any, ...]]:
    """Return groups of new accounts with an order that was accepted before its group was known."""
    member = sa.select(sa.literal(1)).join(orders, orders.c.order_id == group_members.c.order_id)
    accepted = member.where(
        group_members.c.group_id == groups.c.id, orders.c.state == OrderState.RELEASED, ~orders.c.touched_by_person
    )
    return sa.select(
        sa.literal(_NO_ID).label("order_id"),
        (sa.literal(_GROUP) + sa.cast(groups.c.id, sa.String(36))).label("call_id"),
        sa.literal(Why.GROUP.value).label("why"),
        sa.literal(_DEAD_CALL_RANK).label("rank"),
        _moment(groups.c.created_at, "at"),
        _moment(groups.c.created_at, "since"),
        _moment(sa.null(), "due_at"),
    ).where(groups.c.acted_at.is_(None), accepted.exists())


def _case(rows: Sequence[tuple[sa.ColumnElement[bool] | None, sa.ColumnElement[Any]]]) -> sa.ColumnElement[Any]:
    conditions = [(condition, value) for condition, value in rows if condition is not None]
    return sa.case(*conditions, else_=rows[-1][1])


def _moment(value: Any, name: str) -> sa.Label[datetime]:
    return sa.type_coerce(value, UtcDateTime()).label(name)


# --- showing them -------------------------------------------------------------------------------------------------


async def _rows(connection: AsyncConnection, settings: Settings, found: Sequence[Any]) -> list[QueueRow]:
    ids = [row.order_id for row in found if row.order_id != _NO_ID]
    shown = await connection.execute(sa.select(orders).where(orders.c.order_id.in_(ids)))
    order_rows = {row.order_id: row for row in shown}
    in_force = [row.decision_id for row in order_rows.values() if row.decision_id is not None]
    decided = await connection.execute(
        sa.select(decisions.c.order_id, decisions.c.reasons).where(decisions.c.id.in_(in_force))
    )
    decision_reasons = {row.order_id: row.reasons for row in decided}
    newest = await connection.execute(sa.select(fees).where(fees.c.order_id.in_(ids)).order_by(fees.c.created_at))
    fee_of = {row.order_id: row for row in newest}
    judged = await _judgements(connection, ids)
    whose = [row.customer_id for row in order_rows.values() if row.customer_id is not None]
    called = sa.select(customer_names.c.customer_id, customer_names.c.name)
    named = await connection.execute(called.where(customer_names.c.customer_id.in_(whose)))
    names = {row.customer_id: row.name for row in named}
    calls = await _dead_calls(connection, found, ids)
    acts = settings.mode is Mode.ENFORCE
    rows = []
    for row in found:
        if row.why == Why.GROUP:
            rows.append(await _group_row(connection, row, acts=acts))
            continue
        dead = calls.get(row.order_id if row.order_id != _NO_ID else row.call_id, [])
        if row.order_id == _NO_ID:
            rows.append(_call_row(row, dead))
            continue
        order_row, fee = order_rows[row.order_id], fee_of.get(row.order_id)
        decided_so = decision_reasons.get(row.order_id) or ()
        waiting = Waiting(
            order=order_row,
            customer_name=names.get(order_row.customer_id),
            fee=fee if acts else None,
            judged=judged.get(row.order_id),
            said=_happened(order_row, dead),
            decided=decided_so,
            answered=row.rank == _ANSWERED_RANK,
            actions=actions_of(order_row, None if fee is None else fee.state, decided_so) if acts else (),
        )
        rows.append(_order_row(row, waiting, settings))
    return rows


async def _judgements(connection: AsyncConnection, order_ids: list[int]) -> dict[int, Judgement]:
    """Return the policy's newest judgement of each order, even if somebody decided after it."""
    newest = (
        sa.select(sa.func.max(decisions.c.id))
        .where(decisions.c.order_id.in_(order_ids), decisions.c.by == POLICY)
        .group_by(decisions.c.order_id)
    )
    query = sa.select(decisions.c.order_id, decisions.c.judgement).where(decisions.c.id.in_(newest))
    found = await connection.execute(query)
    return {row.order_id: load_judgement(row.judgement) for row in found if row.judgement}


async def _dead_calls(
    connection: AsyncConnection, found: Sequence[Any], order_ids: list[int]
) -> dict[int | str, list[Any]]:
    """Return the dead calls behind the rows of a page, by order id, or by call id if they have no order."""
    own = [uuid.UUID(row.call_id) for row in found if row.call_id and row.why != Why.GROUP]
    columns = (
        panel_calls.c.id, panel_calls.c.order_id, panel_calls.c.customer_id, panel_calls.c.action,
        panel_calls.c.last_error, sa.cast(panel_calls.c.id, sa.String(36)).label("key_text"),
    )  # fmt: skip
    rows = await connection.execute(
        sa.select(*columns)
        .where(
            panel_calls.c.state == CallState.DEAD,
            sa.or_(panel_calls.c.order_id.in_(order_ids), panel_calls.c.id.in_(own)),
        )
        .order_by(panel_calls.c.seq)
    )
    calls: dict[int | str, list[Any]] = {}
    for row in rows:
        calls.setdefault(row.key_text if row.order_id is None else row.order_id, []).append(row)
    return calls


def _call_reason(call: Any) -> ReasonView:
    error = cut(call.last_error or "no answer", 300)
    text = f"The panel call {call.action} failed: {error.rstrip('.')}. Retry or abandon panel call {call.id}."
    return ReasonView(code=Why.DEAD_CALL.value, text=text)


def _call_row(row: Any, dead: list[Any]) -> QueueRow:
    view = QueueRow(
        order_id=None,
        order_number=None,
        panel_url=None,
        customer_id=dead[0].customer_id if dead else None,
        why=Why.DEAD_CALL,
        reasons=tuple(_call_reason(call) for call in dead[:5]),
        since=row.since,
        due_at=None,
        actions=(),
        sentence=_call_reason(dead[0]).text if dead else "A panel call failed.",
    )
    return within(view, MAX_ROW_BYTES)


async def _group_row(connection: AsyncConnection, row: Any, *, acts: bool) -> QueueRow:
    group_id = int(row.call_id.removeprefix(_GROUP))
    members = await group_orders(connection, group_id)
    accepted = [one.order_id for one in members if one.state == OrderState.RELEASED]
    text = (
        f"{len(members)} new accounts without a paid past ordered together; accepted before that was known: "
        f"{', '.join(map(str, accepted[:10]))}."
    )
    return QueueRow(
        order_id=None,
        order_number=None,
        panel_url=None,
        customer_id=None,
        why=Why.GROUP,
        reasons=(ReasonView(code=Why.GROUP.value, text=text),),
        since=row.since,
        due_at=None,
        actions=tuple(action.value for action in GROUP_ACTIONS) if acts else (),
        group_id=group_id,
        members=tuple(one.order_id for one in members[:SHOWN]),
        sentence=text,
    )


async def group_orders(connection: AsyncConnection, group_id: int) -> Sequence[Any]:
    """Return the rows of a group's orders, the oldest first."""
    query = (
        sa.select(orders)
        .join(group_members, group_members.c.order_id == orders.c.order_id)
        .where(group_members.c.group_id == group_id)
        .order_by(orders.c.order_id)
    )
    return (await connection.execute(query)).all()


def _happened(order: Any, dead: list[Any]) -> list[ReasonView]:
    """Return what happened to an order that a person must see, most urgent first."""
    said = [ReasonView(code=flag.value, text=_BREACH_TEXTS[flag]) for flag in BREACHES if flag in order.flags]
    if order.refund_due_minor > 0:
        text = f"{amount(order.refund_due_minor, order.currency)} {order.currency} must be refunded."
        said.append(ReasonView(code=Why.REFUND_DUE.value, text=text))
    if Flag.PROVISIONING_FAILED in order.flags and order.state == OrderState.RELEASED:
        said.append(ReasonView(code=Flag.PROVISIONING_FAILED.value, text=_UNBUILT_TEXT))
    return said + [_call_reason(call) for call in dead[:3]]


def _order_row(row: Any, waiting: Waiting, settings: Settings) -> QueueRow:
    order = waiting.order
    view = QueueRow.of(
        row,
        order_id=order.order_id,
        order_number=order.order_number,
        panel_url=panel_url(settings, order.order_id),
        customer_id=order.customer_id,
        reasons=(*waiting.said, *waiting.decided[:_REASONS_SHOWN]),
        actions=waiting.actions,
        **waiting.fields(),
    )
    return within(view, MAX_ROW_BYTES)


def actions_of(row: Any, fee_state: str | None, why: Any) -> tuple[str, ...]:
    """Return what staff may do with an order now, as names of the routes; the policy's suggestion comes first.

    `why`: the reasons of the decision in force.
    """
    possible = possible_actions(
        OrderState(row.state),
        fee=None if fee_state is None else FeeState(fee_state),
        refund_due=row.refund_due_minor > 0,
    )
    suggested = proposal(row, why)
    return tuple(sorted((action.value for action in possible), key=lambda name: name != suggested))
