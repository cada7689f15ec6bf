"""What no public source settles about WHMCS (panel.md §5.2), as switches.

The defaults are what is most likely on WHMCS 9; tests turn them one by one, because Doorman has to work either way.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal


@dataclass(slots=True, kw_only=True)
class Behaviours:
    """How this pretend panel behaves where the documentation leaves it open."""

    # The addon and its hooks (panel.md §1.1, §1.3, §1.4, §1.7)
    hook_repeats: int = 1
    """How often one business event runs its hook; each run makes a new webhook-id."""
    hook_repeats_by_type: dict[str, int] = field(default_factory=dict)
    """The same for one event type; 0 means that the hook never fires."""
    post_promptly: bool = True
    """Off: events wait in the addon's table until cron runs."""
    gate_installed: bool = True
    """Off: nothing asks Doorman before provisioning, as where the addon's enforcing half is missing."""
    admin_orders_raise_checkout_hook: bool = True
    upgrades_raise_checkout_hook: bool = False
    masquerade_fills: Literal["requestor", "admin", "both"] = "both"
    """Which requestor column an order gets that staff place by *Login as Owner*."""
    api_tickets_raise_hooks: bool = True
    api_quotes_raise_hooks: bool = True
    partial_refunds_raise_hook: bool = True
    blocked_create_raises_failed_hook: bool = True

    # Orders and provisioning (panel.md §1.11, §2.5)
    on_order_setup_before_hook: bool = True
    """Auto-setup *on order* runs inside the checkout, whose hook fires last."""
    partly_failed_accept: Literal["Active", "Pending"] = "Pending"
    """Order status after AcceptOrder met a module error."""
    accept_reports_failures: bool = True
    """Off: AcceptOrder answers success and leaves the order Active though a module failed."""
    accept_activates_unbuilt: bool = True
    """Accepting without module create sets the items Active in the database only."""
    accept_autosetup_default: bool = True
    """What an omitted ``autosetup`` means for a product that is not set up *never*."""
    parallel_accepts_both_run: bool = False
    pending_terminates_services: bool = False
    fraud_terminates_services: bool = True
    orders_newest_first: bool = True
    module_seconds: float = 0.0
    """How long a module create takes."""
    queue_retried_by_cron: bool = False
    """Whether failed module creates are tried again by cron (panel.md §1.11: conflicting sources)."""

    # Billing (panel.md §2.7)
    issued_invoices: Literal["editable", "lines_frozen", "frozen"] = "lines_frozen"
    """WHMCS 9 immutability: which changes UpdateInvoice refuses on an invoice that is no Draft."""
    create_invoice_reports_paid: bool = False
    """CreateInvoice answers ``Paid`` where credit covered it, instead of ``Unpaid``."""
    automatic_credit_use: bool = False
    """New invoices of an order eat the client's credit at once."""
    accept_quote_twice: Literal["second_invoice", "error"] = "second_invoice"
    duplicate_transid: Literal["accepted", "error"] = "accepted"
    tax_rates: dict[str, Decimal] = field(default_factory=dict)
    """Percent by country."""

    # The wire (panel.md §2.1-§2.3)
    role_lacks: set[str] = field(default_factory=set)
    """API actions, in any case, that our role does not have."""
    numbers: Literal["mixed", "text", "int"] = "mixed"
    empty_list: Literal["text", "list", "object", "missing", "nested"] = "text"
    single_item: Literal["list", "object"] = "list"
    encode_entities: bool = True
    noise: Literal["none", "notice", "bom"] = "none"
    date_format: Literal["Y-m-d", "d/m/Y", "m/d/Y", "d.m.Y"] = "Y-m-d"
    """The General Settings format that the documented *localised* inputs are read in."""
    timezone: str = "Europe/Berlin"
    """IANA zone of the server; all date-times are local, without offset."""
    version: str = "9.0.3"
    unknown_action_text: Literal["newer", "older"] = "newer"
