"""``/docs``: the Swagger UI with its own copy of its assets, as ops networks are closed; and the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.api import handbook, problems, webhooks
from app.core.webhooks import MAX_ID

DOCS: Final = "/docs"
ASSETS: Final = "/docs/assets"

DESCRIPTION: Final = """\
Stands at the door of the billing panel: waves regular customers through, asks unclear orders to wait, and tells
customers what extra work costs *before* it is done.

**To begin:** press *Authorize*, enter your API key, and open *queue*. Each order lists its possible actions in
`actions`. *search* finds an order by whatever the customer quotes. The [handbook](docs/handbook/index) explains the
rest: what waits in the queue, the states of an order, and what to do when something is wrong.

Refusals are `application/problem+json` (RFC 9457); `type` identifies the problem. POSTs that change something accept
an `Idempotency-Key`. Lists come in pages: pass `next_cursor` as `cursor`; a filter that a list does not know is
refused. Amounts are text with the currency's own decimals.
"""

TAGS: Final = [
    {"name": "queue", "description": "Everything that waits for a person, most urgent first."},
    {"name": "search", "description": "From what a customer quotes to the order."},
    {
        "name": "orders",
        "description": (
            "An order with its scores (self-service: 100 needs no staff time; risk: 100 is certainly fraud), the "
            "decision and its reasons, the labour it needs, and the possible actions."
        ),
    },
    {
        "name": "groups",
        "description": "New accounts that ordered together: one action for all of a group's orders.",
    },
    {
        "name": "fees",
        "description": "The custom-labour charge: an invoice in the panel. Paying it is the agreement.",
    },
    {"name": "customers", "description": "The customers: score and segment, settings pinned by staff, account credit."},
    {"name": "tickets", "description": "Support requests, sorted into topics; staff can correct them."},
    {
        "name": "policies",
        "description": (
            "The provider's rules and numbers: versioned, and immutable once published. For the role `admin`."
        ),
    },
    {"name": "signals", "description": "The meaning and points of each finding about an order."},
    {
        "name": "backtests",
        "description": "What a policy would have done with past orders, before it goes live.",
    },
    {
        "name": "panel calls",
        "description": "Calls that change something in the panel, kept until their outcome is known.",
    },
    {"name": "events", "description": "Incoming webhooks: stored first, then handled."},
    {"name": "reports", "description": "Figures about the results."},
    {"name": "ops", "description": "Pause and resume all calls to the panel."},
    {"name": "webhooks", "description": "Signed webhooks from the panel."},
    {"name": "health", "description": "For probes and Prometheus; no key needed."},
]

_PARAMETERS: Final[dict[str, Any]] = {
    "tryItOutEnabled": True,
    "persistAuthorization": True,
    "docExpansion": "list",
    "defaultModelsExpandDepth": 0,
    "displayRequestDuration": True,
    "validatorUrl": None,
}
_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "style-src 'self' 'unsafe-inline'",
        "script-src 'self' 'unsafe-inline'",
        "frame-ancestors 'none'",
    )
)


def operation_id(route: APIRoute) -> str:
    """Name an operation for generated clients: its tag and its handler."""
    return f"{route.tags[0]}_{route.name}".replace(" ", "_")


def install(app: FastAPI) -> None:
    """Serve the Swagger UI and its assets, and complete the OpenAPI document."""
    page = get_swagger_ui_html(
        title=app.title,
        # relative, because a proxy may serve us under a path
        openapi_url="openapi.json",
        swagger_js_url="docs/assets/swagger-ui-bundle.js",
        swagger_css_url="docs/assets/swagger-ui.css",
        swagger_favicon_url="docs/assets/favicon.png",
        swagger_ui_parameters=_PARAMETERS,
    )

    async def docs(_request: Request) -> HTMLResponse:
        return HTMLResponse(page.body, headers={"Content-Security-Policy": _POLICY})

    app.router.routes.append(Route(DOCS, docs, include_in_schema=False))
    app.router.routes.append(Route(handbook.PATH, handbook.serve, include_in_schema=False))
    app.router.routes.append(Mount(ASSETS, StaticFiles(packages=[("fastapi_offline", "static")])))
    app.openapi = lambda: document(app)  # type: ignore[method-assign]


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document: the same for the same program, whatever the settings."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS
        )
        made["paths"][webhooks.PATH] = webhooks.openapi_path()
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = problems.SCHEMA
        made["components"]["schemas"] = dict(sorted(schemas.items()))
        _title(schemas)
        _round_bounds(made)
        app.openapi_schema = made
    return app.openapi_schema


def _title(schemas: dict[str, Any]) -> None:
    """Give each schema a title of its own: generated clients name classes by it, and the framework calls each page
    `Page`, of which only one survives.
    """
    for name, schema in schemas.items():
        schema["title"] = name.replace("_", "")


def _round_bounds(node: Any) -> None:
    """Write the bounds of integers as integers: the framework makes them floats, which rounds the largest id up."""
    for value in node.values() if isinstance(node, dict) else node:
        if isinstance(value, dict | list):
            _round_bounds(value)
    if isinstance(node, dict) and node.get("type") == "integer":
        for bound in ("minimum", "maximum"):
            if isinstance(node.get(bound), float):
                node[bound] = min(int(node[bound]), MAX_ID)
