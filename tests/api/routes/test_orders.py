"""Orders in API answers: every field of the contract, bounded in size, identical alone and in lists."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.core.judgement.stored import dump_facts, dump_judgement
from app.core.records import Mode, Role
from app.tables.orders import ticket_orders
from tests.api.api_support import (
    CUSTOMER,
    NOW,
    ORDER,
    add_call,
    add_decision,
    add_fee,
    add_lines,
    add_order,
    add_text,
    add_world,
    check_problem,
    insert,
    judged,
)
from tests.api.conftest import Api, Start
from tests.asked import in_turn

pytestmark = pytest.mark.both_databases("sorting, paging and searching")

#: The fields of an order in API answers, with the totals.
FIELDS = [
    "order_id", "order_number", "panel_url", "customer_id", "kind", "state", "panel_status", "provisioning",
    "placed_by", "placed_at", "amount", "currency", "recurring_monthly", "items", "items_total", "request_text",
    "ticket_ids", "payment", "refund_due", "scores", "labour", "signals", "decision", "flags", "hold", "fee",
    "panel_calls", "panel_calls_total", "timeline", "timeline_total", "actions", "fraud", "work_unpaid",
    "panel_steps", "prepared_question",
]  # fmt: skip
NOT_IN_LISTS = {
    "items", "items_total", "request_text", "ticket_ids", "signals", "panel_calls", "panel_calls_total", "timeline",
    "timeline_total", "fraud", "work_unpaid", "panel_steps", "prepared_question",
}  # fmt: skip


async def test_an_order_has_the_fields_of_the_contract_in_their_order(api: Api) -> None:
    await add_world(api.db)
    body = (await api.ask("GET", f"/v1/orders/{ORDER}", Role.PANEL)).json()
    assert list(body) == FIELDS
    assert body["panel_url"] == f"https://billing.example.com/admin/orders.php?action=view&id={ORDER}"
    assert body["amount"] == "15.00"
    assert body["recurring_monthly"] == "15.00"
    assert body["items"] == [{"product": "VPS S", "amount": "15.00", "panel_status": "Pending"}]
    assert body["payment"] == {"invoice_id": None, "state": "unpaid", "paid_at": None}
    assert body["labour"]["cost"] == "40.00"
    assert body["signals"][0]["evidence"]
    assert list(body["decision"]) == ["outcome", "reasons", "by", "policy_version", "engine_version", "mode", "at"]
    assert body["hold"] == {
        "kind": "review",
        "since": "2026-05-04T12:00:00Z",
        "due_at": "2026-05-04T16:00:00Z",
        "expires_at": None,
    }
    assert body["fee"]["total"] == "59.50"
    assert body["panel_calls"][0]["last_error"] == "PanelRejected: Order ID not found"
    assert [line["what"] for line in body["timeline"]] == ["hold_for_review: risk_review"] * 3
    assert body["actions"] == ["approve", "charge-fee", "waive-fee", "drop-request", "ask", "hold", "cancel", "reject"]


async def test_an_order_of_which_hardly_anything_is_known(api: Api) -> None:
    unknown = ("customer_id", "placed_at", "amount_minor", "currency", "outcome", "hold_kind", "hold_due_at")
    row: dict[str, Any] = {"items": [], "state": "received", "flags": ["unknown_to_panel"], "placed_by": "unknown"}
    await add_order(api.db, **row | dict.fromkeys(unknown))
    body = (await api.ask("GET", f"/v1/orders/{ORDER}")).json()
    for name in (
        "amount",
        "currency",
        "scores",
        "labour",
        "decision",
        "hold",
        "fee",
        "refund_due",
        "recurring_monthly",
    ):
        assert body[name] is None
    assert body["flags"] == ["unknown_to_panel"]
    assert (await api.ask("GET", "/v1/orders")).json()["items"][0]["order_id"] == ORDER
    explained = (await api.ask("GET", f"/v1/orders/{ORDER}/explanation")).json()
    assert explained["outcome"] is None


async def test_amounts_have_the_decimals_of_their_currency(api: Api) -> None:
    await add_order(api.db, amount_minor=1500, currency="JPY", refund_due_minor=700)
    await add_order(api.db, ORDER + 1, amount_minor=1500, currency="KWD")
    first = (await api.ask("GET", f"/v1/orders/{ORDER}")).json()
    assert (first["amount"], first["refund_due"]) == ("1500", "700")
    assert (await api.ask("GET", f"/v1/orders/{ORDER + 1}")).json()["amount"] == "1.500"


async def test_in_shadow_hold_and_fee_stay_null_and_nothing_may_be_done(start: Start) -> None:
    async with start(Mode.SHADOW) as api:
        await add_world(api.db)
        body = (await api.ask("GET", f"/v1/orders/{ORDER}")).json()
        assert body["hold"] is None
        assert body["fee"] is None
        assert body["actions"] == []
        assert body["decision"]["outcome"] == "hold_for_review"
        refused = check_problem(await api.ask("POST", f"/v1/orders/{ORDER}/approve"), 409, "shadow-mode")
        assert "would be accepted" in refused["detail"]
        gate = (await api.ask("GET", f"/v1/orders/{ORDER}/gate", Role.PANEL)).json()
        assert gate == {"provision": True, "reason": "shadow"}


async def test_the_latest_fifty_of_each_are_shown_with_their_number(api: Api) -> None:
    items = [{"product": f"VPS {n}", "amount": "1.00", "panel_status": "Pending", "total": 10_000} for n in range(50)]
    await add_order(api.db, items=items)
    for number in range(60):
        await add_call(api.db, key=f"k{number}", seq=number, attempts=number, state="done")
        await insert(api.db, ticket_orders, ticket_id=number + 1, order_id=ORDER, kind="asked")
    await add_lines(api.db, 70, "read")
    body = (await api.ask("GET", f"/v1/orders/{ORDER}")).json()
    assert (len(body["items"]), body["items_total"]) == (50, 10_000)
    assert (len(body["panel_calls"]), body["panel_calls_total"]) == (50, 60)
    assert [call["attempts"] for call in body["panel_calls"]] == list(range(10, 60))
    assert (len(body["timeline"]), body["timeline_total"]) == (50, 70)
    assert body["timeline"][-1]["at"] == "2026-05-04T12:01:09Z"
    assert body["ticket_ids"] == list(range(11, 61))


@pytest.mark.parametrize(
    ("database_kind", "glyph"),
    in_turn(*((glyph,) for glyph in ("x", "😀", '"', "\\", "\n", "\x01", "ü"))),
    indirect=["database_kind"],
)
async def test_an_order_and_a_page_stay_under_64_kb_whatever_the_texts(api: Api, glyph: str) -> None:
    long = glyph * 3_000
    _, judgement = judged()
    stored = dump_judgement(judgement)
    stored["signals"] = [
        {
            "code": "limit",
            "score": "risk",
            "points": 0,
            "detail": long,
            "evidence": [[f"name{n}", glyph * 300] for n in range(15)],
        }
    ] * 45
    reasons = [{"code": "facts_missing", "text": long}] * 60
    item = {"product": glyph * 200, "amount": "1.00", "panel_status": glyph * 200, "total": 50}
    for number in range(26):
        order_id = ORDER + number
        await add_order(api.db, order_id, items=[item] * 50, panel_status=glyph * 40, order_number=glyph * 40)
        await add_decision(api.db, order_id, judgement=stored, reasons=reasons, by=glyph * 120)
        await add_fee(api.db, order_id, work=long)
    await add_text(api.db, glyph * 20_000)
    await add_lines(api.db, 55, long)
    for number in range(55):
        await add_call(api.db, key=f"k{number}", seq=number, last_error=long, order_id=ORDER)
    one = await api.ask("GET", f"/v1/orders/{ORDER}")
    assert len(one.content) < 65_536
    assert len(one.json()["timeline"]) == 50
    for path in ("/v1/orders", "/v1/queue", "/v1/fees", "/v1/panel-calls"):
        page = await api.ask("GET", path)
        assert len(page.content) < 65_536, path
        assert len(page.json()["items"]) == 25


async def test_a_text_that_was_cut_says_so(api: Api) -> None:
    await add_order(api.db)
    await add_text(api.db, "x" * 20_000)
    text = (await api.ask("GET", f"/v1/orders/{ORDER}")).json()["request_text"]
    assert len(text) == 12_000
    assert text.endswith("x…")


async def test_lists_page_through_everything_once(api: Api) -> None:
    for number in range(7):
        await add_order(api.db, ORDER + number, state="released" if number % 2 else "held")
    seen: list[int] = []
    cursor = ""
    while True:
        page = (await api.ask("GET", f"/v1/orders?limit=3{cursor}")).json()
        seen += [order["order_id"] for order in page["items"]]
        if page["next_cursor"] is None:
            break
        await add_order(api.db, ORDER + 100 + len(seen))  # new rows do not shift the pages
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == list(range(ORDER + 6, ORDER - 1, -1))


async def test_lists_are_filtered(api: Api) -> None:
    await add_order(api.db, ORDER, state="held", outcome="hold_for_fee", customer_id=CUSTOMER)
    await add_order(api.db, ORDER + 1, state="released", outcome="approve", customer_id=CUSTOMER)
    await add_order(api.db, ORDER + 2, state="held", outcome="hold_for_fee", customer_id=CUSTOMER + 1)

    async def ids(query: str) -> list[int]:
        return [order["order_id"] for order in (await api.ask("GET", f"/v1/orders?{query}")).json()["items"]]

    assert await ids("state=held") == [ORDER + 2, ORDER]
    assert await ids("outcome=approve") == [ORDER + 1]
    assert await ids(f"customer_id={CUSTOMER}&state=held&outcome=hold_for_fee") == [ORDER]
    assert await ids("state=closed") == []


async def test_a_list_has_the_same_order_without_its_long_parts(api: Api) -> None:
    await add_world(api.db)
    alone = (await api.ask("GET", f"/v1/orders/{ORDER}")).json()
    listed = (await api.ask("GET", "/v1/orders")).json()["items"][0]
    assert listed == {name: value for name, value in alone.items() if name not in NOT_IN_LISTS}


async def test_a_persons_decision_keeps_the_policys_scores(api: Api) -> None:
    await add_order(api.db)
    await add_decision(api.db)
    await add_decision(api.db, by="anna", outcome="approve", judgement=None, facts=None, reasons=[])
    body = (await api.ask("GET", f"/v1/orders/{ORDER}")).json()
    assert body["decision"]["by"] == "anna"
    assert body["scores"] is not None
    assert body["signals"]


async def test_the_explanation_is_for_the_customer(api: Api) -> None:
    facts, judgement = judged()
    await add_order(api.db, outcome="hold_for_fee", hold_kind="fee")
    await add_decision(api.db, outcome="hold_for_fee", facts=dump_facts(facts), judgement=dump_judgement(judgement))
    await add_fee(api.db, amount_minor=7500)
    body = (await api.ask("GET", f"/v1/orders/{ORDER}/explanation")).json()
    assert body["fee"] == {"amount": "75.00", "currency": "USD"}
    assert [way["code"] for way in body["ways_out"]] == ["pay", "drop_request", "cancel"]
    check_problem(await api.ask("GET", f"/v1/orders/{ORDER}/explanation", Role.PANEL), 403, "forbidden")


async def test_the_explanation_follows_a_persons_word(api: Api) -> None:
    await add_order(api.db, outcome="approve")
    await add_decision(api.db)
    body = (await api.ask("GET", f"/v1/orders/{ORDER}/explanation")).json()
    assert body["outcome_text"] == "Your order has been accepted."


async def test_the_gate_answers_what_it_knows_and_waits_for_what_it_does_not(api: Api) -> None:
    await add_order(api.db)
    later = NOW + timedelta(days=1)
    await add_order(api.db, ORDER + 1, outcome="approve", state="released", placed_at=later)
    assert (await api.ask("GET", f"/v1/orders/{ORDER}/gate", Role.PANEL)).json()["reason"] == "held_for_review"
    assert (await api.ask("GET", f"/v1/orders/{ORDER + 1}/gate", Role.PANEL)).json()["provision"] is True
    async with asyncio.timeout(5):
        answer = await api.ask("GET", f"/v1/orders/{ORDER + 2}/gate", Role.PANEL)
    assert answer.status_code == 200
    assert answer.json() == {"provision": True, "reason": "not_ours"}
