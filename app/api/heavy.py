"""Slow requests: each holds the only turn for heavy work in the process, from its long body to its answer."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, HTTPException, Request, Response
from starlette.requests import ClientDisconnect

from app.api.auth import GuardedRoute, Handler
from app.api.bodies import read_json
from app.installation.heavy import HeavyWork, Turn

#: Bodies up to this many bytes are read at once: a thousand of the longest ids fit. Longer ones may take too long.
READ_AT_ONCE: Final = 24 * 1024


class Route(GuardedRoute):
    """A route that gives each request its turn for heavy work, and reads a long body within that turn."""

    async def answer(self, request: Request, handle: Handler) -> Response:
        """Answer a request, and give the next one its turn."""
        work: HeavyWork = request.app.state.heavy
        turn = request.state.turn = work.turn(request.state.caller.key_id)
        try:
            return await handle(request if self.body_field is None else await _read(request, turn))
        finally:
            turn.end()


class _ReadRequest(Request):
    """A request whose body has been read."""

    def __init__(self, request: Request, body: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._whole = body
        self._value = value

    async def body(self) -> bytes:
        return self._whole

    async def json(self) -> Any:
        return self._value


async def _read(request: Request, turn: Turn) -> Request:
    try:
        body = await request.body()
    except ClientDisconnect:
        raise HTTPException(400) from None  # the client is gone and nobody reads the answer
    if len(body) <= READ_AT_ONCE:
        return request
    return _ReadRequest(request, body, await turn.run(read_json, body))


def _turn(request: Request) -> Turn:
    turn: Turn = request.state.turn
    return turn


TurnDep = Annotated[Turn, Depends(_turn)]
