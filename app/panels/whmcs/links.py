"""The addresses of WHMCS's pages about an order or an invoice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WhmcsLinks:
    """`PanelLinks` of one WHMCS."""

    base_url: str

    def order_url(self, order_id: int) -> str:
        """See `PanelLinks`."""
        return f"{self.base_url}/admin/orders.php?action=view&id={order_id}"

    def invoice_url(self, invoice_id: int) -> str:
        """See `PanelLinks`."""
        return f"{self.base_url}/viewinvoice.php?id={invoice_id}"
