"""Manual actions on invoices, payments and quotes."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from app.sandbox import billing, clients
from app.sandbox.context import BusinessError
from app.sandbox.desk.base import Desk
from app.sandbox.ledger import Invoice, Line, Quote, QuoteLine
from app.sandbox.models import CRON, Actor, Money, money


def _date(value: date | str | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


class MoneyDesk(Desk):
    """Payments, refunds and quotes."""

    def add_invoice(
        self,
        client_id: int,
        lines: Sequence[tuple[str, Money]],
        *,
        due: date | str | None = None,
        on: date | str | None = None,
        status: str = "Unpaid",
        kind: str = "Hosting",
    ) -> Invoice:
        """Add an invoice as cron does, such as a renewal; with a past `due` it is overdue."""
        rows = [
            Line(id=next(self.state.next.line), type=kind, relid=0, description=text, amount=money(amount))
            for text, amount in lines
        ]
        client = clients.find(self.ctx, client_id)
        return billing.new_invoice(self.ctx, client, rows, due=_date(due), on=_date(on), status=status)

    async def pay_invoice(
        self,
        invoice_id: int,
        amount: Money | None = None,
        *,
        by: Literal["customer", "staff", "cron"] = "customer",
        admin_id: int = 1,
    ) -> Invoice:
        """Receive a payment (the whole balance, or `amount`); it may be partial, late or an overpayment."""
        invoice = billing.find(self.ctx, invoice_id)
        actor = {
            "customer": self.ctx.customer_actor(self.state.clients[invoice.client_id]),
            "staff": Actor(kind="staff", admin_id=admin_id),
            "cron": CRON,
        }[by]
        paid = None if amount is None else money(amount)
        await billing.pay(self.ctx, invoice, actor, amount=paid)
        return invoice

    async def refund_invoice(self, invoice_id: int, amount: Money | None = None, *, admin_id: int = 1) -> Invoice:
        invoice = billing.find(self.ctx, invoice_id)
        back = None if amount is None else money(amount)
        await billing.refund(self.ctx, invoice, Actor(kind="staff", admin_id=admin_id), amount=back)
        return invoice

    async def cancel_invoice(self, invoice_id: int, *, admin_id: int = 1) -> Invoice:
        invoice = billing.find(self.ctx, invoice_id)
        await billing.cancel_invoice(self.ctx, invoice, Actor(kind="staff", admin_id=admin_id))
        return invoice

    def charge_back(self, invoice_id: int) -> Invoice:
        invoice = billing.find(self.ctx, invoice_id)
        billing.charge_back(self.ctx, invoice)
        return invoice

    def add_quote(self, client_id: int, subject: str, lines: Sequence[tuple[str, Money]]) -> Quote:
        """Add a quote that staff wrote and sent manually."""
        rows = [
            QuoteLine(id=next(self.state.next.line), description=text, quantity=Decimal(1), unit_price=money(amount))
            for text, amount in lines
        ]
        now, today = self.ctx.now(), self.ctx.today()
        return self.state.add_quote(
            Quote(
                id=next(self.state.next.quote),
                subject=subject,
                stage="Delivered",
                client_id=client_id,
                created=today,
                valid_until=today + timedelta(days=14),
                modified_at=now,
                sent_at=now,
                lines=rows,
            )
        )

    async def accept_quote(self, quote_id: int, *, by: Literal["customer", "staff"] = "customer") -> Invoice:
        quote = self.state.quotes.get(quote_id)
        if quote is None:
            raise BusinessError("Quote ID Not Found")
        client = clients.find(self.ctx, quote.client_id)
        actor = self.ctx.customer_actor(client) if by == "customer" else Actor(kind="staff", admin_id=1)
        return await billing.accept_quote(self.ctx, quote, actor)
