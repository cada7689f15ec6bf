"""An upgrade in the middle of everything: whatever an earlier version began, this one reads, goes on with and ends.

Nothing here looks inside the program: the rows are those that were stored, and all else is seen through the HTTP API
and in the panel. `make` adds the next landed version.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest

from app.upkeep import notifications, sweeps
from app.upkeep.reconcile import comparing
from tests.upgrade.landed import Landed
from tests.upgrade.situations import CREDIT, REPEATED, Story

#: What each order has come to once everything is done that was due: its state, its hold, its fee.
ARRIVED: dict[str, tuple[str, str | None, str | None]] = {
    "released": ("released", None, None),
    "before_the_cut_over": ("received", None, None),
    "decided_in_shadow": ("received", None, None),
    "review_to_approve": ("held", "review", None),
    "review_overdue": ("held", "review", None),
    "cancelled_by_staff_now": ("cancelled", None, None),
    "fee_to_pay": ("held", "fee", "unpaid"),
    "fee_to_waive": ("held", "fee", "unpaid"),
    "fee_to_drop": ("held", "fee", "unpaid"),
    "fee_to_cancel": ("held", "fee", "unpaid"),
    "fee_partly_paid": ("held", "fee", "partly_paid"),
    "fee_unpaid": ("held", "fee", "unpaid"),
    "fee_paid_now": ("released", None, "paid"),
    "cancel_to_send": ("cancelled", None, "cancelled"),
    "fee_paid_but_not_the_order": ("awaiting_payment", None, "paid"),
    "credit_back_to_send": ("cancelled", None, "refunded"),
    "question_to_answer": ("held", "answer", None),
    "question_answered_now": ("held", "answer", None),
    "question_unanswered": ("held", "answer", None),
    "approved_and_unpaid": ("awaiting_payment", None, None),
    "approved_and_paid_now": ("released", None, None),
    "fraud_with_a_refund_due": ("rejected", None, None),
    "cancelled": ("cancelled", None, "cancelled"),
    "breach": ("held", "review", "unpaid"),
    "dead_accept": ("held", "review", None),
    "dead_ticket": ("held", "fee", "unpaid"),
    "of_the_gone_account": ("held", "fee", "unpaid"),
    "of_the_kept_account": ("released", None, None),
    "accept_that_got_lost": ("released", None, None),
    "invoice_that_got_lost": ("held", "fee", "unpaid"),
    "accept_that_arrived": ("released", None, None),
    "invoice_that_arrived": ("held", "fee", "unpaid"),
    "accept_to_send": ("released", None, None),
    "invoice_to_send": ("held", "fee", "unpaid"),
    "question_to_send": ("held", "answer", None),
    "undecided": ("awaiting_payment", None, None),
    "just_placed": ("released", None, None),
}

#: The calls that the upgrade found pending or without an answer. One that took effect is looked up, and not sent again.
ON_ITS_WAY = {
    "accept_to_send": "AcceptOrder", "accept_that_arrived": "AcceptOrder", "accept_that_got_lost": "AcceptOrder",
    "invoice_to_send": "CreateInvoice", "invoice_that_arrived": "CreateInvoice",
    "invoice_that_got_lost": "CreateInvoice", "question_to_send": "OpenTicket", "cancel_to_send": "CancelOrder",
    "credit_back_to_send": "AddCredit", "of_the_kept_account": "AddCredit", "released": "AddCredit",
}  # fmt: skip
#: What the panel is told before it sets up these.
GATE: dict[str, tuple[bool, str]] = {
    "review_to_approve": (False, "held_for_review"),
    "fee_unpaid": (False, "held_for_fee"),
    "fraud_with_a_refund_due": (False, "rejected"),
    "before_the_cut_over": (True, "before_cutover"),
    "decided_in_shadow": (True, "before_cutover"),
    "accept_to_send": (True, "approved"),
}
#: Customers who pay now, the fee or the order.
PAY_FEES = ("fee_to_pay", "fee_partly_paid", "invoice_that_arrived", "of_the_gone_account")
PAY_ORDERS = ("fee_paid_but_not_the_order", "approved_and_unpaid")
#: What staff have made of these.
DECIDED: dict[str, tuple[str, str | None, str | None]] = {
    "review_to_approve": ("released", None, None),
    "decided_in_shadow": ("released", None, None),
    "fraud_with_a_refund_due": ("released", None, None),
    "fee_to_waive": ("released", None, "waived"),
    "fee_to_drop": ("released", None, "cancelled"),
    "fee_to_cancel": ("cancelled", None, "cancelled"),
    "question_answered_now": ("held", "fee", "unpaid"),
    "question_to_send": ("rejected", None, None),
    "breach": ("held", "review", "cancelled"),
    "dead_accept": ("released", None, None),
}
#: Calls that time alone never causes.
DECISIVE = ("AcceptOrder", "CreateInvoice", "CancelOrder", "FraudOrder", "PendingOrder", "AddCredit", "OpenTicket")
#: What two weeks have made of these.
EXPIRED: dict[str, tuple[str, str | None, str | None]] = {
    "before_the_cut_over": ("received", None, None),
    "review_overdue": ("held", "review", None),
    "fee_unpaid": ("held", "review", "cancelled"),
    "question_answered_now": ("held", "review", "cancelled"),
    "question_unanswered": ("held", "review", None),
}


async def seen(story: Story, *names: str) -> dict[str, tuple[str, str | None, str | None]]:
    """Return what the orders show: state, hold, fee."""
    found = {name: await story.house.order(story.ids[name]) for name in names or story.ids}
    return {
        name: (
            order["state"],
            order["hold"]["kind"] if order["hold"] else None,
            order["fee"]["state"] if order["fee"] else None,
        )
        for name, order in found.items()
    }


async def pages(story: Story, path: str) -> list[dict[str, Any]]:
    """Return all items of a list."""
    found: list[dict[str, Any]] = []
    where: dict[str, Any] = {"limit": 100}
    while True:
        answer = await story.house.api.get(path, params=where)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        where["cursor"] = page["next_cursor"]


async def queued(story: Story, why: str) -> list[str]:
    """Return the orders in the queue for this reason, first things first."""
    names = {order_id: name for name, order_id in story.ids.items()}
    return [names[row["order_id"]] for row in await pages(story, "/v1/queue") if row["why"] == why]


def written(story: Story, name: str, action: str) -> int:
    """Return how often the panel was asked to do this to an order or its customer, before and after the upgrade."""
    ours = {str(story.ids[name]), str(story.client(name))}
    calls = [call for call in story.house.panel.writes if call.action == action]
    return sum(bool(ours & {str(call.params.get(by)) for by in ("orderid", "userid", "clientid")}) for call in calls)


def only_once(story: Story) -> None:
    """Nothing was done twice in the panel, neither by this version nor by the earlier one together with it."""
    panel = story.house.panel
    done = [(call.action, json.dumps(call.params, sort_keys=True)) for call in panel.writes if call.applied]
    assert [call for call, times in Counter(done).items() if times > 1] == []
    named = [
        (call.action, reference)
        for call in panel.writes
        if call.applied and call.action != "UpdateInvoice"
        for reference in set(re.findall(r"doorman:[a-z]+:[0-9a-f-]{36}", json.dumps(call.params)))
    ]
    assert [name for name, times in Counter(named).items() if times > 1] == []
    assert {service.creates for service in panel.state.services.values()} <= {0, 1}


async def test_all_that_was_stored_can_be_read_before_anything_goes_on(story: Story, landed: Landed) -> None:
    stored = [json.loads(line) for line in landed.rows]
    calls = Counter(row["order_id"] for table, row in stored if table == "panel_calls" and "order_id" in row)
    orders = [row for table, row in stored if table == "orders"]
    for row in orders:
        order = await story.house.order(row["order_id"])
        for name in ("order_id", "customer_id", "state", "panel_status", "flags"):
            assert order[name] == row[name]
        assert len(order["panel_calls"]) == calls[row["order_id"]]
        assert (await story.house.api.get(f"/v1/orders/{row['order_id']}/explanation")).status_code == 200
    assert {order["order_id"] for order in await pages(story, "/v1/orders")} == {row["order_id"] for row in orders}
    assert len(await pages(story, "/v1/fees")) == sum(table == "fees" for table, _ in stored)
    assert len(await pages(story, "/v1/policies")) == sum(table == "policies" for table, _ in stored)
    for path in ("/v1/queue", "/v1/customers", "/v1/reports/agreement", "/v1/reports/questions", "/v1/signals"):
        assert (await story.house.api.get(path)).status_code == 200
    beside = (await story.house.api.get("/v1/reports/candidate")).json()
    assert beside["version"] is not None


@pytest.mark.slow(reason="every order of a database goes on to its end, over two weeks")
@pytest.mark.timeout(300)
async def test_all_that_was_begun_goes_on_and_ends_once(story: Story) -> None:
    story.house.turn.release()
    for chapter in (_what_was_on_its_way_arrives, _customers_go_on, _staff_go_on, _time_goes_on):
        await chapter(story)
        only_once(story)


async def _what_was_on_its_way_arrives(story: Story) -> None:
    """Calls, lost answers, webhooks and timers: everything that was due within five minutes."""
    house = story.house
    for seconds in (30, 130, 140):
        await house.settle(seconds=seconds)
    assert await seen(story) == {name: ARRIVED[name] for name in story.ids}
    for name, action in ON_ITS_WAY.items():
        assert written(story, name, action) == 1, name
    again = await story.grant("released", CREDIT, headers={"Idempotency-Key": REPEATED})
    await house.settle(seconds=5)
    granted = {"released": again["amount"], "of_the_kept_account": "7.00", "credit_back_to_send": "200.00"}
    for name, amount in granted.items():
        assert [str(credit.amount) for credit in house.panel.state.credits_of[story.client(name)]] == [amount]
    assert await queued(story, "breach") == ["breach"]
    assert set(await queued(story, "dead_call")) == {"dead_accept", "dead_ticket"}
    assert (await queued(story, "answer"))[0] == "question_answered_now"
    of_both = [(await house.order(story.ids[f"of_the_{which}_account"]))["customer_id"] for which in ("gone", "kept")]
    assert of_both == [story.client("of_the_kept_account")] * 2
    for name, gate in GATE.items():
        answer = (await house.api.get(f"/v1/orders/{story.ids[name]}/gate")).json()
        assert (answer["provision"], answer["reason"]) == gate, name


async def _customers_go_on(story: Story) -> None:
    """They pay their fees and orders, and answer."""
    house, panel = story.house, story.house.panel
    for name in PAY_FEES:
        await story.pay_fee(name)
    for name in PAY_ORDERS:
        await panel.pay_invoice(panel.state.orders[story.ids[name]].invoice_id)
    for name in ("question_to_answer", "question_to_send"):
        await panel.reply_ticket(story.ticket(name), "It is for www.example.org.")
    await house.settle(seconds=30)
    assert await seen(story, *PAY_FEES) == dict.fromkeys(PAY_FEES, ("released", None, "paid"))
    assert {order[0] for order in (await seen(story, *PAY_ORDERS)).values()} == {"released"}
    answered = {"question_answered_now", "question_to_answer", "question_to_send"}
    assert set((await queued(story, "answer"))[: len(answered)]) == answered


async def _staff_go_on(story: Story) -> None:
    """They decide, by every action there is, and send the dead call again."""
    house, panel = story.house, story.house.panel
    panel.break_module(story.product("Broken"), "")
    for name in ("review_to_approve", "fraud_with_a_refund_due", "dead_accept"):
        await story.act(name, "approve")
    await story.act("decided_in_shadow", "approve", work="free")  # it asks for work, and no fee was ever asked for
    await story.act("fee_to_waive", "waive-fee")
    await story.act("fee_to_drop", "drop-request")
    await story.act("fee_to_cancel", "cancel", reason="customer_withdrew")
    await story.act("question_answered_now", "charge-fee", amount="80.00")
    await story.act("question_to_send", "reject")
    await story.act("breach", "hold")
    for name in ("cancel_to_send", "cancelled_by_staff_now"):
        await story.act(name, "refund-done")
    await story.post(f"/v1/panel-calls/{(await story.call('dead_ticket', 'open_ticket'))['id']}/retry")
    await house.settle(seconds=30)
    assert await seen(story, *DECIDED) == DECIDED
    assert set(await queued(story, "refund_due")) == {"fee_to_cancel", "question_to_send"}


async def _time_goes_on(story: Story) -> None:
    """Nobody pays or answers any more: holds and questions run out, and nothing is accepted or cancelled."""
    house, panel = story.house, story.house.panel
    before = {action: panel.counts[action] for action in DECISIVE}
    for _ in range(3):
        await house.settle(days=4)
        for work in (sweeps, comparing, notifications):
            await work.round(house.context)
        await house.settle(seconds=60)
    assert await seen(story, *EXPIRED) == EXPIRED
    assert {action: panel.counts[action] for action in DECISIVE} == before
    for name in ("fee_unpaid", "question_answered_now"):
        fee = (await house.order(story.ids[name]))["fee"]
        assert panel.state.invoices[fee["invoice_id"]].status == "Cancelled"
    reasons = (await house.order(story.ids["question_unanswered"]))["decision"]["reasons"]
    assert [reason["code"] for reason in reasons] == ["no_answer"]
    asked = panel.state.tickets[story.ticket("question_unanswered")]
    assert sum("doorman:reply:" in reply.message for reply in asked.replies) == 1  # the reminder
    assert sum("BREACH" in told.title for told in panel.state.notifications) == 1
