"""The explanation of a verdict for its customer, in the policy's words and without anything that helps fraud."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, assert_never

from app.core.facts import Agreement, Facts, PlacedBy
from app.core.judgement.decide import Judgement, Outcome
from app.core.judgement.explanation.cart_links import cart_link
from app.core.judgement.explanation.plain import is_plain_term
from app.core.judgement.labour_value import payment_settled
from app.core.judgement.signals.base import HANDLING
from app.core.judgement.signals.work import REQUEST_KINDS
from app.core.money import Money
from app.core.policy.document import Policy
from app.core.policy.sections.acting import AcceptMode, render
from app.core.reading.kinds import TermKind

_STAFF: Final = frozenset({PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER})
_TERMS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class WayOut:
    """One thing that the customer may do about a hold: `pay`, `drop_request` or `cancel`."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The explanation for the customer, as plain text that the sender escapes. `fee` is net of tax."""

    outcome_text: str
    paragraphs: tuple[str, ...] = ()
    fee: Money | None = None
    ways_out: tuple[WayOut, ...] = ()
    avoid_next_time: str | None = None
    contest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedWork:
    """The fee that is actually requested, net of tax.

    `work` describes the work to the customer; empty if the fee is only for entering the order. `minutes` is None if a
    person set the amount. `expires_at` is when the offer ends, in the time zone shown to the customer.
    """

    fee: Money
    work: str = ""
    minutes: int | None = None
    expires_at: datetime | None = None
    invoice_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldStanding:
    """The current state of an order, which may have changed since it was judged.

    `settled`: nothing more must be paid before it runs. `fee_paid`: the customer paid for the work. `cancelled`: it
    ended without blame. `question_open`: we asked the customer a question that is not yet answered.
    """

    settled: bool
    fee_paid: bool = False
    cancelled: bool = False
    question_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """The basis of an explanation. A person may have decided about an order that the policy never judged."""

    policy: Policy
    judgement: Judgement | None
    facts: Facts | None
    asked: AskedWork | None
    standing: HoldStanding


def for_customer(
    judgement: Judgement,
    facts: Facts,
    policy: Policy,
    asked: AskedWork | None = None,
    standing: HoldStanding | None = None,
) -> Explanation:
    """Explain a verdict to the customer and how to avoid it next time; never shows a risk signal or a staff note.

    `asked` is the requested fee if it differs from the judgement's; `standing` is what changed since the order was
    judged.
    """
    case = _Case(
        policy=policy, judgement=judgement, facts=facts, asked=asked or _judged_fee(judgement, facts, policy),
        standing=standing or _judged_standing(facts, policy),
    )  # fmt: skip
    return _explained(judgement.outcome, case)


def for_customer_unjudged(
    outcome: Outcome, policy: Policy, asked: AskedWork | None = None, standing: HoldStanding | None = None
) -> Explanation:
    """Explain a person's decision about an order that the policy never judged."""
    case = _Case(
        policy=policy, judgement=None, facts=None, asked=asked, standing=standing or HoldStanding(settled=True)
    )  # fmt: skip
    return _explained(outcome, case)


def deadline(at: datetime) -> str:
    """Format a time for customers, to the minute and with its zone: an offer may end in the middle of a day."""
    return f"{at:%Y-%m-%d %H:%M %Z}"


def as_message(explanation: Explanation) -> str:
    """Return the explanation as a plain-text message; if there are several ways out, they are numbered."""
    ways = [way.text for way in explanation.ways_out]
    if len(ways) > 1:
        ways = [f"{number}. {text}" for number, text in enumerate(ways, 1)]
    parts = (
        explanation.outcome_text,
        *explanation.paragraphs,
        "\n".join(ways),
        explanation.avoid_next_time,
        explanation.contest,
    )
    return "\n\n".join(part for part in parts if part)


def work_summary(facts: Facts, policy: Policy) -> str:
    """Describe the work that an order asks for in one phrase, for the fee line and messages (`{work}`)."""
    found: dict[TermKind, set[str]] = {}
    for finding in facts.order.requests:
        if policy.labour.minutes.of(finding.kind):
            found.setdefault(finding.kind, set()).add(finding.term)
    words = policy.texts.work
    asked = [_with_terms(words.of(kind), found[kind]) for kind in REQUEST_KINDS if kind in found]
    return "; ".join(asked) or (words.entering if facts.order.placed_by in _STAFF else words.other)


def _with_terms(words: str, terms: set[str]) -> str:
    shown = ", ".join(sorted(term for term in terms if is_plain_term(term))[:_TERMS_SHOWN])
    return f"{words} ({shown})" if shown else words


def _judged_fee(judgement: Judgement, facts: Facts, policy: Policy) -> AskedWork | None:
    if judgement.fee is None:
        return None
    minutes = judgement.labour.custom_minutes
    return AskedWork(fee=judgement.fee, work=work_summary(facts, policy) if minutes else "", minutes=minutes or None)


def _judged_standing(facts: Facts, policy: Policy) -> HoldStanding:
    return HoldStanding(
        settled=payment_settled(facts.order, policy), fee_paid=facts.agreement is Agreement.FEE_PAID
    )  # fmt: skip


def _explained(outcome: Outcome, case: _Case) -> Explanation:
    match outcome:
        case Outcome.APPROVE:
            return _approved(case)
        case Outcome.HOLD_FOR_FEE:
            return _held_for_fee(case)
        case Outcome.HOLD_FOR_REVIEW:
            return _held_for_review(case)
        case Outcome.REJECT:
            return _ended(case)
        case _:
            assert_never(outcome)


def _say(template: str, **values: str) -> str:
    return render(template, values)


def _ended(case: _Case) -> Explanation:
    texts = case.policy.texts.cancelled if case.standing.cancelled else case.policy.texts.rejected
    return Explanation(outcome_text=_say(texts.outcome), paragraphs=(_say(texts.money),), contest=_say(texts.contest))


def _approved(case: _Case) -> Explanation:
    texts, judgement, facts = case.policy.texts.approved, case.judgement, case.facts
    said = Explanation(outcome_text=_say(texts.outcome))
    paragraphs = [] if case.standing.settled else [_say(texts.when_paid)]
    if judgement is None or facts is None:
        return replace(said, paragraphs=tuple(paragraphs))
    if case.standing.settled and judgement.accept.mode is AcceptMode.RELEASE_ONLY:
        paragraphs.append(_say(texts.by_hand))
    if judgement.labour.minutes and not case.standing.fee_paid:
        paragraphs.append(_say(texts.free))
    entered = any(signal.code == HANDLING and signal.minutes for signal in judgement.signals)
    helped = entered or judgement.courtesy_used
    return replace(said, paragraphs=tuple(paragraphs), avoid_next_time=_use_the_cart(case) if helped else None)


def _held_for_fee(case: _Case) -> Explanation:
    texts, asked = case.policy.texts.fee, case.asked
    said = Explanation(
        outcome_text=_say(texts.outcome),
        avoid_next_time=_use_the_cart(case),
        contest=_say(case.policy.texts.contest),
    )
    if asked is None:
        return said
    values = {
        "price": _say(texts.plus_tax, fee=str(asked.fee)) if case.policy.fee.taxed else str(asked.fee),
        "work": asked.work,
        "minutes": str(asked.minutes),
        "days": str(case.policy.hold.expires_days),
        "expires_on": deadline(asked.expires_at) if asked.expires_at else "",
        "invoice_url": asked.invoice_url or "",
    }
    reason = texts.handling
    if asked.work:
        reason = f"{texts.custom} {texts.minutes}" if asked.minutes else texts.custom
    templates = [reason, texts.price, texts.until if asked.expires_at else texts.within]
    if not case.standing.settled:
        templates.append(texts.unpaid)
    ways = {
        "pay": texts.pay_at if asked.invoice_url else texts.pay,
        "drop_request": texts.drop_request,
        "cancel": texts.cancel,
    }
    return replace(
        said,
        paragraphs=tuple(render(template, values) for template in templates),
        fee=asked.fee,
        ways_out=tuple(WayOut(code, render(template, values)) for code, template in ways.items()),
    )


def _held_for_review(case: _Case) -> Explanation:
    policy, facts, texts = case.policy, case.facts, case.policy.texts
    waits = case.standing.question_open
    paragraphs, link = [_say(texts.review.asked if waits else texts.review.person)], cart_link(facts, policy)
    avoid = _say(texts.next_time.review_at, cart_link=link) if link else _say(texts.next_time.review)
    reasons = case.judgement.reasons if case.judgement is not None else ()
    if facts is not None and any(reason.code == "mandate" for reason in reasons):
        paragraphs.append(_say(texts.review.offer, work=work_summary(facts, policy)))
        avoid = _use_the_cart(case)
    if facts is not None and not waits:
        hold = policy.hold
        hours = hold.review_due_hours_paid if case.standing.settled else hold.review_due_hours_unpaid
        paragraphs.append(_say(texts.review.hours, hours=str(hours)))
    return Explanation(
        outcome_text=_say(texts.review.outcome),
        paragraphs=tuple(paragraphs),
        ways_out=(WayOut("cancel", _say(texts.review.cancel)),),
        avoid_next_time=avoid,
        contest=_say(texts.contest),
    )


def _use_the_cart(case: _Case) -> str:
    texts, link = case.policy.texts.next_time, cart_link(case.facts, case.policy)
    return _say(texts.cart_at, cart_link=link) if link else _say(texts.cart)
