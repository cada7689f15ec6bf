"""Questions to customers: asked, answered, reminded, expired; and the order's state meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.db import Database
from app.sandbox.models import Ticket
from app.tables.alerts import alerts
from app.tables.customers import customers
from app.tables.inbox import events
from app.tables.orders import questions, tickets
from app.tables.outbox import panel_calls
from app.upkeep import sweeps
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import shop

DAY = 86_400.0
HOUR = 3_600.0
#: Two rules with a question each: together they cause a review.
UNFIT = "I plan an Icecast for my clients, and an OpenVPN for the office."


async def held(house: House, *, notes: str = UNFIT, pay: bool = True) -> tuple[int, int]:
    """Place an order that is held for review of its fit; return its id and its customer's."""
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product], notes=notes, pay=pay)
    await house.wait(100)
    return int(placed.id), client


async def asked(house: House, **body: Any) -> tuple[int, Ticket]:
    """Place an order whose customer was asked; return it and the question's ticket."""
    order_id, client = await held(house)
    answer = await house.act(order_id, "ask", **body)
    assert answer.status_code == 200, answer.text
    await house.settle(seconds=20)
    return order_id, the_ticket(house, client)


def the_ticket(house: House, client: int) -> Ticket:
    """Return the customer's only ticket."""
    (found,) = [ticket for ticket in house.panel.state.tickets.values() if ticket.client_id == client]
    return found


async def rows(house: House, table: sa.Table) -> list[Any]:
    async with house.db.read() as connection:
        return list((await connection.execute(sa.select(table))).all())


async def the_question(house: House) -> Any:
    (found,) = await rows(house, questions)
    return found


async def queue(house: House) -> list[dict[str, Any]]:
    return list((await house.api.get("/v1/queue")).json()["items"])


async def test_what_may_not_fit_is_held_with_the_question_prepared(house: House) -> None:
    order_id, _ = await held(house)
    order = await house.order(order_id)
    assert (order["state"], order["hold"]["kind"], order["scores"]["risk"]) == ("held", "review", 0)
    (reason,) = order["decision"]["reasons"]
    assert reason["code"] == "vetting_fit"
    assert "streaming (icecast), vpn-proxy (openvpn) (weight 60" in reason["text"]
    assert "VPN or proxy" in order["prepared_question"]
    assert "You mention streaming" in order["prepared_question"]
    assert "ask" in order["actions"]
    assert house.effects("OpenTicket") == 0


@pytest.mark.parametrize(
    ("field", "answer", "unit"),
    [
        ("How many visitors a day do you expect?", "50,000", "visitors a day"),
        ("Monthly traffic (TB)", "10", "GB of traffic a month"),
        ("What will you host?", "A game server, it is a minecraft server for friends.", "game-server"),
    ],
)
async def test_answers_in_the_order_form_are_held_against_the_plan(
    house: House, field: str, answer: str, unit: str
) -> None:
    client, product = shop(house, autosetup="accept")
    item = {"product_id": product, "custom_fields": {field: answer}}
    placed = await house.panel.place_order(client, [item], pay=True)
    await house.wait(100)
    order = await house.order(placed.id)
    (reason,) = order["decision"]["reasons"]
    assert (order["hold"]["kind"], reason["code"]) == ("review", "vetting_fit")
    assert unit in reason["text"]
    assert order["prepared_question"].startswith("You ")


async def test_one_thing_worth_a_question_holds_nobody(house: House) -> None:
    order_id, _ = await held(house, notes="I plan an OpenVPN for my office.")
    order = await house.order(order_id)
    assert order["decision"]["outcome"] == "approve"
    assert order["prepared_question"] is None


async def test_what_the_plan_does_not_stand_is_held_alone(house: House) -> None:
    order_id, _ = await held(house, notes="Wir verschicken jede Woche eine Rundmail an 8.000 Mitglieder.")
    order = await house.order(order_id)
    (reason,) = order["decision"]["reasons"]
    assert (order["state"], reason["code"]) == ("held", "vetting_fit")
    assert "8,000 readers of a newsletter where the plan allows 2,000" in reason["text"]
    assert "newsletter" in order["prepared_question"]


async def test_a_domain_that_imitates_a_bank_is_held(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(
        client, [{"product_id": product, "domain": "sparkasse-login.example"}], pay=True
    )
    await house.wait(100)
    order = await house.order(placed.id)
    assert order["hold"]["kind"] == "review"
    (signal,) = [one for one in order["signals"] if one["code"] == "look_alike_domain"]
    assert "sparkasse, beside words that ask for trust (login)" in signal["detail"]


async def test_asked_answered_and_approved(house: House) -> None:
    order_id, ticket = await asked(house)
    order = await house.order(order_id)
    assert (order["state"], order["hold"]["kind"]) == ("held", "answer")
    assert order["hold"]["due_at"] == order["hold"]["expires_at"]
    assert order["ticket_ids"] == [ticket.id]
    assert ticket.subject == f"A question about your order {order['order_number']}"
    assert order["prepared_question"] in ticket.replies[0].message
    question = await the_question(house)
    assert (question.ticket_id, question.rule, question.answered_at) == (ticket.id, "streaming", None)
    (row,) = await queue(house)
    assert (row["why"], row["reasons"][0]["code"]) == ("answer", "asked")

    house.clock.forward(hours=5)
    await house.panel.reply_ticket(ticket.id, "Only for my staff, and the clients signed up on paper.")
    await house.settle(seconds=5)
    question = await the_question(house)
    assert question.answered_at >= question.asked_at
    order = await house.order(order_id)
    assert (order["hold"]["kind"], order["hold"]["expires_at"]) == ("answer", None)
    assert any("answered our question" in row.text for row in await rows(house, alerts))

    assert (await house.act(order_id, "approve")).status_code == 200
    await house.settle(seconds=30)
    assert (await house.order(order_id))["state"] == "released"
    assert (await the_question(house)).outcome == "approved"
    assert await queue(house) == []


async def test_the_answer_comes_before_everything_that_only_waits(house: House) -> None:
    order_id, ticket = await asked(house)
    client, product = shop(house, autosetup="accept")
    other = await house.panel.place_order(client, [product], notes=UNFIT, pay=True)
    await house.wait(100)
    assert [row["order_id"] for row in await queue(house)] == [other.id, order_id]
    await house.panel.reply_ticket(ticket.id, "Yes.")
    await house.settle(seconds=5)
    assert [(row["order_id"], row["why"]) for row in await queue(house)] == [(order_id, "answer"), (other.id, "review")]


async def test_an_own_question_is_sent_as_plain_text(house: House) -> None:
    text = "Is <b>{fee}</b> & {question} or {0.__class__} meant? 🦊\n\nPlease say."
    _, ticket = await asked(house, question=text, note="They were odd on the phone.")
    said = ticket.replies[0].message
    assert "(fee)" in said
    assert "& (question) or (0.__class__) meant? 🦊\n\nPlease say." in said
    assert not {"<", ">", "{", "}"} & set(said)
    assert "odd on the phone" not in ticket.replies[0].message
    assert (await the_question(house)).rule is None


async def test_a_question_of_full_length_arrives_whole(house: House) -> None:
    text = "ä" * 3_999 + "?"
    _, ticket = await asked(house, question=text)
    assert text in ticket.replies[0].message


async def test_a_second_question_goes_into_the_same_ticket(house: House) -> None:
    order_id, ticket = await asked(house)
    again = await house.act(order_id, "ask")
    assert (again.status_code, again.json()["type"]) == (409, "urn:doorman:problem:looks-duplicate")
    assert (await house.act(order_id, "ask", question="And who is the operator?")).status_code == 200
    await house.settle(seconds=20)
    assert (house.effects("OpenTicket"), house.effects("AddTicketReply")) == (1, 1)
    assert "And who is the operator?" in ticket.replies[-1].message
    await house.panel.reply_ticket(ticket.id, "It is me.")
    await house.settle(seconds=5)
    assert all(row.answered_at is not None and row.ticket_id == ticket.id for row in await rows(house, questions))


async def test_one_key_asks_once(house: House) -> None:
    order_id, client = await held(house)
    for _ in range(3):
        key = {"Idempotency-Key": "ask-1"}
        answer = await house.api.post(f"/v1/orders/{order_id}/ask", json={}, headers=key)
        assert answer.status_code == 200
    await house.settle(seconds=20)
    assert house.effects("OpenTicket") == 1
    assert the_ticket(house, client)
    await the_question(house)


async def test_a_reply_of_staff_is_no_answer(house: House) -> None:
    order_id, ticket = await asked(house)
    await house.panel.reply_ticket(ticket.id, "We are closed on Sunday.", by="staff")
    await house.settle(seconds=30)
    assert (await the_question(house)).answered_at is None
    assert (await house.order(order_id))["hold"]["expires_at"] is not None


async def test_the_question_never_counts_against_the_customer(house: House) -> None:
    _, ticket = await asked(house)
    await house.panel.reply_ticket(ticket.id, "Where is my server? Please install Ubuntu 8.04.")
    await house.settle(seconds=5)
    assert [(row.ticket_id, row.ours) for row in await rows(house, tickets)] == [(ticket.id, True)]
    assert [(row.tickets, row.labour_minutes) for row in await rows(house, customers)] == [(0, 0)]


# --- silence ------------------------------------------------------------------------------------------------------


async def test_silence_is_reminded_of_once_then_proposed_for_cancelling(house: House) -> None:
    order_id, ticket = await asked(house)
    await house.wait(3 * DAY - HOUR)
    assert len(ticket.replies) == 1
    await house.wait(2 * HOUR)
    assert len(ticket.replies) == 2
    assert "is still waiting for your answer" in ticket.replies[1].message
    await house.wait(6 * DAY)
    assert (len(ticket.replies), (await house.order(order_id))["hold"]["kind"]) == (2, "answer")
    await house.wait(2 * DAY)
    order = await house.order(order_id)
    assert (order["state"], order["hold"]["kind"], order["panel_status"]) == ("held", "review", "Pending")
    assert order["decision"]["reasons"][0] == {
        "code": "no_answer",
        "text": "No answer for 10 days. Proposed: cancel the order.",
    }
    (row,) = await queue(house)
    assert (row["why"], row["actions"][0]) == ("review", "cancel")
    await house.wait(30 * DAY)
    assert (await house.order(order_id))["state"] == "held"  # nothing is cancelled automatically
    assert len(ticket.replies) == 2

    assert (await house.act(order_id, "cancel")).status_code == 200
    await house.settle(seconds=30)
    question = await the_question(house)
    assert (question.outcome, question.answered_at) == ("cancelled", None)


async def test_a_late_answer_still_comes_to_the_top(house: House) -> None:
    order_id, ticket = await asked(house)
    await house.wait(12 * DAY)
    await house.panel.reply_ticket(ticket.id, "Sorry, I was away.")
    await house.settle(seconds=5)
    (row,) = await queue(house)
    assert (row["order_id"], row["why"]) == (order_id, "answer")
    assert row["actions"][0] == "approve"


async def test_an_answer_that_no_hook_told_of_is_found_before_anybody_is_reminded(house: House) -> None:
    order_id, ticket = await asked(house)
    house.panel.behaviours.hook_repeats = 0
    await house.panel.reply_ticket(ticket.id, "All is well.")
    await house.wait(3 * DAY + HOUR)
    assert (await the_question(house)).answered_at is not None
    assert [row["why"] for row in await queue(house)] == ["answer"]
    assert house.effects("AddTicketReply") == 0
    assert (await house.order(order_id))["hold"]["expires_at"] is None


@pytest.mark.parametrize(("days", "replies", "kind"), [(3, 2, "answer"), (10, 1, "review")])
async def test_clocks_that_are_lost_are_swept(house: House, days: int, replies: int, kind: str) -> None:
    order_id, ticket = await asked(house)
    async with house.db.begin() as tx:
        await tx.execute(events.delete().where(events.c.state == "received"))
    house.clock.forward(days=days, minutes=6)
    for _ in range(2):
        await sweeps.round(house.context)
        await house.settle()
    assert len(ticket.replies) == replies
    assert (await house.order(order_id))["hold"]["kind"] == kind


async def test_a_ticket_whose_opening_nobody_told_of_is_swept(house: House) -> None:
    order_id, client = await held(house)
    await house.act(order_id, "ask")
    await house.settle()
    async with house.db.begin() as tx:
        await tx.execute(questions.update().values(ticket_id=None))
    house.clock.forward(minutes=6)
    await sweeps.round(house.context)
    await house.settle()
    assert (await the_question(house)).ticket_id == the_ticket(house, client).id


async def test_without_reminders_it_is_only_proposed_in_the_end(db: Database) -> None:
    quiet = POLICY + "[messages.question_reminder]\nsend = false\n[ask]\nremind_days = 1\npropose_cancel_days = 2\n"
    async with open_house(db, policy=quiet) as house:
        order_id, ticket = await asked(house)
        await house.wait(3 * DAY)
        assert len(ticket.replies) == 1
        assert (await house.order(order_id))["hold"]["kind"] == "review"


# --- meanwhile ----------------------------------------------------------------------------------------------------


async def test_paid_meanwhile_it_still_waits_for_the_answer(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product], notes=UNFIT)
    await house.wait(100)
    assert (await house.act(placed.id, "ask")).status_code == 200
    await house.settle(seconds=20)
    await house.panel.pay_invoice(placed.invoice_id)
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert (order["state"], order["hold"]["kind"], order["payment"]["state"]) == ("held", "answer", "paid")
    assert house.effects("AcceptOrder") == 0


async def test_cancelled_in_the_panel_meanwhile_nobody_is_reminded(house: House) -> None:
    order_id, ticket = await asked(house)
    await house.panel.staff_cancel(order_id)
    await house.settle(seconds=60)
    assert (await house.order(order_id))["state"] == "cancelled"
    assert (await the_question(house)).outcome == "cancelled"
    await house.wait(12 * DAY)
    assert len(ticket.replies) == 1


async def test_what_is_decided_before_the_question_is_sent_is_never_asked(house: House) -> None:
    order_id, _ = await held(house)
    await house.api.post("/v1/ops/pause")
    assert (await house.act(order_id, "ask")).status_code == 200
    await house.settle(seconds=20)
    assert (await house.act(order_id, "ask", question="Another one?")).status_code == 409
    assert (await house.act(order_id, "approve")).status_code == 200
    await house.api.post("/v1/ops/resume")
    await house.settle(seconds=60)
    assert house.effects("OpenTicket") == 0
    assert (await the_question(house)).outcome == "withdrawn"
    assert (await house.order(order_id))["state"] == "released"


async def test_a_question_that_is_abandoned_leaves_the_order_to_a_person(house: House) -> None:
    order_id, _ = await held(house)
    await house.api.post("/v1/ops/pause")
    await house.act(order_id, "ask")
    await house.settle(seconds=20)
    (call,) = [row for row in await rows(house, panel_calls) if row.action == "open_ticket"]
    assert (await house.api.post(f"/v1/panel-calls/{call.id}/abandon")).status_code == 200
    await house.settle(seconds=20)
    assert (await house.order(order_id))["hold"]["kind"] == "review"
    await house.api.post("/v1/ops/resume")
    assert (await house.act(order_id, "ask", question="Once more?")).status_code == 200
    await house.settle(seconds=20)
    assert house.effects("OpenTicket") == 1


async def test_asking_about_a_fee_hold_takes_the_fee_back(house: House) -> None:
    order_id, _ = await held(house, notes="Please install Ubuntu 8.04 on it and migrate my old site.")
    fee = (await house.order(order_id))["fee"]
    assert (await house.act(order_id, "ask")).status_code == 422  # no question about its fit is prepared
    assert (await house.act(order_id, "ask", question="Which site is it?")).status_code == 200
    await house.settle(seconds=30)
    assert house.panel.state.invoices[fee["invoice_id"]].status == "Cancelled"
    assert (await house.order(order_id))["hold"]["kind"] == "answer"


async def test_a_fee_asked_for_after_the_answer_ends_the_question(house: House) -> None:
    order_id, ticket = await asked(house)
    await house.panel.reply_ticket(ticket.id, "Please set it up for us.")
    await house.settle(seconds=5)
    assert (await house.act(order_id, "charge-fee", amount="80.00")).status_code == 200
    await house.settle(seconds=30)
    assert (await house.order(order_id))["hold"]["kind"] == "fee"
    assert (await the_question(house)).outcome == "fee"


async def test_declined_politely_where_it_only_does_not_fit(house: House) -> None:
    order_id, ticket = await asked(house)
    assert (await house.act(order_id, "reject")).status_code == 200
    await house.settle(seconds=30)
    (told,) = [one for one in house.panel.state.tickets.values() if one.id != ticket.id]
    assert "decided not to accept it" in told.replies[0].message
    assert "streaming" not in told.replies[0].message
    assert (await the_question(house)).outcome == "rejected"


async def test_what_is_rejected_for_its_risk_is_told_nothing(house: House) -> None:
    order_id, _ = await held(house, notes=f"{UNFIT} It is for carding.")
    assert (await house.act(order_id, "reject")).status_code == 200
    await house.settle(seconds=30)
    assert house.effects("OpenTicket") == 0


async def test_an_unknown_outcome_is_looked_up_and_asked_once(house: House) -> None:
    order_id, client = await held(house)
    house.panel.faults.add("error_500_after", action="OpenTicket")
    await house.act(order_id, "ask")
    await house.wait(15 * 60)
    assert house.effects("OpenTicket") == 1
    assert (await the_question(house)).ticket_id == the_ticket(house, client).id


async def test_an_answer_that_comes_before_the_calls_end_is_known(house: House) -> None:
    order_id, client = await held(house)
    house.panel.faults.add("error_500_after", action="OpenTicket")
    await house.act(order_id, "ask")
    await house.settle()
    ticket = the_ticket(house, client)
    await house.panel.reply_ticket(ticket.id, "Yes, on paper.")
    await house.settle(seconds=5)
    question = await the_question(house)
    assert (question.ticket_id, question.answered_at is not None) == (ticket.id, True)
    await house.wait(15 * 60)
    assert [row["why"] for row in await queue(house)] == ["answer"]
    assert (await house.order(order_id))["hold"]["expires_at"] is None


async def test_without_a_department_there_is_no_ticket_to_ask_in(db: Database) -> None:
    async with open_house(db) as house:
        order_id, _ = await held(house)
        answer = await house.act(order_id, "ask")
        assert answer.status_code == 409
        assert "department_id" in answer.json()["detail"]


async def test_in_shadow_nobody_is_asked(db: Database) -> None:
    async with open_house(db, policy=POLICY, mode="shadow") as house:
        client, product = shop(house, autosetup="accept")
        placed = await house.panel.place_order(client, [product], notes=UNFIT)
        await house.wait(100)
        answer = await house.act(placed.id, "ask")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:doorman:problem:shadow-mode")
        assert "would be asked" in answer.json()["detail"]
        assert await rows(house, questions) == []
