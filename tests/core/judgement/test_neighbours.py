"""Bad neighbours: evidence ages where the identity changes hands, and one burst is one neighbour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.facts import BadNeighbour, Neighbours
from app.core.judgement.neighbours import AGEING, MOST_NAMED, bad_neighbour, latest, weigh
from app.core.judgement.rulebook import rulebook
from app.core.judgement.signals.risk import SIGNALS
from app.core.policy.document import Policy, parse_policy
from tests.core.judging import a_customer, some_facts

POLICY = Policy()
ORDER = datetime(2026, 8, 14, 12, 0, tzinfo=UTC)
KINDS = ("ip", "phone", "address", "similar_address", "email", "payment")

ones = st.builds(BadNeighbour, st.integers(0, 30_000), st.integers(0, 2_000))
some = st.lists(ones, min_size=1, max_size=MOST_NAMED)


def beside(bad: list[BadNeighbour], kind: str = "address") -> Neighbours:
    return Neighbours(kind=kind, customers=len(bad), bad_customers=len(bad), bad=tuple(bad))


def points(bad: list[BadNeighbour], kind: str = "address", policy: Policy = POLICY) -> int:
    code = kind if kind == "similar_address" else f"shared_{kind}"
    return weigh([beside(bad, kind)], rulebook(policy), first=getattr(policy.points.risk, code)).points


@pytest.mark.parametrize(("days", "left"), [(0, 25), (90, 18), (180, 13), (360, 6), (3_000, 0)])
def test_evidence_about_an_address_loses_half_in_each_half_life(days: int, left: int) -> None:
    assert points([BadNeighbour(days * 24, days)]) == left


def test_the_half_life_is_the_policys() -> None:
    year = parse_policy("neighbours.half_life_days = 365")
    assert points([BadNeighbour(9_000, 365)], policy=year) == 13
    assert points([BadNeighbour(9_000, 365)]) == 6


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_a_persons_own_does_not_age(kind: str) -> None:
    fresh, old = points([BadNeighbour(1, 0)], kind), points([BadNeighbour(50_000, 1_500)], kind)
    assert (fresh == old) is (kind not in AGEING)


def test_accounts_of_one_burst_count_as_one_neighbour() -> None:
    burst = [BadNeighbour(100 + number, 3) for number in range(40)]
    assert points(burst, "email") == 60
    assert points([*burst, BadNeighbour(139 + 24, 3)], "email") == 60  # a day after the one before it
    assert points([*burst, BadNeighbour(139 + 25, 3)], "email") == 70
    assert points([BadNeighbour(0, 0), BadNeighbour(2, 0)], "email", parse_policy("neighbours.burst_hours = 1")) == 70


def test_a_sentence_says_how_the_evidence_counts() -> None:
    bad = [BadNeighbour(4_300, 180), BadNeighbour(4_310, 200), BadNeighbour(9_000, 375)]
    customer = a_customer(neighbours=(beside(bad),))
    found = [rule(some_facts(customer=customer), rulebook(POLICY)) for rule in SIGNALS]
    (signal,) = [one.written() for one in found if one is not None]
    assert signal.detail == (
        "The address is shared with 3 customers known for fraud, abuse or chargebacks. Accounts that came in one burst "
        "count as one, so these count as 2. The latest evidence is 180 days old and counts 50 %."
    )


def test_evidence_that_counts_nothing_any_more_is_no_signal() -> None:
    customer = a_customer(neighbours=(beside([BadNeighbour(90_000, 3_000)]),))
    assert [one for rule in SIGNALS if (one := rule(some_facts(customer=customer), rulebook(POLICY))) is not None] == []


def test_facts_of_an_earlier_version_count_each_customer_in_full() -> None:
    old = Neighbours(kind="ip", customers=3, bad_customers=3)
    assert weigh([old], rulebook(POLICY), first=20).points == 40


def test_ages_are_whole_hours_and_days_before_the_order() -> None:
    seen, known = ORDER - timedelta(hours=49, minutes=59), ORDER - timedelta(days=1, hours=23)
    assert bad_neighbour(seen_at=seen, known_at=known, before=ORDER) == (49, 1)
    assert bad_neighbour(seen_at=seen, known_at=None, before=ORDER) == (49, 0)
    assert bad_neighbour(seen_at=seen, known_at=ORDER + timedelta(days=9), before=ORDER) == (49, 0)


@given(some, st.sampled_from(KINDS), st.integers(1, 400))
def test_older_evidence_never_counts_more(bad: list[BadNeighbour], kind: str, days: int) -> None:
    older = [one._replace(known_days=one.known_days + days) for one in bad]
    assert points(older, kind) <= points(bad, kind)


@given(some, st.sampled_from(KINDS))
def test_the_order_of_the_neighbours_means_nothing(bad: list[BadNeighbour], kind: str) -> None:
    assert points(bad[::-1], kind) == points(bad, kind) == points(list(latest(bad)), kind)


@given(some, st.sampled_from(KINDS))
def test_another_account_in_the_middle_of_a_burst_adds_nothing(bad: list[BadNeighbour], kind: str) -> None:
    twin = max(bad, key=lambda one: one.known_days)
    assert points([*bad, twin], kind) == points(bad, kind)
