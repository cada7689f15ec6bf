"""Statuses: ours where we know the word, else the panel's own."""

from __future__ import annotations

import pytest

from app.panels.whmcs.mapping.statuses import invoice_status, order_status, service_status


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Pending", "Pending"),
        (" active ", "Active"),
        ("FRAUD", "Fraud"),
        ("Being checked", "Being checked"),
        (None, ""),
    ],
)
def test_an_order_has_our_status_or_the_panels_own_word(word: str | None, status: str) -> None:
    assert order_status(word) == status


def test_a_domain_in_transfer_is_not_pending() -> None:
    assert service_status("Pending Transfer") == "Pending Transfer"
    assert service_status("completed") == "Completed"


def test_an_invoice_has_our_status_or_the_panels_own_word() -> None:
    assert [invoice_status(word) for word in ("payment pending", "Overdue", "Disputed")] == [
        "Payment Pending", "Overdue", "Disputed",
    ]  # fmt: skip
