"""Months of stored rows, drawn by a seed: orders, their decisions and fees, in three currencies."""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from app.core.judgement.stored import dump_judgement
from app.core.reading.kinds import TermKind
from app.db import Database
from app.tables.orders import decisions, fees, orders
from tests.api.api_support import judged

CURRENCIES: Final = ("USD", "JPY", "KWD")
_WORK: Final = (None, TermKind.OS_OLD, TermKind.MIGRATION, TermKind.HARDWARE)
_ENDS: Final = {
    "approve": ("awaiting_payment", "releasing", "released"),
    "reject": ("rejecting", "rejected", "cancelled"),
}
_PEOPLE: Final = ("anna", "panel:staff:7", "panel:cron", "clock")


class Town:
    """The rows of some hundred orders between two times."""

    def __init__(self, seed: int, since: datetime, until: datetime) -> None:
        self._dice = random.Random(seed)
        self._since, self._length = since, (until - since).total_seconds()
        self._orders: list[dict[str, Any]] = []
        self._decisions: list[dict[str, Any]] = []
        self._fees: list[dict[str, Any]] = []

    def order(self) -> None:
        """Draw an order with a history: judged, perhaps held, perhaps decided by somebody after that."""
        dice, at = self._dice, self._since + timedelta(seconds=self._dice.uniform(0, self._length))
        order_id, currency = 100_000 + len(self._orders), dice.choice(CURRENCIES)
        _, judgement = judged(request=dice.choice(_WORK))
        stored = _in(currency, dump_judgement(judgement))
        outcome = dice.choice(["approve", "hold_for_fee", "hold_for_review", "hold_for_review", "reject"])
        mode = dice.choice(["enforce", "enforce", "enforce", "shadow"])
        made = [self._decision(order_id, outcome, "policy", mode, at, stored, None)]
        while dice.random() < 0.55:
            at += timedelta(hours=dice.expovariate(1 / 30))
            made.append(self._later(order_id, at, stored, mode))
        last = made[-1]["outcome"]
        ended = last == "reject"
        state = dice.choice(_ENDS.get(last, ("held", "held", "held", "closed")))
        self._orders.append({
            "order_id": order_id, "customer_id": 1, "order_number": str(order_id), "kind": "new", "state": state,
            "panel_status": "Pending", "provisioning": dice.choice(["none", "none", "none", "done"]),
            "placed_by": "customer", "placed_at": made[0]["at"], "first_heard_at": made[0]["at"],
            "amount_minor": dice.choice([1500, 99, None]), "currency": dice.choice([currency, currency, None]),
            "payment_state": "unpaid", "items": [], "flags": [], "outcome": last,
            "fraud": ended and dice.random() < 0.6, "counted_minutes": judgement.labour.minutes,
        })  # fmt: skip
        if dice.random() < 0.5:
            self._fee(order_id, currency, made[0]["at"])

    def _later(self, order_id: int, at: datetime, stored: Any, mode: str) -> dict[str, Any]:
        dice = self._dice
        outcome = dice.choice(["approve", "approve", "hold_for_review", "hold_for_fee", "reject"])
        if dice.random() < 0.3:
            return self._decision(order_id, outcome, "policy", mode, at, stored, None)
        codes = {
            "approve": ["approved_by_person", "request_dropped", "work_free"],
            "reject": ["rejected_by_person", "fraud", "customer_withdrew"],
        }
        code, by = dice.choice(codes.get(outcome, ["held_by_person"])), dice.choice(_PEOPLE)
        if code in {"request_dropped", "work_free"}:
            by = "anna"  # nobody else can do that
        return self._decision(order_id, outcome, by, "enforce", at, None, code)

    def _decision(
        self, order_id: int, outcome: str, by: str, mode: str, at: datetime, judgement: Any, code: str | None
    ) -> dict[str, Any]:
        code = code or "risk_review"
        row = {
            "order_id": order_id, "outcome": outcome, "by": by, "mode": mode, "at": at, "judgement": judgement,
            "reasons": [{"code": code, "text": f"For the test ({code})."}], "policy_version": 1, "engine_version": "1",
            "intended_calls": [],
        }  # fmt: skip
        self._decisions.append(row)
        return row

    def _fee(self, order_id: int, currency: str, since: datetime) -> None:
        dice, created = self._dice, since + timedelta(hours=self._dice.uniform(0, 20))
        state = dice.choice(["unpaid", "paid", "paid", "waived", "cancelled", "refunded", "lost"])
        settled = None if state == "unpaid" else created + timedelta(days=dice.uniform(0, 20))
        self._fees.append({
            "id": uuid.UUID(int=order_id), "order_id": order_id, "customer_id": 1, "currency": currency,
            "amount_minor": dice.choice([700, 5000, 12_345]), "form": "invoice", "state": state,
            "minutes": dice.choice([60, 90, None]), "created_at": created, "settled_at": settled,
            "expires_at": created + timedelta(days=7),
        })  # fmt: skip

    async def write(self, db: Database) -> None:
        """Store the rows; decisions have their ids in the order of their times."""
        newest: dict[int, int] = {}
        async with db.begin() as tx:
            await tx.execute(orders.insert(), self._orders)
            for number, row in enumerate(sorted(self._decisions, key=lambda row: row["at"]), 1):
                row |= {"id": number, "supersedes": newest.get(row["order_id"])}
                newest[row["order_id"]] = number
            await tx.execute(decisions.insert(), self._decisions)
            if self._fees:
                await tx.execute(fees.insert(), self._fees)
            which = orders.update().where(orders.c.order_id == sa.bindparam("of_order"))
            named = [{"of_order": order_id, "newest": number} for order_id, number in newest.items()]
            await tx.execute(which.values(decision_id=sa.bindparam("newest")), named)


def _in(currency: str, stored: Any) -> Any:
    """Return a stored judgement with its amounts in another currency."""
    if isinstance(stored, dict):
        return {name: currency if name == "currency" else _in(currency, value) for name, value in stored.items()}
    return [_in(currency, one) for one in stored] if isinstance(stored, list) else stored


async def fill(db: Database, seed: int, *, how_many: int, since: datetime, until: datetime) -> None:
    """Store this many orders that were first decided between two times."""
    town = Town(seed, since, until)
    for _ in range(how_many):
        town.order()
    await town.write(db)
