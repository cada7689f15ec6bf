"""The table of API actions: each is a coroutine that takes context and fields and returns an answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.sandbox.context import Context
from app.sandbox.wire import Fields

Handler = Callable[[Context, Fields], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    name: str
    handler: Handler
    writes: bool


ACTIONS: dict[str, Action] = {}
"""By lower-case name: WHMCS ignores case in action names."""


def _register(name: str, *, writes: bool) -> Callable[[Handler], Handler]:
    def keep(handler: Handler) -> Handler:
        ACTIONS[name.lower()] = Action(name=name, handler=handler, writes=writes)
        return handler

    return keep


def read(name: str) -> Callable[[Handler], Handler]:
    """Register an action that changes nothing."""
    return _register(name, writes=False)


def write(name: str) -> Callable[[Handler], Handler]:
    """Register an action that can change something; its calls are logged with their parameters."""
    return _register(name, writes=True)
