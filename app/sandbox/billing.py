"""Invoices, payments, credit, refunds and quotes, with the hooks in WHMCS's order."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from app.sandbox import provisioning
from app.sandbox.context import BusinessError, Context
from app.sandbox.ledger import Credit, Invoice, Line, Quote, Transaction
from app.sandbox.models import ZERO, Actor, Client, Upgrade

DUE_DAYS = 7


def find(ctx: Context, invoice_id: int) -> Invoice:
    invoice = ctx.state.invoices.get(invoice_id)
    if invoice is None:
        raise BusinessError("Invoice ID Not Found")
    return invoice


def new_invoice(
    ctx: Context,
    client: Client,
    lines: Sequence[Line],
    *,
    gateway: str = "",
    order_id: int = 0,
    on: date | None = None,
    due: date | None = None,
    status: str = "Unpaid",
    notes: str = "",
    tax_rate: Decimal | None = None,
) -> Invoice:
    """Create an invoice; only an invoice created by a checkout is linked to an order."""
    today = on or ctx.today()
    rate = ctx.behaviours.tax_rates.get(client.country, ZERO) if tax_rate is None else tax_rate
    return ctx.state.add_invoice(
        Invoice(
            id=next(ctx.state.next.invoice),
            client_id=client.id,
            created_at=ctx.now(),
            updated_at=ctx.now(),
            date=today,
            due=due or today + timedelta(days=DUE_DAYS),
            payment_method=gateway or client.gateway,
            status=status,
            lines=list(lines),
            tax_rate=rate,
            notes=notes,
            order_id=order_id,
        )
    )


def record_payment(ctx: Context, invoice: Invoice, amount: Decimal) -> Transaction:
    client = ctx.state.clients[invoice.client_id]
    return ctx.state.add_transaction(
        Transaction(
            id=next(ctx.state.next.transaction),
            invoice_id=invoice.id,
            currency_id=ctx.state.currencies[client.currency].id,
            at=ctx.now(),
            gateway=invoice.payment_method,
            description="Invoice Payment",
            transid="txn_" + ctx.state.letters(14),
            amount_in=amount,
        )
    )


async def pay(ctx: Context, invoice: Invoice, actor: Actor, *, amount: Decimal | None = None) -> None:
    """Apply a gateway's payment, which may be late or too much.

    Gateways call back in any invoice state, so a late payment is applied to the invoice and an overpayment becomes
    credit.
    """
    due = max(invoice.balance, ZERO)
    paid = due if amount is None else amount
    record_payment(ctx, invoice, paid)
    ctx.log(f"Added Invoice Payment - Invoice ID: {invoice.id}", actor, client_id=invoice.client_id)
    open_ = invoice.status in {"Unpaid", "Payment Pending", "Collections"}
    surplus = -invoice.balance if open_ else paid
    if surplus > 0:
        add_credit(ctx, invoice.client_id, surplus, f"Invoice #{invoice.id} Overpayment", relid=invoice.id)
    if open_ and invoice.balance <= 0:
        await settle(ctx, invoice, actor)


async def settle(ctx: Context, invoice: Invoice, actor: Actor) -> None:
    """Mark Paid. Receipt and automation run first, so provisioning on payment precedes `InvoicePaid`."""
    invoice.status = "Paid"
    invoice.paid_at = invoice.updated_at = ctx.now()
    ctx.mail(invoice.client_id, "Invoice Payment Confirmation", related_id=invoice.id)
    order = ctx.state.orders.get(invoice.order_id)
    if order is not None and order.status not in {"Cancelled", "Fraud"}:
        for upgrade in order.upgrades:
            apply_upgrade(ctx, upgrade)
        await provisioning.set_up(ctx, order, {"payment"}, actor)
    await ctx.raise_event("invoice.paid", actor, invoice_id=invoice.id)
    if order is not None:
        await ctx.raise_event(
            "order.paid", actor, order_id=order.id, customer_id=order.client_id, invoice_id=invoice.id
        )


def apply_upgrade(ctx: Context, upgrade: Upgrade) -> None:
    service = ctx.state.services.get(upgrade.service_id)
    if service is not None and upgrade.status == "Pending":
        service.product_id, service.recurring, service.cycle = upgrade.product_id, upgrade.recurring, upgrade.cycle
        upgrade.status = "Completed"


def add_credit(
    ctx: Context, client_id: int, amount: Decimal, description: str, *, relid: int = 0, on: date | None = None
) -> Credit:
    return ctx.state.add_credit(
        Credit(
            id=next(ctx.state.next.credit),
            client_id=client_id,
            date=on or ctx.today(),
            description=description,
            amount=amount,
            relid=relid,
        )
    )


async def use_credit(ctx: Context, invoice: Invoice, actor: Actor) -> None:
    """Apply the client's credit to the invoice as far as it goes (`autoapplycredit`, Automatic Credit Use)."""
    amount = min(ctx.state.clients[invoice.client_id].credit, invoice.balance)
    if amount > 0:
        add_credit(ctx, invoice.client_id, -amount, f"Credit Applied to Invoice #{invoice.id}", relid=invoice.id)
        invoice.credit += amount
        if invoice.balance <= 0:
            await settle(ctx, invoice, actor)


async def cancel_invoice(ctx: Context, invoice: Invoice, actor: Actor) -> None:
    """Cancel; applied credit is returned to the client."""
    if invoice.credit > 0:
        add_credit(
            ctx, invoice.client_id, invoice.credit, f"Credit from Cancelled Invoice #{invoice.id}", relid=invoice.id
        )
        invoice.credit = ZERO
    invoice.status = "Cancelled"
    invoice.cancelled_at = invoice.updated_at = ctx.now()
    await ctx.raise_event("invoice.cancelled", actor, invoice_id=invoice.id)


def _pay_out(ctx: Context, invoice: Invoice, amount: Decimal, description: str, *, refund_id: int) -> None:
    client = ctx.state.clients[invoice.client_id]
    ctx.state.add_transaction(
        Transaction(
            id=next(ctx.state.next.transaction),
            invoice_id=invoice.id,
            currency_id=ctx.state.currencies[client.currency].id,
            at=ctx.now(),
            gateway=invoice.payment_method,
            description=description,
            transid="out_" + ctx.state.letters(14),
            amount_out=amount,
            refund_id=refund_id,
        )
    )


async def refund(ctx: Context, invoice: Invoice, actor: Actor, *, amount: Decimal | None = None) -> None:
    """Refund by the gateway; `InvoiceRefunded` also runs for partial refunds."""
    back = invoice.received if amount is None else amount
    if back <= 0 or back > invoice.received:
        raise BusinessError("There is nothing to refund")
    original = next((row.id for row in invoice.transactions if row.amount_in > 0), 0)
    _pay_out(ctx, invoice, back, f"Refund of Transaction ID {original}", refund_id=original)
    complete = invoice.received <= 0
    if complete:
        invoice.status, invoice.refunded_at = "Refunded", ctx.now()
    invoice.updated_at = ctx.now()
    if complete or ctx.behaviours.partial_refunds_raise_hook:
        await ctx.raise_event("invoice.refunded", actor, invoice_id=invoice.id)


def charge_back(ctx: Context, invoice: Invoice) -> None:
    """`paymentReversed`: status Collections and an outgoing transaction; no hook is known to run."""
    if invoice.received <= 0:
        raise BusinessError("There is no payment to reverse")
    _pay_out(ctx, invoice, invoice.received, "Reversed Transaction", refund_id=0)
    invoice.status, invoice.updated_at = "Collections", ctx.now()
    ctx.log(f"Payment Reversed - Invoice ID: {invoice.id}", Actor(kind="cron"), client_id=invoice.client_id)


async def accept_quote(ctx: Context, quote: Quote, actor: Actor) -> Invoice:
    """Turn a quote into an invoice; `AcceptQuote` carries both ids."""
    if quote.stage == "Accepted" and ctx.behaviours.accept_quote_twice == "error":
        raise BusinessError("Quote has already been accepted")
    client = ctx.state.clients.get(quote.client_id)
    if client is None:
        raise BusinessError("Client ID Not Found")
    lines = [
        Line(
            id=next(ctx.state.next.line),
            type="Item",
            relid=0,
            description=row.description,
            amount=row.amount,
            taxed=row.taxed,
        )
        for row in quote.lines
    ]
    invoice = new_invoice(ctx, client, lines, notes=f"Re Quote #{quote.id}")
    quote.stage, quote.accepted_at, quote.modified_at = "Accepted", ctx.now(), ctx.now()
    quote.invoice_ids.append(invoice.id)
    await ctx.raise_event("quote.accepted", actor, quote_id=quote.id, invoice_id=invoice.id)
    return invoice


async def capture_stored_cards(ctx: Context, actor: Actor) -> list[int]:
    """Charge stored cards for invoices that are due, as cron does."""
    today = ctx.today()
    due = [
        invoice
        for invoice in ctx.state.invoices.values()
        if invoice.status == "Unpaid"
        and invoice.due <= today
        and invoice.payment_method == "stripe"
        and ctx.state.clients[invoice.client_id].stored_card
    ]
    for invoice in due:
        invoice.last_capture = ctx.now()
        await pay(ctx, invoice, actor)
    return [invoice.id for invoice in due]
