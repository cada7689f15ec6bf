"""Old orders for imports and back-tests: rows as they would be today, without hooks."""

from datetime import datetime, timedelta

from app.sandbox.context import Context
from app.sandbox.ledger import Invoice, Line, Transaction
from app.sandbox.models import Client, Order, Product, Service

SHOWN_MONTHS = 24


def past_order(
    ctx: Context, client: Client, product: Product, *, months_ago: int, status: str, paid_late_days: int
) -> Order:
    """A monthly order whose service is Active, with an invoice for each month of the last two years."""
    state = ctx.state
    placed_at = ctx.now() - timedelta(days=30 * months_ago)
    price = product.pricing[client.currency]["monthly"]
    order = state.add_order(
        Order(
            id=next(state.next.order),
            number=state.order_number(),
            client_id=client.id,
            placed_at=placed_at,
            placed_by="customer",
            amount=price,
            currency=client.currency,
            payment_method=client.gateway,
            requestor_id=client.user_id,
            status=status,
            ip=client.last_ip,
        )
    )
    service = _running(ctx, order, product)
    for month in range(max(months_ago - SHOWN_MONTHS, 0), max(months_ago, 1)):
        due = placed_at + timedelta(days=30 * month)
        invoice = _paid_invoice(ctx, client, service, product, due=due, paid_at=due + timedelta(days=paid_late_days))
        if month == 0:
            invoice.order_id, order.invoice_id = order.id, invoice.id
    return order


def _running(ctx: Context, order: Order, product: Product) -> Service:
    service = ctx.state.add_service(
        Service(
            id=next(ctx.state.next.service),
            kind="product",
            order_id=order.id,
            client_id=order.client_id,
            product_id=product.id,
            created_at=order.placed_at,
            cycle="Monthly",
            first_amount=order.amount,
            recurring=order.amount,
            status="Active",
            next_due=ctx.today() + timedelta(days=20),
            username=ctx.state.letters(8),
            password=ctx.state.letters(12),
            creates=1,
        )
    )
    order.service_ids.append(service.id)
    return service


def _paid_invoice(
    ctx: Context, client: Client, service: Service, product: Product, *, due: datetime, paid_at: datetime
) -> Invoice:
    state = ctx.state
    group = state.product_groups[product.group_id].name
    line = Line(
        id=next(state.next.line),
        type="Hosting",
        relid=service.id,
        description=f"{group} - {product.name}",
        amount=service.recurring,
        taxed=True,
    )
    invoice = state.add_invoice(
        Invoice(
            id=next(state.next.invoice),
            client_id=client.id,
            created_at=due,
            date=due.astimezone(ctx.zone).date(),
            due=due.astimezone(ctx.zone).date(),
            payment_method=client.gateway,
            status="Paid",
            lines=[line],
            paid_at=paid_at,
            updated_at=paid_at,
        )
    )
    state.add_transaction(
        Transaction(
            id=next(state.next.transaction),
            invoice_id=invoice.id,
            currency_id=state.currencies[client.currency].id,
            at=paid_at,
            gateway=client.gateway,
            description="Invoice Payment",
            transid="txn_" + state.letters(14),
            amount_in=invoice.total,
        )
    )
    return invoice
