"""The invariants themselves: a correct end violates none of them, and each detects its kind of violation."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from app.db import Database
from tests.chaos.invariants import wrong
from tests.chaos.snapshot import PanelInvoiceRow, Snapshot
from tests.chaos.story import story
from tests.chaos.town import open_town, take_snapshot


def _event_lost(s: Snapshot) -> None:
    s.accepted["lost"] = "order.paid"


def _event_waits(s: Snapshot) -> None:
    s.events[0].update(state="received", due_at=s.at)


def _event_failed(s: Snapshot) -> None:
    s.events[0].update(state="failed", result="handling-failed")


def _event_claimed(s: Snapshot) -> None:
    s.events[0]["owner"] = uuid.uuid4()


def _accepted_twice(s: Snapshot) -> None:
    next(iter(s.panel_orders.values())).accepts = 2


def _built_twice(s: Snapshot) -> None:
    next(iter(s.panel_orders.values())).creates = 2


def _billed_twice(s: Snapshot) -> None:
    s.invoices[999] = copy.copy(next(iter(s.invoices.values())))


def _bill_of_nobody(s: Snapshot) -> None:
    reference = f"doorman:fee:{uuid.uuid4()}"
    s.invoices[999] = PanelInvoiceRow(client_id=1, status="Unpaid", reference=reference, received=Decimal(0))


def _two_open_fees(s: Snapshot) -> None:
    for fee, invoice in zip(s.fees, s.invoices.values(), strict=True):
        fee["order_id"], invoice.status, invoice.received = 1, "Unpaid", Decimal(0)


def _fee_unpaid_with_us(s: Snapshot) -> None:
    next(fee for fee in s.fees if fee["state"] == "paid")["state"] = "unpaid"


def _fee_without_invoice(s: Snapshot) -> None:
    s.fees[0].update(invoice_id=None, state="pending")


def _invoice_gone(s: Snapshot) -> None:
    del s.invoices[next(fee for fee in s.fees if fee["state"] == "paid")["invoice_id"]]


def _billed_again(s: Snapshot) -> None:
    paid = next(fee for fee in s.fees if fee["state"] == "paid")
    first = {**paid, "id": uuid.uuid4(), "created_at": paid["created_at"] - timedelta(seconds=30)}
    s.fees.append(first | {"state": "cancelled", "wanted_state": "cancelled"})
    s.decisions = [row for row in s.decisions if row["order_id"] != paid["order_id"]]


def _held_for_lack(s: Snapshot) -> None:
    known = next(known for known in s.orders.values() if known["decision_id"])
    known["state"] = "held"
    for row in s.decisions:
        if row["id"] == known["decision_id"]:
            row["reasons"] = [{"code": "facts_missing", "text": ""}]


def _credited_twice(s: Snapshot) -> None:
    s.credit_rows.append(copy.copy(next(row for row in s.credit_rows if row.reference)))


def _credit_missing(s: Snapshot) -> None:
    s.credit_rows = [row for row in s.credit_rows if row.amount != Decimal("7.50")]


def _credit_of_nobody(s: Snapshot) -> None:
    s.credits.clear()


def _a_cent_too_much(s: Snapshot) -> None:
    client = next(iter(s.balances))
    s.balances[client] += Decimal("0.01")


def _told_twice(s: Snapshot) -> None:
    s.tickets.update([next(iter(s.tickets))])


def _status_unseen(s: Snapshot) -> None:
    next(iter(s.panel_orders.values())).status = "Fraud"


def _released_though_cancelled(s: Snapshot) -> None:
    order_id, order = next(iter(s.panel_orders.items()))
    order.status = s.orders[order_id]["panel_status"] = "Cancelled"


def _unknown_to_us(s: Snapshot) -> None:
    s.orders.popitem()


def _gone_unseen(s: Snapshot) -> None:
    s.panel_orders.popitem()


def _stuck(s: Snapshot) -> None:
    s.orders[next(iter(s.panel_orders))]["state"] = "held"


def _stuck_though_paid(s: Snapshot) -> None:
    next(iter(s.orders.values()))["state"] = "awaiting_payment"


def _dead_unseen(s: Snapshot) -> None:
    s.calls[0].update(state="dead", order_id=None)


def _call_waits(s: Snapshot) -> None:
    s.calls[0]["state"] = "unknown"


def _call_claimed(s: Snapshot) -> None:
    s.calls[0]["owner"] = uuid.uuid4()


def _overlap(s: Snapshot) -> None:
    s.overlaps.append("AddCredit overlaps another call of customer 101")


BREAKS: dict[Callable[[Snapshot], None], str] = {
    _event_lost: "stored 0 times", _event_waits: "is still received", _event_failed: "failed: handling-failed",
    _event_claimed: "settled and still claimed", _accepted_twice: "was accepted 2 times",
    _built_twice: "was built 2 times",
    _billed_twice: "was billed 2 times", _bill_of_nobody: "is nobody's fee", _two_open_fees: "2 fee invoices",
    _fee_unpaid_with_us: "is unpaid, its invoice", _fee_without_invoice: "without an invoice",
    _billed_again: "billed again for the same", _held_for_lack: "and nobody looks again",
    _invoice_gone: "is gone", _credited_twice: "was credited 2 times", _credit_missing: "is done and 0 times",
    _credit_of_nobody: "nobody granted it", _a_cent_too_much: "and should have", _told_twice: "was told 2 times",
    _status_unseen: "is Fraud, we think", _released_though_cancelled: "is Cancelled in the panel and released",
    _unknown_to_us: "is unknown to us", _gone_unseen: "is gone from the panel", _stuck: "nobody sees it",
    _stuck_though_paid: "nobody sees it", _dead_unseen: "is not in the queue", _call_waits: "is still unknown",
    _call_claimed: "is done and still claimed", _overlap: "overlaps",
}  # fmt: skip


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_each_invariant_notices_what_it_is_there_for(db: Database) -> None:
    async with open_town(db, 1) as town:
        await story(town)
        good = await take_snapshot(town)
    assert wrong(good) == []
    for break_it, complaint in BREAKS.items():
        broken = copy.deepcopy(good)
        break_it(broken)
        assert any(complaint in what for what in wrong(broken)), f"{break_it.__name__} was not noticed"
