"""GetOrders → `PanelOrder`."""

from __future__ import annotations

from datetime import tzinfo
from ipaddress import ip_address

from app.core.facts import PlacedBy
from app.panels.records import PanelLine, PanelOrder
from app.panels.whmcs import amounts, wire
from app.panels.whmcs.mapping.fraud import read_fraud_check
from app.panels.whmcs.mapping.statuses import order_status, service_status


def order(row: wire.Row, *, currency: str | None, zone: tzinfo | None) -> PanelOrder | None:
    """Return the order of a row, its amounts in `currency` and its time read in `zone`; None without an id."""
    order_id = wire.identifier(row.get("id"))
    if order_id is None:
        return None
    staff_id = wire.identifier(row.get("admin_requestor_id"))
    lines = tuple(_line(item, currency) for item in wire.as_list(row.get("lineitems"), "lineitem"))
    return PanelOrder(
        order_id=order_id,
        order_number=wire.text(row.get("ordernum")).strip(),
        customer_id=wire.identifier(row.get("userid")),
        placed_by=placed_by(wire.identifier(row.get("requestor_id")), staff_id),
        staff_id=staff_id,
        placed_at=wire.moment(row.get("date"), zone),
        amount=amounts.amount(row.get("amount"), currency),
        currency=currency,
        payment_method=wire.text(row.get("paymentmethod")).strip(),
        promo_code=wire.text(row.get("promocode")).strip(),
        invoice_id=wire.identifier(row.get("invoiceid")),
        status=order_status(row.get("status")),
        ip=_ip(row.get("ipaddress")),
        notes=wire.text(row.get("notes")),
        fraud_check=read_fraud_check(
            wire.text(row.get("fraudmodule")).strip(),
            wire.json_text(row.get("fraudoutput")) or wire.json_text(row.get("frauddata")),
        ),
        lines=lines,
        is_renewal=_renews(row) and all(line.kind == "renewal" for line in lines),
    )


def placed_by(user_id: int | None, staff_id: int | None) -> PlacedBy:
    """Return who entered an order: WHMCS names the user of the client area, or the admin."""
    if staff_id:
        return PlacedBy.STAFF
    return PlacedBy.CUSTOMER if user_id else PlacedBy.UNKNOWN


def _line(item: wire.Row, currency: str | None) -> PanelLine:
    return PanelLine(
        kind=_kind(item),
        relid=wire.identifier(item.get("relid")),
        product_type=wire.text(item.get("producttype")).strip(),
        product=wire.text(item.get("product")).strip(),
        domain=wire.text(item.get("domain")).strip(),
        cycle=wire.text(item.get("billingcycle")).strip().lower(),
        amount=amounts.amount(item.get("amount"), currency),
        status=service_status(item.get("status")),
    )


def _kind(item: wire.Row) -> str:
    """Return the type in lower case; every kind of renewal is ``renewal``, as its name differs between versions."""
    kind = wire.text(item.get("type")).strip().lower()
    what = f"{kind} {wire.text(item.get('producttype'))}".lower()
    return "renewal" if "renewal" in what else kind


def _renews(row: wire.Row) -> bool:
    """True if the order names what it renews: ``renewals`` is a text, ``renewalsByType`` an object of lists."""
    by_type = row.get("renewalsByType")
    lists = by_type.values() if isinstance(by_type, dict) else ()
    return bool(wire.text(row.get("renewals")).strip()) or any(
        bool(value) and value != [[]] for value in lists if isinstance(value, list | dict)
    )


def _ip(value: object) -> str | None:
    written = wire.text(value).strip()
    try:
        return str(ip_address(written))
    except ValueError:
        return None
