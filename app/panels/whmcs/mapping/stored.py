"""Orders that earlier versions stored with WHMCS's own columns in place of what they mean → `PanelOrder`."""

from __future__ import annotations

from typing import Final

import msgspec

from app.panels.records import PanelOrder
from app.panels.whmcs.mapping.fraud import read_fraud_check
from app.panels.whmcs.mapping.orders import placed_by

_COLUMN: Final = b'"fraud_module":'


def has_columns(data: bytes) -> bool:
    """True if the stored form of an order has such columns; in its texts quotes are escaped."""
    return _COLUMN in data


def from_columns(data: bytes) -> PanelOrder:
    """Return the order of such a stored form."""
    row = msgspec.json.decode(data)
    meaning = {
        "placed_by": placed_by(row["requestor_id"], row["admin_requestor_id"]),
        "staff_id": row["admin_requestor_id"] or None,
        "fraud_check": read_fraud_check(row["fraud_module"], row["fraud_output"]),
    }
    return msgspec.convert(row | meaning, PanelOrder)
