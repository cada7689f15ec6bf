"""Staff actions on orders over the API, and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.judgement.stored import dump_facts, dump_judgement
from app.core.records import Mode
from app.policies import versions
from app.tables.orders import decisions
from tests.api.api_support import (
    CUSTOMER,
    NOW,
    ORDER,
    add_call,
    add_customer,
    add_decision,
    add_fee,
    add_order,
    check_problem,
    judged,
)
from tests.api.conftest import Api, Start

pytestmark = pytest.mark.both_databases("of two at once one wins")

ACTIONS = ["approve", "reject", "charge-fee", "waive-fee", "drop-request", "cancel", "hold", "refund-done"]
BASE = f"/v1/orders/{ORDER}"


@pytest.fixture
async def held(api: Api) -> Api:
    """An order that is held for review, with its customer."""
    await add_customer(api.db)
    await add_order(api.db, payment_state="paid", settled=True, paid_minor=1500)
    await add_decision(api.db)
    return api


@pytest.fixture
async def plain(api: Api) -> Api:
    """An order that is held for review and asks for no work, with its customer."""
    await add_customer(api.db)
    await add_order(api.db, payment_state="paid", settled=True, paid_minor=1500)
    facts, judgement = judged(request=None)
    await add_decision(api.db, judgement=dump_judgement(judgement), facts=dump_facts(facts))
    return api


async def test_approve_accepts_a_paid_order(plain: Api) -> None:
    body = (await plain.ask("POST", f"{BASE}/approve", json={"note": "Called them."})).json()
    assert body["state"] in {"releasing", "released"}
    assert body["decision"]["by"] == "ops-key"
    assert body["hold"] is None
    assert "note: Called them." in [line["what"] for line in body["timeline"]]
    check_problem(await plain.ask("POST", f"{BASE}/approve"), 409, "wrong-state")


async def test_the_note_is_optional_and_so_is_the_body(plain: Api) -> None:
    assert (await plain.ask("POST", f"{BASE}/approve")).status_code == 200


async def test_approving_work_that_nobody_pays_for_needs_a_word(held: Api) -> None:
    before = (await held.ask("GET", BASE)).json()
    assert before["work_unpaid"] is True
    for body in (None, {}, {"note": "Fine."}):
        found = check_problem(await held.ask("POST", f"{BASE}/approve", json=body), 409, "work-unpaid")
        assert (found["minutes"], found["fee"], found["currency"]) == (60, "50.00", "USD")
        assert "60 minutes" in found["detail"]
        assert '{"work": "free"}' in found["detail"]
        assert '{"work": "fee"}' in found["detail"]
    assert (await held.ask("GET", BASE)).json() == before


async def test_the_work_may_be_free(held: Api) -> None:
    body = (await held.ask("POST", f"{BASE}/approve", json={"work": "free"})).json()
    assert body["state"] in {"releasing", "released"}
    assert [reason["code"] for reason in body["decision"]["reasons"]] == ["approved_by_person", "work_free"]
    assert "60 minutes" in body["decision"]["reasons"][1]["text"]
    assert body["work_unpaid"] is False
    assert body["fee"] is None


async def test_the_work_may_wait_for_its_fee(held: Api) -> None:
    body = (await held.ask("POST", f"{BASE}/approve", json={"work": "fee", "note": "A good customer."})).json()
    assert (body["state"], body["hold"]["kind"]) == ("held", "fee")
    assert (body["fee"]["amount"], body["fee"]["state"]) == ("50.00", "pending")
    assert body["decision"]["reasons"][0]["text"] == "ops-key approved it for a fee of 50.00 USD."
    assert body["work_unpaid"] is False  # the fee is asked for
    assert "accept_order" not in [call["action"] for call in body["panel_calls"]]


async def test_a_repeated_approve_for_the_fee_asks_once(held: Api) -> None:
    headers = {"Idempotency-Key": "approve-1"}
    first = await held.ask("POST", f"{BASE}/approve", json={"work": "fee"}, headers=headers)
    again = await held.ask("POST", f"{BASE}/approve", json={"work": "fee"}, headers=headers)
    assert (first.status_code, first.json()) == (200, again.json())
    without_key = (await held.ask("POST", f"{BASE}/approve", json={"work": "fee"})).json()
    calls = [call for call in without_key["panel_calls"] if call["action"] == "create_invoice"]
    assert len(calls) == 1


async def test_other_words_about_the_work_are_422(held: Api) -> None:
    for work in ("paid", "", True, ["free"], "FREE"):
        check_problem(await held.ask("POST", f"{BASE}/approve", json={"work": work}), 422, "invalid")


async def test_there_is_no_fee_for_work_that_nobody_asked_for(plain: Api) -> None:
    found = check_problem(await plain.ask("POST", f"{BASE}/approve", json={"work": "fee"}), 422, "invalid")
    assert found["errors"][0]["path"] == "work"
    assert (await plain.ask("POST", f"{BASE}/approve", json={"work": "free"})).status_code == 200


@pytest.mark.parametrize(
    ("body", "amount"),
    [({"minutes": 90}, "100.00"), ({"amount": "75.00"}, "75.00"), ({}, "50.00"), (None, "50.00")],
)
async def test_charge_fee_asks_for_minutes_amount_or_the_estimate(held: Api, body: Any, amount: str) -> None:
    answer = (await held.ask("POST", f"{BASE}/charge-fee", json=body)).json()
    assert answer["fee"]["amount"] == amount
    assert answer["fee"]["state"] == "pending"
    assert answer["hold"]["kind"] == "fee"
    assert answer["actions"] == [
        "approve", "charge-fee", "waive-fee", "drop-request", "ask", "hold", "cancel", "reject",
    ]  # fmt: skip


BAD_FEES: list[Any] = [
        {"minutes": 60, "amount": "5.00"}, {"minutes": 0}, {"minutes": -5}, {"minutes": 10**9}, {"minutes": "60"},
        {"minutes": True}, {"minutes": 1.5}, {"amount": "0.00"}, {"amount": "-5"}, {"amount": "5.001"}, {"amount": 5},
        {"amount": "1e3"}, {"amount": "٣"}, {"amount": "NaN"}, {"amount": "1_0"}, {"amount": ""}, {"amount": "99999"},
]  # fmt: skip


async def test_fees_that_can_not_be_are_422(held: Api) -> None:
    for body in BAD_FEES:
        found = check_problem(await held.ask("POST", f"{BASE}/charge-fee", json=body), 422, "invalid")
        assert found["errors"][0]["path"] in {"minutes", "amount"}


async def test_waive_fee_needs_an_open_fee(held: Api) -> None:
    check_problem(await held.ask("POST", f"{BASE}/waive-fee"), 409, "wrong-state")
    await add_fee(held.db, state="unpaid")
    body = (await held.ask("POST", f"{BASE}/waive-fee")).json()
    assert body["decision"]["reasons"][0]["code"] == "fee_waived"


async def test_drop_request_lets_it_go_on_without_a_fee(held: Api) -> None:
    body = (await held.ask("POST", f"{BASE}/drop-request")).json()
    assert body["decision"]["reasons"][0]["code"] == "request_dropped"


async def test_cancel_shows_what_is_to_be_returned_until_it_is(held: Api) -> None:
    body = (await held.ask("POST", f"{BASE}/cancel", json={"reason": "customer_withdrew"})).json()
    assert body["state"] == "rejecting"
    assert body["refund_due"] == "15.00"
    assert "refund-done" in body["actions"]
    done = (await held.ask("POST", f"{BASE}/refund-done", json={"note": "By card."})).json()
    assert done["refund_due"] is None
    check_problem(await held.ask("POST", f"{BASE}/refund-done"), 409, "wrong-state")


async def test_other_reasons_to_cancel_are_422(held: Api) -> None:
    for body in ({"reason": "because"}, {"reason": None}, {"reason": 5}, {"fraud": True}):
        check_problem(await held.ask("POST", f"{BASE}/cancel", json=body), 422, "invalid")


@pytest.mark.parametrize(
    ("body", "call", "said"),
    [(None, "cancel_order", "not marked as fraud"), ({"fraud": False}, "cancel_order", "not marked as fraud"),
     ({"fraud": True}, "fraud_order", "marked as fraud in the panel")],
)  # fmt: skip
async def test_reject_is_fraud_only_where_it_is_said(held: Api, body: Any, call: str, said: str) -> None:
    answer = (await held.ask("POST", f"{BASE}/reject", json=body)).json()
    assert call in [one["action"] for one in answer["panel_calls"]]
    assert answer["fraud"] is (call == "fraud_order")
    assert said in answer["decision"]["reasons"][0]["text"]


async def test_the_first_example_of_reject_says_that_it_is_no_fraud(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/orders/{order_id}/reject"]["post"]
    examples = list(operation["requestBody"]["content"]["application/json"]["examples"].values())
    assert examples[0]["value"] == {"fraud": False}
    assert "not marked as fraud" in examples[0]["summary"]


async def test_what_is_left_to_staff_is_said_with_its_place(plain: Api) -> None:
    async with plain.db.begin() as tx:
        await versions.activate(
            tx, (await versions.publish(tx, "accept.mode = 'release_only'", by="x", now=NOW)).version, by="x", now=NOW
        )
        rule = {"mode": "release_only", "autosetup": True, "sendemail": True, "sendregistrar": True}
        stored = dump_judgement(judged(request=None)[1]) | {"accept": rule}
        await tx.execute(decisions.update().values(judgement=stored))
    body = (await plain.ask("POST", f"{BASE}/approve")).json()
    assert (body["state"], body["provisioning"]) == ("released", "none")
    (step,) = body["panel_steps"]
    assert "Accept and provision the order in the panel" in step["text"]
    assert step["url"] == body["panel_url"]


@pytest.mark.parametrize("action", ["reject", "cancel", "hold", "ask", "charge-fee"])
async def test_what_only_the_panel_can_do_now_says_so_and_where(api: Api, action: str) -> None:
    await add_customer(api.db)
    await add_order(
        api.db, state="released", panel_status="Active", provisioning="done", outcome="approve", hold_kind=None,
        hold_since=None, hold_due_at=None,
    )  # fmt: skip
    found = check_problem(await api.ask("POST", f"{BASE}/{action}"), 409, "wrong-state")
    assert found["panel_url"] == f"https://billing.example.com/admin/orders.php?action=view&id={ORDER}"
    assert " in the panel: " in found["detail"]
    assert found["panel_url"] in found["detail"]


async def test_money_on_a_rejected_order_is_a_step_in_the_panel(held: Api) -> None:
    body = (await held.ask("POST", f"{BASE}/reject")).json()
    assert [step["text"] for step in body["panel_steps"]] == [
        "Refund 15.00 USD in the panel, then call `refund-done`: Doorman sends no money back."
    ]
    done = (await held.ask("POST", f"{BASE}/refund-done")).json()
    assert done["panel_steps"] == []


async def test_fraud_is_a_plain_yes_or_no(held: Api) -> None:
    for fraud in ("true", 1, None, "yes"):
        check_problem(await held.ask("POST", f"{BASE}/reject", json={"fraud": fraud}), 422, "invalid")


async def test_hold_keeps_an_order_that_waits_for_its_payment(api: Api) -> None:
    await add_order(
        api.db, state="awaiting_payment", outcome="approve", hold_kind=None, hold_since=None, hold_due_at=None
    )
    assert (await api.ask("POST", f"{BASE}/hold")).json()["hold"]["kind"] == "review"


async def test_what_is_on_the_wire_is_waited_for(plain: Api) -> None:
    await add_call(plain.db, state="sending", settled_at=None)
    check_problem(await plain.ask("POST", f"{BASE}/approve"), 409, "wrong-state")


async def test_an_order_that_nobody_knows_is_404(api: Api) -> None:
    for action in ACTIONS:
        check_problem(await api.ask("POST", f"{BASE}/{action}"), 404, "not-found")


@pytest.mark.parametrize("action", ACTIONS)
async def test_what_the_answer_offers_is_possible_and_the_rest_is_409(held: Api, action: str) -> None:
    offered = (await held.ask("GET", BASE)).json()["actions"]
    answer = await held.ask("POST", f"{BASE}/{action}", json={"work": "free"} if action == "approve" else {})
    if action in offered:
        assert answer.status_code == 200, answer.text
    else:
        check_problem(answer, 409, "wrong-state")


async def test_in_shadow_every_action_is_409_and_says_what_would_have_happened(start: Start) -> None:
    async with start(Mode.SHADOW) as api:
        await add_customer(api.db)
        await add_order(api.db, refund_due_minor=100)
        await add_fee(api.db)
        for action in ("approve", "reject", "charge-fee", "waive-fee", "drop-request", "cancel", "refund-done"):
            found = check_problem(await api.ask("POST", f"{BASE}/{action}"), 409, "shadow-mode")
            assert "would" in found["detail"]
        credit = {"amount": "5.00", "reason": "Thanks"}
        check_problem(await api.ask("POST", f"/v1/customers/{CUSTOMER}/credits", json=credit), 409, "shadow-mode")
        call_id = await add_call(api.db)
        check_problem(await api.ask("POST", f"/v1/panel-calls/{call_id}/retry"), 409, "shadow-mode")


async def test_there_is_no_route_for_what_comes_later(api: Api) -> None:
    for path in ("/v1/reward-runs", "/v1/call-list", "/v1/reports/labour"):
        assert (await api.ask("POST", path)).status_code in {404, 405}
