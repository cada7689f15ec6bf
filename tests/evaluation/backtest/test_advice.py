"""The advice of a backtest: its hard cases, and what it says."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.facts import CustomerFacts, Facts, FraudCheck, FraudVerdict, Item, Neighbours, OrderFacts, PlacedBy
from app.core.judgement.quick import QuickJudge
from app.core.judgement.scoring import risk_of
from app.core.judgement.signals.base import FAMILIES
from app.core.judgement.signals.risk import UNMUTABLE
from app.core.policy.document import Policy, parse_policy
from app.core.reading.requests import TermFinding, TermKind
from app.db import Database
from app.evaluation.backtest import runs
from app.evaluation.backtest.advice_records import Advice
from app.evaluation.backtest.chart import draw
from app.evaluation.backtest.firing import alone
from app.evaluation.backtest.parts import Kind
from app.evaluation.backtest.records import BacktestReport
from app.evaluation.backtest.runs import Wanted
from app.orders import facts_codec
from tests.core.judgement.test_properties import facts as any_facts
from tests.core.judgement.test_properties import quick
from tests.core.judging import a_request
from tests.evaluation.backtest.history import ACTIVE, NOW, add_cases, set_active, some_cases
from tests.evaluation.backtest.test_report import check, printed, tried

OLD = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def a_case(
    number: int, *, at: datetime = OLD, label: str = "good", currency: str = "EUR", amount: int = 1_500, **more: Any
) -> dict[str, Any]:
    """Return an order of the cart; `more` replaces facts of the order, `neighbours` those of the customer."""
    customer = CustomerFacts(customer_id=number, neighbours=more.pop("neighbours", ()))
    order = OrderFacts(
        order_id=number, placed_at=at, placed_by=PlacedBy.CUSTOMER, currency=currency, amount=amount,
        items=(Item(kind="product", relid=number, cycle="monthly", first_amount=amount, recurring_amount=amount),),
    )  # fmt: skip
    facts = Facts(order=replace(order, **more), customer=customer)
    return {
        "order_id": number, "customer_id": number, "source": "live", "placed_at": at, "judged_at": at,
        "facts": facts_codec.pack(facts), "terms_digest": "0" * 16, "label": label, "labelled_at": NOW,
        "staff_minutes": None, "reviewed": None,
    }  # fmt: skip


#: The default policy, with a currency that has no decimals.
YEN = ACTIVE.replace("[risk]\nreview_from = 60\n", "")
STOLEN = (Neighbours(kind="email", customers=3, bad_customers=3),)  # a known thief's mailbox: 80 points


async def advised(db: Database, rows: list[dict[str, Any]], document: str = "") -> tuple[Advice, BacktestReport]:
    """Run a backtest against the default policy, and check every number of it."""
    await add_cases(db, rows)
    await set_active(db, YEN)
    begun, report = await tried(db, document or YEN)
    await check(db, begun, report)
    assert report.advice is not None
    ET.fromstring(draw(report))
    return report.advice, report


async def test_what_it_would_have_meant_in_each_currency(db: Database) -> None:
    work = {"requests": (a_request(TermKind.OS_OLD),)}
    rows = [
        a_case(1, **work),
        a_case(2, currency="USD", label="cancelled_unpaid", **work),  # nobody did that work
        a_case(3, currency="USD", label="fraud", amount=9_900, neighbours=STOLEN),
        a_case(4, currency="GBP", label="disputed", amount=2_000),
        a_case(5, currency="GBP", neighbours=STOLEN),
    ]
    advice, report = await advised(db, rows)
    euro, pound, dollar = advice.given.currencies
    assert (euro.fees_asked, euro.fees_sum, euro.labour_saved) == (1, "50.00", "40.00")
    assert (dollar.fees_asked, dollar.fees_sum, dollar.labour_saved) == (1, "50.00", "0.00")
    assert (dollar.found, dollar.found_worth, dollar.beyond_worth) == (1, "99.00", "99.00")
    assert (pound.found, pound.bad_worth, pound.good_held, pound.good_held_worth) == (0, "20.00", 1, "15.00")
    assert (advice.given.recall.orders, advice.given.recall.of) == (1, 2)
    assert (advice.given.hours_asked, advice.given.hours_charged) == (2.0, 2.0)
    shown = printed(report)
    assert shown.index("What this policy would have meant") < shown.index("Outcomes")
    assert "finds 1 of 2 fraudulent or disputed orders" in " ".join(shown.split())
    for currency in ("EUR", "GBP", "USD"):
        assert f"In {currency}" in shown


async def test_the_panels_own_check_is_not_our_find(db: Database) -> None:
    failed = FraudCheck(module="maxmind", verdict=FraudVerdict.FAIL, score=None)
    rows = [
        a_case(1, label="fraud", fraud_check=failed, fraud_check_ran=True),
        a_case(2, label="fraud", neighbours=STOLEN),
    ]
    advice, _ = await advised(db, rows)
    assert (advice.past.bad, advice.past.found) == (2, 1)
    assert (advice.given.recall.orders, advice.given.beyond) == (2, 1)


async def test_a_month_without_orders_is_there_and_empty(db: Database) -> None:
    advice, report = await advised(db, [a_case(1), a_case(2, at=OLD + timedelta(days=62))])
    assert [(one.month, one.orders) for one in advice.by_month] == [("2026-01", 1), ("2026-02", 0), ("2026-03", 1)]
    assert advice.by_month[1].currencies == ()
    assert "2026-02       0" in printed(report)


async def test_the_chart_shows_hours_and_money_by_month(db: Database) -> None:
    work = {"requests": (a_request(TermKind.OS_OLD),)}
    rows = [
        a_case(1, **work),
        a_case(2, at=OLD + timedelta(days=62), currency="JPY", label="fraud", amount=9_900, neighbours=STOLEN),
        a_case(3, at=NOW - timedelta(days=2)),
    ]
    _, report = await advised(db, rows)
    root = ET.fromstring(draw(report))
    words = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Hours a month", "EUR a month", "JPY a month", "fraud not known yet", "2026-11"} <= set(words)
    bars = {(element.text or "") for element in root.iter("{http://www.w3.org/2000/svg}title")}
    assert {
        "2026-01, asked for: 1.0", "2026-01, charged: 1.0", "2026-01, fees asked for: 50.00",
        "2026-01, labour saved: 40.00", "2026-03, fraud found: 9900", "2026-11: too young to know what was fraud",
    } <= bars  # fmt: skip
    assert not [label for label in bars if label.startswith("2026-02")]


async def test_months_are_those_of_the_panels_zone(db: Database) -> None:
    await add_cases(db, [a_case(1, at=datetime(2026, 1, 31, 23, 30, tzinfo=UTC))])
    await set_active(db, "")
    async with db.begin() as tx:
        begun = await runs.begin(tx, Wanted(document=""), by="test", now=NOW)
    report = await runs.run(db, begun, zone=ZoneInfo("Europe/Berlin"))
    assert report.advice is not None
    assert [one.month for one in report.advice.by_month] == ["2026-02"]


async def test_a_history_that_begins_with_an_attack(db: Database) -> None:
    attack = [a_case(number, at=OLD + timedelta(seconds=number), label="fraud") for number in range(1, 201)]
    later = [a_case(200 + day, at=OLD + timedelta(days=day)) for day in range(1, 101)]
    advice, _ = await advised(db, [*attack, *later])
    assert [sum(worth.bad for worth in one.currencies) for one in advice.by_month] == [200, 0, 0, 0]
    assert (advice.given.recall.orders, advice.given.recall.of) == (0, 200)
    assert any("200 bad orders get in" in step for step in advice.next_steps)


async def test_what_is_too_young_is_not_known_instead_of_zero(db: Database) -> None:
    advice, report = await advised(db, [a_case(1, at=NOW - timedelta(days=3), label="fraud")])
    assert (advice.mature_months, advice.past.bad_month, advice.given.a_month.found) == (0.0, None, None)
    assert advice.given.recall.share is None
    row = next(line for line in printed(report).splitlines() if line.startswith("2026-11"))
    assert row.split()[-3:] == ["-", "-", "-"]


async def test_a_term_that_stops_good_customers_is_named_with_what_to_do(db: Database) -> None:
    term = (TermFinding(kind=TermKind.LISTED, term="tor exit", where="notes", start=0),)
    rows = [*(a_case(number, vetting=term) for number in range(1, 13)), a_case(20, label="fraud", vetting=term)]
    advice, report = await advised(db, rows)
    found = next(one for one in advice.signals if one.code == "vetting_terms")
    assert (found.good, found.bad, found.only_good, found.only_bad) == (12, 1, 12, 1)
    assert [(one.term, one.good, one.bad) for one in found.terms] == [("tor exit", 12, 1)]
    assert any("tor exit" in step and "vetting.terms" in step for step in advice.next_steps)
    assert '"tor exit" (12 good, 1 bad)' in " ".join(printed(report).split())


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", None),
        ("[risk]\nreview_from = 85\n", "it finds 20 fewer bad orders"),
        ("[points.risk]\nshared_ip = 60\n", "That is worse"),
        (
            "[points.risk]\nshared_ip = 60\nshared_address = 60\n",
            "That is 0.5 good orders made to wait for each bad one found.",
        ),
        (
            "[vetting]\nterms = []\n[points.risk]\nshared_email = 30\n",
            "That is 0.6 good orders let go for each bad one missed.",
        ),
        ("[points.risk]\nshared_address = 60\n", "That is better: publish it"),
        ("[labour]\nmin_minutes = 20\n", "it changes nothing here"),
    ],
)
async def test_it_says_whether_to_publish(db: Database, document: str, said: str | None) -> None:
    address = (Neighbours(kind="address", customers=1, bad_customers=1),)
    rows = [a_case(number, label="fraud", neighbours=STOLEN) for number in range(1, 21)]
    rows += [a_case(number, label="fraud", neighbours=address) for number in range(30, 50)]
    ip = (Neighbours(kind="ip", customers=1, bad_customers=1),)
    rows += [a_case(number, neighbours=ip) for number in range(60, 70)]
    rows += [a_case(number, neighbours=STOLEN) for number in range(80, 92)]
    advice, _ = await advised(db, rows, document)
    against = [step for step in advice.next_steps if step.startswith("Against the active policy")]
    assert bool(against) is (said is not None)
    assert said is None or said in against[0]


async def test_payment_methods_that_are_not_in_the_history_change_no_figure(db: Database) -> None:
    rows = [a_case(number, payment_method="", label="fraud" if number % 5 == 0 else "good") for number in range(1, 41)]
    advice, _ = await advised(db, rows)
    assert "shared_payment" in advice.silent
    assert advice.given.good_held.orders == 0


async def test_a_report_of_an_earlier_version_can_still_be_read_and_drawn(db: Database) -> None:
    await add_cases(db, some_cases(20))
    await set_active(db)
    _, report = await tried(db)
    old = {name: value for name, value in report.model_dump(mode="json").items() if name != "advice"}
    again = BacktestReport.model_validate(old)
    assert again.advice is None
    assert "Outcomes" in printed(again)
    ET.fromstring(draw(again))


@quick
@given(any_facts())
def test_the_points_alone_give_the_risk(facts: Facts) -> None:
    policy = parse_policy("[families]\nidentity = 30\n[points.risk]\nallow_listed = 20\n")
    verdict = QuickJudge(policy).verdict(facts, now=NOW)
    assert risk_of(verdict.points, policy.families.model_dump()) == verdict.risk


@quick
@given(any_facts(), st.sampled_from(sorted(set(FAMILIES) - UNMUTABLE)))
def test_what_only_a_signal_finds_is_not_found_when_it_is_muted(facts: Facts, code: str) -> None:
    policy = Policy()
    judge = QuickJudge(policy)
    verdict = judge.verdict(facts, now=NOW)
    kind = Kind(
        verdict.outcome.value,
        verdict.reasons,
        verdict.self_service,
        verdict.risk,
        verdict.points,
        verdict.minutes,
        False,
    )
    muted = judge.verdict(replace(facts, muted=(*facts.muted, code)), now=NOW)
    by_risk = {"risk_review", "risk_reject", "would_reject"}
    if verdict.reasons and set(verdict.reasons) - {"amount_zero"} <= by_risk:
        only = code in set(alone(kind, policy.families.model_dump(), review_from=policy.risk.review_from))
        assert only is (muted.risk < policy.risk.review_from)
