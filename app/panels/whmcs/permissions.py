"""The API actions that Doorman uses, why it needs them, and a probe that shows whether our role has each of them.

WHMCS checks the permission before it runs an action, so an error of the action itself, such as *Order ID Not Found*,
proves the permission. A probe changes nothing: reads ask for ids that don't exist; writes name such an id and omit
required parameters, or (order actions, which require only the id) are sent only after the read named by `after` has
shown that the id is free. An action without a safe probe is not probed: TriggerNotificationEvent has no required
parameter, SendAdminEmail's only documented error is about templates, and CreateQuote accepts a customer that does not
exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

#: Far above any real id.
IMPOSSIBLE_ID: Final = 999_999_001


class Need(StrEnum):
    """What Doorman can't do without this action."""

    READ = "reading"  # in shadow too
    ACT = "acting"  # in enforce mode
    NOTIFY = "notifying"  # one such action is enough
    OPTIONAL = "optional"  # nothing is lost but some detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One API action that our role should have."""

    action: str
    need: Need
    purpose: str
    probe: Mapping[str, Any] | None = None  # None: no safe call is known
    after: str | None = None  # the read that must first show that the id is free


def _read(action: str, purpose: str, **probe: Any) -> Permission:
    return Permission(action=action, need=Need.READ, purpose=purpose, probe=probe)


def _on_order(action: str, purpose: str) -> Permission:
    probe = {"orderid": IMPOSSIBLE_ID}
    return Permission(action=action, need=Need.ACT, purpose=purpose, probe=probe, after="GetOrders")


def _write(action: str, purpose: str, **probe: Any) -> Permission:
    return Permission(action=action, need=Need.ACT, purpose=purpose, probe=probe)


def _optional(action: str, purpose: str, **probe: Any) -> Permission:
    return Permission(action=action, need=Need.OPTIONAL, purpose=purpose, probe=probe)


_ONE: Final = {"limitnum": 1}

PERMISSIONS: Final[tuple[Permission, ...]] = (
    _read("GetAdminDetails", "our own admin user, the version, the panel's clock"),
    _read("GetOrders", "orders", id=IMPOSSIBLE_ID, **_ONE),
    _read("GetClients", "when a customer signed up", search=f"doorman-doctor-{IMPOSSIBLE_ID}", **_ONE),
    _read("GetClientsDetails", "customers", clientid=IMPOSSIBLE_ID),
    _read("GetClientsProducts", "the services of an order", serviceid=IMPOSSIBLE_ID, **_ONE),
    _read("GetProducts", "the catalogue", pid=IMPOSSIBLE_ID),
    _read("GetInvoice", "what was paid", invoiceid=IMPOSSIBLE_ID),
    _read("GetInvoices", "checking for an existing fee before creating one", userid=IMPOSSIBLE_ID, **_ONE),
    _read("GetCredits", "checking for an existing credit before adding one", clientid=IMPOSSIBLE_ID),
    _read("GetTickets", "tickets of a customer", clientid=IMPOSSIBLE_ID, **_ONE),
    _read("GetTicket", "what a ticket asks for", ticketid=IMPOSSIBLE_ID),
    _read("GetModuleQueue", "failed provisioning", relatedId=IMPOSSIBLE_ID),
    _read("GetQuotes", "checking for an existing quote before creating one", userid=IMPOSSIBLE_ID, **_ONE),
    _on_order("AcceptOrder", "approve"),
    _on_order("PendingOrder", "undoing a reject"),
    _on_order("CancelOrder", "cancel"),
    _on_order("FraudOrder", "reject as fraud"),
    _write("CreateInvoice", "creating a fee invoice", userid=IMPOSSIBLE_ID, draft=True, sendinvoice=True),
    _write("UpdateInvoice", "cancelling a fee", invoiceid=IMPOSSIBLE_ID),
    _write("AddCredit", "adding credit", clientid=IMPOSSIBLE_ID, type="doctor"),
    _write("OpenTicket", "writing to a customer by ticket", deptid=IMPOSSIBLE_ID, clientid=IMPOSSIBLE_ID),
    _write("AddTicketReply", "replying to a ticket", ticketid=IMPOSSIBLE_ID),
    Permission(action="CreateQuote", need=Need.ACT, purpose="quoting work before it is agreed"),
    _write("SendEmail", "writing to a customer by e-mail", id=IMPOSSIBLE_ID),
    _write("AddClientNote", "notes for staff", userid=IMPOSSIBLE_ID),
    Permission(action="TriggerNotificationEvent", need=Need.NOTIFY, purpose="alerts by your notification rules"),
    Permission(action="SendAdminEmail", need=Need.NOTIFY, purpose="alerts by e-mail if that fails"),
    _optional("GetPayMethods", "customers who pay with the same card or account", clientid=IMPOSSIBLE_ID),
    _optional(
        "GetUsers", "the minute in which a new account was opened", search=f"doorman-doctor-{IMPOSSIBLE_ID}", **_ONE
    ),
    _optional("GetActivityLog", "who changed an order in the panel", clientid=IMPOSSIBLE_ID, **_ONE),
    _optional("GetCurrencies", "checking that the policy has every currency"),
    _optional("GetPaymentMethods", "checking the gateways in the policy"),
    _optional("GetSupportDepartments", "checking the ticket department in the policy", ignore_dept_assignments=True),
    _optional(
        "GetConfigurationValue", "the date format for quotes; gives access to every setting", setting="DateFormat"
    ),
)

#: Permissions that Doorman never needs and its credential should not have.
DANGEROUS: Final = (
    "DeleteOrder", "DeleteClient", "GetClientPassword", "DecryptPassword", "SetConfigurationValue", "CapturePayment",
)  # fmt: skip
