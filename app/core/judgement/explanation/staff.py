"""The full explanation of a verdict for staff: reasons, signals with exact sums, work and money line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.core.facts import Facts
from app.core.judgement.decide import Judgement
from app.core.judgement.labour import max_fee, uncapped_fee
from app.core.judgement.scoring import START
from app.core.judgement.signals.base import ScoreKind
from app.core.money import Money
from app.core.policy.document import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSum:
    """The sum behind a score: `start` + `points` = `value`."""

    score: ScoreKind
    start: int
    points: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLine:
    """One line of the reckoning of work and money; minutes of single pieces of work add up to the line `total`."""

    code: str
    text: str
    minutes: int | None = None
    amount: Money | None = None


def score_sums(judgement: Judgement) -> tuple[ScoreSum, ...]:
    """Return both scores with their points; a `limit` signal accounts for points beyond the end of a scale."""
    values = {ScoreKind.SELF_SERVICE: judgement.scores.self_service, ScoreKind.RISK: judgement.scores.risk}
    points = {kind: sum(signal.points for signal in judgement.signals if signal.score is kind) for kind in ScoreKind}
    return tuple(ScoreSum(score=kind, start=START[kind], points=points[kind], value=values[kind]) for kind in ScoreKind)


def work_lines(judgement: Judgement, policy: Policy) -> tuple[WorkLine, ...]:
    """Return the work, its cost, the order's value, and the calculation of the fee, as far as known."""
    if not judgement.labour.minutes:
        return tuple(_worth(judgement, policy))
    return (*_work(judgement, policy), *_worth(judgement, policy), *_price(judgement, policy))


def _work(judgement: Judgement, policy: Policy) -> Iterator[WorkLine]:
    labour = judgement.labour
    for signal in judgement.signals:
        if signal.minutes:
            yield WorkLine(code=signal.code, text=signal.detail, minutes=signal.minutes)
    yield WorkLine(code="total", text="All work for this order.", minutes=labour.minutes)
    if labour.cost is not None:
        rate = Money.from_text(policy.currencies[labour.cost.currency].staff_cost_per_hour, labour.cost.currency)
        yield WorkLine(code="cost", text=f"It costs us {rate} an hour.", minutes=labour.minutes, amount=labour.cost)


def _worth(judgement: Judgement, policy: Policy) -> Iterator[WorkLine]:
    labour, months = judgement.labour, policy.labour.tolerated_months
    if labour.recurring_monthly is not None:
        yield WorkLine(code="brings", text="The order brings in this much a month.", amount=labour.recurring_monthly)
    if labour.margin_month is not None:
        partly = " Lines with unknown amounts are left out." if labour.missing else ""
        text = f"Our margin a month, with one-time amounts spread over {policy.labour.horizon_months} months."
        yield WorkLine(code="margin", text=text + partly, amount=labour.margin_month)
    words = {
        True: "so it is accepted",
        False: "so it is not accepted",
        None: "whether that is accepted is not known",
    }
    text = f"The work is {labour.payback_words}; the limit is {months} months, {words[labour.tolerated]}."
    yield WorkLine(code="payback", text=text)


def _price(judgement: Judgement, policy: Policy) -> Iterator[WorkLine]:
    labour, rules = judgement.labour, policy.fee
    if labour.estimate is None:
        return
    currency = labour.estimate.currency
    if not labour.custom_minutes:
        yield WorkLine(code="fee_estimate", text="The flat fee for entering an order.", amount=labour.estimate)
        return
    full, most = uncapped_fee(labour.custom_minutes, currency, policy), max_fee(currency, policy)
    rate = Money.from_text(policy.currencies[currency].custom_rate_per_hour, currency)
    text = f"Custom work at {rate} an hour, in steps of {rules.increment_minutes} minutes and at least "
    text += f"{rules.minimum_minutes}; entering the order is included."
    yield WorkLine(code="fee_uncapped", text=text, minutes=labour.custom_minutes, amount=full)
    if full != labour.estimate:
        yield WorkLine(code="fee_estimate", text=f"No fee is above {most}.", amount=labour.estimate)


def for_staff(judgement: Judgement, facts: Facts, policy: Policy) -> tuple[str, ...]:
    """Return the verdict as lines of text."""
    first, *others = judgement.reasons
    lines = [f"{judgement.outcome.value}: {first.text}", *(f"also: {reason.text}" for reason in others)]
    for total in score_sums(judgement):
        signals = [signal for signal in judgement.signals if signal.score is total.score]
        name = total.score.value.replace("_", "-")
        lines.append(f"{name} {total.value}: starts at {total.start}, points {total.points:+d}")
        lines += [f"  {signal.points:+d} {signal.code}: {signal.detail}" for signal in signals]
    for line in work_lines(judgement, policy):
        figures = [f"{line.minutes} minutes" if line.minutes is not None else "", str(line.amount or "")]
        said = ". ".join(filter(None, (", ".join(filter(None, figures)), line.text)))
        lines.append(f"{line.code.replace('_', ' ')}: {said}")
    if judgement.fee is not None:
        lines.append(f"fee: {judgement.fee}")
    if judgement.catalogue_gap:
        lines.append("catalogue gap: the customer's request can't be ordered in the cart")
    if judgement.missing:
        lines.append(f"not known, so not counted either way: {', '.join(judgement.missing)}")
    if facts.today:
        lines.append(f"known only as of today, so left out of an imported order: {', '.join(facts.today)}")
    return tuple(lines)
