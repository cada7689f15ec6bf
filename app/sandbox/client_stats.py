"""The `stats` of GetClientsDetails: counts, and money as formatted text."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from app.sandbox.ledger import Invoice
from app.sandbox.models import ZERO, Client
from app.sandbox.state import State

STATUSES = {
    "Paid": "paid",
    "Unpaid": "unpaid",
    "Cancelled": "cancelled",
    "Refunded": "refunded",
    "Collections": "collections",
    "Payment Pending": "paymentpending",
}
TYPES = {"hostingaccount": "hosting", "reselleraccount": "reseller", "server": "servers", "other": "other"}


def _sum(invoices: Iterable[Invoice]) -> Decimal:
    return sum((invoice.total for invoice in invoices), ZERO)


def stats_of(state: State, client: Client, *, today: date) -> dict[str, Any]:
    """Return the fields of the documented sample for one client."""
    show = state.currencies[client.currency].format
    invoices = [state.invoices[i] for i in state.invoices_of.get(client.id, [])]
    unpaid = [row for row in invoices if row.status == "Unpaid"]
    overdue = [row for row in unpaid if row.due < today]
    drafts = [row for row in invoices if row.status == "Draft"]
    received = sum((row.received for row in invoices), ZERO)
    stats: dict[str, Any] = {
        "numdueinvoices": len(unpaid),
        "dueinvoicesbalance": show(sum((row.balance for row in unpaid), ZERO)),
        "income": show(received),
        "incredit": client.credit > 0,
        "creditbalance": show(client.credit),
        "grossRevenue": show(received),
        "expenses": show(ZERO),
        "numoverdueinvoices": len(overdue),
        "overdueinvoicesbalance": show(sum((row.balance for row in overdue), ZERO)),
        "numDraftInvoices": len(drafts),
        "draftInvoicesBalance": show(_sum(drafts)),
    }
    for status, name in STATUSES.items():
        rows = [row for row in invoices if row.status == status]
        stats[f"num{name}invoices"] = len(rows)
        stats[f"{name}invoicesamount"] = show(_sum(rows))
    return {**stats, **_services(state, client), **_rest(state, client)}


def _services(state: State, client: Client) -> dict[str, Any]:
    services = [state.services[i] for i in state.services_of.get(client.id, [])]
    counts: dict[str, Any] = {}
    for kind, name in TYPES.items():
        rows = [row for row in services if state.products[row.product_id].type == kind]
        counts[f"productsnumactive{name}"] = sum(row.status == "Active" for row in rows)
        counts[f"productsnum{name}"] = len(rows)
    counts["productsnumactive"] = sum(row.status == "Active" for row in services)
    counts["productsnumtotal"] = len(services)
    return counts


def _rest(state: State, client: Client) -> dict[str, Any]:
    domains = [state.domains[i] for i in state.domains_of.get(client.id, [])]
    quotes = [state.quotes[i] for i in state.quotes_of.get(client.id, [])]
    tickets = [state.tickets[i] for i in state.tickets_of.get(client.id, [])]
    return {
        "numactivedomains": sum(row.status == "Active" for row in domains),
        "numdomains": len(domains),
        "numacceptedquotes": sum(row.stage == "Accepted" for row in quotes),
        "numquotes": len(quotes),
        "numtickets": len(tickets),
        "numactivetickets": sum(row.status != "Closed" for row in tickets),
        "numaffiliatesignups": 0,
        "isAffiliate": False,
    }
