"""Groups of new accounts that ordered together: shown, and acted on as a whole."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body as BodyParam
from fastapi import Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import problems
from app.api.auth import OPS
from app.api.fields import GroupId
from app.api.routes.orders import Noted, NotedBody, Reject
from app.api.serving import Change, ChangeDep, ContextDep, read, router
from app.api.views.groups import GroupView, group_view
from app.core.consequences.news import ActionRequest
from app.core.states import Trigger
from app.errors import NotFound
from app.workflow.together import acting

groups = router("/groups", "groups", OPS)
_ACTING = problems.declare(*problems.ACTING)
_AGAIN = (
    "Every order of the group gets a line in its timeline. What is done already is not done again. Of a group of more "
    "than forty, the rest follows within seconds."
)
RejectBody = Annotated[
    Reject | None,
    BodyParam(openapi_examples={"mark them as fraud": {"value": {"fraud": True}}, "cancel them": {"value": {}}}),
]


@groups.get(
    "/{group_id}",
    response_model=GroupView,
    responses=problems.declare(NotFound),
    summary="Show a group of new accounts",
    description="Three or more accounts without a paid past that ordered together and share something.",
)
async def show(context: ContextDep, group_id: GroupId) -> Response:
    return await read(context, lambda connection: group_view(connection, context.settings, group_id))


async def _act(change: Change, group_id: int, action: Trigger, body: Noted | None) -> Response:
    fraud = isinstance(body, Reject) and body.fraud
    request = ActionRequest(fraud=fraud, note=body.note if body is not None else None)

    async def effect(tx: AsyncConnection) -> GroupView:
        await acting.act(tx, change.context, group_id, action, request, by=change.by, now=change.now)
        return await group_view(tx, change.context.settings, group_id)

    return await change.run(effect)


@groups.post(
    "/{group_id}/hold",
    response_model=GroupView,
    responses=_ACTING,
    summary="Hold all orders of the group for review",
    description=(
        f"Orders that were accepted are held although they run: suspend their services in the panel. {_AGAIN}"
    ),
)
async def hold(change: ChangeDep, group_id: GroupId, body: NotedBody = None) -> Response:
    return await _act(change, group_id, Trigger.HOLD, body)


@groups.post(
    "/{group_id}/reject",
    response_model=GroupView,
    responses=_ACTING,
    summary="Reject all orders of the group",
    description=(
        "They are cancelled in the panel or, with `fraud`, marked as fraud. Orders that were accepted are set to "
        f"Pending first, which ends no service: terminate those in the panel. {_AGAIN}"
    ),
)
async def reject(change: ChangeDep, group_id: GroupId, body: RejectBody = None) -> Response:
    return await _act(change, group_id, Trigger.REJECT, body)


@groups.post(
    "/{group_id}/approve",
    response_model=GroupView,
    responses=_ACTING,
    summary="Approve all orders of the group",
    description=(
        "Its accounts no longer count against others that order at the same time. Rejected and cancelled orders stay "
        f"so, and one that asks for work that nobody pays for stays held: approve it by itself. {_AGAIN}"
    ),
)
async def approve(change: ChangeDep, group_id: GroupId, body: NotedBody = None) -> Response:
    return await _act(change, group_id, Trigger.APPROVE, body)
