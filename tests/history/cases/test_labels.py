"""The outcome of an order: a table of panel data and labels."""

from __future__ import annotations

import pytest

from app.history.cases.labels import label_of
from app.tables.history import Label
from tests.history.past import Past

#: order, invoice (None: no invoice, "-": not at hand), was it paid, services → label
_TABLE = [
    ("Active", "Paid", True, "Active", Label.GOOD),
    ("Active", "Paid", False, "Active", Label.GOOD),  # the panel gives no date of payment
    ("Active", "Paid", True, "Terminated", Label.GOOD),
    ("Active", None, False, "Active", Label.GOOD),
    ("Active", "Unpaid", False, "Active", Label.OPEN),
    ("Active", "-", False, "Active", Label.OPEN),
    ("Active", "Refunded", True, "Terminated", Label.REFUNDED),
    ("Active", "Collections", True, "Active", Label.DISPUTED),
    ("Active", "Collections", False, "Suspended", Label.DISPUTED),
    ("Fraud", "Paid", True, "Fraud", Label.FRAUD),
    ("Fraud", "Refunded", True, "Fraud", Label.FRAUD),
    ("Active", "Paid", True, "Fraud", Label.FRAUD),
    ("Cancelled", "Cancelled", False, "Cancelled", Label.CANCELLED_UNPAID),
    ("Cancelled", "Unpaid", False, "Pending", Label.CANCELLED_UNPAID),
    ("Cancelled", None, False, "Cancelled", Label.CANCELLED_UNPAID),
    ("Cancelled", "Paid", True, "Cancelled", Label.GOOD),  # used, then cancelled
    ("Cancelled", "Refunded", True, "Cancelled", Label.REFUNDED),
    ("Pending", "Unpaid", False, "Pending", Label.OPEN),
    ("Pending", "Paid", True, "Pending", Label.OPEN),
    ("Pending", "Paid", True, "Active", Label.GOOD),  # active although nobody accepted it
    ("Pending", "Paid", True, "Terminated", Label.GOOD),
    ("Pending", None, False, "Pending", Label.OPEN),
    ("Something else", "Unpaid", False, "Pending", Label.OPEN),
]


@pytest.mark.parametrize(("status", "billed", "paid", "service", "label"), _TABLE)
def test_label(status: str, billed: str | None, paid: bool, service: str, label: Label) -> None:
    past = Past()
    past.customer(1)
    invoice_id = None if billed is None else 1
    past.order(
        1, 1, 10, status=status, service_status=service, invoice_id=invoice_id, billed=billed, paid=10 if paid else None
    )
    invoice = None if billed in {None, "-"} else past.rows["invoices", 1]
    assert label_of(past.rows["orders", 1], invoice, [past.rows["services", 1]]) is label
