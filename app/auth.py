"""Who calls, and whether their key's role may do it: ``Authorization: Bearer <key>``."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import Depends, HTTPException, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.errors import Forbidden, Unauthenticated
from app.services import access
from app.services.access import Caller
from app.services.context import Context
from app.tables.access import Role

#: A key that was revoked is refused at the latest after so many seconds.
CACHE_SECONDS: Final = 2.0
_CACHE_KEYS = 1024

_bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key: `doorman keys create NAME --role ROLE` shows it once."
)


class KeyCache:
    """Who a key belonged to a moment ago: most requests ask the database one thing less. Refusals are not kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[Caller, float]] = {}

    def get(self, digest: str) -> Caller | None:
        """Return the caller of a key seen in the last seconds."""
        caller, until = self._known.get(digest, (None, 0.0))
        return caller if self._clock() < until else None

    def keep(self, digest: str, caller: Caller) -> None:
        """Remember whose key it is."""
        if len(self._known) >= _CACHE_KEYS:
            self._known.clear()
        self._known[digest] = (caller, self._clock() + CACHE_SECONDS)


async def authenticate(request: Request) -> Caller:
    """Return who calls. Raises Unauthenticated."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise Unauthenticated("send the header `Authorization: Bearer <key>`")
    cache: KeyCache = request.app.state.keys
    digest = access.digest(key)
    caller = cache.get(digest)
    if caller is None:
        context: Context = request.app.state.context
        bootstrap = context.settings.admin_key
        async with context.db.read() as connection:
            caller = await access.find_caller(
                connection, key, bootstrap=bootstrap.get_secret_value() if bootstrap else None
            )
        if caller is None:
            raise Unauthenticated("this key is not known, or it was revoked")
        cache.keep(digest, caller)
    return caller


class GuardedRoute(APIRoute):
    """A route that knows its caller, and what they may do, before anything of the request's body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Check the key and its role before the handler, which reads the body before it asks any dependency."""
        handle = super().get_route_handler()
        required = [one.dependency for one in self.dependencies if isinstance(one.dependency, Requires)]

        async def guarded(request: Request) -> Response:
            caller = request.state.caller = await authenticate(request)
            if request.path_params and request.url.path in request.app.state.fixed_addresses:
                raise HTTPException(405)  # "candidate" is an address of its own, and no policy's version
            for one in required:
                one.check(caller)
            return await handle(request)

        return guarded


class Requires:
    """A dependency: the caller's role is one of these. `admin` may do everything."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset({*roles, Role.ADMIN})

    async def __call__(
        self, request: Request, _key: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None
    ) -> Caller:
        """Return the caller. Raises Forbidden."""
        caller: Caller = request.state.caller
        self.check(caller)
        return caller

    def check(self, caller: Caller) -> None:
        """Raise Forbidden unless the caller has one of the roles."""
        if caller.role not in self.roles:
            allowed = ", ".join(sorted(self.roles))
            raise Forbidden(f"the role {caller.role} may not do this; it is for: {allowed}")


#: The queue's people: everything but the policy.
OPS = Requires(Role.OPS)
#: The policy's people.
ADMIN = Requires()
#: What the panel's addon asks.
PANEL = Requires(Role.OPS, Role.PANEL)
#: What other services ask before they act.
SCORES = Requires(Role.OPS, Role.SCORES)


def caller_of(request: Request) -> Caller:
    """Return who calls; for routes of `GuardedRoute`."""
    caller: Caller = request.state.caller
    return caller


CallerDep = Annotated[Caller, Depends(caller_of)]
