"""GetPayMethods → `PanelPayMethod`: a flat list; cards have their last four digits, never the full number."""

from __future__ import annotations

import hashlib

from app.panels.records import PanelPayMethod
from app.panels.whmcs import wire

_SHORTEST_TOKEN = 8


def rows(answer: wire.Row) -> list[wire.Row]:
    """Return the rows of the flat list."""
    listed = answer.get("paymethods")
    alone = isinstance(listed, dict) and "gateway_name" in listed  # a single method, not in a list
    return wire.as_list([listed] if alone else listed, "paymethods")


def pay_method(row: wire.Row) -> PanelPayMethod | None:
    """Return the pay method of a row; None for a row that identifies nothing."""
    last_four = "".join(filter(str.isdigit, wire.text(row.get("card_last_four"))))
    token = wire.text(row.get("remote_token")).strip()
    found = PanelPayMethod(
        gateway=wire.text(row.get("gateway_name")).strip().lower(),
        brand="".join(wire.text(row.get("card_type")).split()).lower(),
        last_four=last_four,
        expires="".join(filter(str.isdigit, wire.text(row.get("expiry_date")))),
        token_digest=hashlib.sha256(token.encode()).hexdigest() if len(token) >= _SHORTEST_TOKEN else None,
    )
    return found if found.last_four or found.token_digest else None
