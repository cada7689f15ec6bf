"""What handlers share: the process's context, JSON answers, lists, and idempotent requests."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import problems
from app.api.auth import CallerDep, Requires
from app.api.fields import IdempotencyKey, period, window
from app.api.heavy import Route
from app.context import Context
from app.deadline import within
from app.installation.idempotency import Answer, KeyedRequest, Repeats
from app.paging import Period, Window

#: A change is done or refused within this time, so that a user gets an answer within five seconds.
CHANGE_SECONDS: Final = 4.7


def router(prefix: str, tag: str, requires: Requires | None = None) -> APIRouter:
    """Return a router that needs a key; without `requires` each route names its roles."""
    tags: list[str | Enum] = [tag]
    return APIRouter(
        prefix=f"/v1{prefix}",
        tags=tags,
        route_class=Route,
        dependencies=[Depends(requires)] if requires is not None else [],
        responses=problems.declare(*problems.ALWAYS),
    )


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


ContextDep = Annotated[Context, Depends(_context)]
WindowDep = Annotated[Window, Depends(window)]
PeriodDep = Annotated[Period, Depends(period)]


def answer(view: Any, status: int = 200) -> Response:
    """Return a view as JSON."""
    return Response(to_json(view), status_code=status, media_type="application/json")


async def read(context: Context, ask: Callable[[AsyncConnection], Awaitable[Any]]) -> Response:
    """Answer with what `ask` reads in one transaction."""
    async with context.db.read() as connection:
        view = await ask(connection)
    return answer(view)


Effect = Callable[[AsyncConnection], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A request that changes something, made by one caller at one moment; `until` is its deadline."""

    context: Context
    by: str
    now: datetime
    until: float
    _repeats: Repeats
    _request: KeyedRequest | None

    async def run(self, effect: Effect, *, status: int = 200) -> Response:
        """Carry out the effect, at most once for its Idempotency-Key, and answer with the view that it returns.

        An effect that returns an `Answer` of its own also sets the status. Raises TimeoutError after the deadline: the
        effect is rolled back then, unless its commit was under way; a repeat with the same key shows which.
        """

        async def answered(tx: AsyncConnection) -> Answer:
            view = await effect(tx)
            return view if isinstance(view, Answer) else Answer(status=status, body=to_json(view).decode())

        work = self._repeats.run(self._request, answered, now=self.now)
        made = await within(self.until - time.monotonic(), work)
        self.context.wake()
        return Response(made.body.encode(), status_code=made.status, media_type="application/json")


async def _change(request: Request, context: ContextDep, caller: CallerDep, key: IdempotencyKey = None) -> Change:
    keyed = None
    if key is not None:
        body = hashlib.sha256(await request.body()).hexdigest()
        route = f"{request.method} {request.url.path}"[:200]
        keyed = KeyedRequest(actor=caller.key_id, route=route, key=key, body_sha256=body)
    repeats: Repeats = request.app.state.repeats
    until = request.state.arrived + CHANGE_SECONDS
    return Change(context=context, by=caller.name, now=context.clock(), until=until, _repeats=repeats, _request=keyed)


ChangeDep = Annotated[Change, Depends(_change)]
