"""The queue: everything that waits for a person, once, most urgent first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.judgement.stored import dump_judgement
from app.core.records import Mode, Role
from app.tables.orders import orders
from app.tables.search import customer_names
from tests.api.api_support import (
    CUSTOMER,
    NOW,
    ORDER,
    add_call,
    add_decision,
    add_fee,
    add_group,
    add_order,
    insert,
    judged,
)
from tests.api.conftest import Api, Start

pytestmark = pytest.mark.both_databases("sorting, paging and searching")

HOUR = timedelta(hours=1)
FIELDS = [
    "order_id", "order_number", "panel_url", "customer_id", "why", "reasons", "since", "due_at", "actions",
    "customer_name", "product", "amount", "currency", "fee", "minutes", "risk", "sentence", "work_unpaid", "group_id",
    "members",
]  # fmt: skip
NOT_HELD: dict[str, Any] = {"hold_kind": None, "hold_since": None, "hold_due_at": None}


async def rows(api: Api, query: str = "") -> list[dict[str, Any]]:
    """Return a page of the queue."""
    found: list[dict[str, Any]] = (await api.ask("GET", f"/v1/queue{query}", Role.PANEL)).json()["items"]
    return found


async def test_a_row_has_the_fields_of_the_contract(api: Api) -> None:
    await add_order(api.db)
    await add_decision(api.db)
    (row,) = await rows(api)
    assert list(row) == FIELDS
    assert row["why"] == "review"
    assert row["reasons"] == [{"code": "risk_review", "text": "Risk 62 reaches the review threshold of 60."}]
    assert row["due_at"] == "2026-05-04T16:00:00Z"
    assert "approve" in row["actions"]


DECIDE = ("customer_name", "product", "amount", "currency", "fee", "minutes", "risk", "sentence", "work_unpaid")


def to_decide(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return the fields of a row that staff decide from."""
    return tuple(row[name] for name in DECIDE)


async def test_a_row_says_all_that_staff_decide_from(api: Api) -> None:
    items = [{"product": name, "amount": "5.00", "panel_status": "Pending", "total": 3} for name in ("VPS S", "IP")]
    await add_order(api.db, items=items)
    await add_decision(api.db)
    await insert(api.db, customer_names, customer_id=CUSTOMER, name="Acme Hosting GmbH", email="it@acme.example")
    (row,) = await rows(api)
    sentence = "Risk 62 reaches the review threshold of 60."
    assert to_decide(row) == ("Acme Hosting GmbH", "VPS S and 2 more", "15.00", "USD", "50.00", 60, 0, sentence, True)


async def test_a_row_without_work_names_no_fee(api: Api) -> None:
    await add_order(api.db)
    await add_decision(api.db, judgement=dump_judgement(judged(request=None)[1]))
    (row,) = await rows(api)
    assert (row["fee"], row["minutes"], row["work_unpaid"], row["customer_name"]) == (None, 0, False, None)


async def test_a_row_that_waits_for_its_fee_names_it_and_needs_no_word(api: Api) -> None:
    await add_order(api.db, hold_kind="fee", currency="JPY", amount_minor=1500)
    await add_decision(api.db, outcome="hold_for_fee")
    await add_fee(api.db, currency="JPY", amount_minor=7000, minutes=90)
    (row,) = await rows(api)
    assert (row["amount"], row["fee"], row["minutes"], row["work_unpaid"]) == ("1500", "7000", 90, False)
    assert row["sentence"].startswith("Waits for the customer to pay the fee of 7000 JPY")


async def test_a_row_of_which_nothing_is_known_says_at_least_why(api: Api) -> None:
    await add_order(api.db, items=[], amount_minor=None, currency=None, customer_id=None)
    (row,) = await rows(api)
    assert to_decide(row) == (None, None, None, None, None, None, None, "Not decided yet: a person must look.", False)


async def test_the_sentence_says_why_not_what_was_done_about_it(api: Api) -> None:
    reasons = [
        {"code": "would_reject", "text": "The policy would reject this order."},
        {"code": "risk_reject", "text": "Risk 95 reaches the reject threshold of 90."},
    ]
    await add_order(api.db)
    await add_decision(api.db, reasons=reasons)
    await add_order(api.db, ORDER + 1, hold_kind="answer", hold_due_at=NOW)
    await add_decision(api.db, ORDER + 1)
    await add_order(api.db, ORDER + 2, flags=["hold_breached"])
    await add_decision(api.db, ORDER + 2, reasons=reasons)
    said = {row["order_id"]: row["sentence"] for row in await rows(api)}
    assert said[ORDER] == "Risk 95 reaches the reject threshold of 90."
    assert said[ORDER + 1] == "The customer answered: read the ticket, then decide."
    assert said[ORDER + 2] == "Services went active although the order is held."


async def test_each_row_says_why_in_a_sentence(api: Api) -> None:
    await add_all_kinds(api)
    for row in await rows(api):
        assert row["sentence"].endswith("."), row


async def add_all_kinds(api: Api) -> list[tuple[int | None, str]]:
    """Add one of each kind, and return them in the expected order."""
    await add_order(api.db, 1, hold_kind="fee", hold_due_at=NOW - HOUR)
    await add_fee(api.db, 1)
    await add_order(api.db, 2, state="cancelled", refund_due_minor=1500, **NOT_HELD)
    await add_decision(api.db, 2)
    await add_order(api.db, 3, hold_due_at=NOW + 2 * HOUR)
    await add_order(api.db, 4, hold_due_at=NOW - 2 * HOUR)
    await add_order(api.db, 5, state="releasing", **NOT_HELD)
    await add_call(api.db, order_id=5, settled_at=NOW - HOUR)
    await add_call(api.db, order_id=None, key="credit:x", seq=2, settled_at=NOW + HOUR, action="add_credit")
    await add_order(api.db, 6, hold_kind="answer", hold_due_at=NOW)
    await add_order(api.db, 7, state="rejected", flags=["hold_breached"], **NOT_HELD)
    await add_order(api.db, 8, hold_due_at=NOW + HOUR, flags=["accepted_by_automation"])
    await add_order(api.db, 9, state="released", flags=["provisioning_failed"], **NOT_HELD)
    return [
        (7, "breach"), (8, "breach"), (6, "answer"), (4, "review"), (5, "dead_call"), (None, "dead_call"),
        (3, "review"), (2, "refund_due"), (1, "fee"),
    ]  # fmt: skip


async def test_the_most_urgent_comes_first(api: Api) -> None:
    expected = await add_all_kinds(api)
    assert [(row["order_id"], row["why"]) for row in await rows(api)] == expected


async def test_pages_hold_each_row_once(api: Api) -> None:
    expected = await add_all_kinds(api)
    seen, cursor = [], ""
    while True:
        page = (await api.ask("GET", f"/v1/queue?limit=2{cursor}")).json()
        seen += [(row["order_id"], row["why"]) for row in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == expected


async def test_an_order_that_waits_for_several_reasons_is_one_row(api: Api) -> None:
    await add_order(api.db, refund_due_minor=2500, flags=["hold_breached"])
    await add_decision(api.db)
    call_id = await add_call(api.db)
    (row,) = await rows(api)
    assert row["why"] == "breach"
    assert [one["code"] for one in row["reasons"]] == ["hold_breached", "refund_due", "dead_call", "risk_review"]
    assert "25.00 USD" in row["reasons"][1]["text"]
    assert str(call_id) in row["reasons"][2]["text"]


async def test_what_is_settled_does_not_wait(api: Api) -> None:
    await add_order(api.db, state="released", **NOT_HELD)
    await add_order(api.db, ORDER + 1, state="received", **NOT_HELD)
    await add_call(api.db, state="done")
    assert await rows(api) == []


async def test_in_shadow_there_is_nothing_to_be_done(start: Start) -> None:
    async with start(Mode.SHADOW) as api:
        await add_order(api.db)
        await add_decision(api.db)
        await add_fee(api.db)
        (row,) = await rows(api)
        assert row["actions"] == []
        assert (row["fee"], row["work_unpaid"]) == (None, False)
        assert (row["minutes"], row["product"]) == (60, "VPS S")


async def test_a_group_waits_while_an_order_that_was_accepted_before_is_unseen(api: Api) -> None:
    for order_id, state in ((21, "released"), (22, "awaiting_payment"), (23, "held")):
        held = {} if state == "held" else NOT_HELD
        await add_order(api.db, order_id, state=state, **held)
    group_id = await add_group(api.db, 21, 22, 23)
    found = [row for row in await rows(api) if row["why"] == "group"]
    assert [(row["group_id"], row["members"], row["order_id"]) for row in found] == [(group_id, [21, 22, 23], None)]

    await set_state(api, 21, "cancelled")
    assert [row for row in await rows(api) if row["why"] == "group"] == []


async def set_state(api: Api, order_id: int, state: str) -> None:
    async with api.db.begin() as tx:
        await tx.execute(sa.update(orders).where(orders.c.order_id == order_id).values(state=state))
