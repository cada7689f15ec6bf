"""A generated provider history: some years of orders with their customers, with rows as they would be today.

No hooks run. The same seed generates the same history. A hundred thousand orders take some seconds, so that an import
can be tried at realistic sizes.
"""

import gc
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from app.sandbox.context import Context
from app.sandbox.ledger import Credit, Invoice, Line, Transaction
from app.sandbox.models import Client, Currency, Order, Product, ProductGroup, Reply, Service, Ticket, money
from app.sandbox.past_texts import ASKING, CITIES, FIRST_NAMES, HOSTED, LAST_NAMES, REQUESTS, SUPPORT

Fate = Literal["good", "ended", "fraud", "cancelled", "refunded", "collections", "pending"]

FATES: tuple[tuple[Fate, int], ...] = (
    ("good", 66),
    ("ended", 9),
    ("fraud", 5),
    ("cancelled", 12),
    ("refunded", 5),
    ("collections", 3),
)
#: Order status, status of the service, status of the first invoice.
ENDS: dict[Fate, tuple[str, str, str]] = {
    "good": ("Active", "Active", "Paid"),
    "ended": ("Active", "Terminated", "Paid"),
    "fraud": ("Fraud", "Fraud", "Cancelled"),
    "cancelled": ("Cancelled", "Cancelled", "Cancelled"),
    "refunded": ("Cancelled", "Cancelled", "Refunded"),
    "collections": ("Active", "Suspended", "Collections"),
    "pending": ("Pending", "Pending", "Unpaid"),
}
STAFF_ENTERED = 0.06  # of all orders
RETURNING = 0.4  # orders of existing customers
RENEWED = 0.3
SUPPORTED = 0.2  # orders followed by a ticket of the customer
RATES = {"USD": Decimal(1), "EUR": Decimal("0.9"), "GBP": Decimal("0.8")}
PRODUCTS = (("Web S", "5.00"), ("Web L", "15.00"), ("VPS M", "16.00"), ("VPS L", "32.00"), ("Dedicated", "119.00"))
QUESTION = "What will you host?"


@dataclass(slots=True)
class Past:
    """The result: the number of orders by outcome."""

    orders: int = 0
    clients: int = 0
    tickets: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)


class Chronicle:
    """Writes orders chronologically, so that ids increase as on a real panel."""

    def __init__(self, ctx: Context, seed: int) -> None:
        self._ctx = ctx
        self._state = ctx.state
        self._rng = random.Random(seed)
        self._state.currencies.setdefault("GBP", Currency(id=3, code="GBP", prefix="£", suffix=""))
        self._products = [row for row in self._state.products.values() if not row.addon] or self._stock()
        self._regulars: list[Client] = []
        self._ring = self._person(shared=None)  # what the current fraudsters have in common
        self.past = Past()

    def write(self, orders: int, years: float) -> Past:
        now = self._ctx.now()
        step = timedelta(days=365 * years) / max(orders, 1)
        begin = now - step * orders
        gc.disable()  # none of these objects become garbage
        try:
            for number in range(orders):
                self._order(begin + step * (number + self._rng.random() * 0.9), now)
        finally:
            gc.enable()
        return self.past

    def _stock(self) -> list[Product]:
        group = ProductGroup(id=next(self._state.next.group), name="Hosting")
        self._state.product_groups[group.id] = group
        made = []
        for name, price in PRODUCTS:
            pricing = {code: {"monthly": money(Decimal(price) * rate)} for code, rate in RATES.items()}
            product = Product(id=next(self._state.next.product), group_id=group.id, name=name, pricing=pricing)
            product.custom_fields = {1: QUESTION}
            self._state.products[product.id] = product
            made.append(product)
        return made

    # --- people ---------------------------------------------------------------------------------------------------

    def _person(self, *, shared: dict[str, str] | None) -> dict[str, str]:
        """Return an address, a phone and an IP of one place; some customers share an address."""
        if shared is not None:
            return shared
        rng = self._rng
        city, state, country, dialling, network = rng.choice(CITIES)
        return {
            "address1": f"{rng.choice(LAST_NAMES)} Street {rng.randrange(1, 200)}",
            "city": city,
            "state": state,
            "postcode": f"{rng.randrange(10000, 99999)}",
            "country": country,
            "phone": f"+{dialling}.{rng.randrange(10**8, 10**9)}",
            "last_ip": f"{network}.{rng.randrange(256)}.{rng.randrange(1, 255)}",
        }

    def _client(self, at: datetime, *, bad: bool) -> Client:
        rng, state = self._rng, self._state
        number = next(state.next.client)
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        if bad and rng.random() < 0.2:
            self._ring = self._person(shared=None)
        neighbour = self._regulars[rng.randrange(len(self._regulars))] if self._regulars else None
        lives_with = neighbour is not None and not bad and rng.random() < 0.03
        shared = self._ring if bad else _place_of(neighbour) if neighbour is not None and lives_with else None
        place = self._person(shared=shared)
        domain = "mailinator.com" if bad and rng.random() < 0.5 else "example.org"
        code = {"DE": "EUR", "NL": "EUR", "GB": "GBP"}.get(place["country"], "USD")
        self.past.clients += 1
        client = Client(
            id=number,
            user_id=next(state.next.user),
            firstname=first,
            lastname=last,
            email=f"{first}.{last}{number}@{domain}".lower(),
            created_at=at - timedelta(minutes=rng.randrange(2, 60)),
            companyname=f"{last} Ltd" if rng.random() < 0.2 else "",
            currency=code,
            group_id=rng.choice((0, 0, 0, 0, 0, 0, 0, 0, 0, 1)),
            email_verified=not bad,
            gateway=rng.choice(("stripe", "stripe", "paypal", "banktransfer")),
        )
        for name, value in place.items():
            setattr(client, name, value)
        return state.add_client(client)

    # --- orders ---------------------------------------------------------------------------------------------------

    def _order(self, at: datetime, now: datetime) -> None:
        rng, state = self._rng, self._state
        fate: Fate = rng.choices([fate for fate, _ in FATES], [weight for _, weight in FATES])[0]
        if now - at < timedelta(days=10) and rng.random() < 0.4:
            fate = "pending"
        known = bool(self._regulars) and fate != "fraud" and rng.random() < RETURNING
        client = rng.choice(self._regulars) if known else self._client(at, bad=fate == "fraud")
        by_staff = fate != "fraud" and rng.random() < STAFF_ENTERED
        if by_staff and rng.random() < 0.7:
            self._ticket(client, rng.choice(ASKING), at - timedelta(hours=rng.randrange(2, 120)))
        product = rng.choice(self._products)
        price = money(Decimal(product.pricing["USD"]["monthly"]) * RATES.get(client.currency, Decimal(1)))
        order = state.add_order(
            Order(
                id=next(state.next.order),
                number=4_300_000_000 + rng.getrandbits(32),
                client_id=client.id,
                placed_at=at,
                placed_by="staff" if by_staff else "customer",
                amount=price,
                currency=client.currency,
                payment_method=client.gateway,
                requestor_id=0 if by_staff else client.user_id,
                admin_requestor_id=rng.choice((1, 2)) if by_staff else 0,
                status=ENDS[fate][0],
                ip=client.last_ip,
                notes=rng.choice(REQUESTS) if rng.random() < 0.08 else "",
            )
        )
        self._checked(order, client, fate)
        service = self._service(order, product, fate)
        self._billed(order, client, service, fate, now)
        if rng.random() < SUPPORTED and fate in {"good", "ended", "refunded"}:
            self._ticket(client, rng.choice(SUPPORT), min(at + timedelta(days=rng.randrange(1, 60)), now))
        if not known and fate in {"good", "ended"}:
            self._regulars.append(client)
        self.past.orders += 1
        self.past.fates[fate] += 1

    def _checked(self, order: Order, client: Client, fate: Fate) -> None:
        """Add a fraud check result to most orders; it is mostly right."""
        rng = self._rng
        if rng.random() < 0.15:
            return
        high = rng.random() < (0.8 if fate == "fraud" else 0.15 if fate == "collections" else 0.02)
        score = round(rng.uniform(60, 99) if high else rng.uniform(0.1, 20), 2)
        order.fraud_module = "maxmind"
        order.fraud_output = json.dumps({"risk_score": score, "ip_address": {"country": {"iso_code": client.country}}})

    def _service(self, order: Order, product: Product, fate: Fate) -> Service:
        rng = self._rng
        hosted = rng.choice(HOSTED) if rng.random() < 0.3 else ""
        service = self._state.add_service(
            Service(
                id=next(self._state.next.service),
                kind="product",
                order_id=order.id,
                client_id=order.client_id,
                product_id=product.id,
                created_at=order.placed_at,
                cycle="Monthly",
                first_amount=order.amount,
                recurring=order.amount,
                domain=f"{rng.choice(LAST_NAMES).lower()}{order.id}.example",
                status=ENDS[fate][1],
                username=f"u{order.id}",
                password=f"{rng.getrandbits(64):x}",
                custom_fields={QUESTION: hosted} if hosted else {},
                creates=int(fate in {"good", "ended", "refunded", "collections"}),
            )
        )
        order.service_ids.append(service.id)
        return service

    # --- money ----------------------------------------------------------------------------------------------------

    def _billed(self, order: Order, client: Client, service: Service, fate: Fate, now: datetime) -> None:
        rng = self._rng
        at = order.placed_at
        first = self._invoice(client, service, at, ENDS[fate][2], now)
        first.order_id, order.invoice_id = order.id, first.id
        if fate == "good" and rng.random() < 0.03:
            self._credit(client, first)
        later = at + timedelta(days=30)
        if fate in {"good", "ended"} and later < now and rng.random() < RENEWED:
            self._invoice(client, service, later, "Unpaid" if now - later < timedelta(days=5) else "Paid", now)

    def _invoice(self, client: Client, service: Service, at: datetime, status: str, now: datetime) -> Invoice:
        state = self._state
        day = at.astimezone(self._ctx.zone).date()
        paid_at = min(at + timedelta(minutes=self._rng.choice((3, 5, 9, 60, 2880))), now)
        settled = min(at + timedelta(days=self._rng.randrange(3, 50)), now)
        paid = status in {"Paid", "Refunded", "Collections"}
        line = Line(
            id=next(state.next.line), type="Hosting", relid=service.id, description="Hosting", amount=service.recurring
        )
        invoice = state.add_invoice(
            Invoice(
                id=next(state.next.invoice),
                client_id=client.id,
                created_at=at,
                date=day,
                due=day,
                payment_method=client.gateway,
                status=status,
                lines=[line],
                paid_at=paid_at if paid else None,
                refunded_at=settled if status == "Refunded" else None,
                cancelled_at=settled if status == "Cancelled" else None,
                updated_at=settled if status in {"Refunded", "Cancelled", "Collections"} else paid_at,
            )
        )
        if paid:
            self._money(invoice, paid_at, amount_in=service.recurring)
        if status in {"Refunded", "Collections"}:
            self._money(invoice, settled, amount_out=service.recurring)
        return invoice

    def _money(
        self, invoice: Invoice, at: datetime, *, amount_in: Decimal = Decimal(0), amount_out: Decimal = Decimal(0)
    ) -> None:
        client = self._state.clients[invoice.client_id]
        self._state.add_transaction(
            Transaction(
                id=next(self._state.next.transaction),
                invoice_id=invoice.id,
                currency_id=self._state.currencies[client.currency].id,
                at=at,
                gateway=client.gateway,
                description="Invoice Payment" if amount_in else "Refund",
                transid=f"txn_{self._rng.getrandbits(56):x}",
                amount_in=amount_in,
                amount_out=amount_out,
            )
        )

    def _credit(self, client: Client, invoice: Invoice) -> None:
        for amount, description, relid in (("25.00", "Thank you", 0), ("-1.00", "Credit Applied", invoice.id)):
            credit = Credit(
                id=next(self._state.next.credit),
                client_id=client.id,
                date=invoice.date,
                description=description,
                amount=Decimal(amount),
                relid=relid,
            )
            self._state.add_credit(credit)
        invoice.credit = Decimal("1.00")

    # --- tickets --------------------------------------------------------------------------------------------------

    def _ticket(self, client: Client, text: tuple[str, str], at: datetime) -> None:
        state = self._state
        subject, message = text
        closed = at + timedelta(hours=self._rng.randrange(1, 48))
        ticket_id = next(state.next.ticket)
        opening = Reply(
            id=0, at=at, message=message, client_id=client.id, name=client.fullname, email=client.email
        )  # fmt: skip
        answer = Reply(id=next(state.next.reply), at=closed, message="Hello, this is done.", admin="Alice Ops")
        state.add_ticket(
            Ticket(
                id=ticket_id,
                tid=f"{ticket_id}",
                c=f"{self._rng.getrandbits(32):x}",
                department_id=2,
                client_id=client.id,
                name=client.fullname,
                email=client.email,
                subject=subject,
                opened_at=at,
                last_reply_at=min(closed, self._ctx.now()),
                status="Closed",
                replies=[opening, answer],
            )
        )
        self.past.tickets += 1


def _place_of(client: Client) -> dict[str, str]:
    names = ("address1", "city", "state", "postcode", "country", "phone", "last_ip")
    return {name: getattr(client, name) for name in names}
