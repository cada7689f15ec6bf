"""Tickets: the topics they were given, and corrections by staff."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body as BodyParam
from fastapi import Response
from pydantic import Field, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import problems
from app.api.auth import OPS
from app.api.fields import Body, CustomerFilter, EmailFilter, LoggedMinutes, NumberFilter, StateFilter, Text, TicketId
from app.api.heavy import TurnDep
from app.api.serving import ChangeDep, ContextDep, PeriodDep, WindowDep, answer, read, router
from app.api.views.filtered import TicketFilter, list_tickets
from app.api.views.lists import get_ticket
from app.api.views.records import ReadingView, TicketSummary, TicketView
from app.core.reading.kinds import Topic
from app.core.reading.text import MAX_TEXT
from app.core.reading.topics import classify
from app.errors import NotFound
from app.paging import Page
from app.policies import versions
from app.tickets import records

tickets = router("/tickets", "tickets", OPS)


class TicketText(Body):
    """A ticket's words."""

    subject: Annotated[Text, Field(max_length=1_000)] = ""
    message: Annotated[Text, Field(max_length=MAX_TEXT)] = ""


class TicketPatch(Body):
    """Corrections by staff; fields left out stay as they are."""

    topic: Annotated[Topic | None, Field(description="What it is about.")] = None
    minutes: LoggedMinutes | None = None

    @model_validator(mode="after")
    def _something(self) -> TicketPatch:
        if self.topic is None and self.minutes is None:
            raise ValueError("give at least one of topic, minutes")
        return self


@tickets.get(
    "",
    response_model=Page[TicketSummary],
    summary="List tickets, newest first",
    description="`since` and `until` mean the time when the ticket was opened. `email` finds tickets of guests, too.",
)
async def list_all(
    *,
    context: ContextDep,
    window: WindowDep,
    opened: PeriodDep,
    number: NumberFilter = None,
    email: EmailFilter = None,
    state: StateFilter = None,
    customer_id: CustomerFilter = None,
) -> Response:
    wanted = TicketFilter(state=state, customer_id=customer_id, number=number, email=email, opened=opened)
    return await read(context, lambda connection: list_tickets(connection, window, wanted))


@tickets.post(
    "/classify",
    response_model=ReadingView,
    responses=problems.declare(*problems.READING),
    summary="Test how a ticket would be classified",
    description="Stores nothing. `evidence` is the words that spoke for the topic and for the runner-up.",
)
async def try_text(
    context: ContextDep,
    turn: TurnDep,
    body: Annotated[
        TicketText,
        BodyParam(
            openapi_examples={
                "an order by ticket": {
                    "value": {
                        "subject": "New server",
                        "message": "I would like to order another VPS like my last one, with Ubuntu 8.04 and ffmpeg.",
                    }
                },
                "a how-to": {"value": {"subject": "DNS", "message": "How do I point my domain to your name servers?"}},
            }
        ),
    ],
) -> Response:
    async with context.db.read() as connection:
        minutes = (await versions.active(connection)).policy.labour.topic_minutes.by_topic()
    return answer(ReadingView.model_validate(await turn.run(classify, body.subject, body.message, minutes=minutes)))


@tickets.get(
    "/{ticket_id}",
    response_model=TicketView,
    responses=problems.declare(NotFound),
    summary="Show one ticket",
    description="Includes its topic, whether self-service would have solved it, the minutes, and the linked orders.",
)
async def show(context: ContextDep, ticket_id: TicketId) -> Response:
    return await read(context, lambda connection: get_ticket(connection, ticket_id))


@tickets.patch(
    "/{ticket_id}",
    response_model=TicketView,
    responses=problems.declare(*problems.CHANGING),
    summary="Correct the topic or log the minutes",
)
async def patch(
    change: ChangeDep,
    ticket_id: TicketId,
    body: Annotated[
        TicketPatch,
        BodyParam(openapi_examples={"both": {"value": {"topic": "custom_work", "minutes": 45}}}),
    ],
) -> Response:
    async def effect(tx: AsyncConnection) -> TicketView:
        topic = body.topic.value if body.topic is not None else None
        await records.correct(tx, ticket_id, topic=topic, minutes=body.minutes, by=change.by, now=change.now)
        return await get_ticket(tx, ticket_id)

    return await change.run(effect)
