"""What must be true once nothing is pending any more, whatever happened before. Each rule reports its violations."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.chaos.snapshot import Snapshot

_ENDED_EVENTS = {"processed", "ignored", "failed"}
_FINAL = {"released", "rejected", "cancelled", "closed"}
_MINOR = Decimal("0.01")
#: The states allowed for each status of the order in the panel.
_STATES_FOR = {
    "Pending": {"received", "held", "awaiting_payment"},
    "Active": {"released"},
    "Cancelled": {"cancelled", "rejected"},
    "Fraud": {"rejected"},
}
#: Further states that people can cause: creating a Pending order by hand, holding one that they had cancelled.
_BY_PERSON = {("released", "Pending"), ("held", "Cancelled"), ("held", "Fraud")}
#: The fee states allowed for each status of its invoice.
_FEES_FOR = {
    "Unpaid": {"unpaid", "partly_paid", "lost"},
    "Paid": {"paid", "refunded", "lost"},
    "Cancelled": {"cancelled", "waived", "lost", "refunded"},
    "Refunded": {"refunded", "lost", "cancelled", "waived"},
}
_BREACHES = {"hold_breached", "accepted_by_automation"}


def wrong(snapshot: Snapshot) -> list[str]:
    """Return all violations in words; empty if there are none."""
    rules = (
        _events, _accepts, _fee_invoices, _fee_states, _calm, _credits, _balances, _tickets, _views, _nothing_stuck,
        _calls,
    )  # fmt: skip
    return [f"{rule.__name__.strip('_')}: {what}" for rule in rules for what in rule(snapshot)]


def _events(s: Snapshot) -> Iterator[str]:
    """Each accepted event is stored once and handled once."""
    stored = Counter(row["webhook_id"] for row in s.events)
    for webhook_id, kind in s.accepted.items():
        if stored[webhook_id] != 1:
            yield f"{kind} {webhook_id} was accepted and is stored {stored[webhook_id]} times"
    for row in s.events:
        later = row["type"] == "order.status_changed" or row["type"].startswith("invoice.")  # handled seconds later
        clock = row["source"] != "webhook" or later
        waits_for_its_time = clock and row["due_at"] > s.at
        if row["state"] not in _ENDED_EVENTS and not waits_for_its_time:
            yield f"event {row['id']} ({row['type']}) is still {row['state']}: {row['last_error']}"
        if row["state"] == "failed" and row["result"] != "order-not-found":
            yield f"event {row['id']} ({row['type']}) failed: {row['result']}, {row['last_error']}"
        if row["state"] in _ENDED_EVENTS and row["owner"] is not None:
            yield f"event {row['id']} is settled and still claimed"


def _accepts(s: Snapshot) -> Iterator[str]:
    """No order is accepted or provisioned twice, unless somebody set it back to Pending in between."""
    for order_id, order in s.panel_orders.items():
        allowed = 1 + order.takes_back
        if order.accepts > allowed:
            yield f"order {order_id} was accepted {order.accepts} times and taken back {order.takes_back} times"
        if order.creates > allowed:
            yield f"order {order_id} was built {order.creates} times and taken back {order.takes_back} times"


def _fee_invoices(s: Snapshot) -> Iterator[str]:
    """Each fee has at most one invoice, each invoice has a fee, each order has at most one payable invoice."""
    for reference, count in Counter(invoice.reference for invoice in s.invoices.values()).items():
        if count > 1:
            yield f"{reference} was billed {count} times"
    by_reference = {f"doorman:fee:{fee['id']}": fee for fee in s.fees}
    open_of_order: Counter[int] = Counter()
    for invoice_id, invoice in s.invoices.items():
        fee = by_reference.get(invoice.reference)
        if fee is None or fee["invoice_id"] != invoice_id:
            yield f"invoice {invoice_id} ({invoice.reference}) is nobody's fee"
        elif invoice.status == "Unpaid" and invoice.received == 0:
            open_of_order[fee["order_id"]] += 1
    for order_id, count in open_of_order.items():
        if count > 1:
            yield f"order {order_id} has {count} fee invoices that can be paid"


def _fee_states(s: Snapshot) -> Iterator[str]:
    """Our state of each fee agrees with its invoice."""
    for fee in s.fees:
        invoice = s.invoices.get(fee["invoice_id"])
        if fee["invoice_id"] is not None and invoice is None:
            if fee["state"] not in {"lost", "cancelled", "waived"}:
                yield f"fee {fee['id']} is {fee['state']} and its invoice {fee['invoice_id']} is gone"
        elif invoice is None:
            if fee["state"] not in {"cancelled", "waived", "lost"}:
                yield f"fee {fee['id']} is {fee['state']} without an invoice"
        elif fee["state"] not in _FEES_FOR.get(invoice.status, set()):
            yield f"fee {fee['id']} is {fee['state']}, its invoice {fee['invoice_id']} is {invoice.status}"


def _calm(s: Snapshot) -> Iterator[str]:
    """No invoice is cancelled and sent again for the same request; nothing stays held for lack of readable facts."""
    people = [row for row in s.decisions if row["by"] not in {"policy", "clock"}]
    by_wish: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for fee in sorted(s.fees, key=lambda fee: fee["created_at"]):
        by_wish[fee["order_id"], fee["amount_minor"], fee["currency"]].append(fee)
    for (order_id, *_wish), fees in by_wish.items():
        for first, second in pairwise(fees):
            withdrawn = first["invoice_id"] is not None and first["wanted_state"] == first["state"] == "cancelled"
            between = (first["created_at"], second["created_at"])
            told = any(row["order_id"] == order_id and between[0] <= row["at"] <= between[1] for row in people)
            if withdrawn and not told:
                yield f"order {order_id} was billed, not billed and billed again for the same"
    in_force = {row["id"]: row for row in s.decisions}
    looks = {row["order_id"] for row in s.events if row["type"] == "order.read_back" and row["state"] == "received"}
    for order_id, known in s.orders.items():
        reasons = in_force.get(known["decision_id"], {}).get("reasons") or ()
        lack = known["state"] == "held" and any(reason["code"] == "facts_missing" for reason in reasons)
        if lack and not (known["unread_since"] and order_id in looks):
            yield f"order {order_id} is held for lack of facts, and nobody looks again"


def _credits(s: Snapshot) -> Iterator[str]:
    """Each granted or refunded credit exists exactly once."""
    there = Counter(row.reference for row in s.credit_rows if row.reference)
    for reference, count in there.items():
        if count > 1:
            yield f"{reference} was credited {count} times"
    granted = {f"doorman:credit:{row['id']}": row for row in s.credits}
    for reference, row in granted.items():
        if row["state"] not in {"done", "dead"}:
            yield f"{reference} is still {row['state']}"
        if (there[reference] == 1) != (row["state"] == "done"):
            yield f"{reference} is {row['state']} and {there[reference]} times in the panel"
    fees = {f"doorman:credit:{fee['id']}": fee for fee in s.fees}
    for reference in there:
        if reference not in granted and reference not in fees:
            yield f"{reference} is in the panel and nobody granted it"


def _balances(s: Snapshot) -> Iterator[str]:
    """Balances are exact: the panel's own entries, credits granted by staff, and refunded fees."""
    granted = {f"doorman:credit:{row['id']}": Decimal(row["amount_minor"]) * _MINOR for row in s.credits}
    returned = {
        row["params"]["reference"]: Decimal(row["params"]["amount"])
        for row in s.calls
        if row["action"] == "add_credit" and row["state"] == "done"
    }
    for client_id, balance in s.balances.items():
        rows = [row for row in s.credit_rows if row.client_id == client_id]
        own = sum((row.amount for row in rows if not row.reference), Decimal(0))
        ours = sum(({**returned, **granted}.get(row.reference, Decimal(0)) for row in rows), Decimal(0))
        if balance != own + ours:
            yield f"customer {client_id} has {balance}, and should have {own + ours}"


def _tickets(s: Snapshot) -> Iterator[str]:
    for reference, count in s.tickets.items():
        if count > 1:
            yield f"{reference} was told {count} times"


def _views(s: Snapshot) -> Iterator[str]:
    """Our state of each order agrees with the panel's."""
    for order_id, order in s.panel_orders.items():
        known = s.orders.get(order_id)
        if known is None:
            yield f"order {order_id} is unknown to us"
            continue
        by_person = known["touched_by_person"] and (known["state"], order.status) in _BY_PERSON
        shown = bool(_BREACHES & set(known["flags"])) and known["state"] == "held"
        if known["panel_status"] != order.status:
            yield f"order {order_id} is {order.status}, we think {known['panel_status']} ({known['state']})"
        elif known["state"] not in _STATES_FOR[order.status] and not shown | by_person:
            yield f"order {order_id} is {order.status} in the panel and {known['state']} with us"
    for order_id, known in s.orders.items():
        if order_id not in s.panel_orders and known["state"] != "closed" and "unknown_to_panel" not in known["flags"]:
            yield f"order {order_id} is gone from the panel and {known['state']} with us"


def _nothing_stuck(s: Snapshot) -> Iterator[str]:
    """Everything unfinished waits for an event that will occur, or for a person who is shown it."""
    seen = {row["order_id"] for row in s.queue}
    coming = {row["order_id"] for row in s.events if row["state"] == "received"}
    coming |= {row["order_id"] for row in s.calls if row["state"] in {"pending", "sending", "unknown"}}
    for order_id, known in s.orders.items():
        order = s.panel_orders.get(order_id)
        awaits = known["state"] == "awaiting_payment" and order is not None and order.invoice_status != "Paid"
        if "unknown_to_panel" in known["flags"]:  # shown as such, and its event is shown as failed
            continue
        if known["state"] not in _FINAL and order_id not in seen | coming and not awaits:
            yield f"order {order_id} is {known['state']}, and nobody sees it and nothing comes"
    dead = [row for row in s.calls if row["state"] == "dead" and row["order_id"] is None]
    if len(dead) > sum(1 for row in s.queue if row["why"] == "dead_call" and row["order_id"] is None):
        yield "a dead call about no order is not in the queue"


def _calls(s: Snapshot) -> Iterator[str]:
    """No call is in progress, no settled call is still claimed, and no calls overlapped."""
    for row in s.calls:
        if row["state"] in {"pending", "sending", "unknown"}:
            yield f"call {_name(row)} is still {row['state']}: {row['last_error']}"
        elif row["owner"] is not None:
            yield f"call {_name(row)} is {row['state']} and still claimed"
    yield from s.overlaps


def _name(row: dict[str, Any]) -> str:
    name: uuid.UUID = row["id"]
    return f"{row['action']} {row['key']} ({str(name)[:8]})"
