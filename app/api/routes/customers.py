"""Customers: their details and score, what staff pin, and account credit."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body as BodyParam
from fastapi import Depends, Query, Response
from pydantic import Field, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import problems
from app.api.auth import OPS, SCORES
from app.api.fields import Absent, Amount, Body, BodyId, CustomerId, EmailFilter, FilterText, Flag, StateFilter, Text
from app.api.serving import ChangeDep, ContextDep, PeriodDep, WindowDep, read, router
from app.api.views import lists
from app.api.views.customers import CustomerView, ScoresAnswer, ScoreView
from app.api.views.filtered import CustomerFilter, list_customers
from app.api.views.records import CreditView
from app.billing import credits as credit_service
from app.core.judgement.customer_score import Segment
from app.customers import pinning
from app.errors import NotFound
from app.paging import Page

customers = router("/customers", "customers")
_OPS, _SCORES = [Depends(OPS)], [Depends(SCORES)]


class ScoresRequest(Body):
    """The customers whose scores are requested."""

    customer_ids: Annotated[list[BodyId], Field(min_length=1, max_length=1000, examples=[[101, 102]])]


class CustomerPatch(Body):
    """Values set by staff; fields left out stay as they are."""

    pinned_segment: Annotated[
        Segment | None, Field(description="Overrides the computed segment; null removes the pin.")
    ] = None
    white_glove: Annotated[Flag, Field(description="Always make an offer before any work, whatever it costs.")] = False

    @model_validator(mode="after")
    def _something(self) -> CustomerPatch:
        if not self.model_fields_set:
            raise ValueError("give at least one of pinned_segment, white_glove")
        return self

    def changes(self) -> dict[str, Any]:
        """Return only the fields that were sent."""
        return self.model_dump(mode="json", include=self.model_fields_set)


class CreditRequest(Body):
    """Account credit, in the customer's currency."""

    amount: Amount
    reason: Annotated[
        Text,
        Field(min_length=1, max_length=500, description="The customer can read it.", examples=["Outage of 3 May"]),
    ]
    force: Annotated[
        Flag, Field(description="Grant it although the same amount was granted for the same reason within a day.")
    ] = False


@customers.get(
    "",
    response_model=Page[CustomerView],
    dependencies=_OPS,
    summary="List customers by id",
    description=(
        "Scores and segments are current. `since` and `until` mean the day when the customer signed up; the list is "
        "then sorted by it."
    ),
)
async def list_all(
    *,
    context: ContextDep,
    window: WindowDep,
    signed_up: PeriodDep,
    number: Annotated[FilterText | Absent, Query(description="The customer number: the panel's client id.")] = None,
    email: EmailFilter = None,
    state: StateFilter = None,
    segment: Annotated[Segment | Absent, Query(description="The customer's segment.")] = None,
) -> Response:
    now = context.clock()
    wanted = CustomerFilter(segment=segment, state=state, number=number, email=email, signed_up=signed_up)
    return await read(context, lambda connection: list_customers(connection, window, wanted, now=now))


@customers.post(
    "/scores",
    response_model=ScoresAnswer,
    dependencies=_SCORES,
    responses=problems.declare(*problems.READING),
    summary="Get the scores of many customers",
    description="At most 1,000. Changes nothing; it is a POST because the ids do not fit into a URL.",
)
async def ask_scores(
    context: ContextDep,
    body: Annotated[ScoresRequest, BodyParam(openapi_examples={"two": {"value": {"customer_ids": [101, 102]}}})],
) -> Response:
    now = context.clock()
    async with context.scoring:  # a thousand scores take a third of a second, in small steps
        return await read(context, lambda connection: lists.get_scores(connection, body.customer_ids, now=now))


@customers.get(
    "/{customer_id}",
    response_model=CustomerView,
    dependencies=_OPS,
    responses=problems.declare(NotFound),
    summary="Show one customer",
)
async def show(context: ContextDep, customer_id: CustomerId) -> Response:
    now = context.clock()
    return await read(context, lambda connection: lists.get_customer(connection, customer_id, now=now))


@customers.get(
    "/{customer_id}/score",
    response_model=ScoreView,
    dependencies=_SCORES,
    responses=problems.declare(NotFound),
    summary="Get one customer's score",
    description="0-100; 100 needs no staff time. Includes the reasons, in sentences fit for the customer.",
)
async def ask_score(context: ContextDep, customer_id: CustomerId) -> Response:
    now = context.clock()
    return await read(context, lambda connection: lists.get_score(connection, customer_id, now=now))


@customers.patch(
    "/{customer_id}",
    response_model=CustomerView,
    dependencies=_OPS,
    responses=problems.declare(*problems.CHANGING),
    summary="Pin a segment or the white-glove flag",
    description='What is left out stays as it is; `{"pinned_segment": null}` removes a pin.',
)
async def patch(
    change: ChangeDep,
    customer_id: CustomerId,
    body: Annotated[
        CustomerPatch,
        BodyParam(
            openapi_examples={
                "white glove": {"value": {"white_glove": True}},
                "pin": {"value": {"pinned_segment": "standard"}},
            }
        ),
    ],
) -> Response:
    async def effect(tx: AsyncConnection) -> CustomerView:
        await pinning.pin(tx, customer_id, body.changes())
        return await lists.get_customer(tx, customer_id, now=change.now)

    return await change.run(effect)


@customers.post(
    "/{customer_id}/credits",
    status_code=202,
    response_model=CreditView,
    dependencies=_OPS,
    responses=problems.declare(*problems.CREDITING),
    summary="Grant account credit",
    description=(
        "Answered once the credit is stored; the panel is called after that, exactly once. The same amount for "
        "the same reason within a day is refused unless `force` is true."
    ),
)
async def grant_credit(
    change: ChangeDep,
    customer_id: CustomerId,
    body: Annotated[
        CreditRequest,
        BodyParam(openapi_examples={"outage": {"value": {"amount": "25.00", "reason": "Outage of 3 May"}}}),
    ],
) -> Response:
    async def effect(tx: AsyncConnection) -> CreditView:
        credit_id = await credit_service.grant(
            tx, change.context, customer_id, amount=body.amount, reason=body.reason, force=body.force,
            by=change.by, now=change.now,
        )  # fmt: skip
        return await lists.get_credit(tx, credit_id)

    return await change.run(effect, status=202)


@customers.get(
    "/{customer_id}/credits",
    response_model=Page[CreditView],
    dependencies=_OPS,
    responses=problems.declare(NotFound),
    summary="List a customer's credits, newest first",
)
async def list_credits(context: ContextDep, window: WindowDep, customer_id: CustomerId) -> Response:
    return await read(context, lambda connection: lists.list_credits(connection, window, customer_id=customer_id))
