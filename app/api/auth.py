"""Authentication and roles of callers: ``Authorization: Bearer <key>``."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import Depends, HTTPException, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.api.query import QueryNames
from app.context import Context
from app.core.records import Role
from app.db import is_unavailable
from app.deadline import within
from app.errors import Forbidden, Unauthenticated
from app.installation import keys
from app.installation.keys import Caller

#: A revoked key is refused after this many seconds at the latest.
CACHE_SECONDS: Final = 2.0
_CACHE_KEYS = 1024
#: The longest that the database may take to look up a key; the second is for calls in the middle of a checkout.
_PATIENCE_SECONDS = 4.0
_QUICK_SECONDS = 0.7

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key. `doorman keys create NAME --role ROLE` shows it once."
)


class KeyCache:
    """The callers of recently used keys, which saves most requests a query.

    Refusals are not cached; a key that is refused is dropped.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[Caller, float]] = {}

    def get(self, digest: str) -> Caller | None:
        """Return the caller of a key looked up within `CACHE_SECONDS`."""
        caller, until = self._known.get(digest, (None, 0.0))
        return caller if self._clock() < until else None

    def last(self, digest: str) -> Caller | None:
        """Return the caller of a key that was valid at its last look-up, however long ago."""
        return self._known.get(digest, (None, 0.0))[0]

    def forget(self, digest: str) -> None:
        """Drop a key."""
        self._known.pop(digest, None)

    def keep(self, digest: str, caller: Caller) -> None:
        """Store the caller of a key."""
        if len(self._known) >= _CACHE_KEYS:
            self._known.clear()
        self._known[digest] = (caller, self._clock() + CACHE_SECONDS)


async def authenticate(request: Request, *, quickly: bool = False) -> Caller:
    """Return the caller. Raises Unauthenticated, and what the database raises.

    With `quickly` the answer comes within `_QUICK_SECONDS`, and a key that was valid at its last look-up is accepted
    while the database can't be reached: for routes that change nothing.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise Unauthenticated("send the header `Authorization: Bearer <key>`")
    cache: KeyCache = request.app.state.keys
    digest = keys.digest(key)
    caller = cache.get(digest)
    if caller is None:
        context: Context = request.app.state.context
        try:
            caller = await within(_QUICK_SECONDS if quickly else _PATIENCE_SECONDS, _look_up(context, key))
        except Exception as error:
            caller = cache.last(digest) if quickly and is_unavailable(error) else None
            if caller is None:
                raise
            context.db.outage.note("keys", error)
            return caller
        if caller is None:
            cache.forget(digest)
            raise Unauthenticated("the API key is unknown or was revoked")
        cache.keep(digest, caller)
    return caller


async def _look_up(context: Context, key: str) -> Caller | None:
    bootstrap = context.settings.admin_key
    caller = None if bootstrap is None else keys.bootstrap_caller(key, bootstrap.get_secret_value())
    if caller is not None:
        return caller
    async with context.db.read() as connection:
        return await keys.find_caller(connection, key)


class GuardedRoute(APIRoute):
    """A route that checks its caller, their role and the query's names before any of the request's body is read."""

    def get_route_handler(self) -> Handler:
        """Check the key and its role before the handler, which reads the body before it resolves dependencies."""
        handle = super().get_route_handler()
        names = QueryNames.of(self.dependant)
        required = [one.dependency for one in self.dependencies if isinstance(one.dependency, Requires)]
        quickly = any(one.quickly for one in required)

        async def guarded(request: Request) -> Response:
            request.state.arrived = time.monotonic()
            caller = request.state.caller = await authenticate(request, quickly=quickly)
            if request.path_params and request.url.path in request.app.state.fixed_addresses:
                raise HTTPException(405)  # "candidate" is a path of its own, not a policy version
            for one in required:
                one.check(caller)
            names.check([name for name, _ in request.query_params.multi_items()])
            return await self.answer(request, handle)

        return guarded

    async def answer(self, request: Request, handle: Handler) -> Response:
        """Answer a request whose caller is in `request.state`."""
        return await handle(request)


class Requires:
    """A dependency that requires one of these roles. `admin` may do everything. `quickly`: see `authenticate`."""

    def __init__(self, *roles: Role, quickly: bool = False) -> None:
        self.roles = frozenset({*roles, Role.ADMIN})
        self.quickly = quickly

    async def __call__(
        self, request: Request, _key: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None
    ) -> Caller:
        """Return the caller. Raises Forbidden."""
        caller: Caller = request.state.caller
        self.check(caller)
        return caller

    def check(self, caller: Caller) -> None:
        """Check the caller's role. Raises Forbidden."""
        if caller.role not in self.roles:
            allowed = ", ".join(sorted(self.roles))
            raise Forbidden(f"the role {caller.role} may not do this; allowed roles: {allowed}")


#: For staff who work the queue: everything but the policy.
OPS = Requires(Role.OPS)
#: For people who manage the policy.
ADMIN = Requires()
#: For what the panel's addon asks.
PANEL = Requires(Role.OPS, Role.PANEL)
#: The same, for requests in the middle of a checkout.
GATE = Requires(Role.OPS, Role.PANEL, quickly=True)
#: For what other services ask before they act.
SCORES = Requires(Role.OPS, Role.SCORES)


def caller_of(request: Request) -> Caller:
    """Return the caller; for routes of `GuardedRoute`."""
    caller: Caller = request.state.caller
    return caller


CallerDep = Annotated[Caller, Depends(caller_of)]
