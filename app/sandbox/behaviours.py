"""Behaviours of WHMCS that no public source settles, as switches.

The defaults are the most likely behaviour of WHMCS 9; tests flip them one by one, as Doorman has to work either way.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal


@dataclass(slots=True, kw_only=True)
class Behaviours:
    """The pretend panel's behaviour where the documentation leaves it open."""

    # The addon and its hooks
    hook_repeats: int = 1
    """How often one business event runs its hook; each run has a new webhook-id."""
    hook_repeats_by_type: dict[str, int] = field(default_factory=dict)
    """The same for one event type; 0 means that the hook never fires."""
    post_promptly: bool = True
    """Off: events wait in the addon's table until cron runs."""
    gate_installed: bool = True
    """Off: nothing asks Doorman before provisioning, as if the addon's gate were not installed."""
    admin_orders_raise_checkout_hook: bool = True
    upgrades_raise_checkout_hook: bool = False
    masquerade_fills: Literal["requestor", "admin", "both"] = "both"
    """Which requestor column is filled for orders that staff place by *Login as Owner*."""
    api_tickets_raise_hooks: bool = True
    partial_refunds_raise_hook: bool = True
    blocked_create_raises_failed_hook: bool = True

    # Orders and provisioning
    on_order_setup_before_hook: bool = True
    """Auto-setup *on order* runs during the checkout, before its hook fires."""
    partly_failed_accept: Literal["Active", "Pending"] = "Pending"
    """Order status after a module error in AcceptOrder."""
    accept_reports_failures: bool = True
    """Off: AcceptOrder answers success and leaves the order Active although a module failed."""
    accept_activates_unbuilt: bool = True
    """Accepting without a module create sets the items to Active in the database only."""
    accept_autosetup_default: bool = True
    """What an omitted ``autosetup`` means for a product that is not set up *never*."""
    parallel_accepts_both_run: bool = False
    pending_terminates_services: bool = False
    fraud_terminates_services: bool = True
    orders_newest_first: bool = True
    module_seconds: float = 0.0
    """How long a module create takes."""
    queue_retried_by_cron: bool = False
    """True if cron retries failed module creates; sources conflict."""

    # Billing
    issued_invoices: Literal["editable", "lines_frozen", "frozen"] = "lines_frozen"
    """WHMCS 9 immutability: which changes UpdateInvoice refuses unless the invoice is a Draft."""
    create_invoice_reports_paid: bool = False
    """CreateInvoice answers ``Paid`` instead of ``Unpaid`` if credit covered the invoice."""
    automatic_credit_use: bool = False
    """The client's credit is applied to new invoices of an order immediately."""
    accept_quote_twice: Literal["second_invoice", "error"] = "second_invoice"
    tax_rates: dict[str, Decimal] = field(default_factory=dict)
    """Percent by country."""

    # The wire
    role_lacks: set[str] = field(default_factory=set)
    """API actions, in any case, that our role does not have."""
    numbers: Literal["mixed", "text", "int"] = "mixed"
    empty_list: Literal["text", "list", "object", "missing", "nested"] = "text"
    single_item: Literal["list", "object"] = "list"
    encode_entities: bool = True
    noise: Literal["none", "notice", "bom"] = "none"
    date_format: Literal["Y-m-d", "d/m/Y", "m/d/Y", "d.m.Y"] = "Y-m-d"
    """The General Settings date format in which the documented *localised* inputs are read."""
    timezone: str = "Europe/Berlin"
    """IANA zone of the server; all date-times are local, without offset."""
    version: str = "9.0.3"
    unknown_action_text: Literal["newer", "older"] = "newer"
