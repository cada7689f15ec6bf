"""Explanations of decisions for customers and staff, and a policy's prices in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.core.judgement.stored import dump_facts, dump_judgement
from app.core.reading.kinds import TermKind
from app.core.records import Role
from app.policies import versions
from tests.api.api_support import NOW, ORDER, add_decision, add_fee, add_order, check_problem, judged
from tests.api.conftest import Api

EXPLANATION = f"/v1/orders/{ORDER}/explanation"
STAFF = {"params": {"for": "staff"}}


async def hold_for_fee(api: Api, **fee: Any) -> None:
    facts, judgement = judged(request=TermKind.MIGRATION)
    await add_order(api.db, outcome="hold_for_fee", hold_kind="fee")
    await add_decision(
        api.db, outcome="hold_for_fee", facts=dump_facts(facts), judgement=dump_judgement(judgement),
        candidate={"version": 7, "outcome": "approve"}, note="Staff only.",
    )  # fmt: skip
    await add_fee(api.db, **{"amount_minor": 10_000, "minutes": 90, "work": "moving existing data or sites"} | fee)


async def test_the_customer_reads_the_fee_that_is_asked_for_until_when_and_where_to_pay(api: Api) -> None:
    await hold_for_fee(api)

    body = (await api.ask("GET", EXPLANATION)).json()

    assert body["fee"] == {"amount": "100.00", "currency": "USD"}
    assert "moving existing data or sites. We expect this to take our team about 90 minutes." in body["paragraphs"][0]
    assert (NOW + timedelta(days=7)).date().isoformat() in body["paragraphs"][2]
    assert body["ways_out"][0]["text"].endswith("https://billing.example.com/viewinvoice.php?id=500001")
    assert "Staff only" not in str(body)
    assert (await api.ask("GET", EXPLANATION, params={"for": "customer"})).json() == body


async def test_staff_read_each_point_and_sums_that_add_up(api: Api) -> None:
    await hold_for_fee(api)

    body = (await api.ask("GET", EXPLANATION, **STAFF)).json()

    assert (body["outcome"], body["by"], body["mode"], body["note"]) == (
        "hold_for_fee", "policy", "enforce", "Staff only.",
    )  # fmt: skip
    seen = body["judged"]
    for total in seen["scores"]:
        points = [one["points"] for one in seen["signals"] if one["score"] == total["score"]]
        assert sum(points) == total["points"]
        assert total["start"] + total["points"] == total["value"]
    work = {line["code"]: line for line in seen["work"]}
    assert work["request_migration"]["minutes"] == work["total"]["minutes"] == 90
    assert (work["cost"]["amount"], work["cost"]["currency"]) == ("60.00", "USD")
    assert work["fee_uncapped"]["amount"] == "100.00"
    assert work["margin"]["amount"] == "6.75"
    assert seen["candidate"] == {"version": 7, "outcome": "approve"}
    assert (seen["policy_version"], seen["outcome"]) == (1, "hold_for_fee")
    assert "self-service 70: starts at 100, points -30" in body["lines"]
    assert any(line.startswith("  -30 request_migration: ") for line in body["lines"])
    assert any(line.startswith("cost: 90 minutes, 60.00 USD. It costs us 40.00 USD an hour.") for line in body["lines"])


async def test_what_a_person_decided_stands_before_what_the_policy_judged(api: Api) -> None:
    await add_order(api.db, outcome="approve")
    await add_decision(api.db)
    reason = {"code": "approved_by_person", "text": "Approved by anna."}
    await add_decision(
        api.db, by="anna", outcome="approve", judgement=None, facts=None, reasons=[reason], note="Known to me."
    )

    staff = (await api.ask("GET", EXPLANATION, **STAFF)).json()
    customer = (await api.ask("GET", EXPLANATION)).json()

    assert (staff["by"], staff["reasons"], staff["note"]) == ("anna", [reason], "Known to me.")
    assert staff["judged"]["scores"]
    assert customer["outcome_text"] == "Your order has been accepted."
    assert "anna" not in str(customer)
    assert "Known" not in str(customer)


async def test_an_order_that_is_not_decided_yet(api: Api) -> None:
    await add_order(api.db, outcome=None, state="received", hold_kind=None, hold_due_at=None)

    staff = (await api.ask("GET", EXPLANATION, **STAFF)).json()

    assert (staff["outcome"], staff["reasons"], staff["judged"], staff["lines"]) == (None, [], None, [])
    assert (await api.ask("GET", EXPLANATION)).json()[
        "outcome_text"
    ] == "We have received your order and are processing it."


async def test_who_may_read_which_explanation(api: Api) -> None:
    await add_order(api.db)
    for params in ({}, STAFF["params"]):
        check_problem(await api.ask("GET", EXPLANATION, Role.PANEL, params=params), 403, "forbidden")
        check_problem(await api.ask("GET", "/v1/orders/5/explanation", params=params), 404, "not-found")
    check_problem(await api.ask("GET", EXPLANATION, params={"for": "everybody"}), 422, "invalid")


async def test_a_large_explanation_stays_under_64_kb(api: Api) -> None:
    facts, judgement = judged()
    stored = dump_judgement(judgement)
    stored["signals"] = [{**stored["signals"][0], "detail": "ü" * 5_000} for _ in range(60)]
    await add_order(api.db)
    await add_decision(api.db, facts=dump_facts(facts), judgement=stored)

    answer = await api.ask("GET", EXPLANATION, **STAFF)

    assert answer.status_code == 200
    assert len(answer.content) <= 64_000


async def test_prices_in_words_of_the_active_policy_and_of_a_version(api: Api) -> None:
    async with api.db.begin() as tx:
        document = "currencies.EUR.handling_fee = '9'\ncart.url = 'https://shop.example/?a=1&b=2'"
        made = await versions.publish(tx, document, by="test", now=NOW)

    active = (await api.ask("GET", "/v1/policies/active/texts")).json()
    version = (await api.ask("GET", f"/v1/policies/{made.version}/texts?currency=EUR")).json()

    assert (active["version"], active["currencies"]) == (1, ["EUR", "GBP", "USD"])
    assert [one["currency"] for one in active["texts"]] == ["EUR", "GBP", "USD"]
    assert "7.00 GBP" in active["texts"][1]["cart"]["plain"]
    (euro,) = version["texts"]
    assert "9.00 EUR" in euro["cart"]["plain"]
    assert euro["cart"]["html"].startswith("<p>Everything you order here")
    assert '<a href="https://shop.example/?a=1&amp;b=2">' in euro["signature"]["html"]
    assert "https://shop.example/?a=1&b=2" in euro["signature"]["plain"]


@pytest.mark.parametrize("version", ["0", "-1", "01", "1.0", "Active", "actives", "9999999999", "%00", "1%0A"])
async def test_a_version_that_can_not_be_is_422(api: Api, version: str) -> None:
    check_problem(await api.ask("GET", f"/v1/policies/{version}/texts"), 422, "invalid")


async def test_texts_that_are_not_there(api: Api) -> None:
    check_problem(await api.ask("GET", "/v1/policies/999999999/texts"), 404, "not-found")
    for currency in ("CHF", "eur", "", "EURO"):
        found = check_problem(await api.ask("GET", f"/v1/policies/active/texts?currency={currency}"), 422, "invalid")
        assert found["errors"][0]["path"] == "query.currency"
    check_problem(await api.ask("GET", "/v1/policies/active/texts", Role.PANEL), 403, "forbidden")
