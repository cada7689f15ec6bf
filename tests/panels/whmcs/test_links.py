"""Links into WHMCS."""

from __future__ import annotations

from app.panels.links import links_to


def test_links_lead_to_the_order_and_the_invoice() -> None:
    links = links_to("https://billing.example/whmcs")
    assert links is not None
    assert links.order_url(812) == "https://billing.example/whmcs/admin/orders.php?action=view&id=812"
    assert links.invoice_url(2210) == "https://billing.example/whmcs/viewinvoice.php?id=2210"


def test_without_an_address_there_are_no_links() -> None:
    assert links_to(None) is None
