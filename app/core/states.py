"""The transition tables: the next state of an order for each action, decision and event, and what invoice events do.

State and trigger give the next state. A pair that is not in the table is impossible: an action is answered with
409, an event changes nothing. A person decides whatever no table covers.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class OrderState(StrEnum):
    """Where an order stands with us."""

    RECEIVED = "received"  # not decided yet
    AWAITING_PAYMENT = "awaiting_payment"  # approved, accepted once it is paid
    RELEASING = "releasing"  # the accept is on its way
    RELEASED = "released"
    HELD = "held"
    REJECTING = "rejecting"  # the cancellation or fraud mark is on its way
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    CLOSED = "closed"  # deleted in the panel


class HoldKind(StrEnum):
    """What a held order waits for."""

    FEE = "fee"
    REVIEW = "review"
    ANSWER = "answer"


class Provisioning(StrEnum):
    """How far the order's services are, as last read from the panel."""

    NONE = "none"
    PARTIAL = "partial"
    DONE = "done"
    FAILED = "failed"


class FeeState(StrEnum):
    """How far a fee is."""

    PENDING = "pending"  # wanted, not in the panel yet
    OFFERED = "offered"  # a quote that waits for the customer
    UNPAID = "unpaid"
    PARTLY_PAID = "partly_paid"
    PAYMENT_PENDING = "payment_pending"
    PAID = "paid"
    WAIVED = "waived"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    LOST = "lost"  # its invoice is gone, merged away or disputed: a person looks


OPEN_FEE_STATES = frozenset(
    {FeeState.PENDING, FeeState.OFFERED, FeeState.UNPAID, FeeState.PARTLY_PAID, FeeState.PAYMENT_PENDING}
)


class Flag(StrEnum):
    """What went otherwise than it should."""

    HOLD_BREACHED = "hold_breached"
    ACCEPTED_BY_AUTOMATION = "accepted_by_automation"
    PROVISIONING_FAILED = "provisioning_failed"
    UNKNOWN_TO_PANEL = "unknown_to_panel"


#: Flags for an order that was provisioned despite its hold ...
BREACHES = (Flag.HOLD_BREACHED, Flag.ACCEPTED_BY_AUTOMATION)
#: ... and the states in which a person must look at it.
_WATCHED = (OrderState.HELD, OrderState.REJECTING, OrderState.REJECTED)


def is_breached(state: OrderState, flags: Collection[str]) -> bool:
    """Return whether the order was provisioned despite a hold that still applies."""
    return state in _WATCHED and any(flag in flags for flag in BREACHES)


class Trigger(StrEnum):
    """Everything that can move an order."""

    # verdicts of the policy
    DECIDED_APPROVE = "decided:approve"
    DECIDED_HOLD = "decided:hold"
    DECIDED_REJECT = "decided:reject"
    # actions of staff in Doorman
    APPROVE = "approve"
    REJECT = "reject"
    CHARGE_FEE = "charge-fee"
    WAIVE_FEE = "waive-fee"
    DROP_REQUEST = "drop-request"
    CANCEL = "cancel"
    ASK = "ask"
    HOLD = "hold"
    REFUND_DONE = "refund-done"
    # what happened
    ORDER_PAID = "order paid"
    ACCEPTED = "our accept done"
    ENDED_REJECTED = "our reject done"
    ENDED_CANCELLED = "our cancellation done"
    CALL_DEAD = "our call is dead"
    PANEL_ACTIVE = "panel: Active by staff"
    PANEL_ACTIVE_BY_AUTOMATION = "panel: Active by cron or API"
    PANEL_PENDING = "panel: Pending again"
    PANEL_CANCELLED = "panel: Cancelled"
    PANEL_FRAUD = "panel: Fraud"
    PANEL_DELETED = "panel: deleted"


#: Actions that staff can take, in the order in which they are offered.
STAFF_ACTIONS = (
    Trigger.APPROVE,
    Trigger.CHARGE_FEE,
    Trigger.WAIVE_FEE,
    Trigger.DROP_REQUEST,
    Trigger.ASK,
    Trigger.HOLD,
    Trigger.CANCEL,
    Trigger.REJECT,
    Trigger.REFUND_DONE,
)


class Target(StrEnum):
    """The result of a transition; RELEASE depends on payment and on who accepts (see `release_state`)."""

    RELEASE = "release"
    SAME = "same"
    RECEIVED = OrderState.RECEIVED
    AWAITING_PAYMENT = OrderState.AWAITING_PAYMENT
    RELEASED = OrderState.RELEASED
    HELD = OrderState.HELD
    REJECTING = OrderState.REJECTING
    REJECTED = OrderState.REJECTED
    CANCELLED = OrderState.CANCELLED
    CLOSED = OrderState.CLOSED


_S, _T, _TO = OrderState, Trigger, Target

_UNDECIDED_OR_WAITING = (_S.RECEIVED, _S.HELD, _S.AWAITING_PAYMENT)
_EVERYWHERE_OPEN = (_S.RECEIVED, _S.HELD, _S.AWAITING_PAYMENT, _S.RELEASING, _S.REJECTING)


def _rows() -> dict[tuple[OrderState, Trigger], Target]:
    table: dict[tuple[OrderState, Trigger], Target] = {}
    for state in _UNDECIDED_OR_WAITING:
        table[state, _T.DECIDED_APPROVE] = _TO.RELEASE
        table[state, _T.DECIDED_HOLD] = _TO.HELD
        table[state, _T.DECIDED_REJECT] = _TO.REJECTING
        table[state, _T.REJECT] = _TO.REJECTING
        table[state, _T.CANCEL] = _TO.REJECTING
        table[state, _T.CHARGE_FEE] = _TO.HELD
    for state in (_S.RECEIVED, _S.HELD, _S.REJECTED, _S.CANCELLED):
        table[state, _T.APPROVE] = _TO.RELEASE  # a reject can be undone
    # an accept that has not been sent yet can be cancelled; `services.acting` checks the outbox first
    table[_S.RELEASING, _T.DECIDED_HOLD] = _TO.HELD
    table[_S.RELEASING, _T.DECIDED_REJECT] = _TO.REJECTING
    table[_S.RELEASING, _T.ASK] = _TO.HELD
    table[_S.RELEASING, _T.HOLD] = _TO.HELD
    table[_S.RELEASING, _T.REJECT] = _TO.REJECTING
    table[_S.RELEASING, _T.CANCEL] = _TO.REJECTING
    table[_S.HELD, _T.WAIVE_FEE] = _TO.RELEASE
    table[_S.HELD, _T.DROP_REQUEST] = _TO.RELEASE
    for state in (_S.RECEIVED, _S.AWAITING_PAYMENT, _S.HELD):
        table[state, _T.ASK] = _TO.HELD  # a held order waits for the customer's answer
        table[state, _T.HOLD] = _TO.HELD  # a held order becomes a review
    for state in OrderState:
        table[state, _T.REFUND_DONE] = _TO.SAME
        table[state, _T.PANEL_DELETED] = _TO.CLOSED
    table[_S.AWAITING_PAYMENT, _T.ORDER_PAID] = _TO.RELEASE
    table[_S.RELEASING, _T.ACCEPTED] = _TO.RELEASED
    table[_S.REJECTING, _T.ENDED_REJECTED] = _TO.REJECTED
    table[_S.REJECTING, _T.ENDED_CANCELLED] = _TO.CANCELLED
    # a dead call that a person sent again
    table[_S.HELD, _T.ACCEPTED] = _TO.RELEASED
    table[_S.HELD, _T.ENDED_REJECTED] = _TO.REJECTED
    table[_S.HELD, _T.ENDED_CANCELLED] = _TO.CANCELLED
    table[_S.RELEASING, _T.CALL_DEAD] = _TO.HELD
    table[_S.REJECTING, _T.CALL_DEAD] = _TO.HELD
    for state in (*_EVERYWHERE_OPEN, _S.REJECTED, _S.CANCELLED):
        table[state, _T.PANEL_ACTIVE] = _TO.RELEASED
    for state in (_S.RECEIVED, _S.AWAITING_PAYMENT, _S.RELEASING):
        table[state, _T.PANEL_ACTIVE_BY_AUTOMATION] = _TO.RELEASED
    for state in (_S.HELD, _S.REJECTING, _S.REJECTED, _S.CANCELLED):
        table[state, _T.PANEL_ACTIVE_BY_AUTOMATION] = _TO.HELD  # a breach: a person looks
    for state in (_S.RELEASED, _S.REJECTED, _S.CANCELLED):
        table[state, _T.PANEL_PENDING] = _TO.HELD  # staff set it back to Pending: they decide
    for state in (*_EVERYWHERE_OPEN, _S.RELEASED, _S.REJECTED):
        table[state, _T.PANEL_CANCELLED] = _TO.CANCELLED
    for state in (*_EVERYWHERE_OPEN, _S.RELEASED, _S.CANCELLED):
        table[state, _T.PANEL_FRAUD] = _TO.REJECTED
    return table


TRANSITIONS = _rows()


def release_state(*, paid: bool, release_only: bool, already_active: bool) -> OrderState:
    """Return the state of an approved order: released, waiting for payment, or being accepted.

    We never accept an unpaid order: approving it means accepting it once it is paid.
    """
    if already_active or release_only:
        return OrderState.RELEASED
    return OrderState.RELEASING if paid else OrderState.AWAITING_PAYMENT


def next_state(state: OrderState, trigger: Trigger, *, release: OrderState) -> OrderState | None:
    """Return the next state, or None where the table has no such row.

    `release` is what `release_state` says for this order.
    """
    target = TRANSITIONS.get((state, trigger))
    if target is None:
        return None
    if target is Target.RELEASE:
        return release
    return state if target is Target.SAME else OrderState(target.value)


def possible_actions(state: OrderState, *, fee: FeeState | None, refund_due: bool) -> tuple[Trigger, ...]:
    """Return the actions open to staff now, in the order in which they are offered."""
    return tuple(
        action
        for action in STAFF_ACTIONS
        if (state, action) in TRANSITIONS and action_guard(action, fee=fee, refund_due=refund_due)
    )


def action_guard(action: Trigger, *, fee: FeeState | None, refund_due: bool) -> bool:
    """Return whether the action has something to act on: an open fee to waive, money to give back."""
    if action is Trigger.WAIVE_FEE:
        return fee in OPEN_FEE_STATES
    if action is Trigger.DROP_REQUEST:
        return fee is None or fee in OPEN_FEE_STATES or fee in {FeeState.CANCELLED, FeeState.LOST}
    if action is Trigger.REFUND_DONE:
        return refund_due
    if action is Trigger.CHARGE_FEE:
        return fee not in {FeeState.PAID, FeeState.PARTLY_PAID, FeeState.PAYMENT_PENDING}
    return True


# --- invoices ---------------------------------------------------------------------------------------------------


class InvoiceRole(StrEnum):
    """What the invoice is for."""

    ORDER = "order"
    FEE = "fee"


class InvoiceTurn(StrEnum):
    """The status of an invoice as read from the panel."""

    UNPAID = "unpaid"
    PARTLY_PAID = "partly_paid"
    PENDING = "pending"
    PAID = "paid"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    GONE = "gone"  # deleted, or merged into another invoice


class Phase(StrEnum):
    """The phase of the order at the time of the invoice event."""

    OPEN = "open"  # received, held, awaiting payment, on its way
    RELEASED = "released"
    ENDED = "ended"  # rejected, cancelled, closed


class Consequence(StrEnum):
    """How we respond to an invoice event."""

    NOTE = "note"  # remember it, nothing else
    GO_ON = "go_on"  # decide or release: what the order waited for has arrived
    REVIEW = "review"  # hold it for a person to look at
    TELL = "tell"  # too late to hold; shown in the timeline and the queue
    REFUND = "refund"  # money arrived for an order that will not be delivered: refund due
    CREDIT_BACK = "credit_back"  # return a paid fee as account credit


_I, _P, _C = InvoiceTurn, Phase, Consequence
INVOICE_TABLE: dict[tuple[InvoiceRole, InvoiceTurn, Phase], Consequence] = {
    **{(role, turn, phase): _C.NOTE
       for role in InvoiceRole for turn in (_I.UNPAID, _I.PENDING) for phase in Phase},
    (InvoiceRole.ORDER, _I.PARTLY_PAID, _P.OPEN): _C.NOTE,
    (InvoiceRole.ORDER, _I.PARTLY_PAID, _P.RELEASED): _C.NOTE,
    (InvoiceRole.ORDER, _I.PARTLY_PAID, _P.ENDED): _C.REFUND,
    (InvoiceRole.ORDER, _I.PAID, _P.OPEN): _C.GO_ON,
    (InvoiceRole.ORDER, _I.PAID, _P.RELEASED): _C.NOTE,
    (InvoiceRole.ORDER, _I.PAID, _P.ENDED): _C.REFUND,
    (InvoiceRole.ORDER, _I.CANCELLED, _P.OPEN): _C.REVIEW,
    (InvoiceRole.ORDER, _I.CANCELLED, _P.RELEASED): _C.NOTE,
    (InvoiceRole.ORDER, _I.CANCELLED, _P.ENDED): _C.NOTE,
    (InvoiceRole.ORDER, _I.REFUNDED, _P.OPEN): _C.REVIEW,
    (InvoiceRole.ORDER, _I.REFUNDED, _P.RELEASED): _C.NOTE,
    (InvoiceRole.ORDER, _I.REFUNDED, _P.ENDED): _C.NOTE,
    (InvoiceRole.ORDER, _I.DISPUTED, _P.OPEN): _C.REVIEW,
    (InvoiceRole.ORDER, _I.DISPUTED, _P.RELEASED): _C.TELL,
    (InvoiceRole.ORDER, _I.DISPUTED, _P.ENDED): _C.NOTE,
    (InvoiceRole.ORDER, _I.GONE, _P.OPEN): _C.REVIEW,
    (InvoiceRole.ORDER, _I.GONE, _P.RELEASED): _C.NOTE,
    (InvoiceRole.ORDER, _I.GONE, _P.ENDED): _C.NOTE,
    (InvoiceRole.FEE, _I.PARTLY_PAID, _P.OPEN): _C.NOTE,
    (InvoiceRole.FEE, _I.PARTLY_PAID, _P.RELEASED): _C.NOTE,
    (InvoiceRole.FEE, _I.PARTLY_PAID, _P.ENDED): _C.REFUND,
    (InvoiceRole.FEE, _I.PAID, _P.OPEN): _C.GO_ON,
    (InvoiceRole.FEE, _I.PAID, _P.RELEASED): _C.NOTE,
    (InvoiceRole.FEE, _I.PAID, _P.ENDED): _C.CREDIT_BACK,
    (InvoiceRole.FEE, _I.CANCELLED, _P.OPEN): _C.REVIEW,  # not by us: by staff, or merged into a mass payment
    (InvoiceRole.FEE, _I.CANCELLED, _P.RELEASED): _C.NOTE,
    (InvoiceRole.FEE, _I.CANCELLED, _P.ENDED): _C.NOTE,
    (InvoiceRole.FEE, _I.REFUNDED, _P.OPEN): _C.REVIEW,
    (InvoiceRole.FEE, _I.REFUNDED, _P.RELEASED): _C.NOTE,
    (InvoiceRole.FEE, _I.REFUNDED, _P.ENDED): _C.NOTE,
    (InvoiceRole.FEE, _I.DISPUTED, _P.OPEN): _C.REVIEW,
    (InvoiceRole.FEE, _I.DISPUTED, _P.RELEASED): _C.TELL,
    (InvoiceRole.FEE, _I.DISPUTED, _P.ENDED): _C.NOTE,
    (InvoiceRole.FEE, _I.GONE, _P.OPEN): _C.REVIEW,
    (InvoiceRole.FEE, _I.GONE, _P.RELEASED): _C.NOTE,
    (InvoiceRole.FEE, _I.GONE, _P.ENDED): _C.NOTE,
}  # fmt: skip


def phase_of(state: OrderState) -> Phase:
    """Return the phase of a state; invoice events are handled by phase."""
    if state in {OrderState.REJECTING, OrderState.REJECTED, OrderState.CANCELLED, OrderState.CLOSED}:
        return Phase.ENDED
    return Phase.RELEASED if state is OrderState.RELEASED else Phase.OPEN
