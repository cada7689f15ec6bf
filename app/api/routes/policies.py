"""Policies: the provider's rules and numbers, versioned and immutable once published."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body as BodyParam
from fastapi import Depends, Query, Response
from pydantic import Field

from app.api import problems, publishing
from app.api.auth import ADMIN, OPS
from app.api.fields import Body, Flag, OtherVersion, PolicyVersion
from app.api.heavy import TurnDep
from app.api.publishing import CheckedPolicy, PolicyDiff
from app.api.serving import ChangeDep, ContextDep, WindowDep, answer, read, router
from app.api.views.policies import PolicyDocument, PolicyView, PublishedPolicy, list_policies
from app.errors import Busy, ConfirmationNeeded, NotFound, WrongState
from app.paging import Page
from app.policies.reading import read_document

policies = router("/policies", "policies")
_ADMIN, _OPS = [Depends(ADMIN)], [Depends(OPS)]
_EXAMPLE = '# Only what differs from the default.\n[cart]\nurl = "https://shop.example.com/cart"\n'


class PolicyText(Body):
    """A policy document."""

    document: Annotated[str, Field(max_length=1_000_000, description="TOML; anything left out has its default.")]


class Activation(Body):
    """The options of an activation."""

    confirm: Annotated[Flag, Field(description="Activate the policy however many orders it would hold.")] = False


DocumentBody = Annotated[PolicyText, BodyParam(openapi_examples={"small": {"value": {"document": _EXAMPLE}}})]


@policies.get(
    "", response_model=Page[PolicyView], dependencies=_OPS, summary="List the published policies, newest first"
)
async def list_all(context: ContextDep, window: WindowDep) -> Response:
    return await read(context, lambda connection: list_policies(connection, window))


@policies.get(
    "/{version}",
    response_model=PolicyDocument,
    dependencies=_OPS,
    responses=problems.declare(NotFound, Busy),
    summary="Show one policy with its document",
)
async def show(context: ContextDep, turn: TurnDep, version: PolicyVersion) -> Response:
    return answer(await publishing.show(context.db, version, turn))


@policies.get(
    "/{version}/diff",
    response_model=PolicyDiff,
    dependencies=_OPS,
    responses=problems.declare(NotFound, WrongState, Busy),
    summary="Describe the differences of a policy in words",
    description="One sentence for each change, by section. Compared with the active policy by default.",
)
async def diff(
    context: ContextDep,
    turn: TurnDep,
    version: PolicyVersion,
    other: OtherVersion = None,
) -> Response:
    return answer(await publishing.compare(context.db, version, other, turn))


@policies.post(
    "/check",
    response_model=CheckedPolicy,
    dependencies=_OPS,
    responses=problems.declare(*problems.READING),
    summary="Check a policy without publishing it",
    description=(
        "Errors are answered with 422 and every place; oddities are warnings. Also shows how many of the last "
        "orders it would hold. Stores nothing."
    ),
)
async def check(context: ContextDep, turn: TurnDep, body: DocumentBody) -> Response:
    return answer(await publishing.check(context.db, body.document, turn))


@policies.post(
    "",
    status_code=201,
    response_model=PublishedPolicy,
    dependencies=_ADMIN,
    responses={
        200: {"model": PublishedPolicy, "description": "The same rules were published before; this is that version."},
        **problems.declare(*problems.CHANGING),
    },
    summary="Publish a policy",
    description=(
        "The document is checked as a whole, gets the next version and is not active yet. The answer names every error."
    ),
)
async def publish(change: ChangeDep, turn: TurnDep, body: DocumentBody) -> Response:
    new = await turn.run(read_document, body.document)
    return await change.run(lambda tx: publishing.publish(tx, new, by=change.by, now=change.now))


@policies.post(
    "/{version}/activate",
    response_model=PublishedPolicy,
    dependencies=_ADMIN,
    responses=problems.declare(*problems.CHANGING, ConfirmationNeeded),
    summary="Activate a policy",
    description=(
        "It applies to decisions from now on; earlier decisions keep theirs. A policy that would hold more than "
        "`limits.confirm_hold_percent` of the last orders is refused with 409 unless `confirm` is true."
    ),
)
async def activate(
    change: ChangeDep,
    turn: TurnDep,
    version: PolicyVersion,
    body: Annotated[Activation | None, BodyParam(openapi_examples={"plain": {"value": {}}})] = None,
    confirm: Annotated[bool, Query(description="The same as `confirm` in the body.")] = False,
) -> Response:
    confirmed = confirm or (body is not None and body.confirm)
    weighed = await publishing.weigh_version(change.context.db, version, turn)
    return await change.run(
        lambda tx: publishing.activate(tx, weighed, by=change.by, now=change.now, confirmed=confirmed)
    )


@policies.post(
    "/rollback",
    response_model=PublishedPolicy,
    dependencies=_ADMIN,
    responses=problems.declare(*problems.CHANGING),
    summary="Go back to the previously active policy",
    description="Returns that policy. Needs no confirmation; calling it again undoes it. 409 if there is none.",
)
async def roll_back(change: ChangeDep, turn: TurnDep) -> Response:
    back = await publishing.look_back(change.context.db, turn)
    return await change.run(lambda tx: publishing.roll_back(tx, back, by=change.by, now=change.now))
