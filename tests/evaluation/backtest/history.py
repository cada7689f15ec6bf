"""A history to judge: orders of many kinds, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.facts import Facts, FraudCheck, FraudVerdict, ListKind, Neighbours, PaymentState, PlacedBy
from app.core.reading.requests import TermKind
from app.db import Database
from app.orders import facts_codec
from app.policies.versions import activate, publish
from app.tables.history import CaseSource, Label, cases
from tests.core.judging import a_customer, a_request, an_item, an_order

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ACTIVE = """
[risk]
review_from = 60
[currencies.JPY]
staff_cost_per_hour = "4000"
handling_fee = "700"
custom_rate_per_hour = "5000"
max_fee = "40000"
mandate_above = "50000"
large_order = "30000"
postpaid_month = "2000"
"""
GIVEN = """
[risk]
review_from = 50
reject_from = 70
auto_reject = true
[labour]
tolerated_months = "4.00"
[points.risk]
shared_phone = 45
chargebacks = 35
[labour.minutes]
os_old = 30
"""
_TODAY = ("customer.phone_country", "customer.overdue_invoices", "items.listed", "neighbours.phone")
_CURRENCIES = ("USD", "USD", "USD", "EUR", "JPY", "CHF", None)


def some_case(number: int, *, seed: int = 7) -> dict[str, Any]:
    """Return the row of one case."""
    dice = random.Random(f"{seed}:{number}")
    bad = dice.random() < 0.15
    placed_at = NOW - timedelta(days=dice.randint(0, 700), seconds=dice.randint(0, 3), microseconds=number)
    imported = dice.random() < 0.7
    facts = _facts(number, dice, placed_at, bad=bad, today=_TODAY[: dice.randint(0, 4)] if imported else ())
    unlabelled = dice.choice([Label.OPEN, Label.REFUNDED, Label.CANCELLED_UNPAID])
    good = unlabelled if dice.random() < 0.2 else Label.GOOD
    return {
        "order_id": number,
        "customer_id": 93,
        "source": (CaseSource.IMPORTED if imported else CaseSource.LIVE).value,
        "placed_at": placed_at,
        "judged_at": placed_at + timedelta(minutes=5),
        "facts": facts_codec.pack(facts),
        "terms_digest": "0" * 16,
        "label": (dice.choice([Label.FRAUD, Label.DISPUTED]) if bad else good).value,
        "labelled_at": NOW,
        "staff_minutes": dice.choice([None, None, 0, 12, 45]),
        "reviewed": dice.choice([None, None, None, "approve", "reject", "hold_for_fee", "hold_for_review"]),
    }


def _facts(number: int, dice: random.Random, placed_at: datetime, *, bad: bool, today: tuple[str, ...]) -> Facts:
    amount = dice.choice([0, 500, 1500, 9900, 45_000])
    item = an_item(
        first_amount=amount,
        recurring_amount=amount if dice.random() < 0.9 else None,
        listed=dice.choice([True, True, True, False]),
        price_override=dice.random() < 0.1,
    )
    check = FraudCheck(module="maxmind", verdict=dice.choice(list(FraudVerdict)), score=dice.uniform(0, 100))
    order = an_order(
        order_id=number,
        placed_at=placed_at,
        placed_by=dice.choice([PlacedBy.CUSTOMER, PlacedBy.CUSTOMER, PlacedBy.STAFF]),
        currency=dice.choice(_CURRENCIES),
        amount=amount,
        payment=dice.choice([PaymentState.PAID, PaymentState.PAID, PaymentState.UNPAID]),
        items=(item,),
        requests=tuple(a_request(kind) for kind in TermKind if dice.random() < 0.06),
        fraud_check=check if dice.random() < (0.6 if bad else 0.1) else None,
    )
    customer = a_customer(
        phone_country=dice.choice(["US", "US", "VN", None]),
        overdue_invoices=dice.choice([0, 0, 0, 1, 4]),
        chargebacks=dice.choice([0, 1, 2]) if bad else 0,
        earlier_fraud_orders=1 if bad and dice.random() < 0.3 else 0,
        earlier_effortless_orders=dice.randint(0, 4),
        neighbours=(Neighbours(kind="phone", customers=3, bad_customers=dice.choice([0, 1, 3])),) if bad else (),
        lists=((ListKind.ALLOW, "example.com"),) if dice.random() < 0.03 else (),
    )
    return Facts(order=order, customer=customer, today=today)


def some_cases(count: int, *, first: int = 1, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Yield this many rows."""
    for number in range(first, first + count):
        yield some_case(number, seed=seed)


async def add_cases(db: Database, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows of cases."""
    async with db.begin() as tx:
        for batch in _batches(rows, 500):
            await tx.execute(cases.insert(), batch)


async def set_active(db: Database, document: str = ACTIVE) -> int:
    """Publish and activate a policy; return its version."""
    async with db.begin() as tx:
        published = await publish(tx, document, by="test", now=NOW)
        await activate(tx, published.version, by="test", now=NOW)
    return published.version


def _batches(rows: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
