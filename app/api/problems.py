"""Problems as RFC 9457 documents: rendering, declaring, and converting what the framework raises."""

from __future__ import annotations

import json
import traceback
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy import exc as sql
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.context import Context
from app.db import is_unavailable
from app.errors import (
    PROBLEM_MEDIA_TYPE,
    PROBLEM_TYPE,
    Busy,
    Forbidden,
    Invalid,
    KeyReused,
    LooksDuplicate,
    NotFound,
    Problem,
    RequestRunning,
    ShadowMode,
    TooLarge,
    TooSlow,
    Unauthenticated,
    Unavailable,
    WorkUnpaid,
    WrongState,
)

RETRY_AFTER: Final = "2"
_LATER: Final = frozenset({Busy.status, Unavailable.status})
_SHOWN_ERRORS = 20
_LONGEST_TEXT = 300

log = structlog.get_logger()

Declared = dict[int | str, dict[str, Any]]


# --- rendering ----------------------------------------------------------------------------------------------------


def render(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem document as a response, in ASCII, so that no text can break it."""
    return Response(
        json.dumps(document).encode("ascii"),
        status_code=document["status"],
        media_type=PROBLEM_MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def render_problem(problem: Problem) -> Response:
    """Return a problem as a response with the headers that belong to it."""
    headers = {}
    if problem.status == Unauthenticated.status:
        headers["WWW-Authenticate"] = "Bearer"
    if problem.status in _LATER:
        headers["Retry-After"] = RETRY_AFTER
    return render(problem.to_body(), headers)


def render_internal(error: Exception) -> Response:
    """Log an unexpected error, without texts that may hold personal data, and answer with its id."""
    error_id = str(uuid.uuid4())
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    where = [f"{frame.filename.rsplit('site-packages/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
    log.error("request.failed", error_id=error_id, error=type(error).__name__, where=where)
    detail = f"The error is logged under the id {error_id}."
    return render(
        {
            "type": PROBLEM_TYPE + "internal",
            "title": "Something went wrong on our side",
            "status": 500,
            "detail": detail,
            "error_id": error_id,
        }
    )


# --- from what is raised ------------------------------------------------------------------------------------------


def install(app: FastAPI) -> None:
    """Make the application answer every error with a problem document."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    for kind in (sql.SQLAlchemyError, OSError):
        app.add_exception_handler(kind, _on_database)


async def _on_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    log.info("request.refused", status=error.status, problem=error.slug, method=request.method)
    return render_problem(error)


async def _on_validation(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found = [one for one in error.errors() if one["type"] != "none_required"]  # a value is left out, never null
    shown = [{"path": _path(one["loc"]), "message": str(one["msg"])[:_LONGEST_TEXT]} for one in found[:_SHOWN_ERRORS]]
    return render_problem(Invalid("The request can't be understood; `errors` says where.", shown))


def _path(location: Sequence[int | str]) -> str:
    """Return a path: fields of the body without a prefix, others with their location, such as `query.limit`."""
    parts = [str(part)[:_LONGEST_TEXT] for part in location]
    if parts[:1] != ["body"]:  # after a parameter's name and index come only names of our own types
        parts = parts[:2] + [part for part in parts[2:] if part.isdigit()]
    else:
        parts = [part for part in parts[1:] if not part.isdigit() or len(parts) > 2] or ["body"]
    return ".".join(parts)[:_LONGEST_TEXT]


async def _on_http(request: Request, error: Exception) -> Response:
    """Answer what the framework itself refuses: unknown paths, other methods, unreadable bodies."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == NotFound.status:
        return render_problem(NotFound("there is nothing at this URL"))
    if error.status_code == TooLarge.status:
        return render_problem(TooLarge(str(error.detail)))
    if error.status_code == 400:
        body = {"path": "body", "message": "can't be read as JSON"}
        return render_problem(Invalid("The request can't be understood; `errors` says where.", [body]))
    slug = "method-not-allowed" if error.status_code == 405 else f"http-{error.status_code}"
    document = {
        "type": PROBLEM_TYPE + slug,
        "title": str(error.detail)[:_LONGEST_TEXT],
        "status": error.status_code,
        "detail": "This URL does not support the method." if error.status_code == 405 else str(error.detail),
    }
    return render(document, _allow(request) if error.status_code == 405 else error.headers)


def _allow(request: Request) -> dict[str, str]:
    """Return the methods of all routes at this path: the framework names only those of the first route."""
    methods = set(request.app.state.fixed_addresses.get(request.url.path, ()))
    if not methods:
        for route in iter_route_contexts(request.app.routes):
            if route.matches(request.scope)[0] is not Match.NONE:
                methods |= route.methods or set()
    return {"Allow": ", ".join(sorted(methods or {"GET", "HEAD"}))}  # mounted files are not routes


def fixed_addresses(app: FastAPI) -> dict[str, frozenset[str]]:
    """Return the paths without a parameter, with the methods of each."""
    found: dict[str, frozenset[str]] = {}
    for route in iter_route_contexts(app.routes):
        if route.path and "{" not in route.path:
            found[route.path] = found.get(route.path, frozenset()) | frozenset(route.methods or ())
    return found


async def _on_database(request: Request, error: Exception) -> Response:
    """Answer 503 for a database that is down or busy, and name a conflict of two simultaneous writes."""
    if isinstance(error, sql.IntegrityError):
        return render_problem(
            WrongState("another request changed the same data at the same time; reload, then try again")
        )
    if not is_unavailable(error):
        return render_internal(error)
    context: Context = request.app.state.context
    context.db.outage.note("api", error)
    return render_problem(Unavailable("the database can't be reached right now; try again"))


# --- declaring ----------------------------------------------------------------------------------------------------

_WORDS: Final[dict[int, str]] = {
    401: "No valid API key.",
    403: "The key's role may not do this.",
    404: "It does not exist.",
    408: "Headers or body took longer than ten seconds to arrive; the connection is closed.",
    409: "Not possible in the current state.",
    413: "The body is larger than 1 MiB.",
    422: "The request is malformed; `errors` says where.",
    429: "Too many slow requests are waiting, from this key or in total; try again after `Retry-After` seconds.",
    503: "The database can't be reached; try again after `Retry-After` seconds.",
}
#: Problems that every route behind a key may answer.
ALWAYS: Final = (Unauthenticated, Forbidden, TooSlow, Invalid, Unavailable)
#: Problems that a route with a body may answer as well: long bodies are read one at a time.
READING: Final = (TooLarge, Busy)
#: Problems that an action in the panel may answer as well.
ACTING: Final = (NotFound, WrongState, ShadowMode, RequestRunning, Invalid, KeyReused, *READING)
#: Problems that a change of our own records may answer.
CHANGING: Final = (NotFound, WrongState, RequestRunning, Invalid, KeyReused, *READING)
#: Problems of credits and questions to customers, which are guarded against being sent twice.
CREDITING: Final = (*ACTING, LooksDuplicate)
ASKING: Final = CREDITING
#: Problems of approving, which must not give work away unseen.
APPROVING: Final = (*ACTING, WorkUnpaid)


def declare(*problems: type[Problem]) -> Declared:
    """Return the OpenAPI declaration of these problems, grouped by status."""
    by_status: dict[int, list[type[Problem]]] = {}
    for problem in problems:
        by_status.setdefault(problem.status, []).append(problem)
    return {status: _declaration(status, found) for status, found in sorted(by_status.items())}


def _declaration(status: int, found: list[type[Problem]]) -> dict[str, Any]:
    slugs = ", ".join(f"`{problem.slug}`" for problem in found)
    declared: dict[str, Any] = {
        "description": f"{slugs}: {_WORDS[status]}",
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {problem.slug: {"value": _example(problem)} for problem in found},
            }
        },
    }
    if status in _LATER:
        declared["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    if status == Unauthenticated.status:
        declared["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return declared


def _example(problem: type[Problem]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": PROBLEM_TYPE + problem.slug,
        "title": problem.title,
        "status": problem.status,
        "detail": "…",
    }
    if problem is Invalid:
        document["errors"] = [{"path": "query.limit", "message": "Input should be less than or equal to 100"}]
    if problem is WorkUnpaid:
        document |= {"minutes": 60, "fee": "50.00", "currency": "USD"}
    return document


SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "type": "object",
    "description": "A refusal in RFC 9457 format.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "`urn:doorman:problem:<slug>`: identifies the kind of problem."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened, in words."},
        "errors": {
            "type": "array",
            "description": "For `invalid`: the place and message of each error.",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "minutes": {"type": "integer", "description": "For `work-unpaid`: the staff minutes that nobody pays for."},
        "fee": {
            "type": ["string", "null"],
            "description": "For `work-unpaid`: what these minutes would cost, net of tax; null if that is not known.",
        },
        "currency": {"type": ["string", "null"], "description": "For `work-unpaid`: the currency of `fee`."},
        "panel_url": {
            "type": "string",
            "description": "For `wrong-state`: where in the panel staff do it instead, if it can be done there only.",
        },
    },
}
