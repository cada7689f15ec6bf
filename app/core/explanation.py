"""A verdict in words: for the customer without anything that helps fraud, and for staff with everything (design §4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from app.core.decision import Judgement, Outcome
from app.core.facts import Facts
from app.core.labour_value import payment_settled
from app.core.money import Money
from app.core.policy import Policy
from app.core.policy_acting import AcceptMode
from app.core.signals import HANDLING
from app.core.signals_self_service import REQUEST_KINDS, work_words
from app.core.terms import TermKind


@dataclass(frozen=True, slots=True)
class WayOut:
    """One thing that the customer may do about a hold: `pay`, `drop_request` or `cancel`."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What the customer is told. Plain text; whoever sends it escapes it. `fee` is net of tax."""

    outcome_text: str
    paragraphs: tuple[str, ...]
    fee: Money | None
    ways_out: tuple[WayOut, ...]
    avoid_next_time: str | None
    contest: str | None


_CONTEST = "If you think that this is a mistake, write to us and a person will look at it."


def for_customer(judgement: Judgement, facts: Facts, policy: Policy) -> Explanation:
    """Explain a verdict to the customer, with the way to avoid it next time; never a risk signal or a staff note."""
    match judgement.outcome:
        case Outcome.APPROVE:
            return _approved(judgement, facts, policy)
        case Outcome.HOLD_FOR_FEE:
            return _held_for_fee(judgement, facts, policy)
        case Outcome.HOLD_FOR_REVIEW:
            return _held_for_review(judgement, facts, policy)
        case Outcome.REJECT:
            return _rejected()
        case _:
            assert_never(judgement.outcome)


def work_summary(facts: Facts, policy: Policy) -> str:
    """Return what an order asks of our staff in one phrase, for the fee line and messages (`{work}`)."""
    found: dict[TermKind, set[str]] = {}
    for finding in facts.order.requests:
        if policy.labour.minutes.of(finding.kind):
            found.setdefault(finding.kind, set()).add(finding.term)
    asked = [f"{work_words(kind)} ({', '.join(sorted(found[kind])[:5])})" for kind in REQUEST_KINDS if kind in found]
    return "; ".join(asked) or "entering the order for you"


def for_staff(judgement: Judgement) -> tuple[str, ...]:
    """Return the verdict line by line: reasons, scores with every signal's points, labour, what is missing."""
    labour = judgement.labour
    lines = [f"{judgement.outcome.value}: {judgement.reasons[0].text}"]
    lines += [f"also: {reason.text}" for reason in judgement.reasons[1:]]
    lines.append(f"self-service {judgement.scores.self_service}, risk {judgement.scores.risk}")
    lines += [f"{signal.score.value} {signal.points:+d} {signal.code}: {signal.detail}" for signal in judgement.signals]
    lines.append(f"work: {labour.minutes} minutes" + (f", cost {labour.cost}" if labour.cost else ""))
    if labour.margin_month is not None:
        lines.append(f"margin a month: {labour.margin_month}; {labour.payback_words}")
    if judgement.catalogue_gap:
        lines.append("catalogue gap: what was wanted can't be ordered in the cart")
    if judgement.missing:
        lines.append(f"not known: {', '.join(judgement.missing)}")
    return tuple(lines)


def _approved(judgement: Judgement, facts: Facts, policy: Policy) -> Explanation:
    settled = payment_settled(facts.order, policy)
    paragraphs = []
    if not settled:
        paragraphs.append("It goes on as soon as its invoice is paid.")
    elif judgement.accept.mode is AcceptMode.RELEASE_ONLY:
        paragraphs.append("Our staff set it up for you.")
    if judgement.labour.minutes:
        paragraphs.append("There is no extra charge for the work of our staff.")
    entered = any(signal.code == HANDLING and signal.minutes for signal in judgement.signals)
    return Explanation(
        outcome_text="Your order is accepted.",
        paragraphs=tuple(paragraphs),
        fee=None,
        ways_out=(),
        avoid_next_time=_use_the_cart(policy) if entered or judgement.courtesy_used else None,
        contest=None,
    )


def _held_for_fee(judgement: Judgement, facts: Facts, policy: Policy) -> Explanation:
    fee = judgement.fee
    price = f"{fee}{' plus tax where tax applies' if policy.fee.taxed else ''}" if fee else "a fee"
    if judgement.labour.custom_minutes:
        asked = f"Your order asks for work that its price does not cover: {work_summary(facts, policy)}."
        asked += f" We expect it to take our staff about {judgement.labour.custom_minutes} minutes."
    else:
        asked = "Our staff entered this order for you, although our cart sells it at once and without help."
    days = policy.hold.expires_days
    return Explanation(
        outcome_text="Your order waits for your word.",
        paragraphs=(
            asked,
            f"For this we would charge {price}, once. Nothing is charged unless you pay it.",
            f"Please choose within {days} days; after that a person looks at the order again.",
        ),
        fee=fee,
        ways_out=(
            WayOut("pay", f"Pay {price}, and we do the work and go on with your order."),
            WayOut("drop_request", "Take the order as it is sold in our cart, without this charge and at once."),
            WayOut("cancel", "Cancel the order."),
        ),
        avoid_next_time=_use_the_cart(policy),
        contest=_CONTEST,
    )


def _held_for_review(judgement: Judgement, facts: Facts, policy: Policy) -> Explanation:
    paragraphs = ["A person looks at your order before it is set up. If we have a question, we ask you."]
    avoid = "Orders placed in our cart with complete and current contact details are usually set up without waiting."
    link = f" {policy.cart.url}" if policy.cart.url else ""
    if any(reason.code == "mandate" for reason in judgement.reasons):
        paragraphs.append(f"You asked for {work_summary(facts, policy)}; we make you an offer before any work begins.")
        avoid = _use_the_cart(policy)
        link = ""
    hours = policy.hold.review_due_hours_paid
    if not payment_settled(facts.order, policy):
        hours = policy.hold.review_due_hours_unpaid
    paragraphs.append(f"We mean to be done within {hours} hours. Nothing is charged for this.")
    return Explanation(
        outcome_text="We are looking at your order.",
        paragraphs=tuple(paragraphs),
        fee=None,
        ways_out=(WayOut("cancel", "Cancel the order at any time: just tell us."),),
        avoid_next_time=avoid + link,
        contest=_CONTEST,
    )


def _rejected() -> Explanation:
    return Explanation(
        outcome_text="We cannot take your order.",
        paragraphs=("What you may have paid for it is returned.",),
        fee=None,
        ways_out=(),
        avoid_next_time=None,
        contest="If you think that this is a mistake, write to us and a person will look at it again.",
    )


def _use_the_cart(policy: Policy) -> str:
    link = f": {policy.cart.url}" if policy.cart.url else ""
    return f"What our cart sells is free of this and starts at once{link}"
