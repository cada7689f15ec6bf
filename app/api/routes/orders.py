"""Orders: lists, details, explanations, the gate, and the actions of staff."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import Body as BodyParam
from fastapi import Depends, Query, Request, Response
from pydantic import AfterValidator, Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.background import BackgroundTask

from app.api import problems
from app.api.auth import GATE, OPS, PANEL
from app.api.fields import (
    LONGEST_QUESTION,
    Absent,
    Amount,
    Body,
    CustomerFilter,
    EmailFilter,
    Flag,
    Minutes,
    Note,
    NumberFilter,
    OrderId,
    storable_text,
)
from app.api.serving import Change, ChangeDep, ContextDep, PeriodDep, WindowDep, answer, read, router
from app.api.views.explanation import ExplanationView, explanation_view
from app.api.views.explanation_staff import StaffExplanationView, staff_explanation_view
from app.api.views.filtered import OrderFilter, list_orders
from app.api.views.orders import OrderSummary, OrderView
from app.api.views.orders_read import order_view
from app.core.consequences.news import ActionRequest, WorkTerms
from app.core.judgement.decide import Outcome
from app.core.states import OrderState, Trigger
from app.errors import NotFound
from app.paging import Page
from app.workflow import staff
from app.workflow.gate import asking, presence
from app.workflow.gate.passing import GateAnswer

orders = router("/orders", "orders")
_OPS, _PANEL = [Depends(OPS)], [Depends(PANEL)]
_ACTING, _ASKING = problems.declare(*problems.ACTING), problems.declare(*problems.ASKING)
_APPROVING = problems.declare(*problems.APPROVING)


@orders.get(
    "",
    response_model=Page[OrderSummary],
    dependencies=_OPS,
    summary="List orders, newest first",
    description=(
        "Listed orders leave out items, request text, tickets, signals, panel calls and timeline. `since` and `until` "
        "mean the time when the order was placed."
    ),
)
async def list_all(
    *,
    context: ContextDep,
    window: WindowDep,
    placed: PeriodDep,
    number: NumberFilter = None,
    email: EmailFilter = None,
    state: Annotated[OrderState | Absent, Query(description="The order's state in Doorman.")] = None,
    outcome: Annotated[Outcome | Absent, Query(description="The latest decision.")] = None,
    customer_id: CustomerFilter = None,
) -> Response:
    wanted = OrderFilter(
        state=state, outcome=outcome, customer_id=customer_id, number=number, email=email, placed=placed
    )
    return await read(context, lambda connection: list_orders(connection, context.settings, window, wanted))


@orders.get(
    "/{order_id}",
    response_model=OrderView,
    dependencies=_PANEL,
    responses=problems.declare(NotFound),
    summary="Show one order",
    description="Includes scores, the decision and its reasons, fee, panel calls, timeline, and the possible actions.",
)
async def show(context: ContextDep, order_id: OrderId) -> Response:
    return await read(context, lambda connection: order_view(connection, context.settings, order_id))


class Reader(StrEnum):
    """The reader for whom a decision is explained."""

    CUSTOMER = "customer"
    STAFF = "staff"


@orders.get(
    "/{order_id}/explanation",
    response_model=ExplanationView | StaffExplanationView,
    dependencies=_OPS,
    responses=problems.declare(NotFound),
    summary="Explain the decision to the customer or to staff",
    description=(
        "For the customer: plain words with the price, the options and how to avoid a hold next time; it "
        "contains nothing that helps fraudsters. `for=staff`: every point of both scores, and work and money "
        "line by line."
    ),
)
async def explain(
    context: ContextDep,
    order_id: OrderId,
    reader: Annotated[Reader, Query(alias="for", description="Who reads it.")] = Reader.CUSTOMER,
) -> Response:
    if reader is Reader.STAFF:
        return await read(context, lambda connection: staff_explanation_view(connection, order_id))
    return await read(context, lambda connection: explanation_view(connection, context.settings, order_id))


class GateReason(StrEnum):
    """Why the gate is open or shut."""

    SHADOW = "shadow"
    BEFORE_CUTOVER = "before_cutover"
    NOT_OURS = "not_ours"
    APPROVED = "approved"
    HELD_FOR_FEE = "held_for_fee"
    HELD_FOR_REVIEW = "held_for_review"
    REJECTED = "rejected"
    UNDECIDED = "undecided"


class GateView(Body):
    """The gate's answer."""

    provision: bool
    reason: GateReason


@orders.get(
    "/{order_id}/gate",
    response_model=GateView,
    dependencies=[Depends(GATE)],
    summary="Ask whether the order may be provisioned now",
    description=(
        "The panel's addon asks before each provisioning. An undecided order is decided now; the answer arrives "
        "within 1.5 seconds. Always 200, even while the database is locked, full or down: the answer is then "
        "`undecided` if nothing is known."
    ),
)
async def ask_gate(request: Request, context: ContextDep, order_id: OrderId) -> Response:
    made: GateAnswer = await asking.ask(context, order_id, since=request.state.arrived)
    answered = answer(made)
    answered.background = BackgroundTask(presence.remember, context, [order_id])  # the checkout does not wait for it
    return answered


# --- what staff do ------------------------------------------------------------------------------------------------


class Noted(Body):
    """An action with only a note."""

    note: Note = None


class Approve(Noted):
    """Approve the order."""

    work: Annotated[
        WorkTerms | None,
        Field(
            description=(
                "Needed where the order asks for work that nobody pays for (`work_unpaid` in the queue): `free` does "
                "it for free, `fee` holds the order and asks the customer for the estimate."
            )
        ),
    ] = None


class Reject(Noted):
    """Reject the order."""

    fraud: Annotated[Flag, Field(description="Mark it as fraud in the panel instead of cancelling it.")] = False


class ChargeFee(Noted):
    """Charge a fee: the estimate, the cost of these minutes, or this amount."""

    minutes: Minutes | None = None
    amount: Amount | None = None


class Ask(Noted):
    """Ask the customer, and wait for the answer."""

    question: Annotated[
        Annotated[str, Field(pattern=r"\S", max_length=LONGEST_QUESTION), AfterValidator(storable_text)] | None,
        Field(
            description="Plain text for the customer; if left out, the decision's prepared question is sent.",
            examples=["Which of your sites sends newsletters, and to whom?"],
        ),
    ] = None


class CancelReason(StrEnum):
    """Why an order is cancelled."""

    CUSTOMER_WITHDREW = "customer_withdrew"
    DUPLICATE = "duplicate"
    OTHER = "other"


class Cancel(Noted):
    """Cancel the order without blaming the customer."""

    reason: CancelReason = CancelReason.OTHER


async def _act(change: Change, order_id: int, action: Trigger, request: ActionRequest) -> Response:
    async def effect(tx: AsyncConnection) -> OrderView:
        await staff.act(tx, change.context, order_id, action, request, by=change.by, now=change.now)
        return await order_view(tx, change.context.settings, order_id)

    return await change.run(effect)


def _note(body: Noted | None) -> str | None:
    return body.note if body is not None else None


_NOTE_EXAMPLES = {"plain": {"summary": "Nothing to add", "value": {}}, "note": {"value": {"note": "Called them."}}}
NotedBody = Annotated[Noted | None, BodyParam(openapi_examples=_NOTE_EXAMPLES)]
ApproveBody = Annotated[
    Approve | None,
    BodyParam(
        openapi_examples={
            "plain": {"summary": "Nothing to add", "value": {}},
            "for the fee": {"summary": "Ask for the fee of its work first", "value": {"work": "fee"}},
            "work for free": {"summary": "Do its work for free", "value": {"work": "free", "note": "A good customer."}},
        }
    ),
]
RejectBody = Annotated[
    Reject | None,
    BodyParam(
        openapi_examples={
            "cancel it": {"summary": "Cancel it; it is not marked as fraud", "value": {"fraud": False}},
            "mark it as fraud": {"summary": "Mark it as fraud", "value": {"fraud": True}},
        }
    ),
]
FeeBody = Annotated[
    ChargeFee | None,
    BodyParam(
        openapi_examples={
            "the estimate": {"value": {}},
            "by minutes": {"value": {"minutes": 90, "note": "They want 1.2 TB moved by hand."}},
            "by amount": {"value": {"amount": "75.00"}},
        }
    ),
]
AskBody = Annotated[
    Ask | None,
    BodyParam(
        openapi_examples={
            "the prepared question": {"value": {}},
            "your own": {"value": {"question": "Which of your sites sends newsletters, and to whom?"}},
        }
    ),
]
CancelBody = Annotated[
    Cancel | None,
    BodyParam(
        openapi_examples={
            "for another reason": {"value": {"reason": "other"}},
            "the customer withdrew it": {"value": {"reason": "customer_withdrew"}},
            "it is a duplicate": {"value": {"reason": "duplicate", "note": "Of order 1041."}},
        }
    ),
]


@orders.post(
    "/{order_id}/approve",
    response_model=OrderView,
    dependencies=_OPS,
    responses=_APPROVING,
    summary="Approve: accept it as soon as it is paid",
    description=(
        "A person's decision supersedes the policy and is never undone by a re-score. An open fee is cancelled. "
        "Also undoes a reject. An order held for another reason that asks for work is 409 `work-unpaid` until "
        "`work` says whether the work is free. `panel_steps` in the answer says what is left to do in the panel."
    ),
)
async def approve(change: ChangeDep, order_id: OrderId, body: ApproveBody = None) -> Response:
    asked = body or Approve()
    return await _act(change, order_id, Trigger.APPROVE, ActionRequest(work=asked.work, note=asked.note))


@orders.post(
    "/{order_id}/reject",
    response_model=OrderView,
    dependencies=_OPS,
    responses=_ACTING,
    summary="Reject: cancel it in the panel, or mark it as fraud",
    description=(
        "`fraud` is false unless said: the order is then cancelled without a fraud mark. With `fraud`, the customer "
        "counts as known for fraud from now on, which adds risk to customers who share the address, phone or IP. "
        "`fraud` in the answer says which it was. Money already paid stays in the queue as `refund_due`. If the "
        "order was only reviewed for fit, the customer is declined politely (`messages.declined`); otherwise the "
        "customer is notified if `messages.rejected` is on."
    ),
)
async def reject(change: ChangeDep, order_id: OrderId, body: RejectBody = None) -> Response:
    request = ActionRequest(fraud=body is not None and body.fraud, note=_note(body))
    return await _act(change, order_id, Trigger.REJECT, request)


@orders.post(
    "/{order_id}/charge-fee",
    response_model=OrderView,
    dependencies=_OPS,
    responses=_ACTING,
    summary="Hold it and ask the customer for a fee",
    description="Without minutes and amount, the fee is the estimate. Customers agree by paying the invoice.",
)
async def charge_fee(change: ChangeDep, order_id: OrderId, body: FeeBody = None) -> Response:
    asked = body or ChargeFee()
    request = ActionRequest(minutes=asked.minutes, amount=asked.amount, note=asked.note)
    return await _act(change, order_id, Trigger.CHARGE_FEE, request)


@orders.post(
    "/{order_id}/waive-fee",
    response_model=OrderView,
    dependencies=_OPS,
    responses=_ACTING,
    summary="Waive the fee and let the order go on with the work",
    description="The fee's invoice is cancelled, and the customer is notified (`messages.fee_waived`).",
)
async def waive_fee(change: ChangeDep, order_id: OrderId, body: NotedBody = None) -> Response:
    return await _act(change, order_id, Trigger.WAIVE_FEE, ActionRequest(note=_note(body)))


@orders.post(
    "/{order_id}/drop-request",
    response_model=OrderView,
    dependencies=_OPS,
    responses=_ACTING,
    summary="Go on as sold in the cart, without a fee",
    description=(
        "For a customer who does not want the work: an open fee is cancelled, the order goes on, and the "
        "customer is notified (`messages.request_dropped`)."
    ),
)
async def drop_request(change: ChangeDep, order_id: OrderId, body: NotedBody = None) -> Response:
    return await _act(change, order_id, Trigger.DROP_REQUEST, ActionRequest(note=_note(body)))


@orders.post(
    "/{order_id}/cancel",
    response_model=OrderView,
    dependencies=_OPS,
    responses=_ACTING,
    summary="Cancel it in the panel, without blame",
    description="Money already paid on it stays in the queue as `refund_due` until a person settles it.",
)
async def cancel(change: ChangeDep, order_id: OrderId, body: CancelBody = None) -> Response:
    asked = body or Cancel()
    return await _act(change, order_id, Trigger.CANCEL, ActionRequest(reason=asked.reason.value, note=asked.note))


@orders.post(
    "/{order_id}/ask",
    response_model=OrderView,
    dependencies=_OPS,
    responses=_ASKING,
    summary="Ask the customer, and hold it until the answer",
    description=(
        "Opens a ticket in the messages department; further questions go into the same ticket. The answer moves "
        "the order to the top of the queue. Without an answer, the customer is reminded once, and then "
        "cancelling the order is proposed. An open fee is cancelled. 422 if no question is given and none is "
        "prepared; 409 `looks-duplicate` if the same question is already waiting for an answer."
    ),
)
async def ask(change: ChangeDep, order_id: OrderId, body: AskBody = None) -> Response:
    asked = body or Ask()
    return await _act(change, order_id, Trigger.ASK, ActionRequest(question=asked.question, note=asked.note))


@orders.post(
    "/{order_id}/hold",
    response_model=OrderView,
    dependencies=_OPS,
    responses=_ACTING,
    summary="Hold it for review",
    description="Nothing is set up until a person decides. An open fee is cancelled.",
)
async def hold(change: ChangeDep, order_id: OrderId, body: NotedBody = None) -> Response:
    return await _act(change, order_id, Trigger.HOLD, ActionRequest(note=_note(body)))


@orders.post(
    "/{order_id}/refund-done",
    response_model=OrderView,
    dependencies=_OPS,
    responses=_ACTING,
    summary="Mark the due refund as done",
    description="Refund it in the panel first: this call moves no money. The order then leaves the queue.",
)
async def refund_done(change: ChangeDep, order_id: OrderId, body: NotedBody = None) -> Response:
    return await _act(change, order_id, Trigger.REFUND_DONE, ActionRequest(note=_note(body)))
