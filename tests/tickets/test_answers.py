"""Answers to questions, however they reach us: by the hook, late, twice, or only by reading the ticket ourselves."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from app.core.consequences.timers import QUESTION_DUE
from app.messaging import inbox
from app.messaging.wake import Wake
from app.messaging.worker import Worker
from app.panels.records import PanelReply, PanelTicket
from app.processes.worker import send_rules
from app.sandbox.delivery import Event
from app.sandbox.models import Ticket
from app.tables.alerts import alerts
from app.tables.inbox import events
from app.tables.orders import questions as questions_table
from app.tickets import questions
from app.workflow.events import handle
from tests.stories.house import House
from tests.tickets.test_questions import DAY, HOUR, asked, queue, rows, the_question

TOP = "Yes, it is only for my staff.\n\nOn Friday the hoster wrote:\n\n{}"
BELOW = "{}\n\nYes, it is only for my staff."


def quoting(ticket: Ticket, how: str, mark: str = "> ") -> str:
    """Return a mail reply to our newest message in the ticket: it quotes the whole text, including our reference."""
    ours = [reply.message for reply in ticket.replies if "doorman:" in reply.message][-1]
    assert "Ref: doorman:" in ours
    return how.format("\n".join(mark + line for line in ours.splitlines()))


async def told_of(house: House, order_id: int) -> tuple[int, int]:
    """Return how often the timeline and notifications report the customer's answer."""
    lines = [entry["what"] for entry in (await house.order(order_id))["timeline"]]
    rung = [row.text for row in await rows(house, alerts) if "answered our question" in row.text]
    return lines.count("the customer answered"), len(rung)


async def on_top(house: House, order_id: int) -> bool:
    """True if the order is first in the queue as answered, and due."""
    (first, *_) = await queue(house)
    hold = (await house.order(order_id))["hold"]
    return (first["order_id"], first["why"], hold["kind"], hold["expires_at"]) == (order_id, "answer", "answer", None)


async def answered_with_its_hook_late(house: House, ticket: Ticket, text: str) -> list[Event]:
    """The customer answers, and the addon keeps the events; return them, to be posted at the next cron run."""
    house.panel.configure(post_promptly=False)
    await house.panel.reply_ticket(ticket.id, text)
    kept = list(house.panel.outbox.pending.values())
    house.panel.outbox.pending.clear()
    house.panel.configure(post_promptly=True)
    return kept


async def arrive(house: House, kept: list[Event]) -> None:
    for event in kept:
        assert await house.panel.outbox.post(event)


def another_worker(house: House) -> Worker:
    context = house.context
    return Worker(
        house.db, panel=context.panel, handler=partial(handle, context), wake=Wake(), clock=house.clock,
        rules=send_rules(context.settings),
    )  # fmt: skip


@pytest.mark.parametrize("how", [TOP, BELOW], ids=["above", "below"])
@pytest.mark.parametrize("mark", ["> ", ""], ids=["marked", "bare"])
async def test_an_answer_that_quotes_our_reference_is_found_without_its_hook(house: House, how: str, mark: str) -> None:
    order_id, ticket = await asked(house)
    house.panel.behaviours.hook_repeats = 0
    await house.panel.reply_ticket(ticket.id, quoting(ticket, how, mark))
    await house.wait(DAY)
    assert await on_top(house, order_id)
    assert await told_of(house, order_id) == (1, 1)
    await house.wait(12 * DAY)
    assert house.effects("AddTicketReply") == 0  # customers who answered get no reminder
    assert (await the_question(house)).answered_at is not None


async def test_an_answer_to_the_reminder_is_found_the_day_after(house: House) -> None:
    order_id, ticket = await asked(house)
    await house.wait(4 * DAY - HOUR)
    assert len(ticket.replies) == 2
    house.panel.behaviours.hook_repeats = 0
    await house.panel.reply_ticket(ticket.id, quoting(ticket, TOP))
    await house.wait(DAY)
    assert await on_top(house, order_id)


@pytest.mark.parametrize("how", ["All is well.", TOP, BELOW])
async def test_the_hook_and_then_the_look_bring_it_up_once(house: House, how: str) -> None:
    order_id, ticket = await asked(house)
    await house.panel.reply_ticket(ticket.id, quoting(ticket, how))
    await house.settle(seconds=5)
    due_at = (await house.order(order_id))["hold"]["due_at"]
    await house.wait(4 * DAY)
    assert await told_of(house, order_id) == (1, 1)
    assert (await house.order(order_id))["hold"]["due_at"] == due_at
    assert await on_top(house, order_id)


@pytest.mark.parametrize("how", ["All is well.", TOP, BELOW])
async def test_the_look_and_then_the_hook_bring_it_up_once(house: House, how: str) -> None:
    order_id, ticket = await asked(house)
    kept = await answered_with_its_hook_late(house, ticket, quoting(ticket, how))
    await house.wait(DAY)
    due_at = (await house.order(order_id))["hold"]["due_at"]
    assert await told_of(house, order_id) == (1, 1)
    house.clock.forward(hours=2)
    await arrive(house, kept)
    await house.settle(seconds=5)
    assert [row.state for row in await rows(house, events) if row.type == "ticket.replied"] == ["processed"]
    assert await told_of(house, order_id) == (1, 1)
    assert (await house.order(order_id))["hold"]["due_at"] == due_at
    assert await on_top(house, order_id)


async def test_a_hook_that_fires_twice_brings_it_up_once(house: House) -> None:
    order_id, ticket = await asked(house)
    house.panel.behaviours.hook_repeats = 2
    await house.panel.reply_ticket(ticket.id, "All is well.")
    await house.settle(seconds=5)
    assert await told_of(house, order_id) == (1, 1)
    await house.panel.reply_ticket(ticket.id, "And one thing more.")
    await house.settle(seconds=5)
    assert (await told_of(house, order_id))[0] == 2  # a second reply is real


async def test_the_hook_and_the_look_at_the_same_time_bring_it_up_once(house: House) -> None:
    order_id, ticket = await asked(house)
    kept = await answered_with_its_hook_late(house, ticket, quoting(ticket, TOP))
    async with house.turn:  # the background worker pauses; two others work concurrently
        async with house.db.begin() as tx:
            await inbox.add_internal(tx, type=QUESTION_DUE, data={"order_id": order_id}, now=house.clock())
        await arrive(house, kept)
        await asyncio.gather(house.worker.run_once(), another_worker(house).run_once())
    await house.settle(seconds=5)
    assert await told_of(house, order_id) == (1, 1)
    assert await on_top(house, order_id)


async def test_a_late_hook_answers_no_later_question(house: House) -> None:
    order_id, ticket = await asked(house)
    kept = await answered_with_its_hook_late(house, ticket, "All is well.")
    await house.wait(DAY)
    assert (await house.act(order_id, "ask", question="And who is the operator?")).status_code == 200
    await house.settle(seconds=20)
    await arrive(house, kept)
    await house.settle(seconds=5)
    first, second = sorted(await rows(house, questions_table), key=lambda row: row.asked_at)
    assert (first.answered_at is not None, second.answered_at) == (True, None)
    await house.panel.reply_ticket(ticket.id, quoting(ticket, TOP))
    await house.wait(DAY)
    assert await told_of(house, order_id) == (2, 2)


async def test_a_ticket_that_staff_closed_shows_an_answer_that_no_hook_told_of(house: House) -> None:
    order_id, ticket = await asked(house)
    house.panel.configure(hook_repeats_by_type={"ticket.replied": 0})
    await house.panel.reply_ticket(ticket.id, quoting(ticket, TOP))
    await house.panel.close_ticket(ticket.id)
    await house.settle(seconds=5)
    assert await told_of(house, order_id) == (1, 1)
    assert await on_top(house, order_id)


async def test_nothing_of_ours_is_an_answer(house: House) -> None:
    order_id, ticket = await asked(house)
    await house.act(order_id, "ask", question="And who is the operator?")
    await house.panel.reply_ticket(ticket.id, "We are closed on Sunday.", by="staff")
    await house.panel.close_ticket(ticket.id)
    await house.wait(5 * DAY)
    assert house.effects("AddTicketReply") == 2  # the second question and its reminder
    assert await told_of(house, order_id) == (0, 0)


# --- start of an answer ---------------------------------------------------------------------------------------------

ONE, TWO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
OURS = f"Which site is it?\n\nRef: doorman:ticket:{ONE}"


class Asked:
    id = ONE


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ([], False),
        ([(False, "It is the shop.")], True),
        ([(True, "Please hurry.")], False),
        ([(True, f"> {OURS}")], False),
        ([(False, f"It is the shop.\n{OURS}")], True),
        ([(False, OURS)], True),  # only our own words: a person reads it
        ([(False, f"And this?\n\nRef: doorman:reply:{TWO}")], False),  # our next one, shown as the customer's
        ([(False, f"And this?\n\nRef: doorman:reply:{TWO}"), (False, f"No. > Ref: doorman:reply:{TWO}")], True),
        ([(False, f"See doorman:ticket:{TWO} as well.")], True),
    ],
)
def test_where_an_answer_begins(said: list[tuple[bool, str]], answered: bool) -> None:
    messages = [(False, "Hello?"), (False, OURS), *said]  # the panel shows what we open over its API as the customer's
    replies = tuple(
        PanelReply(reply_id=n, by_staff=staff, at=None, message=text) for n, (staff, text) in enumerate(messages)
    )
    assert questions.answered_in(a_ticket(replies), Asked()) is answered


def a_ticket(replies: tuple[PanelReply, ...]) -> PanelTicket:
    return PanelTicket(
        ticket_id=7, number="712345", customer_id=12, email="", verified=True, department_id=1, opened_at=None,
        opened_by_staff=False, subject="A question", status="Customer-Reply", replies=replies,
    )  # fmt: skip
