"""Policies: the provider's rules and numbers, versioned, immutable once published."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body as BodyParam
from fastapi import Depends, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import problems
from app.api.fields import Body, PolicyVersion
from app.api.serving import ChangeDep, ContextDep, WindowDep, read, router
from app.auth import ADMIN, OPS
from app.errors import NotFound
from app.services import publishing
from app.services.idempotency import Answer
from app.services.listing import Page
from app.services.views_lists import get_policy, list_policies
from app.services.views_records import PolicyDocument, PolicyView, PublishedPolicy

policies = router("/policies", "policies")
_ADMIN, _OPS = [Depends(ADMIN)], [Depends(OPS)]
_EXAMPLE = '# Only what differs from the default.\n[cart]\nurl = "https://shop.example.com/cart"\n'


class PolicyText(Body):
    """A policy document."""

    document: Annotated[str, Field(max_length=1_000_000, description="TOML; what it leaves out has the default.")]


@policies.get(
    "", response_model=Page[PolicyView], dependencies=_OPS, summary="List the published policies, newest first"
)
async def list_all(context: ContextDep, window: WindowDep) -> Response:
    return await read(context, lambda connection: list_policies(connection, window))


@policies.get(
    "/{version}",
    response_model=PolicyDocument,
    dependencies=_OPS,
    responses=problems.declare(NotFound),
    summary="Show one policy with its document",
)
async def show(context: ContextDep, version: PolicyVersion) -> Response:
    return await read(context, lambda connection: get_policy(connection, version))


@policies.post(
    "",
    status_code=201,
    response_model=PublishedPolicy,
    dependencies=_ADMIN,
    responses={
        200: {"model": PublishedPolicy, "description": "The same rules were published before: that version."},
        **problems.declare(*problems.CHANGING),
    },
    summary="Publish a policy",
    description="It is checked whole, gets the next version and is not active yet. Every place that is wrong is named.",
)
async def publish(
    change: ChangeDep,
    body: Annotated[PolicyText, BodyParam(openapi_examples={"small": {"value": {"document": _EXAMPLE}}})],
) -> Response:
    async def effect(tx: AsyncConnection) -> Answer:
        return await publishing.publish(tx, body.document, by=change.by, now=change.now)

    return await change.run(effect)


@policies.post(
    "/{version}/activate",
    response_model=PublishedPolicy,
    dependencies=_ADMIN,
    responses=problems.declare(*problems.CHANGING),
    summary="Make a policy the active one",
    description="It counts for decisions from now on; earlier ones keep theirs.",
)
async def activate(change: ChangeDep, version: PolicyVersion) -> Response:
    return await change.run(lambda tx: publishing.activate(tx, version, by=change.by, now=change.now))
