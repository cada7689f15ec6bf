"""A compact description of a past: rows as the import leaves them, written directly into `panel_rows`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.config import Settings
from app.context import Context
from app.core.facts import Facts, PlacedBy
from app.core.money import Money
from app.db import Database
from app.history.cases.build import Built, build_cases
from app.history.imported import HistoryCustomer, put
from app.orders.facts_codec import unpack
from app.panels.records import (
    CustomerStats,
    PanelCustomer,
    PanelInvoice,
    PanelLine,
    PanelOrder,
    PanelProduct,
    PanelReply,
    PanelService,
    PanelTicket,
)
from app.policies import versions
from app.tables.history import cases, imports, panel_rows

START = datetime(2025, 1, 1, 12, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
RESOURCES = ("customers", "orders", "services", "invoices", "credits", "tickets")
CATALOGUE = (
    PanelProduct(
        product_id=11,
        group_id=1,
        kind="hostingaccount",
        name="Web S",
        module="cpanel",
        pay_type="recurring",
        prices={"USD": {"monthly": Money(1500, "USD")}},
        setup_fees={"USD": {}},
        options=("ubuntu 24.04",),
    ),
)


def at(days: float, **more: float) -> datetime:
    """Return the time this many days after the start."""
    return START + timedelta(days=days, **more)


def usd(minor: int) -> Money:
    return Money(minor, "USD")


@dataclass
class Past:
    """Rows by resource and id. Days count from START; customers sign up on day 0."""

    rows: dict[tuple[str, int], Any] = field(default_factory=dict)

    def customer(self, customer_id: int, *, signed_up: float | None = 0, **changes: Any) -> None:
        values: dict[str, Any] = {
            "customer_id": customer_id,
            "status": "Active",
            "group_id": 0,
            "first_name": "Ada",
            "last_name": f"Number{customer_id}",
            "company": "",
            "email": f"ada{customer_id}@example.com",
            "email_verified": True,
            "address": (f"Long Street {customer_id}", "Springfield", "IL", "62701"),
            "country": "US",
            "phone": f"+1.217555{customer_id:04d}",
            "phone_cc": "1",
            "currency": "USD",
            "credit": None,
            "stats": CustomerStats(),
            "revenue": None,
            "custom_fields": (),
        }
        record = HistoryCustomer(
            customer=PanelCustomer(**values | changes),
            signed_up_on=None if signed_up is None else at(signed_up).date(),
        )
        self.rows["customers", customer_id] = record

    def order(
        self, order_id: int, customer_id: int | None, day: float, *, field_text: str = "", **changes: Any
    ) -> None:
        """Add an active order of one plan; service and invoice have the order's id; unpaid unless `paid` is given."""
        paid = changes.pop("paid", None)
        service_status = changes.pop("service_status", "Active")
        billed = changes.pop("billed", "Unpaid" if paid is None else "Paid")
        domain = changes.pop("domain", f"site{order_id}.example")
        line = PanelLine(
            kind="product",
            relid=order_id,
            product_type="hostingaccount",
            product="Web S",
            domain=domain,
            cycle="monthly",
            amount=usd(1500),
            status="Active",
        )
        values: dict[str, Any] = {
            "order_id": order_id,
            "order_number": str(order_id),
            "customer_id": customer_id,
            "placed_by": PlacedBy.CUSTOMER,
            "staff_id": None,
            "placed_at": at(day),
            "amount": usd(1500),
            "currency": "USD",
            "payment_method": "stripe",
            "promo_code": "",
            "invoice_id": order_id,
            "status": "Active",
            "ip": f"81.2.{order_id % 200 + 1}.{order_id // 200 % 200 + 1}",
            "notes": "",
            "fraud_check": None,
            "lines": (line,),
        }
        order = PanelOrder(**values | changes)
        self.rows["orders", order_id] = order
        if order.invoice_id is not None:
            self.invoice(order.invoice_id, customer_id, day, due=day, paid=paid, status=billed)
        if customer_id is not None:
            texts = (("What for?", field_text),) if field_text else ()
            self.service(order_id, customer_id, day, order_id=order_id, status=service_status, custom_fields=texts)

    def invoice(
        self, invoice_id: int, customer_id: int | None, day: float, *, due: float, paid: float | None, status: str
    ) -> None:
        record = PanelInvoice(
            invoice_id=invoice_id,
            customer_id=customer_id,
            status=status,
            created_on=at(day).date(),
            due_on=at(due).date(),
            paid_at=None if paid is None else at(paid),
            subtotal=usd(1500),
            credit=None,
            total=usd(1500),
            balance=None,
            currency="USD",
            payment_method="stripe",
            notes="",
            items=(),
            transactions=(),
        )
        self.rows["invoices", invoice_id] = record

    def service(
        self,
        service_id: int,
        customer_id: int,
        day: float | None,
        *,
        order_id: int | None = None,
        status: str = "Active",
        custom_fields: tuple[tuple[str, str], ...] = (),
    ) -> None:
        record = PanelService(
            service_id=service_id,
            customer_id=customer_id,
            order_id=order_id,
            product_id=11,
            name="Web S",
            group="Web hosting",
            domain=f"site{service_id}.example",
            status=status,
            cycle="Monthly",
            first_amount=usd(1500),
            recurring_amount=usd(1500),
            registered_on=None if day is None else at(day).date(),
            custom_fields=custom_fields,
            options=(),
        )
        self.rows["services", service_id] = record

    def ticket(
        self,
        ticket_id: int,
        customer_id: int,
        day: float,
        text: str = "",
        *,
        subject: str = "Hello",
        staff: bool = False,
    ) -> None:
        opening = PanelReply(reply_id=0, by_staff=staff, at=at(day), message=text)
        record = PanelTicket(
            ticket_id=ticket_id,
            number=str(ticket_id),
            customer_id=customer_id,
            email="",
            verified=True,
            department_id=1,
            opened_at=at(day),
            opened_by_staff=staff,
            subject=subject,
            status="Closed",
            replies=(opening,) if text else (),
        )
        self.rows["tickets", ticket_id] = record

    async def save(self, db: Database, *, resources: tuple[str, ...] = RESOURCES) -> None:
        """Replace all imported rows by this past."""
        async with db.begin() as tx:
            await tx.execute(panel_rows.delete())
            await tx.execute(imports.delete())
            for resource in resources:
                row = {"resource": resource, "cursor": {}, "rows": 0, "finished_at": NOW, "changed_at": NOW}
                await tx.execute(imports.insert().values(row))
            await put(tx, self.rows.values())


class Shop:
    """A panel that answers only for its catalogue: the past is never read from it again."""

    async def catalogue(self, *, urgent: bool = False) -> tuple[PanelProduct, ...]:
        return CATALOGUE


def context_of(db: Database, *, now: datetime = NOW, panel: Any = None) -> Context:
    settings = Settings(database_url=str(db.url))
    return Context(db=db, settings=settings, panel=panel or Shop(), clock=lambda: now)


async def with_policy(db: Database, document: str = "") -> None:
    async with db.begin() as tx:
        published = await versions.publish(tx, document, by="test", now=NOW)
        await versions.activate(tx, published.version, by="test", now=NOW)


async def build(
    db: Database, past: Past, *, now: datetime = NOW, policy: str = "", resources: tuple[str, ...] = RESOURCES
) -> Built:
    """Save the past and build its cases. `resources` are those whose import is complete."""
    await with_policy(db, policy)
    await past.save(db, resources=resources)
    return await build_cases(context_of(db, now=now), heard=lambda done, total: None)


async def all_cases(db: Database) -> list[Any]:
    async with db.read() as connection:
        return list((await connection.execute(sa.select(cases).order_by(cases.c.placed_at, cases.c.order_id))).all())


async def facts_of(db: Database) -> dict[int, Facts]:
    return {row.order_id: unpack(row.facts) for row in await all_cases(db)}


def day_of(day: float) -> date:
    return at(day).date()
