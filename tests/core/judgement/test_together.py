"""New accounts that order together: who counts for whom, and who is never held for company alone."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.facts import Facts, ListKind, NewAccount, PaymentState, PlacedBy, Regulars
from app.core.judgement.decide import Outcome, decide
from app.core.judgement.together import FARTHEST, MOST_KEPT, Sighting, gather, is_without_past
from app.core.policy.document import Policy, PolicyError, parse_policy
from app.core.reading.mailboxes import is_random, own_domain, patterns, stem_anywhere
from tests.core.judgement.test_properties import facts, policies, quick
from tests.core.judging import NOW, a_customer, an_order, some_facts

CODE = "new_accounts_together"
NEW: dict[str, Any] = {"signed_up_at": NOW - timedelta(days=1), "paid_invoices": 0, "revenue": 0, "total_services": 0}


def other(order_id: int = 900, **changes: Any) -> NewAccount:
    return replace(NewAccount(order_id=order_id, minutes=10, days=0, shares=("ip",)), **changes)


def newcomer(*together: NewAccount, **changes: Any) -> Facts:
    return some_facts(customer=a_customer(**{**NEW, "together": together, **changes}))


def points(seen: Facts, policy: Policy | None = None) -> int:
    found = decide(seen, policy or Policy(), now=NOW).signals
    return sum(signal.points for signal in found if signal.code == CODE)


def others(count: int, **changes: Any) -> tuple[NewAccount, ...]:
    return tuple(other(900 + place, **changes) for place in range(count))


accounts = st.builds(
    NewAccount,
    order_id=st.integers(1, 50),
    minutes=st.integers(0, 1440),
    days=st.integers(0, 7),
    shares=st.sets(st.sampled_from(["ip", "payment", "phone", "email", "stem"]), min_size=1).map(sorted).map(tuple),
    colleague=st.booleans(),
)


# --- the points -------------------------------------------------------------------------------------------------------


@quick
@given(st.integers(1, 99), st.integers(0, 35), st.integers(0, 100), accounts)
def test_one_other_never_holds_alone(review_from: int, first: int, further: int, one: NewAccount) -> None:
    policy = parse_policy(
        f"risk.review_from = {review_from}\nrisk.reject_from = 100\n"
        f"[points.risk]\nemail_disposable = 0\nemail_unverified = 0\ncountries_disagree = 0\nanonymous_ip = 0\n"
        f"hosting_network = 0\nnew_accounts_together = {first}\neach_new_account = {further}"
    )
    assert points(newcomer(one), policy) <= min(35, review_from - 1)
    assert decide(newcomer(one), policy, now=NOW).outcome is Outcome.APPROVE


def test_more_than_35_points_for_one_other_are_refused() -> None:
    with pytest.raises(PolicyError):
        parse_policy("points.risk.new_accounts_together = 36")


@pytest.mark.parametrize("shares", ["ip", "payment", "phone", "email", "stem"])
def test_two_others_reach_a_review(shares: str) -> None:
    decision = decide(newcomer(*others(2, shares=(shares,))), Policy(), now=NOW)
    assert (decision.outcome, decision.reasons[0].code) == (Outcome.HOLD_FOR_REVIEW, "risk_review")


@quick
@given(st.integers(1, 40), st.integers(2, 100), st.integers(0, 100))
def test_company_alone_never_rejects(count: int, reject_from: int, cap: int) -> None:
    policy = parse_policy(
        f"risk.review_from = 1\nrisk.reject_from = {reject_from}\nrisk.auto_reject = true\nfamilies.together = {cap}\n"
        "[points.risk]\nemail_disposable = 0\nemail_unverified = 0\ncountries_disagree = 0\nanonymous_ip = 0\n"
        "hosting_network = 0"
    )
    decision = decide(newcomer(*others(count)), policy, now=NOW)
    assert decision.outcome is not Outcome.REJECT
    assert decision.scores.risk < reject_from


@quick
@given(facts(), policies, st.lists(accounts, max_size=6), accounts)
def test_one_more_account_is_never_to_an_orders_advantage(
    seen: Facts, policy: Policy, company: list[NewAccount], more: NewAccount
) -> None:
    if seen.customer is None:
        return
    before = replace(seen, customer=replace(seen.customer, together=tuple(company)))
    after = replace(seen, customer=replace(seen.customer, together=(*company, more)))
    assert points(before, policy) <= points(after, policy)


def test_the_sentence_says_how_many_share_what_and_which() -> None:
    company = (other(901, shares=("ip", "phone")), other(902, minutes=200, shares=("payment",)))
    (found,) = (one for one in decide(newcomer(*company), Policy(), now=NOW).signals if one.code == CODE)
    assert found.detail == (
        "Two other new accounts without a paid past ordered within a day and share: IP address, payment method, "
        "phone number."
    )
    assert dict(found.evidence)["orders"] == "901, 902"


# --- whom it never meets ----------------------------------------------------------------------------------------------


@quick
@given(st.lists(accounts, max_size=8), st.integers(2, 50), st.integers(0, 40))
def test_a_regular_with_a_paid_past_is_in_no_group(company: list[NewAccount], paid: int, days: int) -> None:
    seen = newcomer(*company, paid_invoices=paid, signed_up_at=NOW - timedelta(days=days))
    assert points(seen) == 0


@quick
@given(st.lists(accounts, max_size=8))
def test_neither_are_those_whom_the_provider_knows(company: list[NewAccount]) -> None:
    reseller = parse_policy("together.reseller_groups = [7]")
    assert points(newcomer(*company, group_id=7), reseller) == 0
    assert points(newcomer(*company, lists=((ListKind.ALLOW, "networks[0]"),))) == 0
    by_staff = newcomer(*company)
    assert points(replace(by_staff, order=an_order(placed_by=PlacedBy.STAFF))) == 0


@quick
@given(st.lists(accounts, max_size=5), st.sampled_from(["country", "phone_country", "email_domain"]), st.data())
def test_two_newcomers_who_differ_in_what_must_not_matter_get_the_same(
    company: list[NewAccount], fact: str, data: st.DataObject
) -> None:
    values = (
        st.sampled_from(["US", "DE", "BR", "NG", None])
        if fact != "email_domain"
        else st.sampled_from(["a.example", "gmail.com"])
    )
    one, two = (newcomer(*company, **{fact: data.draw(values)}) for _ in range(2))
    assert points(one) == points(two)


@pytest.mark.parametrize("count", [2, 5, 20])
def test_a_place_with_as_many_regulars_is_no_burst(count: int) -> None:
    """A family, an office, a university where customers with a paid past have been for long."""
    crowd = others(count, shares=("ip",))
    assert points(newcomer(*crowd, regulars=(Regulars(kind="ip", customers=count),))) == 0
    assert points(newcomer(*crowd, regulars=(Regulars(kind="ip", customers=count - 1),))) == 35
    by_card = others(count, shares=("ip", "payment"))
    assert points(newcomer(*by_card, regulars=(Regulars(kind="ip", customers=300),))) >= 60


def test_five_colleagues_within_an_hour_are_not_held_for_sharing_a_place_alone() -> None:
    office = others(4, colleague=True)
    assert decide(newcomer(*office), Policy(), now=NOW).outcome is Outcome.APPROVE
    assert points(newcomer(*others(4, colleague=True, shares=("ip", "payment")))) >= 60


@pytest.mark.parametrize(
    ("paid", "payment", "orders_today", "without"),
    [
        (0, PaymentState.UNPAID, 0, True),
        (1, PaymentState.PAID, 0, True),  # this order
        (1, PaymentState.UNPAID, 0, False),
        (3, PaymentState.PAID, 2, True),  # a burst of its own
        (3, PaymentState.PAID, 1, False),
        (None, PaymentState.PAID, 0, False),
    ],
)
def test_what_is_paid_with_the_burst_itself_is_no_past(
    paid: int | None, payment: PaymentState, orders_today: int, without: bool
) -> None:
    assert is_without_past(paid_invoices=paid, payment=payment, orders_last_day=orders_today) is without


# --- the group --------------------------------------------------------------------------------------------------------

sightings = st.builds(
    Sighting,
    order_id=st.integers(1, 500),
    customer_id=st.integers(1, 9),
    placed_at=st.integers(-3000, 3000).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    signed_up_at=st.just(NOW - timedelta(days=3)),
    firm=st.sampled_from([None, "a", "b"]),
)
links = st.tuples(st.sampled_from(["ip", "phone", "email"]), sightings)


@quick
@given(sightings, st.lists(links, max_size=40), st.integers(-2000, 2000))
def test_a_group_holds_each_other_customer_once_and_nobody_of_later(
    own: Sighting, found: list[tuple[str, Sighting]], later: int
) -> None:
    until = NOW + timedelta(minutes=later)
    group = gather(own, found, until=until)
    reachable = [
        (kind, one)
        for kind, one in found
        if one.customer_id != own.customer_id
        and one.placed_at <= until
        and abs(one.placed_at - own.placed_at) <= FARTHEST
    ]
    assert len(group) == min(MOST_KEPT, len({one.customer_id for _, one in reachable}))
    assert [one.minutes for one in group] == sorted(one.minutes for one in group)
    assert gather(own, reversed(found), until=until) == group


@quick
@given(sightings, sightings)
def test_two_see_each_other_alike(one: Sighting, two: Sighting) -> None:
    end = NOW + timedelta(days=9)
    there, back = gather(one, [("ip", two)], until=end), gather(two, [("ip", one)], until=end)
    assert [(entry.minutes, entry.colleague) for entry in there] == [(entry.minutes, entry.colleague) for entry in back]


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "two", "alike"),
    [
        ("max.power01@gmail.com", "maxpower17@gmail.com", True),
        ("max.power01@gmail.com", "max.power02@web.de", False),
        ("maxpower@firm.example", "maxpower2@firm.example", True),
        ("info1@a.example", "info1@b.example", False),
        ("anna.meier@firm.example", "paul.kurz@firm.example", False),
        ("x7k2q9b1@drop.example", "p4z8w1c6m2@drop.example", True),
        ("qwrtpzkv@drop.example", "xvbnmlkq@drop.example", True),
        ("x7k2q9b1@gmail.com", "p4z8w1c6m2@gmail.com", False),  # many random looks meet there
        ("1234567@qq.com", "7654321@qq.com", False),  # numbers are names there
        ("ab1@gmail.com", "ab2@gmail.com", False),
    ],
)
def test_addresses_of_one_pattern(one: str, two: str, alike: bool) -> None:
    public = ("gmail.com", "web.de", "qq.com")
    found = [set(patterns(each, public=each.endswith(public))) for each in (one, two)]
    assert bool(found[0] & found[1]) is alike


def test_a_long_stem_with_a_counter_is_found_at_any_domain() -> None:
    assert stem_anywhere("maxpower01@gmail.com") == stem_anywhere("max.power44@web.de") == "maxpower"
    assert stem_anywhere("thomas77@gmail.com") is None
    assert stem_anywhere("maxpower@gmail.com") is None


VOWELS, CONSONANTS = "aeiou", "".join(sorted(set(string.ascii_lowercase) - set("aeiouy")))


@quick
@given(
    st.from_regex(r"[a-z]{2,9}([._-][a-z]{2,9})?[0-9]{0,3}", fullmatch=True),
    st.permutations(VOWELS),
    st.permutations(CONSONANTS),
)
def test_a_name_of_any_language_is_read_alike(local: str, vowels: list[str], consonants: list[str]) -> None:
    """Which letters a name has says nothing, only how digits and syllables follow each other."""
    foreign = local.translate(str.maketrans(VOWELS + CONSONANTS, "".join(vowels) + "".join(consonants)))
    assert is_random(local) is is_random(foreign)
    mine, theirs = (own_domain(f"{each}@firm.example", public=False) for each in (local, foreign))
    assert mine == theirs


NAMES = [
    "nguyen",
    "krzysztof.brzeczek",
    "m.mkrtchyan",
    "h.schmidt",
    "schmidt",
    "ng.bao",
    "yilmaz.ozgur",
    "müller",
    "kim",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_do_not_look_random(name: str) -> None:
    assert not is_random(name)


@pytest.mark.parametrize("name", [*NAMES, "hschmidt", "mkrtchyan"])
def test_a_name_at_a_domain_of_its_own_may_be_a_colleagues(name: str) -> None:
    assert own_domain(f"{name}@firm.example", public=False) == "firm.example"


@pytest.mark.parametrize("local", ["info1", "anna2", "x7k2q9"])
def test_a_number_may_not(local: str) -> None:
    assert own_domain(f"{local}@firm.example", public=False) is None
