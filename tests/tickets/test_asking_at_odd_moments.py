"""Questions at unusual moments: two people ask at once, messages are disabled, the answer is in another ticket."""

from __future__ import annotations

import asyncio

import pytest

from app.db import Database
from app.upkeep import sweeps
from tests.stories.house import POLICY, House, open_house
from tests.tickets.test_questions import DAY, asked, held, the_question, the_ticket
from tests.workflow.test_modes import switch


async def test_while_messages_are_in_shadow_nobody_is_asked_or_reminded(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        order_id, ticket = await asked(house)
        await switch(house, "[modes]\nmessages = 'shadow'\n")
        answer = await house.act(order_id, "ask", question="And who is the operator?")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:doorman:problem:shadow-mode")
        assert "modes.messages" in answer.json()["detail"]
        assert (await house.order(order_id))["hold"]["kind"] == "answer"
        await house.wait(4 * DAY)
        await sweeps.round(house.context)
        await house.settle()
        assert len(ticket.replies) == 1
        await house.wait(7 * DAY)
        assert (await house.order(order_id))["decision"]["reasons"][0]["code"] == "no_answer"


async def test_an_answer_in_another_ticket_of_ours_comes_to_the_top(house: House) -> None:
    order_id, client = await held(house, notes="Please install Ubuntu 8.04 on it and migrate my old site.")
    about_fee = the_ticket(house, client)
    assert (await house.act(order_id, "ask", question="Which site is it?")).status_code == 200
    await house.settle(seconds=30)
    assert (await the_question(house)).ticket_id != about_fee.id
    await house.panel.reply_ticket(about_fee.id, "It is the shop.")
    await house.settle(seconds=5)
    assert (await the_question(house)).answered_at is not None
    order = await house.order(order_id)
    assert (order["hold"]["kind"], order["hold"]["expires_at"]) == ("answer", None)
    await house.wait(12 * DAY)
    assert (await house.order(order_id))["decision"]["reasons"][0]["code"] == "asked"
    assert house.effects("AddTicketReply") == 0


@pytest.mark.parametrize("text", [None, "Which site is it?"])
async def test_two_who_ask_at_once_ask_once(house: House, text: str | None) -> None:
    order_id, client = await held(house)
    body = {} if text is None else {"question": text}
    answers = await asyncio.gather(*(house.act(order_id, "ask", **body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    await house.settle(seconds=20)
    assert house.effects("OpenTicket") == 1
    assert (await the_question(house)).ticket_id == the_ticket(house, client).id
