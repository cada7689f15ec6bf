"""Customers as the panel shows them, for tests."""

from __future__ import annotations

from typing import Any

from app.panels.records import CustomerStats, PanelCustomer


def panel_customer(**changes: Any) -> PanelCustomer:
    values: dict[str, Any] = {
        "customer_id": 1, "status": "Active", "group_id": None, "first_name": "Rita", "last_name": "Regular",
        "company": "", "email": "rita@example.com", "email_verified": True,
        "address": ("5 Main Street", "", "Springfield", "IL", "62701"), "country": "US", "phone": "+1.2175550100",
        "phone_cc": "1", "currency": "USD", "credit": None, "stats": CustomerStats(), "revenue": None,
        "custom_fields": (),
    }  # fmt: skip
    return PanelCustomer(**values | changes)
