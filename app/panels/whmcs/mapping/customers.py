"""GetClientsDetails, GetClients, GetClientsProducts → customers and services."""

from __future__ import annotations

from typing import Final

from app.core.money import Money
from app.panels.records import CustomerStats, PanelCustomer, PanelCustomerHead, PanelService
from app.panels.whmcs import amounts, wire
from app.panels.whmcs.mapping.statuses import service_status

#: Our counters → WHMCS's.
_COUNTERS: Final = {
    "active_services": "productsnumactive",
    "total_services": "productsnumtotal",
    "paid_invoices": "numpaidinvoices",
    "overdue_invoices": "numoverdueinvoices",
    "collections_invoices": "numcollectionsinvoices",
    "tickets": "numtickets",
}


def client_row(answer: wire.Row) -> wire.Row:
    """Return the client of GetClientsDetails; falls back to the deprecated copies of the fields at top level."""
    return wire.mapping(answer.get("client")) or answer


def client_id(answer: wire.Row) -> int | None:
    """Return the client id, which three fields hold."""
    client = client_row(answer)
    found = (wire.identifier(client.get(key)) for key in ("id", "client_id", "userid"))
    return next((value for value in found if value is not None), None)


def customer(answer: wire.Row) -> PanelCustomer | None:
    """Return the customer with the panel's statistics; None without an id. `lastlogin` (HTML) is ignored."""
    client, customer_id = client_row(answer), client_id(answer)
    if customer_id is None:
        return None
    currency = amounts.client_currency(client)
    stats = wire.mapping(answer.get("stats"))
    return PanelCustomer(
        customer_id=customer_id,
        status=wire.text(client.get("status")).strip(),
        group_id=wire.identifier(client.get("groupid")),
        first_name=wire.text(client.get("firstname")).strip(),
        last_name=wire.text(client.get("lastname")).strip(),
        company=wire.text(client.get("companyname")).strip(),
        email=wire.text(client.get("email")).strip(),
        email_verified=None if wire.missing(client.get("email_verified")) else wire.boolean(client["email_verified"]),
        address=_address(client),
        country=_country(client),
        phone=_first(client, "phonenumberformatted", "telephoneNumber", "phonenumber"),
        phone_cc=_first(client, "phonecc").lstrip("+"),
        currency=currency,
        credit=amounts.amount(client.get("credit"), currency),
        stats=CustomerStats(**{name: wire.integer(stats.get(key)) for name, key in _COUNTERS.items()}),
        revenue=_revenue(stats, currency),
        custom_fields=wire.pairs(wire.as_list(client.get("customfields"), "customfield"), ("name", "id")),
    )


def _first(client: wire.Row, *keys: str) -> str:
    return next((found for key in keys if (found := wire.text(client.get(key)).strip())), "")


def _address(client: wire.Row) -> tuple[str, ...]:
    """Return five parts, always: two street lines, city, state, postcode."""
    parts = ("address1",), ("address2",), ("city",), ("fullstate", "state"), ("postcode",)
    return tuple(_first(client, *keys) for keys in parts)


def _country(client: wire.Row) -> str | None:
    code = _first(client, "countrycode", "country").upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else None


def _revenue(stats: wire.Row, currency: str | None) -> Money | None:
    """Return the net revenue (``income``: gross revenue less fees and refunds), else the gross revenue."""
    income = amounts.amount(stats.get("income"), currency)
    return income if income is not None else amounts.amount(stats.get("grossRevenue"), currency)


def head(row: wire.Row) -> PanelCustomerHead | None:
    """Return the customer of a row of GetClients; None without an id."""
    customer_id = wire.identifier(row.get("id"))
    if customer_id is None:
        return None
    return PanelCustomerHead(
        customer_id=customer_id,
        first_name=wire.text(row.get("firstname")).strip(),
        last_name=wire.text(row.get("lastname")).strip(),
        company=wire.text(row.get("companyname")).strip(),
        email=wire.text(row.get("email")).strip(),
        group_id=wire.identifier(row.get("groupid")),
        status=wire.text(row.get("status")).strip(),
        signed_up_on=wire.day(row.get("datecreated")),
    )


def owner_created(answer: wire.Row, customer_id: int) -> object:
    """Return `datecreated` of the user who owns a client, from GetUsers; None if no user of the answer does."""
    for user in wire.as_list(answer.get("users"), "user"):
        for owned in wire.as_list(user.get("clients"), "client"):
            if wire.identifier(owned.get("id")) == customer_id and wire.boolean(owned.get("isOwner")):
                return user.get("datecreated")
    return None


def service(row: wire.Row, *, currency: str | None) -> PanelService | None:
    """Return the service of a row without its clear-text password; None without ids."""
    service_id, customer_id = wire.identifier(row.get("id")), wire.identifier(row.get("clientid"))
    if service_id is None or customer_id is None:
        return None
    return PanelService(
        service_id=service_id,
        customer_id=customer_id,
        order_id=wire.identifier(row.get("orderid")),
        product_id=wire.identifier(row.get("pid")),
        name=wire.text(row.get("name")).strip(),
        group=wire.text(row.get("groupname")).strip(),
        domain=wire.text(row.get("domain")).strip(),
        status=service_status(row.get("status")),
        cycle=wire.text(row.get("billingcycle")).strip().lower(),
        first_amount=amounts.amount(row.get("firstpaymentamount"), currency),
        recurring_amount=amounts.amount(row.get("recurringamount"), currency),
        registered_on=wire.day(row.get("regdate")),
        custom_fields=wire.pairs(wire.as_list(row.get("customfields"), "customfield"), ("name", "id")),
        options=wire.pairs(wire.as_list(row.get("configoptions"), "configoption"), ("option", "id")),
    )
