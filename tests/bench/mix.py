"""Orders as a hosting provider sees them, for measuring: most are plain orders from the cart, about 15 % are not."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from app.core.facts import (
    CustomerFacts,
    Facts,
    FraudCheck,
    FraudVerdict,
    Item,
    Neighbours,
    OrderFacts,
    OrderKind,
    PaymentState,
    PlacedBy,
)
from app.core.reading.requests import TermFinding, TermKind

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_KINDS = [kind for kind in TermKind if kind is not TermKind.LISTED]
_CYCLES = ["monthly"] * 6 + ["quarterly", "annually", "annually", "biennially"]
_COUNTRIES = ["US"] * 6 + ["DE", "GB", "BR"]


def mixed(count: int, *, seed: int = 1) -> list[Facts]:
    """Return the facts of this many orders; the same ones for the same seed."""
    dice = random.Random(seed)
    return [_order(dice, number) for number in range(1, count + 1)]


def _order(dice: random.Random, number: int) -> Facts:
    odd = dice.random()
    by_staff = odd < 0.05
    asks = odd < 0.04 or 0.05 <= odd < 0.09
    risky = 0.09 <= odd < 0.15
    items = tuple(_item(dice, number) for _ in range(dice.choice([1, 1, 1, 2])))
    requests = tuple(
        TermFinding(kind=dice.choice(_KINDS), term="ubuntu 8.04", where="notes", start=0)
        for _ in range(dice.randint(1, 2) if asks else 0)
    )
    check = FraudCheck(module="maxmind", verdict=FraudVerdict.PASS, score=dice.random() * 20)
    if risky and dice.random() < 0.5:
        check = FraudCheck(module="maxmind", verdict=FraudVerdict.REVIEW, score=80.0)
    order = OrderFacts(
        order_id=number,
        placed_at=NOW - timedelta(minutes=number),
        placed_by=PlacedBy.STAFF if by_staff else PlacedBy.CUSTOMER,
        kind=OrderKind.NEW,
        currency=dice.choice(["USD", "USD", "EUR"]),
        amount=sum(item.first_amount or 0 for item in items),
        payment=PaymentState.PAID if dice.random() < 0.9 else PaymentState.UNPAID,
        payment_method=dice.choice(["stripe", "paypal", "stripe", "banktransfer"]),
        invoice_id=number,
        items=items,
        requests=requests,
        fraud_check=check,
        fraud_check_ran=True,
    )
    return Facts(order=order, customer=_customer(dice, risky=risky))


def _item(dice: random.Random, number: int) -> Item:
    price = dice.choice([500, 1500, 2900, 8900])
    domain = dice.random() < 0.15
    return Item(
        kind="domain" if domain else "product",
        relid=number,
        product_id=None if domain else dice.randint(1, 40),
        product="" if domain else "Web S",
        group_id=None if domain else dice.randint(1, 6),
        group="" if domain else "Web hosting",
        product_type="" if domain else "hostingaccount",
        module="enom" if domain else "cpanel",
        cycle="annually" if domain else dice.choice(_CYCLES),
        first_amount=price + dice.choice([0, 0, 0, 990]),
        recurring_amount=price,
        listed=None if domain else True,
        cycle_offered=None if domain else True,
        price_override=False,
    )


def _customer(dice: random.Random, *, risky: bool) -> CustomerFacts:
    country = dice.choice(_COUNTRIES)
    neighbours = [Neighbours(kind="ip", customers=dice.randint(0, 4), bad_customers=0)] if dice.random() < 0.2 else []
    if risky:
        kind = dice.choice(["ip", "phone", "address"])
        neighbours.append(Neighbours(kind=kind, customers=2, bad_customers=dice.randint(0, 2)))
    return CustomerFacts(
        customer_id=dice.randint(1, 5000),
        status="Active",
        group_id=0,
        signed_up_at=NOW - timedelta(days=dice.randint(30, 3000)),
        country=country,
        phone_country=country,
        ip_country="NL" if risky else country,
        email_domain="example.com",
        email_disposable=risky and dice.random() < 0.3,
        email_verified=True,
        active_services=dice.randint(0, 5),
        total_services=5,
        overdue_invoices=1 if risky and dice.random() < 0.3 else 0,
        collections_invoices=0,
        paid_invoices=dice.randint(1, 60),
        revenue=50_000,
        tickets_total=2,
        tickets_recent=dice.choice([0, 0, 0, 1]),
        earlier_effortless_orders=dice.choice([0, 0, 1, 3]),
        earlier_manual_orders=dice.choice([0, 0, 0, 0, 0, 1]),
        orders_last_hour=1,
        orders_last_day=1,
        ip_orders_last_hour=1,
        ip_orders_last_day=1,
        neighbours=tuple(neighbours),
    )
