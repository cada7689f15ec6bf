"""A policy's prices in words, for the cart, the terms of service and e-mails, so that customers know them first."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Response
from pydantic import Field

from app.api import problems
from app.api.auth import OPS
from app.api.fields import Absent
from app.api.heavy import TurnDep
from app.api.serving import ContextDep, read, router
from app.api.views.texts import PolicyTextsView, policy_texts_view
from app.errors import Busy, NotFound, WrongState
from app.policies import versions

texts = router("/policies", "policies")

#: Nine digits, so that any version fits the column.
VersionOrActive = Annotated[
    str,
    Path(
        pattern=r"^(active|[1-9][0-9]{0,8})$",
        description="The policy's version, or `active`.",
        json_schema_extra={"example": "active"},
    ),
]
Currency = Annotated[
    Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | Absent,
    Query(description="Only in this currency (ISO 4217).", examples=["EUR"]),
]


@texts.get(
    "/{version}/texts",
    response_model=PolicyTextsView,
    dependencies=[Depends(OPS)],
    responses=problems.declare(NotFound, WrongState, Busy),
    summary="Get its prices in words, ready to copy",
    description="For the cart, the terms of service and the signature of e-mails, so that prices are known before "
    "anyone orders. The wording is the policy's own (`[texts.prices]`).",
)
async def show_texts(
    context: ContextDep, turn: TurnDep, version: VersionOrActive, currency: Currency = None
) -> Response:
    number = None if version == "active" else int(version)
    if number is not None:
        await versions.load(context.db, number, turn)
    return await read(context, lambda connection: policy_texts_view(connection, number, currency))
