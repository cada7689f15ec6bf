"""An order as the API returns it, alone and in lists, read with a fixed number of queries."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.core.facts import OrderKind, PaymentState, PlacedBy
from app.core.judgement.decide import Outcome
from app.core.judgement.signals.base import ScoreKind
from app.core.records import CallState, Mode
from app.core.states import FeeState, Flag, HoldKind, OrderState, Provisioning
from app.shown import SHOWN, Cut, Evidence, Reasons, StoredMoney, View, first
from app.tables.orders import FeeForm

_Amount = Annotated[str | None, Field(description="With the decimals of the order's currency.", examples=["15.00"])]
_StoredAmount = Annotated[
    StoredMoney, Field(description="With the decimals of the order's currency.", examples=["15.00"])
]
_At = Annotated[datetime | None, Field(description="UTC.")]

_SIGNALS = 40


class ItemView(View):
    """One line of the order."""

    product: Annotated[str, Cut(200)]
    amount: Annotated[_Amount, Cut(20)]
    panel_status: Annotated[str, Cut(40), Field(description="As the panel names it.", examples=["Pending"])]


class PaymentView(View):
    """The payment of the order's own invoice."""

    invoice_id: int | None
    state: PaymentState
    paid_at: _At


class ScoresView(View):
    """Both scores, 0-100, of the latest judgement."""

    self_service: Annotated[int, Field(description="100: this order needs no staff time.")]
    risk: Annotated[int, Field(description="100: certainly fraud or abuse.")]


class LabourView(View):
    """Staff minutes, their cost, and the margin that pays for them."""

    minutes: int
    cost: _StoredAmount
    margin_month: _StoredAmount
    payback_months: Annotated[
        float | None,
        Field(description="Months of margin that the work uses up; null if never earned back or not known."),
    ]


class SignalView(View):
    """One finding: its points, a sentence, and the evidence."""

    code: str
    score: ScoreKind
    points: int
    detail: Annotated[str, Cut(1_100)]
    evidence: Evidence


class DecisionView(View):
    """The decision in force."""

    outcome: Outcome
    reasons: Reasons
    by: Annotated[
        str, Cut(120), Field(description="`policy`, a key's name, `panel:staff:<id>` or `clock`.", examples=["policy"])
    ]
    policy_version: int | None
    engine_version: str
    mode: Mode
    at: datetime


class HoldView(View):
    """What a held order waits for."""

    kind: HoldKind
    since: _At
    due_at: _At
    expires_at: _At


class OrderFeeView(View):
    """The newest fee of the order."""

    amount: Annotated[str, Field(description="Net of tax.", examples=["50.00"])]
    total: Annotated[str | None, Field(description="With tax, as the panel computed it.")]
    currency: str
    form: FeeForm
    invoice_id: int | None
    quote_id: int | None
    state: FeeState


class OrderCallView(View):
    """One call that changes something in the panel."""

    id: uuid.UUID
    action: Annotated[str, Field(examples=["accept_order"])]
    state: CallState
    attempts: int
    last_error: Annotated[str | None, Cut(500)]
    uncertain: Annotated[bool, Field(description="Its outcome was never confirmed.")]


class TimelineView(View):
    """One entry of the timeline."""

    at: datetime
    what: Annotated[str, Cut(1_100)]
    by: Annotated[str, Cut(120)]


class PanelStep(View):
    """Something that only staff can do, in the panel."""

    text: Annotated[str, Cut(200), Field(examples=["Accept and provision the order in the panel."])]
    url: Annotated[str | None, Field(description="The order in the panel.")]


class OrderSummary(View):
    """An order in a list: without items, texts, tickets, signals, panel calls and timeline."""

    order_id: Annotated[int, Field(description="The panel's order id.", examples=[100001])]
    order_number: Annotated[str, Cut(40)]
    panel_url: Annotated[str | None, Field(description="Link for staff to the order in the panel.")]
    customer_id: Annotated[int | None, Field(description="The panel's client id.")]
    kind: OrderKind
    state: OrderState
    panel_status: Annotated[str, Cut(40), Field(description="As the panel names it.", examples=["Pending"])]
    provisioning: Provisioning
    placed_by: PlacedBy
    placed_at: _At
    amount: _Amount
    currency: Annotated[str | None, Field(examples=["USD"])]
    recurring_monthly: _StoredAmount
    payment: PaymentView
    refund_due: Annotated[str | None, Field(description="Money paid on an ended order, until a person settles it.")]
    scores: ScoresView | None
    labour: LabourView | None
    decision: DecisionView | None
    flags: tuple[Flag, ...]
    hold: HoldView | None
    fee: OrderFeeView | None
    actions: Annotated[
        tuple[str, ...],
        Field(
            description="The possible actions; the policy's suggestion comes first.", examples=[["approve", "cancel"]]
        ),
    ]


class OrderView(View):
    """An order. Texts that would make it larger than 64 kB are cut and end in "…"."""

    order_id: Annotated[int, Field(description="The panel's order id.", examples=[100001])]
    order_number: Annotated[str, Cut(40)]
    panel_url: Annotated[str | None, Field(description="Link for staff to the order in the panel.")]
    customer_id: Annotated[int | None, Field(description="The panel's client id.")]
    kind: OrderKind
    state: OrderState
    panel_status: Annotated[str, Cut(40), Field(description="As the panel names it.", examples=["Pending"])]
    provisioning: Provisioning
    placed_by: PlacedBy
    placed_at: _At
    amount: _Amount
    currency: Annotated[str | None, Field(examples=["USD"])]
    recurring_monthly: _StoredAmount
    items: Annotated[tuple[ItemView, ...], first(SHOWN), Field(description="The first 50 lines.")]
    items_total: int
    request_text: Annotated[
        str, Cut(12_000), Field(description="The customer's texts: 12,000 characters at most, fewer in a large order.")
    ]
    ticket_ids: Annotated[tuple[int, ...], Field(description="Linked tickets, the latest 50.")]
    payment: PaymentView
    refund_due: Annotated[str | None, Field(description="Money paid on an ended order, until a person settles it.")]
    scores: ScoresView | None
    labour: LabourView | None
    signals: Annotated[tuple[SignalView, ...], first(_SIGNALS)]
    decision: DecisionView | None
    flags: tuple[Flag, ...]
    hold: HoldView | None
    fee: OrderFeeView | None
    panel_calls: Annotated[tuple[OrderCallView, ...], Field(description="The latest 50, oldest first.")]
    panel_calls_total: int
    timeline: Annotated[tuple[TimelineView, ...], Field(description="The latest 50 lines, oldest first.")]
    timeline_total: int
    actions: Annotated[
        tuple[str, ...],
        Field(
            description="The possible actions; the policy's suggestion comes first.", examples=[["approve", "cancel"]]
        ),
    ]
    fraud: Annotated[bool, Field(description="True if it ended as fraud: marked so in the panel, and counted.")]
    work_unpaid: Annotated[
        bool,
        Field(description="It asks for work that nobody pays for: `approve` needs `work` to say whether it is free."),
    ]
    panel_steps: Annotated[
        tuple[PanelStep, ...], Field(description="What staff must do in the panel now; empty if nothing is left.")
    ]
    prepared_question: Annotated[
        str | None,
        Cut(4_000),
        Field(description="The prepared question for the customer; `ask` sends it, or your own question."),
    ]
