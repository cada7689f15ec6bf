"""Fees, panel calls, events, customers, tickets, policies and the brake over the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.records import Role
from app.tables.orders import ticket_orders
from app.tables.outbox import panel_calls
from tests.api.api_support import (
    CUSTOMER,
    NOW,
    ORDER,
    TICKET,
    add_call,
    add_customer,
    add_event,
    add_fee,
    add_order,
    add_ticket,
    check_problem,
    insert,
)
from tests.api.conftest import Api

pytestmark = pytest.mark.both_databases("sorting, paging and searching")

CREDITS = f"/v1/customers/{CUSTOMER}/credits"


async def ids(api: Api, path: str, name: str) -> list[Any]:
    """Return one field of all rows in a list, page by page."""
    seen: list[Any] = []
    cursor = ""
    while True:
        mark = "&" if "?" in path else "?"
        page = (await api.ask("GET", f"{path}{mark}limit=2{cursor}")).json()
        seen += [row[name] for row in page["items"]]
        if page["next_cursor"] is None:
            return seen
        cursor = f"&cursor={page['next_cursor']}"


# --- fees, panel calls, events ------------------------------------------------------------------------------------


async def test_fees_are_listed_newest_first_over_all_states(api: Api) -> None:
    states = ["unpaid", "paid", "waived", "cancelled", "paid"]
    for number, state in enumerate(states):
        await add_fee(
            api.db, ORDER + number, state=state, invoice_id=number, customer_id=CUSTOMER + number % 2,
            created_at=NOW + timedelta(minutes=number // 2),
        )  # fmt: skip
    assert sorted(await ids(api, "/v1/fees", "invoice_id")) == [0, 1, 2, 3, 4]
    assert (await ids(api, "/v1/fees", "invoice_id"))[0] == 4
    assert await ids(api, "/v1/fees?state=paid", "invoice_id") == [4, 1]
    assert await ids(api, f"/v1/fees?customer_id={CUSTOMER}", "invoice_id") == [4, 2, 0]
    assert await ids(api, f"/v1/fees?customer_id={CUSTOMER}&state=paid", "invoice_id") == [4]


async def test_calls_are_listed_newest_first_over_all_states(api: Api) -> None:
    for number, state in enumerate(["done", "dead", "pending", "done", "cancelled"]):
        await add_call(api.db, key=f"k{number}", seq=number, state=state, order_id=ORDER + number)
    assert await ids(api, "/v1/panel-calls", "key") == ["k4", "k3", "k2", "k1", "k0"]
    assert await ids(api, "/v1/panel-calls?state=done", "key") == ["k3", "k0"]


async def test_a_call_is_retried_once_dead_and_not_while_done(api: Api) -> None:
    dead = await add_call(api.db, action="cancel_order", key="order:1:cancel")
    done = await add_call(api.db, key="other", seq=2, state="done")
    assert (await api.ask("POST", f"/v1/panel-calls/{dead}/retry")).json()["state"] == "pending"
    check_problem(await api.ask("POST", f"/v1/panel-calls/{done}/retry"), 409, "wrong-state")
    unknown = "00000000-0000-4000-8000-000000000000"
    check_problem(await api.ask("POST", f"/v1/panel-calls/{unknown}/retry"), 404, "not-found")
    check_problem(await api.ask("POST", f"/v1/panel-calls/{unknown}/abandon"), 404, "not-found")


async def test_a_dead_accept_is_not_sent_again_behind_the_hold(api: Api) -> None:
    """The order is on hold since, so our own gate would block the accept's module create: it has to be approved."""
    dead = await add_call(api.db)
    found = check_problem(await api.ask("POST", f"/v1/panel-calls/{dead}/retry"), 409, "wrong-state")
    assert "/approve" in found["detail"]


async def test_a_call_that_may_still_take_effect_is_not_given_up(api: Api) -> None:
    until = datetime.now(UTC) + timedelta(minutes=2)
    call_id = await add_call(api.db, state="unknown", settled_at=None, applies_until=until)
    found = check_problem(await api.ask("POST", f"/v1/panel-calls/{call_id}/abandon"), 409, "wrong-state")
    assert f"{until + timedelta(seconds=1):%Y-%m-%d %H:%M:%S} UTC" in found["detail"]


async def test_an_abandoned_call_of_unknown_outcome_stays_marked(api: Api) -> None:
    call_id = await add_call(api.db, state="unknown", settled_at=None)
    body = (await api.ask("POST", f"/v1/panel-calls/{call_id}/abandon")).json()
    assert (body["state"], body["uncertain"]) == ("cancelled", True)
    check_problem(await api.ask("POST", f"/v1/panel-calls/{call_id}/abandon"), 409, "wrong-state")


async def test_events_are_listed_without_their_bodies_and_replayed(api: Api) -> None:
    failed = await add_event(api.db)
    await add_event(api.db, state="processed", result="looked")
    answer = await api.ask("GET", "/v1/events")
    assert "not-to-be-shown" not in answer.text
    assert "body" not in answer.json()["items"][0]
    assert await ids(api, "/v1/events?state=failed", "id") == [failed]
    replayed = (await api.ask("POST", f"/v1/events/{failed}/replay")).json()
    assert (replayed["state"], replayed["attempts"], replayed["result"]) == ("received", 0, None)
    check_problem(await api.ask("POST", f"/v1/events/{failed}/replay"), 409, "wrong-state")  # it is due already
    check_problem(await api.ask("POST", "/v1/events/999999/replay"), 404, "not-found")


async def test_the_brake(api: Api) -> None:
    assert (await api.ask("POST", "/v1/ops/pause")).json() == {"paused": True}
    assert (await api.ask("POST", "/v1/ops/pause")).json() == {"paused": True}
    assert (await api.client.get("/readyz")).json()["paused"] is True
    assert (await api.ask("POST", "/v1/ops/resume")).json() == {"paused": False}


# --- customers ----------------------------------------------------------------------------------------------------


async def test_scores_of_one_and_of_many(api: Api) -> None:
    await add_customer(api.db)
    await add_customer(api.db, CUSTOMER + 1, chargebacks=3)
    one = (await api.ask("GET", f"/v1/customers/{CUSTOMER}/score", Role.SCORES)).json()
    assert list(one) == ["customer_id", "score", "segment", "reasons", "as_of"]
    asked = {"customer_ids": [CUSTOMER + 1, 999, CUSTOMER, CUSTOMER]}
    many = (await api.ask("POST", "/v1/customers/scores", Role.SCORES, json=asked)).json()
    assert [row["customer_id"] for row in many["items"]] == [CUSTOMER + 1, CUSTOMER]
    assert many["items"][1] == one
    assert many["unknown"] == [999]
    check_problem(await api.ask("GET", "/v1/customers/999/score", Role.SCORES), 404, "not-found")


async def test_scores_are_asked_for_at_most_a_thousand(api: Api) -> None:
    for asked in ([], list(range(1, 1002)), [0], [2**63], [True], ["1"], [1.0], None, [[1]]):
        answer = await api.ask("POST", "/v1/customers/scores", json={"customer_ids": asked})
        check_problem(answer, 422, "invalid")
    answer = await api.ask("POST", "/v1/customers/scores", json={"customer_ids": list(range(1, 1001))})
    assert len(answer.json()["unknown"]) == 1000


async def test_customers_are_listed_by_the_segment_that_they_show(api: Api) -> None:
    year_ago = NOW - timedelta(days=365)
    await add_customer(api.db, 1)
    await add_customer(api.db, 2, signed_up_at=year_ago, paid_invoices=12)
    await add_customer(api.db, 3, signed_up_at=year_ago, paid_invoices=12, pinned_segment="white_glove")
    await add_customer(api.db, 4, pinned_segment="standard")
    await add_customer(api.db, 5, first_heard_at=year_ago, paid_invoices=12)
    for segment, expected in {"new": [1], "standard": [2, 4, 5], "white_glove": [3], "unfit": []}.items():
        found = await ids(api, f"/v1/customers?segment={segment}", "customer_id")
        assert found == expected
        shown = (await api.ask("GET", f"/v1/customers?segment={segment}")).json()["items"]
        assert {row["segment"] for row in shown} <= {segment}
    assert await ids(api, "/v1/customers", "customer_id") == [1, 2, 3, 4, 5]


async def test_a_pin_stays_until_it_is_let_go(api: Api) -> None:
    await add_customer(api.db)
    path = f"/v1/customers/{CUSTOMER}"
    pinned = (await api.ask("PATCH", path, json={"pinned_segment": "unfit"})).json()
    assert (pinned["segment"], pinned["white_glove"]) == ("unfit", False)
    both = (await api.ask("PATCH", path, json={"white_glove": True})).json()
    assert (both["segment"], both["white_glove"]) == ("unfit", True)
    assert (await api.ask("PATCH", path, json={"pinned_segment": None})).json()["segment"] == "new"
    for body in ({}, {"pinned_segment": "x"}, {"white_glove": None}, {"segment": "new"}, {"score": 5}):
        check_problem(await api.ask("PATCH", path, json=body), 422, "invalid")
    check_problem(await api.ask("PATCH", "/v1/customers/999", json={"white_glove": True}), 404, "not-found")


async def test_credits_are_granted_in_the_customers_currency(api: Api) -> None:
    await add_customer(api.db)
    made = await api.ask("POST", CREDITS, json={"amount": "25.00", "reason": "Outage"})
    assert made.status_code == 202
    body = made.json()
    assert list(body) == [
        "credit_id", "customer_id", "amount", "currency", "reason", "state", "panel_call_id", "by", "created_at",
    ]  # fmt: skip
    assert (body["amount"], body["currency"], body["state"], body["by"]) == ("25.00", "USD", "pending", "ops-key")
    check_problem(await api.ask("POST", CREDITS, json={"amount": "25.00", "reason": "Outage"}), 409, "looks-duplicate")
    forced = {"amount": "25", "reason": "Outage", "force": True}
    assert (await api.ask("POST", CREDITS, json=forced)).status_code == 202
    assert len(await ids(api, CREDITS, "credit_id")) == 2


@pytest.mark.parametrize(("currency", "amount"), [("USD", "1.001"), ("JPY", "1.5"), ("USD", "0.00"), ("KWD", "0.000")])
async def test_credits_that_the_currency_does_not_have_are_422(api: Api, currency: str, amount: str) -> None:
    await add_customer(api.db, currency=currency)
    check_problem(await api.ask("POST", CREDITS, json={"amount": amount, "reason": "x"}), 422, "invalid")


async def test_credits_that_can_not_be_are_422(api: Api) -> None:
    await add_customer(api.db)
    for body in (
        {"amount": "-1.00", "reason": "x"}, {"amount": 5, "reason": "x"}, {"amount": "5"},
        {"amount": "5", "reason": ""}, {"amount": "5", "reason": " \n "}, {"amount": "5", "reason": "x" * 501},
        {"amount": "9" * 16, "reason": "x"}, {"amount": "5", "reason": "a\x00b"},
        {"amount": "5", "reason": "x", "force": 1}, {"amount": "Infinity", "reason": "x"},
    ):  # fmt: skip
        check_problem(await api.ask("POST", CREDITS, json=body), 422, "invalid")
    unknown = await api.ask("POST", "/v1/customers/999/credits", json={"amount": "5", "reason": "x"})
    check_problem(unknown, 404, "not-found")
    check_problem(await api.ask("GET", "/v1/customers/999/credits"), 404, "not-found")


# --- tickets and policies -----------------------------------------------------------------------------------------


async def test_a_ticket_is_shown_and_corrected(api: Api) -> None:
    await add_customer(api.db)
    await add_ticket(api.db)
    await add_order(api.db)
    await insert(api.db, ticket_orders, ticket_id=TICKET, order_id=ORDER, kind="asked")
    body = (await api.ask("GET", f"/v1/tickets/{TICKET}")).json()
    assert body["order_ids"] == [ORDER]
    assert body["subject"] == "Another VPS"
    path = f"/v1/tickets/{TICKET}"
    corrected = (await api.ask("PATCH", path, json={"topic": "billing", "minutes": 0})).json()
    assert (corrected["topic"], corrected["minutes"], corrected["corrected_by"]) == ("billing", 0, "ops-key")
    for wrong in ({}, {"topic": "x"}, {"minutes": -1}, {"minutes": 10**9}, {"minutes": "5"}, {"topic": None}):
        check_problem(await api.ask("PATCH", path, json=wrong), 422, "invalid")
    check_problem(await api.ask("PATCH", "/v1/tickets/1", json={"minutes": 5}), 404, "not-found")
    check_problem(await api.ask("GET", "/v1/tickets/1"), 404, "not-found")


async def test_classifying_stores_nothing(api: Api) -> None:
    body = {"subject": "New VPS", "message": "Please set up another VPS like my last one"}
    read = (await api.ask("POST", "/v1/tickets/classify", json=body)).json()
    assert list(read) == [
        "topic", "confidence", "order_intent", "order_intent_confidence", "runner_up", "minutes", "self_service",
        "evidence", "model",
    ]  # fmt: skip
    nothing = (await api.ask("POST", "/v1/tickets/classify", json={})).json()
    assert (nothing["topic"], nothing["confidence"]) == ("unknown", 0)


async def test_a_policy_is_published_once_and_activated(api: Api) -> None:
    document = {"document": "[hold]\nexpires_days = 9\n"}
    made = await api.ask("POST", "/v1/policies", Role.ADMIN, json=document)
    assert made.status_code == 201
    body = made.json()
    assert list(body) == ["version", "hash", "active", "warnings"]
    assert body["active"] is False
    again = await api.ask("POST", "/v1/policies", Role.ADMIN, json=document)
    assert (again.status_code, again.json()["version"]) == (200, body["version"])
    path = f"/v1/policies/{body['version']}"
    assert (await api.ask("POST", f"{path}/activate", Role.ADMIN)).json()["active"] is True
    assert (await api.ask("GET", path)).json()["document"] == document["document"]
    listed = (await api.ask("GET", "/v1/policies")).json()["items"]
    assert [(row["version"], row["active"]) for row in listed] == [(body["version"], True), (1, False)]
    check_problem(await api.ask("POST", "/v1/policies/99/activate", Role.ADMIN), 404, "not-found")


async def test_a_policy_that_is_none_names_every_place(api: Api) -> None:
    for document in ("[hold", "nonsense = 1\n[hold]\nexpires_days = 0\n", "a = 2026-01-01", "\x00", "[" * 50_000):
        answer = await api.ask("POST", "/v1/policies", Role.ADMIN, json={"document": document})
        errors = check_problem(answer, 422, "invalid")["errors"]
        assert errors
        assert all(error["path"].startswith("document") for error in errors)


async def test_the_reason_of_a_credit_goes_out_as_plain_text(api: Api) -> None:
    await add_customer(api.db)
    reason = "<b>Outage</b>\u2028of {$date}: [see](http://x.example) R&amp;D \u202e"
    answer = await api.ask("POST", CREDITS, json={"amount": "5.00", "reason": reason})

    plain = "\u2039b\u203aOutage\u2039/b\u203a of ($date): (see)(http://x.example) R\uff06amp;D"
    assert answer.json()["reason"] == plain
    async with api.db.read() as connection:
        params = (await connection.execute(sa.select(panel_calls.c.params))).scalar_one()
    assert params["description"] == plain
