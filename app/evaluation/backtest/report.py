"""The report of a backtest from its counts: the same counts give the same report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Final

from app.core.judgement.decide import ENGINE_VERSION
from app.core.judgement.provenance import NAMES
from app.core.judgement.signals.catalogue import not_testable
from app.core.judgement.untested import untested
from app.core.policy.document import Policy, policy_hash
from app.evaluation.backtest.advice import advise
from app.evaluation.backtest.advice_words import FEW_BAD
from app.evaluation.backtest.counting import MATURE_AFTER, Tally
from app.evaluation.backtest.figures import Counts, compare, counted, share
from app.evaluation.backtest.labels import BAD, GOOD
from app.evaluation.backtest.parts import ACTIVE, ACTIVE_TODAY, GIVEN, GIVEN_TODAY, moment_of
from app.evaluation.backtest.records import (
    BacktestReport,
    Cases,
    Example,
    MutedSignal,
    Period,
    PolicyName,
    Replay,
    UntestableSignal,
    UntestedFact,
)
from app.history.cases.muting import MutedDays
from app.tables.history import CaseSource, Label

#: Reasons for an outcome that depend on a fact, in addition to the signals listed in the catalogue.
_REASONS: Final[Mapping[str, tuple[str, ...]]] = {
    "customer.group_id": ("exempt_client_group", "own_initiative_group"),
    "customer.lists": ("exempt_allow_list",),
    "customer.white_glove": ("mandate",),
    "items.listed": ("catalogue_gap",),
    "items.cycle_offered": ("catalogue_gap",),
    "items.group_id": ("exempt_product_group", "vetting_product_group"),
    "order.fraud_check_ran": ("fraud_check",),
}
#: What depends on each fact that may be known only as of today: signals, and reasons for an outcome.
RESTS_ON: Final[Mapping[str, tuple[str, ...]]] = {
    name: (*not_testable((name,)), *_REASONS.get(name, ())) for name in sorted(NAMES)
}
_FEES: Final = (
    "A fee changes what people do: some would pay, some would order in the cart, some would leave. The sums show "
    "what would have been charged, not what would have been paid."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A policy, and its version if it is published."""

    policy: Policy
    version: int | None

    def record(self) -> PolicyName:
        """Return the policy as shown in the report."""
        risk = self.policy.risk
        return PolicyName(
            hash=policy_hash(self.policy),
            version=self.version,
            review_from=risk.review_from,
            reject_from=risk.reject_from,
        )


def build_report(
    tally: Tally,
    *,
    given: Named,
    active: Named,
    as_of: datetime,
    zone: tzinfo,
    since: datetime | None,
    with_today: bool,
    missing: Mapping[str, int],
    muted: tuple[MutedSignal, ...],
    examples: tuple[Example, ...],
    replay: Replay,
) -> BacktestReport:
    """Return the report of a tally with at least one order; months are those of `zone`."""
    counts = Counts(tally.counts)
    cases = _cases(counts, tally)
    today = (GIVEN_TODAY, given.policy), (ACTIVE_TODAY, active.policy)
    return BacktestReport(
        engine_version=ENGINE_VERSION,
        as_of=as_of,
        since=since,
        given=given.record(),
        active=active.record(),
        cases=cases,
        advice=advise(
            counts,
            first=cases.period.first,
            last=cases.period.last,
            as_of=as_of,
            zone=zone,
            same=policy_hash(given.policy) == policy_hash(active.policy),
        ),
        untested=_untested(counts, cases.total),
        lacking=counts.total("lacking"),
        untestable=_untestable(counts, missing),
        muted=muted,
        figures=compare(counts, given=(GIVEN, given.policy), active=(ACTIVE, active.policy)),
        with_today=compare(counts, given=today[0], active=today[1]) if with_today else None,
        examples=examples,
        replay=replay,
        notes=_notes(counts, cases, with_today=with_today),
    )


def muted_signals(policy: str, days: MutedDays, muted: Mapping[date, tuple[str, ...]]) -> Iterator[MutedSignal]:
    """Yield the signals that a policy would have muted, with the orders of those days."""
    for code in sorted({code for codes in muted.values() for code in codes}):
        on = [day for day, codes in muted.items() if code in codes]
        yield MutedSignal(
            policy=policy, signal=code, orders=sum(days.placed[day] for day in on), first=min(on), last=max(on)
        )


def _cases(counts: Counts, tally: Tally) -> Cases:
    total, mature = counts.total("case"), counts.total("case", None, None, True)
    return Cases(
        total=total,
        period=Period(first=moment_of(tally.first or 0), last=moment_of(tally.last or 0)),
        by_source=counted(counts.by("case", 0), total, order=[source.value for source in CaseSource]),
        by_label=counted(counts.by("case", 1), total, order=[label.value for label in Label]),
        mature=mature,
        too_young=total - mature,
        labelled_good=counts.total("case", None, GOOD, True),
        labelled_bad=sum(counts.total("case", None, label, True) for label in BAD),
        minutes_known=counts.total("logged", "orders"),
        minutes_logged=counts.total("logged", "minutes"),
    )


def _untested(counts: Counts, total: int) -> tuple[UntestedFact, ...]:
    found = counts.by("today", 0)
    return tuple(
        UntestedFact(fact=name, orders=found[name], share=share(found[name], total), signals=RESTS_ON.get(name, ()))
        for name in sorted(found, key=lambda name: (-found[name], name))
    )


def _untestable(counts: Counts, missing: Mapping[str, int]) -> tuple[UntestableSignal, ...]:
    imported = counts.total("case", CaseSource.IMPORTED.value)
    found = untested(imported=imported, missing=missing, today=counts.by("today", 0))
    return tuple(UntestableSignal(signal=one.signal, orders=one.orders, why=one.why) for one in found)


def _notes(counts: Counts, cases: Cases, *, with_today: bool) -> tuple[str, ...]:
    """Return notes on the limits of the figures, only those that apply to these orders."""
    days = MATURE_AFTER.days
    imported = counts.total("case", CaseSource.IMPORTED.value)
    notes = [
        "A rejected order has no result: it can't be known whether it would have been good.",
        _FEES,
        f"Staff minutes are the policy's estimate; {cases.minutes_known} of {cases.total} orders have logged ones.",
    ]
    if imported:
        notes.append(
            f"{imported} orders are imported: their facts come from what the panel still shows. Later edits and "
            "deletions are not visible: an upgraded service, an address, an e-mail and the catalogue's prices count as "
            "they are today."
        )
    unknown = counts.total("unknown", GIVEN)
    if unknown:
        notes.append(
            f"{unknown} imported orders are held for a person only because past facts are not known, mostly the "
            "catalogue that staff orders are compared with. This says nothing about the policy, so they are not "
            "counted as good orders held or rejected. Live orders are judged with those facts."
        )
    if counts.total("lacking"):
        which = "Figures with and without them are shown." if with_today else "They are left out of these figures."
        notes.append(f"Some facts only became known later and would judge the past by its outcome. {which}")
    if cases.too_young:
        notes.append(
            f"{cases.too_young} orders are younger than {days} days and are left out of all figures based on labels."
        )
    if cases.labelled_bad < FEW_BAD:
        notes.append(
            f"Only {cases.labelled_bad} orders that are old enough are known to be bad (fraud or disputed), so "
            "precision, recall and the area are mostly chance. Check their intervals."
        )
    notes.append("Labels come from the panel's own states: unmarked fraud counts as good.")
    return tuple(notes)
