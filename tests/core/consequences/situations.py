"""Build an order in any situation, from a few words: what a row of a table says in its `when`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from app.core.actions import Action
from app.core.consequences.actor import Actor
from app.core.consequences.draft import stored_reasons
from app.core.consequences.judging import inputs_digest
from app.core.consequences.limits import Limit, LimitWindow, Reached
from app.core.consequences.snapshot import CallSeen, Conditions, EventSeen, Recent, Snapshot
from app.core.cut_over import CutOver
from app.core.facts import Agreement, Facts, FraudCheck, ListKind, OrderKind, PaymentState, PlacedBy
from app.core.judgement.decide import Judgement, Outcome, Reason, decide
from app.core.judgement.stored import dump_judgement
from app.core.policy.document import ActivePolicy, Policy, parse_policy
from app.core.policy.sections.acting import AcceptMode
from app.core.reading.requests import TermFinding, TermKind
from app.core.records import POLICY, CallState, Mode, QuestionOutcome
from app.core.rows.belongings import Decision, Fee, Question
from app.core.rows.order import Order
from app.core.rows.typed import typed
from app.core.states import Flag, HoldKind, OrderState, Provisioning, is_breached
from tests.core.consequences.standing import STANDINGS, Standing
from tests.core.judging import NOW, PLACED_AT, a_customer, a_request, an_order, some_facts

ORDER_ID: Final = 812
CUSTOMER_ID: Final = 93
FEE_ID: Final = uuid.UUID(int=1)
QUESTION_ID: Final = uuid.UUID(int=2)
VERSION: Final = 4
HELD_SINCE: Final = NOW - timedelta(hours=2)
PRICE, FEE_PRICE = 1500, 5000
#: Policies of the tables start with this; a row adds to it.
BASE_POLICY: Final = "risk.auto_reject = true\nmessages.department_id = 1\n"
WORDS: Final = frozenset({
    "state", "paid", "payment", "paid_minor", "settled", "mode", "policy", "limits", "decided_by", "reason",
    "decided_in", "fee", "fee_wanted", "fee_invoice", "fee_paid_minor", "calls", "flags", "provisioning", "fraud",
    "question", "panel", "hold_over", "refund_due", "refunded", "touched", "counted", "no_customer", "accept_mode",
    "agreement", "events", "outcome", "placed_by", "decided_without", "question_age", "verdict",
})  # fmt: skip
_PREFIXES: Final = {
    "order:": f"order:{ORDER_ID}:", "fee:": f"fee:{FEE_ID}:", "question:": f"question:{QUESTION_ID}:",
}  # fmt: skip
_ACTIONS: Final = {
    "order:accept": Action.ACCEPT_ORDER, "order:pending": Action.PENDING_ORDER, "order:cancel": Action.CANCEL_ORDER,
    "order:fraud": Action.FRAUD_ORDER, "fee:create": Action.CREATE_INVOICE, "fee:cancel": Action.CANCEL_INVOICE,
    "fee:credit-back": Action.ADD_CREDIT, "question:ask": Action.OPEN_TICKET, "question:remind": Action.REPLY_TICKET,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """An order as it is, what a plan about it depends on, and the facts that a look would find."""

    snapshot: Snapshot
    given: Conditions

    @property
    def order(self) -> Order:
        """The order's row."""
        return self.snapshot.order


def seen(verdict: str, payment: PaymentState, *, check: FraudCheck | None = None) -> Facts:
    """Return facts that lead to this verdict: approve, fee, review or reject; a review also with (our own) work."""
    changes: dict[str, Any] = {"payment": payment, "fraud_check": check, "ours": "our own" in verdict}
    if verdict == "fee" or "work" in verdict:
        changes["requests"] = (a_request(TermKind.HARDWARE, "second disk"),)
    if verdict.startswith("review"):
        changes["vetting"] = (TermFinding(kind=TermKind.LISTED, term="mirror", where="notes", start=0),)
    elif verdict == "reject":
        changes["customer"] = a_customer(lists=((ListKind.BLOCK, "emails[0]"),))
    customer = changes.pop("customer", None)
    return some_facts(order=an_order(**changes), customer=customer)


@cache
def policy_of(text: str = "") -> Policy:
    """Return the base policy with a row's own lines."""
    return parse_policy(BASE_POLICY + text)


def situation(when: Mapping[str, Any]) -> Situation:
    """Build what a row's `when` says."""
    assert set(when) <= WORDS, f"these words mean nothing: {set(when) - WORDS}"
    standing = STANDINGS[when["state"]]
    if "verdict" in when:
        standing = replace(standing, verdict=when["verdict"])
    policy = policy_of(when.get("policy", ""))
    payment = _payment(standing, when)
    agreement = Agreement(when.get("agreement", "none"))
    facts = None if standing.verdict is None else replace(seen(standing.verdict, payment), agreement=agreement)
    # the decision in force was made before any agreement with the customer
    judged = None if facts is None else decide(seen(standing.verdict or "", payment), policy, now=NOW)
    order = _order(standing, when, payment, facts, judged)
    snapshot = Snapshot(
        order=order,
        decision=_decision(standing, when, judged),
        fees=_fees(standing, when),
        questions=_questions(standing, when),
        calls=tuple(a_call(text) for text in when.get("calls", standing.calls)),
        recent=Recent(events=tuple(an_event(number, text) for number, text in enumerate(when.get("events", []), 1))),
        judged={} if judged is None else dump_judgement(judged),
        facts=facts,
    )
    return Situation(snapshot=snapshot, given=conditions(when))


def conditions(when: Mapping[str, Any]) -> Conditions:
    """Return what a row says about the mode, the policy and the damage limits."""
    mode = when.get("mode", "enforce")
    since = NOW if mode == "before the cut-over" else NOW - timedelta(days=30)
    reached = when.get("limits", [])
    return Conditions(
        now=NOW,
        active=ActivePolicy(version=VERSION, policy=policy_of(when.get("policy", ""))),
        cut_over=CutOver(mode=Mode.SHADOW if mode == "shadow" else Mode.ENFORCE, since=since),
        zone=UTC,
        gate_asked=True,
        fresh_id=uuid.UUID(int=9),
        limits={limit: _reached(limit) if limit in reached else None for limit in Limit},
    )


def _reached(limit: Limit) -> Reached:
    return Reached(limit=limit, window=LimitWindow.HOUR, at_most=1, until=None)


def _payment(standing: Standing, when: Mapping[str, Any]) -> PaymentState:
    usual = "paid" if when.get("paid", standing.paid) else "unpaid"
    return PaymentState(when.get("payment", usual))


def _order(
    standing: Standing, when: Mapping[str, Any], payment: PaymentState, facts: Facts | None, judged: Judgement | None
) -> Order:
    paid = payment is PaymentState.PAID
    decided = _outcome(standing, when) is not None
    flags = when.get("flags", [Flag.UNKNOWN_TO_PANEL.value] if standing.state is OrderState.CLOSED else [])
    minutes = 0 if judged is None else judged.labour.minutes
    counted = when.get("counted", decided)
    order = Order(
        order_id=ORDER_ID, version=3, customer_id=None if when.get("no_customer") else CUSTOMER_ID,
        order_number="4711", kind=OrderKind.NEW, state=standing.state, panel_status=when.get("panel", standing.panel),
        provisioning=Provisioning(when.get("provisioning", "none")),
        placed_by=PlacedBy(when.get("placed_by", "customer")), staff_id=None,
        placed_at=PLACED_AT, first_heard_at=PLACED_AT, last_read_at=HELD_SINCE, read_event_id=None,
        read_digest=None, amount_minor=PRICE, currency="USD",
        invoice_id=2210, payment_state=payment, settled=when.get("settled", paid), paid_at=HELD_SINCE if paid else None,
        paid_minor=when.get("paid_minor", PRICE if paid else 0), refund_due_minor=when.get("refund_due", 0),
        refunded_minor=when.get("refunded", 0), fraud=when.get("fraud", False), items=[],
        flags=flags, breached=is_breached(standing.state, flags),
        decision_id=7 if decided else None, outcome=_outcome(standing, when),
        touched_by_person=_touched(standing, when),
        agreement=Agreement(when.get("agreement", "none")), accept_mode=_accept_mode(standing, when),
        fee_wanted=None, hold_kind=None, hold_since=None, hold_due_at=None, hold_expires_at=None,
        decided_inputs=None if facts is None else inputs_digest(facts), decided_without=when.get("decided_without"),
        unread_since=None, settle_at=None, counted=counted, counted_manual=counted and minutes > 0,
        counted_minutes=minutes if counted else 0, effortless=False,
    )  # fmt: skip
    return _waiting(order, standing, when)


def _outcome(standing: Standing, when: Mapping[str, Any]) -> Outcome | None:
    return Outcome(when["outcome"]) if "outcome" in when else standing.outcome


def _touched(standing: Standing, when: Mapping[str, Any]) -> bool:
    by_person = standing.reason is not None or when.get("decided_by") == "ops"
    return bool(when.get("touched", by_person))


def _accept_mode(standing: Standing, when: Mapping[str, Any]) -> AcceptMode | None:
    if "accept_mode" in when:
        return AcceptMode(when["accept_mode"])
    return AcceptMode.AUTO if standing.outcome is Outcome.APPROVE else None


def _waiting(order: Order, standing: Standing, when: Mapping[str, Any]) -> Order:
    """Return the order with what it waits for, and until when."""
    if standing.hold is None:
        return order
    hours = -1 if when.get("hold_over") else {HoldKind.REVIEW: 2, HoldKind.FEE: 140, HoldKind.ANSWER: 70}[standing.hold]
    until = NOW + timedelta(hours=hours)
    expires = None if standing.hold is HoldKind.REVIEW else until
    if standing.hold is HoldKind.FEE:
        wanted = {"amount_minor": FEE_PRICE, "currency": "USD", "minutes": 60, "work": "special hardware"}
        order = order.changed(fee_wanted=wanted)
    return order.changed(hold_kind=standing.hold, hold_since=HELD_SINCE, hold_due_at=until, hold_expires_at=expires)


def _decision(standing: Standing, when: Mapping[str, Any], judged: Judgement | None) -> Decision | None:
    outcome = _outcome(standing, when)
    if outcome is None or judged is None:
        return None
    code = when.get("reason", standing.reason)
    by = when.get("decided_by", POLICY if standing.reason is None else "ops")
    reasons = judged.reasons if code is None else (Reason(code, "For the test."),)
    return Decision(
        id=7, outcome=outcome, reasons=stored_reasons(reasons), by=by, mode=when.get("decided_in", "enforce"),
        policy_version=VERSION, judgement=dump_judgement(judged) if by == POLICY else None,
    )  # fmt: skip


def _fees(standing: Standing, when: Mapping[str, Any]) -> tuple[Fee, ...]:
    state = when.get("fee", standing.fee)
    if state in {None, "none"}:
        return ()
    invoiced = when.get("fee_invoice", state != "pending")
    paid = FEE_PRICE if state in {"paid", "refunded"} else 0
    fee = Fee(
        id=FEE_ID, order_id=ORDER_ID, customer_id=CUSTOMER_ID, amount_minor=FEE_PRICE,
        total_minor=FEE_PRICE if invoiced else None, paid_minor=when.get("fee_paid_minor", paid), currency="USD",
        state=state, wanted_state=None, minutes=60, work="special hardware", invoice_id=2300 if invoiced else None,
        created_at=HELD_SINCE, expires_at=NOW + timedelta(hours=140),
    )  # fmt: skip
    return (replace(fee, **typed(Fee, {"state": state, "wanted_state": when.get("fee_wanted")})),)


def _questions(standing: Standing, when: Mapping[str, Any]) -> tuple[Question, ...]:
    word = when.get("question", standing.question)
    if word in {None, "none"}:
        return ()
    asked_at = NOW - timedelta(days=when.get("question_age", 1))
    return (
        Question(
            id=QUESTION_ID, question="What is it for?", asked_at=asked_at,
            reminded_at=NOW - timedelta(hours=1) if word == "reminded" else None,
            answered_at=NOW - timedelta(hours=1) if word == "answered" else None,
            ticket_id=None if word in {"unsent", "withdrawn"} else 40,
            outcome=QuestionOutcome.WITHDRAWN if word == "withdrawn" else None,
        ),
    )  # fmt: skip


def full_key(short: str) -> str:
    """Return the key of a call from its short form: ``order:accept``, ``fee:create``, ``question:ask``."""
    prefix = short.partition(":")[0] + ":"
    since = f":{HELD_SINCE.isoformat()}" if ":note:" in short else ""
    return _PREFIXES[prefix] + short.removeprefix(prefix) + since


def a_call(text: str) -> CallSeen:
    """Return a call from a text such as ``order:accept sending``; one that is ``done lately`` was just settled."""
    short, _, state = text.partition(" ")
    lately = state == "done lately"
    known = CallState(state.removesuffix(" lately"))
    settled = known in {CallState.DONE, CallState.DEAD, CallState.CANCELLED}
    at = NOW - timedelta(seconds=30) if lately else HELD_SINCE
    action = _ACTIONS.get(short, Action.ADD_CLIENT_NOTE if ":note:" in short else Action.OPEN_TICKET)
    return CallSeen(key=full_key(short), action=action, state=known, settled_at=at if settled else None)


def an_event(number: int, text: str) -> EventSeen:
    """Return a recent event: its type, by whom it says an order became what, and how many seconds ago.

    Examples: ``gate.asked 30``, ``order.status_changed 60 accepted by staff``.
    """
    kind, seconds, *rest = text.split(" ")
    at: datetime = NOW - timedelta(seconds=int(seconds))
    became = rest[0] if rest else None
    return EventSeen(
        id=number, type=kind, by_webhook=True, received_at=at, occurred_at=at, became=became,
        actor=None if became is None else an_actor(" ".join(rest[2:])),
    )  # fmt: skip


def an_actor(word: str) -> Actor:
    """Return who changed something in the panel: staff, cron, api, customer, or unknown."""
    return Actor(kind=word, admin_id=7 if word == "staff" else None)
