"""News about an order in words, and the plan that follows from it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from app.core.actions import Action
from app.core.consequences import clocks, panel, provisioning
from app.core.consequences.draft import Draft
from app.core.consequences.effects import Plan
from app.core.consequences.looking import look
from app.core.consequences.news import ActionRequest, CallEnded, InvoiceShown, Look, WorkTerms
from app.core.consequences.refused import CallUnderWay, Refused
from app.core.consequences.settling import settle
from app.core.consequences.snapshot import CallSeen, Snapshot
from app.core.consequences.staff import act
from app.core.facts import FraudCheck, FraudVerdict, PaymentState
from app.core.records import CallState
from app.core.rows.order import Order
from app.core.states import Flag, InvoiceTurn, Provisioning, Trigger
from tests.core.consequences.following import in_words, refused_in_words
from tests.core.consequences.situations import (
    FEE_ID,
    FEE_PRICE,
    PRICE,
    Situation,
    an_actor,
    full_key,
    seen,
)
from tests.core.judging import NOW

CALL_ID: Final = uuid.UUID(int=5)
#: What the panel calls an order after each change.
PANEL_CHANGES: Final = {
    "Active": "Active", "Pending again": "Pending", "Cancelled": "Cancelled", "Fraud": "Fraud",
}  # fmt: skip
#: How far the order's own invoice is, by its turn.
_PAYMENTS: Final = {InvoiceTurn.GONE: PaymentState.UNKNOWN}
_SHORT_ACTIONS: Final = {
    Action.ACCEPT_ORDER: "order:accept", Action.PENDING_ORDER: "order:pending", Action.CANCEL_ORDER: "order:cancel",
    Action.FRAUD_ORDER: "order:fraud", Action.CREATE_INVOICE: "fee:create", Action.CANCEL_INVOICE: "fee:cancel",
    Action.ADD_CREDIT: "fee:credit-back", Action.OPEN_TICKET: "order:tell:end", Action.REPLY_TICKET: "question:remind",
    Action.SEND_EMAIL: "order:tell:end",
}  # fmt: skip
_RESULTS: Final[Mapping[Action, Mapping[str, Any]]] = {
    Action.CREATE_INVOICE: {"invoice_id": 2300}, Action.OPEN_TICKET: {"ticket_id": 40},
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The plan that follows, and the order as the news itself shows it.

    `before` is the situation with what the news has read; `result` that of a clock or check.
    """

    plan: Plan
    shown: Order
    before: Situation
    result: str | None = None


def what_follows(case: Mapping[str, Any], before: Situation) -> dict[str, Any]:
    """Return what follows from a row's news, in the words of the tables."""
    try:
        followed = plan_for(case["news"], case, before)
    except (Refused, CallUnderWay) as error:
        return refused_in_words(error)
    found = in_words(followed.plan, followed.before, followed.shown)
    return found if followed.result is None else {**found, "result": followed.result}


def plan_for(news: str, how: Mapping[str, Any], before: Situation) -> Followed:
    """Return what follows from news; raises Refused and CallUnderWay."""
    kind, _, rest = news.partition(": ")
    order = before.order
    if kind == "call":
        ended = a_call_ended(rest, how)
        before = replace(before, snapshot=with_call_ended(before.snapshot, ended))
        return Followed(plan=settle(ended, before.snapshot, before.given), shown=order, before=before)
    if kind == "staff":
        request, facts = a_request(how.get("request", {})), before.snapshot.facts
        plan = act(Trigger(rest), request, before.snapshot, before.given, by="ops", facts=facts)
        return Followed(plan=plan, shown=order, before=before)
    if kind in STEPS:
        draft = Draft.of(before.snapshot, before.given)
        result = STEPS[kind][rest](draft, how)
        return Followed(plan=draft.plan(), shown=order, before=before, result=result)
    looked, before = a_look(kind, rest, how, before)
    return Followed(plan=look(looked, before.snapshot, before.given), shown=looked.shown, before=before)


def a_request(given: Mapping[str, Any]) -> ActionRequest:
    """Return an action's parameters, as the API gives them."""
    terms = {"work": WorkTerms(given["work"])} if "work" in given else {}
    return ActionRequest(**{**given, **terms})


# --- looks at the panel -----------------------------------------------------------------------------------------------


def a_look(kind: str, rest: str, how: Mapping[str, Any], before: Situation) -> tuple[Look, Situation]:
    """Return a look at the panel, and the situation with the facts that it finds."""
    snapshot, order = before.snapshot, before.order
    shown = order.changed(last_read_at=NOW)
    looked = Look(
        event_id=51, event_type=how.get("event", "order.read_back"), shown=shown, actor=an_actor("unknown"),
        settle_seconds=600,
        at_once=how.get("at_once", False), without=tuple(how.get("without", ())),
        fraud_checked=kind == "verdict" and not how.get("at_once", False),
    )  # fmt: skip
    if kind == "verdict":
        check = FraudCheck(module="maxmind", verdict=FraudVerdict.PASS, score=None)
        facts = seen(rest, shown.payment_state, check=check)
        return looked, replace(before, snapshot=replace(snapshot, facts=facts))
    if kind == "panel":
        change, _, who = rest.partition(" by ")
        shown = shown.changed(
            panel_status=PANEL_CHANGES[change], flags=[one for one in order.flags if one != Flag.UNKNOWN_TO_PANEL]
        )
        looked = replace(looked, shown=shown, actor=an_actor(who.replace("nobody knows", "unknown") or "unknown"))
    elif kind == "order invoice":
        looked = replace(looked, shown=_with_payment(shown, InvoiceTurn(rest)))
    elif kind == "fee invoice":
        looked = replace(looked, invoices=(_fee_invoice(InvoiceTurn(rest), how),))
    elif kind == "services":
        looked = replace(looked, shown=shown.changed(provisioning=Provisioning(rest)))
    elif kind == "service":
        looked = replace(looked, event_type=f"service.{rest}", service_id=1402)
    else:
        raise ValueError(f"no such news: {kind}")
    payment = looked.shown.payment_state
    facts = snapshot.facts or seen("approve", payment)
    facts = replace(facts, order=replace(facts.order, payment=payment))
    return looked, replace(before, snapshot=replace(snapshot, facts=facts))


def _with_payment(shown: Order, turn: InvoiceTurn) -> Order:
    state = _PAYMENTS.get(turn) or PaymentState(turn.value)
    paid = {PaymentState.PAID: PRICE, PaymentState.PARTLY_PAID: 600}.get(state, 0)
    return shown.changed(
        payment_state=state, paid_minor=paid, settled=state is PaymentState.PAID,
        paid_at=shown.paid_at or (NOW if state is PaymentState.PAID else None),
    )  # fmt: skip


def _fee_invoice(turn: InvoiceTurn, how: Mapping[str, Any]) -> InvoiceShown:
    if turn is InvoiceTurn.GONE:
        return InvoiceShown(fee_id=how.get("fee_id", FEE_ID), turn=turn, paid_minor=None, total_minor=None)
    usual = {InvoiceTurn.PAID: FEE_PRICE, InvoiceTurn.PARTLY_PAID: 2000}.get(turn, 0)
    return InvoiceShown(
        fee_id=how.get("fee_id", FEE_ID), turn=turn, paid_minor=how.get("paid_on_invoice", usual), total_minor=FEE_PRICE
    )


# --- calls, clocks, checks --------------------------------------------------------------------------------------------


def a_call_ended(text: str, how: Mapping[str, Any]) -> CallEnded:
    """Return how a call ended, from its action and state: ``accept_order done``."""
    name, _, state = text.partition(" ")
    action, ended = Action(name), CallState(state)
    key = full_key(how.get("key", _SHORT_ACTIONS.get(action, "order:note")))
    params = {"autosetup": True, "sendregistrar": True} if action is Action.ACCEPT_ORDER else {}
    return CallEnded(
        id=CALL_ID, key=how.get("whole_key", key), action=action,
        state=ended, cause="decision:7", params=how.get("params", params),
        result={**_RESULTS.get(action, {}), **how.get("answer", {})} if ended is CallState.DONE else {},
        last_error="it said no" if ended is CallState.DEAD else None, uncertain=False,
        event_waits=how.get("event_waits", False),
    )  # fmt: skip


def with_call_ended(snapshot: Snapshot, ended: CallEnded) -> Snapshot:
    """Return the order with the state of the call that just ended."""
    others = tuple(call for call in snapshot.calls or () if call.key != ended.key)
    call = CallSeen(key=ended.key, action=ended.action, state=ended.state, settled_at=NOW)
    return replace(snapshot, calls=(*others, call))


def _question_due(draft: Draft, how: Mapping[str, Any]) -> str:
    return clocks.question_due(draft, answered=how.get("ticket_shows_answer", False))


def _answer(draft: Draft, how: Mapping[str, Any]) -> None:
    clocks.answer(draft)


def _hold_due(draft: Draft, how: Mapping[str, Any]) -> str:
    return clocks.hold_due(draft)


def _override(draft: Draft, how: Mapping[str, Any]) -> None:
    panel.override(draft, 7)


def _deleted(draft: Draft, how: Mapping[str, Any]) -> None:
    panel.delete(draft, an_actor("staff"))


def _never_listed(draft: Draft, how: Mapping[str, Any]) -> None:
    panel.mark_unknown(draft)


def _build(draft: Draft, how: Mapping[str, Any]) -> str:
    """Check what was built: each line a kind, its status, and what else is known of it."""
    lines = tuple(
        provisioning.LineBuilt(
            kind=one.get("kind", "product"), relid=1402 + number, name="Web S", status=one["status"],
            module=one.get("module", "cpanel"), queued=one.get("queued"),
        )
        for number, one in enumerate(how["lines"])
    )  # fmt: skip
    question = provisioning.BuildQuestion.of(how.get("asked", {"autosetup": True, "sendregistrar": True, "sure": True}))
    built = provisioning.Built(
        status=draft.order.panel_status,
        items=[],
        lines=lines,
        queue_readable=how.get("queue_readable", True),
        said=how.get("said"),
    )
    return provisioning.conclude(draft, built, question)


#: News that needs no look at the panel: clocks, reports, and checks of what was built.
STEPS: Final[Mapping[str, Mapping[str, Callable[[Draft, Mapping[str, Any]], str | None]]]] = {
    "clock": {"hold due": _hold_due, "question due": _question_due},
    "told": {
        "the customer answered": _answer, "provisioned by hand": _override, "deleted in the panel": _deleted,
        "never listed": _never_listed,
    },
    "build": {"checked": _build},
}  # fmt: skip
