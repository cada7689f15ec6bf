"""Views for the control API, and the routes that control the panel from another process (`/sandbox/api/…`)."""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from inspect import getmembers, isawaitable, isfunction
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.sandbox.context import BusinessError
from app.sandbox.control import SandboxPanel
from app.sandbox.ledger import Invoice
from app.sandbox.models import Order, Ticket

METHODS = tuple(
    name
    for name, _ in getmembers(SandboxPanel, isfunction)
    if not name.startswith("_") and name not in {"close", "spawn"}
)
"""The methods of `SandboxPanel` that can be called over HTTP, with their arguments as JSON."""

SHOWN = 60


def jsonable(value: Any) -> Any:
    """Plain JSON of rows: money as text, times as ISO 8601."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(row) for key, row in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(row) for row in value]
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, datetime | date) else value


def _invoice(panel: SandboxPanel, invoice: Invoice) -> dict[str, Any]:
    client = panel.state.clients[invoice.client_id]
    return {
        **jsonable(invoice),
        "total": str(invoice.total),
        "balance": str(invoice.balance),
        "currency": client.currency,
        "client": client.fullname,
        "description": "; ".join(line.description for line in invoice.lines),
    }


def order_view(panel: SandboxPanel, order: Order) -> dict[str, Any]:
    """An order with its services, its invoice, and the client's invoices without an order (including fees)."""
    state = panel.state
    invoice = state.invoices.get(order.invoice_id)
    services = [
        {**jsonable(service), "product": state.products[service.product_id].name} for service in state.items_of(order)
    ]
    return {
        **jsonable(order),
        "client": state.clients[order.client_id].fullname,
        "paid": invoice.status if invoice else "no invoice",
        "invoice": _invoice(panel, invoice) if invoice else None,
        "services": services,
        "domains": jsonable(state.domains_of_order(order)),
        "fees": [_invoice(panel, fee) for fee in fees_of(panel, order)],
        "gate": panel.gate.latest.get(order.id, ""),
    }


def fees_of(panel: SandboxPanel, order: Order) -> list[Invoice]:
    """Invoices from CreateInvoice that name this order in their notes or lines."""
    marks = (f"#{order.id}", f"order {order.id}", str(order.number))
    found = []
    for invoice_id in panel.state.api_invoices_of.get(order.client_id, []):
        invoice = panel.state.invoices[invoice_id]
        text = " ".join([invoice.notes, *(line.description for line in invoice.lines)]).lower()
        if any(mark in text for mark in marks):
            found.append(invoice)
    return found


def _ticket(panel: SandboxPanel, ticket: Ticket) -> dict[str, Any]:
    latest = ticket.replies[-1]
    return {
        "id": ticket.id,
        "tid": ticket.tid,
        "client": ticket.name,
        "subject": ticket.subject,
        "status": ticket.status,
        "opened_by": ticket.opened_by,
        "department": panel.state.departments[ticket.department_id],
        "message": latest.message,
        "by": latest.admin or latest.name,
        "at": latest.at.isoformat(),
    }


def summary(panel: SandboxPanel) -> dict[str, Any]:
    """The content of the page: the latest rows of each kind, and the totals."""
    state = panel.state
    unpaid = [invoice for invoice in state.invoices.values() if invoice.status == "Unpaid"]
    return {
        "totals": {
            "clients": len(state.clients),
            "orders": dict(Counter(order.status for order in state.orders.values())),
            "services": dict(Counter(service.status for service in state.services.values())),
            "invoices": dict(Counter(invoice.status for invoice in state.invoices.values())),
            "tickets": dict(Counter(ticket.status for ticket in state.tickets.values())),
            "events_pending": len(panel.outbox.pending),
            "events": len(panel.outbox.log),
            "writes": len(panel.writes),
        },
        "doorman": {"url": panel.link.url, "delivers": panel.link.delivers},
        "orders": [order_view(panel, order) for order in list(state.orders.values())[: -SHOWN - 1 : -1]],
        "unpaid": [_invoice(panel, invoice) for invoice in unpaid[: -SHOWN - 1 : -1]],
        "tickets": [_ticket(panel, ticket) for ticket in list(state.tickets.values())[: -SHOWN - 1 : -1]],
        "mails": jsonable(state.mails[: -SHOWN - 1 : -1]),
        "notifications": jsonable(state.notifications[: -SHOWN - 1 : -1]),
        "quotes": [
            {**jsonable(quote), "total": str(quote.total)} for quote in list(state.quotes.values())[: -SHOWN - 1 : -1]
        ],
        "clients": [
            {"id": row.id, "name": row.fullname, "company": row.companyname, "currency": row.currency}
            for row in state.clients.values()
            if row.status == "Active"
        ],
        "products": [jsonable(product) for product in state.products.values() if not product.addon],
    }


def calls(panel: SandboxPanel) -> dict[str, Any]:
    """API calls: how many were received, how many took effect, and the writes in order."""
    return {
        "counts": dict(panel.counts),
        "effects": dict(panel.effects),
        "writes": jsonable(panel.writes),
        "gate": jsonable(list(panel.gate.log)),
    }


async def _call(panel: SandboxPanel, method: str, request: Request) -> Response:
    raw = await request.body()
    try:
        arguments = json.loads(raw) if raw else {}
        if not isinstance(arguments, dict):
            raise TypeError("the body is to be a JSON object of arguments")
        result = getattr(panel, method)(**arguments)
        if isawaitable(result):
            result = await result
    except BusinessError as error:
        return JSONResponse({"error": error.message}, 409)
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError) as error:
        return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 422)
    except TimeoutError:
        return JSONResponse({"error": "Doorman did not take all events in time"}, 504)
    return JSONResponse({"result": _shown(panel, result)})


def _shown(panel: SandboxPanel, result: Any) -> Any:
    if isinstance(result, Order) and result.id in panel.state.orders:
        return order_view(panel, result)
    return _invoice(panel, result) if isinstance(result, Invoice) else jsonable(result)


async def _fault(panel: SandboxPanel, request: Request) -> Response:
    """`{"kind", "action", "times", "seconds"}` adds one, `{"latency"}` sets it, `{}` clears all."""
    arguments = json.loads(await request.body() or b"{}")
    if not arguments:
        panel.faults.clear()
    if "latency" in arguments:
        panel.faults.latency = float(arguments.pop("latency"))
    if arguments:
        panel.faults.add(**arguments)
    return JSONResponse({"result": None})


def control_routes(panel: SandboxPanel) -> list[Route]:
    """The routes under `/sandbox/api`."""

    async def state(request: Request) -> Response:  # noqa: ARG001 - no inputs
        return JSONResponse(summary(panel))

    async def order(request: Request) -> Response:
        row = panel.state.orders.get(request.path_params["order_id"])
        return JSONResponse(order_view(panel, row)) if row else JSONResponse({"error": "no such order"}, 404)

    async def api_calls(request: Request) -> Response:  # noqa: ARG001 - no inputs
        return JSONResponse(calls(panel))

    async def faults(request: Request) -> Response:
        return await _fault(panel, request)

    def method(name: str) -> Callable[[Request], Any]:
        async def run(request: Request) -> Response:
            return await _call(panel, name, request)

        return run

    base = "/sandbox/api"
    return [
        Route(f"{base}/state", state),
        Route(f"{base}/orders/{{order_id:int}}", order),
        Route(f"{base}/calls", api_calls),
        Route(f"{base}/faults", faults, methods=["POST"]),
        *(Route(f"{base}/{name}", method(name), methods=["POST"]) for name in METHODS),
    ]
