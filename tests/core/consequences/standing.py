"""The standings of an order: each state, and what usually belongs to an order in it.

A standing is a state in words; a held order has three, by what it waits for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.core.judgement.decide import Outcome
from app.core.states import HoldKind, OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an order in one standing usually came there.

    `verdict` names the facts that the policy judged, `reason` the code of a person's decision after it. `calls` are
    those about the order, each a key and a state.
    """

    state: OrderState
    hold: HoldKind | None = None
    verdict: str | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    panel: str = "Pending"
    paid: bool = False
    fee: str | None = None
    question: str | None = None
    calls: tuple[str, ...] = ()


_S, _O = OrderState, Outcome
STANDINGS: Final[Mapping[str, Standing]] = {
    "received": Standing(state=_S.RECEIVED),
    "awaiting payment": Standing(state=_S.AWAITING_PAYMENT, verdict="approve", outcome=_O.APPROVE),
    "releasing": Standing(
        state=_S.RELEASING, verdict="approve", outcome=_O.APPROVE, paid=True, calls=("order:accept pending",)
    ),
    "released": Standing(
        state=_S.RELEASED, verdict="approve", outcome=_O.APPROVE, paid=True, panel="Active",
        calls=("order:accept done",),
    ),
    "held for a fee": Standing(
        state=_S.HELD, hold=HoldKind.FEE, verdict="fee", outcome=_O.HOLD_FOR_FEE, paid=True, fee="unpaid",
        calls=("fee:create done", "fee:tell done", "order:note:fee:5000 done"),
    ),
    "held for review": Standing(
        state=_S.HELD, hold=HoldKind.REVIEW, verdict="review", outcome=_O.HOLD_FOR_REVIEW, paid=True,
        calls=("order:note:review done",),
    ),
    "held for an answer": Standing(
        state=_S.HELD, hold=HoldKind.ANSWER, verdict="review", outcome=_O.HOLD_FOR_REVIEW, reason="asked", paid=True,
        question="sent", calls=("question:ask done",),
    ),
    "rejecting": Standing(
        state=_S.REJECTING, verdict="reject", outcome=_O.REJECT, calls=("order:cancel pending",)
    ),
    "rejected": Standing(
        state=_S.REJECTED, verdict="reject", outcome=_O.REJECT, panel="Cancelled", calls=("order:cancel done",)
    ),
    "cancelled": Standing(
        state=_S.CANCELLED, verdict="review", outcome=_O.REJECT, reason="customer_withdrew", panel="Cancelled",
        calls=("order:cancel done",),
    ),
    "closed": Standing(state=_S.CLOSED, verdict="approve", outcome=_O.APPROVE, panel=""),
}  # fmt: skip
