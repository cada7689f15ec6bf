"""The addresses of WHMCS's pages about orders, customers, tickets and invoices."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WhmcsLinks:
    """`PanelLinks` of one WHMCS."""

    base_url: str

    def order_url(self, order_id: int) -> str:
        """See `PanelLinks`."""
        return f"{self.base_url}/admin/orders.php?action=view&id={order_id}"

    def customer_url(self, customer_id: int) -> str:
        """See `PanelLinks`."""
        return f"{self.base_url}/admin/clientssummary.php?userid={customer_id}"

    def ticket_url(self, ticket_id: int) -> str:
        """See `PanelLinks`."""
        return f"{self.base_url}/admin/supporttickets.php?action=view&id={ticket_id}"

    def staff_invoice_url(self, invoice_id: int) -> str:
        """See `PanelLinks`."""
        return f"{self.base_url}/admin/invoices.php?action=edit&id={invoice_id}"

    def invoice_url(self, invoice_id: int) -> str:
        """See `PanelLinks`."""
        return f"{self.base_url}/viewinvoice.php?id={invoice_id}"
