"""The report of a backtest: a stable document. Money is text with the currency's own decimals, shares are 0-1."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from app.evaluation.backtest.advice_records import Advice
from app.evaluation.backtest.record_types import Interval, Orders, Proportion, Record, Share


class Counted(Record):
    """The number of orders that have one thing in common."""

    name: str
    orders: Orders
    share: Share


class ReasonCount(Record):
    """How many orders got an outcome for a reason."""

    outcome: str
    reason: str
    orders: Orders


class PolicyName(Record):
    """A policy and its thresholds."""

    hash: str
    version: int | None = Field(description="null while it is not published.")
    review_from: int
    reject_from: int


class Period(Record):
    """From the first order to the last."""

    first: datetime
    last: datetime


class Cases(Record):
    """What was judged."""

    total: Orders
    period: Period
    by_source: tuple[Counted, ...]
    by_label: tuple[Counted, ...]
    mature: Orders = Field(description="Old enough for their result to count.")
    too_young: Orders = Field(description="Younger than 60 days: left out of all figures based on labels.")
    labelled_good: Orders = Field(description="Old enough, paid, and active or ended normally.")
    labelled_bad: Orders = Field(description="Old enough, fraud or disputed.")
    minutes_known: Orders = Field(description="Orders whose staff minutes were logged.")
    minutes_logged: int = Field(description="The sum of those minutes.")


class UntestedFact(Record):
    """A fact that only became known later, so that past orders can't be judged by it."""

    fact: str
    orders: Orders
    share: Share
    signals: tuple[str, ...] = Field(description="What could not be tested, or only partly.")


class UntestableSignal(Record):
    """A signal that could not fire on these orders, or only in part."""

    signal: str
    orders: Orders
    why: str = Field(description="Why most of them could not test it.")


class MutedSignal(Record):
    """A risk signal that a policy would have muted on some days: it fired on too many orders that ended well."""

    policy: str = Field(description="`given` (the tested policy) or `active`.")
    signal: str
    orders: Orders = Field(description="Orders placed on days on which it added no points.")
    first: date
    last: date


class CurrencyMoney(Record):
    """The money of one currency; currencies are never added up. `currency` is empty if the order's is unknown."""

    currency: str
    fees_asked: Orders = Field(description="Orders held for a fee.")
    fees_sum: str = Field(description="The sum of those fees if all were paid.")
    work_cost: str = Field(description="Estimated labour cost of all work that the orders asked for.")
    work_unpaid_cost: str = Field(description="The part for approved orders, which the provider bears.")
    work_charged_cost: str = Field(
        description="The part for orders held for a fee: the fee pays for the work, or the work is dropped."
    )
    work_cost_unknown: Orders = Field(description="Orders with work whose cost the policy can't determine.")
    good_held: Orders = Field(
        description="Old enough good orders that a person would hold or that would be rejected, without imported ones "
        "that are held only because past facts are not known."
    )
    good_held_margin_month: str = Field(description="The monthly margin of those orders.")
    good_held_margin_unknown: Orders


class Work(Record):
    """Staff minutes by the policy's own estimate."""

    orders: Orders = Field(description="Orders that ask for work.")
    minutes: int
    unpaid_minutes: int = Field(description="For approved orders: the provider bears them.")
    charged_minutes: int = Field(description="For orders held for a fee.")
    waiting_minutes: int = Field(description="For orders held for a person or rejected.")
    facts_unknown_minutes: int = Field(description="The part for orders held only because facts are not known.")


class Threshold(Record):
    """How well one threshold of the risk score separates bad orders from good ones; only orders that are old enough."""

    name: str
    risk_from: int
    precision: Proportion = Field(description="Share of the orders from this score on that are bad.")
    recall: Proportion = Field(description="Share of the bad orders that are from this score on.")
    good_caught: Proportion = Field(description="Share of the good orders that are from this score on.")
    refunded: Proportion = Field(description="The same share of refunded orders, which count as neither good nor bad.")
    cancelled_unpaid: Proportion = Field(
        description="The same share of orders cancelled unpaid, which count as neither good nor bad."
    )


class Area(Record):
    """How often a bad order scores above a good one (AUC): 0.5 is chance, 1 is perfect."""

    value: Share | None
    interval: Interval | None
    why_not: str | None = Field(description="Why there is no value.")


class ScoreRange(Record):
    """How many orders that are old enough have a risk score in this range."""

    low: int
    high: int
    good: Orders
    bad: Orders


class Risk(Record):
    """The risk score compared with how the orders ended."""

    auc: Area
    thresholds: tuple[Threshold, ...]
    scores: tuple[ScoreRange, ...]


class Ending(Record):
    """What the policy would have done with orders of one label that are old enough."""

    label: str
    approve: Orders
    hold_for_fee: Orders
    hold_for_review: Orders
    reject: Orders
    facts_unknown: Orders = Field(
        description="The part of hold_for_review that is held only because past facts are not known."
    )


class Agreement(Record):
    """How far the policy agrees with the decisions of people."""

    reviewed: Orders
    same: Proportion
    other: Orders = Field(description="The policy decides differently without a person.")
    left_to_people: Orders = Field(description="The policy also holds them for a person.")


class Figures(Record):
    """What one policy would have done."""

    outcomes: tuple[Counted, ...]
    facts_unknown: Orders = Field(
        description=(
            "Imported orders among hold_for_review that are held only because past facts are not known; this "
            "says nothing about the policy."
        )
    )
    reasons: tuple[ReasonCount, ...]
    catalogue_gaps: Orders
    endings: tuple[Ending, ...]
    work: Work
    money: tuple[CurrencyMoney, ...]
    risk: Risk
    people: Agreement


class ChangeCount(Record):
    """How many orders go from one outcome to another."""

    before: str = Field(description="By the active policy.")
    after: str = Field(description="By the tested policy.")
    orders: Orders


class ReasonChange(Record):
    """A reason that appears or disappears when the outcome changes."""

    reason: str
    appears: Orders
    disappears: Orders


class SignalChange(Record):
    """A signal on orders whose outcome changes."""

    signal: str
    orders: Orders = Field(description="Changed orders where the signal fires under either policy.")
    differs: Orders = Field(description="Those where its points differ.")
    points: int = Field(description="The sum of the differences.")


class Saved(Record):
    """Labour saved in one currency; negative if more is done for free."""

    currency: str
    cost: str


class Comparison(Record):
    """Both policies, and where they differ."""

    given: Figures
    active: Figures
    changed: Proportion
    changes: tuple[ChangeCount, ...] = Field(description="Every pair of outcomes, including unchanged ones.")
    reasons: tuple[ReasonChange, ...]
    signals: tuple[SignalChange, ...]
    minutes_saved: int = Field(
        description=(
            "Work of orders that the active policy approves and the tested one holds for a fee, minus the work "
            "of orders that change the other way; both by the active policy's estimate. A fee pays for the work, "
            "or the customer drops the request. Orders that move into or out of a person's review are not "
            "included: a person decides those."
        )
    )
    labour_saved: tuple[Saved, ...] = Field(description="The cost of the same work.")


class ExampleSignal(Record):
    """One signal of an example."""

    code: str
    points: int
    detail: str


class ExampleVerdict(Record):
    """One policy's verdict on an example."""

    outcome: str
    self_service: int
    risk: int
    reasons: tuple[str, ...]
    signals: tuple[ExampleSignal, ...]


class Example(Record):
    """One order that the two policies decide differently."""

    order_id: int
    placed_at: datetime
    before: ExampleVerdict
    after: ExampleVerdict


class Replay(Record):
    """Live decisions judged again with their own facts, policy and engine: none may differ."""

    decisions: int
    differences: int
    other_engine: int = Field(
        description="Not replayed: made by another engine version or under a policy that can no longer be read."
    )


class BacktestReport(Record):
    """What a policy would have done with the history, and how certain that is."""

    engine_version: str
    as_of: datetime
    since: datetime | None
    given: PolicyName
    active: PolicyName
    cases: Cases
    advice: Advice | None = Field(
        None, description="What it would have meant, in short. Null in reports of earlier versions."
    )
    untested: tuple[UntestedFact, ...]
    lacking: Orders = Field(description="Orders for which at least one fact was left out.")
    untestable: tuple[UntestableSignal, ...] = Field(
        (), description="Every signal that could not be tested on some of the orders, for whatever reason."
    )
    muted: tuple[MutedSignal, ...] = Field(
        (), description="What each policy would have muted at the time, by the orders that had ended well by then."
    )
    figures: Comparison = Field(description="Without facts that only became known later.")
    with_today: Comparison | None = Field(description="The same with those facts, if requested.")
    examples: tuple[Example, ...]
    replay: Replay
    notes: tuple[str, ...] = Field(description="What these figures can't show.")
