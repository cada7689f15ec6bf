"""The sandbox panel's state as text, one row per line, so that a later version can go on with the same panel."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields
from itertools import count
from typing import Any

import msgspec

from app.sandbox import SandboxPanel
from app.sandbox.ledger import Credit, Invoice, Quote
from app.sandbox.models import (
    Activity,
    Client,
    ClientNote,
    Domain,
    Mail,
    Notification,
    Order,
    Product,
    ProductGroup,
    QueueEntry,
    Service,
    Ticket,
)
from app.sandbox.state import Sequences, WriteCall

#: The tables whose rows are found by id, and those that are lists.
_BY_ID = {
    "product_groups": ProductGroup, "products": Product, "clients": Client, "orders": Order, "services": Service,
    "addons": Service, "domains": Domain, "invoices": Invoice, "quotes": Quote, "tickets": Ticket,
}  # fmt: skip
_LISTS = {
    "queue": QueueEntry, "activity": Activity, "client_notes": ClientNote, "mails": Mail,
    "notifications": Notification,
}  # fmt: skip


def dump(panel: SandboxPanel) -> list[str]:
    """Return a JSON line for each row. The state's counters have moved on then, so the panel is of no more use."""
    if panel.outbox.pending:
        raise ValueError("the panel still has webhooks to send, which are not kept")
    state = panel.state
    found: dict[str, Iterable[Any]] = {
        "next": [{field.name: next(getattr(state.next, field.name)) for field in fields(Sequences)}],
        **{name: getattr(state, name).values() for name in _BY_ID},
        **{name: getattr(state, name) for name in _LISTS},
        "credits": [credit for credits in state.credits_of.values() for credit in credits],
        "api_invoices_of": [dict(state.api_invoices_of)],
        "known_holds": sorted(panel.gate.known_holds),
        "writes": panel.writes,
    }
    rows = [[name, msgspec.to_builtins(row, str_keys=True)] for name, values in found.items() for row in values]
    return [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]


def load(panel: SandboxPanel, lines: Iterable[str]) -> None:
    """Put a dumped state into a new panel, with its indices; earlier calls are in `writes`, and not in `effects`."""
    state = panel.state
    saved: dict[str, list[Any]] = defaultdict(list)
    for name, row in map(json.loads, lines):
        saved[name].append(row)
    add = {
        "clients": state.add_client, "orders": state.add_order, "services": state.add_service,
        "addons": state.add_service, "domains": state.add_domain, "invoices": state.add_invoice,
        "quotes": state.add_quote, "tickets": state.add_ticket, "queue": state.add_queue_entry,
    }  # fmt: skip
    for name, kind in (_BY_ID | _LISTS).items():
        for row in _read(saved[name], list[kind]):
            if name in add:
                add[name](row)
            elif name in _BY_ID:
                getattr(state, name)[row.id] = row
            else:
                getattr(state, name).append(row)
    for credit in _read(saved["credits"], list[Credit]):
        state.credits_of[credit.client_id].append(credit)  # the client's balance holds it already
    state.api_invoices_of.update(_read(saved["api_invoices_of"][0], dict[int, list[int]]))
    for name, number in saved["next"][0].items():
        setattr(state.next, name, count(number))
    panel.gate.known_holds.update(saved["known_holds"])
    panel.writes.extend(_read(saved["writes"], list[WriteCall]))
    panel.ctx.rng.seed("after the upgrade")  # or it would give the numbers of earlier orders again


def _read(value: Any, kind: Any) -> Any:
    return msgspec.convert(value, kind, strict=False)
