"""An order's life after it was placed: accept, back to pending, cancel, fraud, delete.

All order hooks run *before* the change.
"""

from app.sandbox import billing, provisioning
from app.sandbox.context import BusinessError, Context
from app.sandbox.models import Actor, Order, Service

NOT_PENDING = "Order ID not found or Status not Pending"


def find(ctx: Context, order_id: int, message: str = "Order ID Not Found") -> Order:
    order = ctx.state.orders.get(order_id)
    if order is None:
        raise BusinessError(message)
    return order


async def _announce(ctx: Context, order: Order, to: str, actor: Actor) -> None:
    staff_id = actor.admin_id if actor.kind == "staff" else 0
    await ctx.raise_event("order.status_changed", actor, order_id=order.id, to=to, staff_id=staff_id)


async def accept(
    ctx: Context,
    order_id: int,
    actor: Actor,
    *,
    autosetup: bool | None = None,
    sendregistrar: bool | None = None,
    sendemail: bool = True,
) -> None:
    """Accept a Pending order. Payment is not checked; services are provisioned according to `autosetup`."""
    order = find(ctx, order_id, NOT_PENDING)
    taken = order.accepting and not ctx.behaviours.parallel_accepts_both_run
    if order.status != "Pending" or taken:
        raise BusinessError(NOT_PENDING)
    order.accepting = True
    try:
        await _announce(ctx, order, "accepted", actor)
        errors = await _build_items(ctx, order, actor, autosetup=autosetup, sendemail=sendemail)
        if sendregistrar is not False:
            for domain in ctx.state.domains_of_order(order):
                if domain.status == "Pending":
                    errors.append(await provisioning.register_domain(ctx, domain, actor, by_hand=True))
    finally:
        order.accepting = False
    failures = [error for error in errors if error] if ctx.behaviours.accept_reports_failures else []
    order.status = ctx.behaviours.partly_failed_accept if failures else "Active"
    ctx.log(f"Order Accepted - Order ID: {order.id}", actor, client_id=order.client_id)
    if failures:
        raise BusinessError(failures[0])


async def _build_items(
    ctx: Context, order: Order, actor: Actor, *, autosetup: bool | None, sendemail: bool
) -> list[str]:
    errors = []
    pending = [service for service in ctx.state.items_of(order) if service.status == "Pending"]
    for service in pending:
        product = ctx.state.products[service.product_id]
        wanted = ctx.behaviours.accept_autosetup_default and product.autosetup != "never"
        if product.module and (wanted if autosetup is None else autosetup):
            error = await provisioning.create_service(ctx, service, actor, by_hand=True)
            errors.append(error)
            if error:
                continue
        elif ctx.behaviours.accept_activates_unbuilt:
            service.status = "Active"
        if sendemail and service.status == "Active":
            ctx.mail(order.client_id, "New Account Information", related_id=service.id)
    for upgrade in order.upgrades:
        billing.apply_upgrade(ctx, upgrade)
    return errors


def _set_items(ctx: Context, order: Order, status: str, *, terminate: bool) -> None:
    rows: list[Service] = ctx.state.items_of(order)
    for service in rows:
        if terminate and service.status in {"Active", "Suspended"}:
            provisioning.terminate(service)
        service.status = status
    for domain in ctx.state.domains_of_order(order):
        domain.status = status


async def set_pending(ctx: Context, order_id: int, actor: Actor) -> None:
    """Set the order and its items back to Pending. Repeats succeed."""
    order = find(ctx, order_id)
    await _announce(ctx, order, "pending", actor)
    _set_items(ctx, order, "Pending", terminate=ctx.behaviours.pending_terminates_services)
    order.status = "Pending"


async def cancel(ctx: Context, order_id: int, actor: Actor, *, any_status: bool = False) -> None:
    """Cancel a Pending order and its unpaid invoice; the admin area also cancels Active ones, ending services."""
    order = find(ctx, order_id, NOT_PENDING)
    if order.status != "Pending" and not any_status:
        raise BusinessError(NOT_PENDING)
    await _announce(ctx, order, "cancelled", actor)
    _set_items(ctx, order, "Cancelled", terminate=True)
    order.status = "Cancelled"
    ctx.log(f"Order Cancelled - Order ID: {order.id}", actor, client_id=order.client_id)
    await _cancel_unpaid_invoice(ctx, order, actor)


async def mark_fraud(ctx: Context, order_id: int, actor: Actor) -> None:
    """Set to Fraud from any status; repeats succeed and run the hook again."""
    order = find(ctx, order_id)
    await _announce(ctx, order, "fraud", actor)
    _set_items(ctx, order, "Fraud", terminate=ctx.behaviours.fraud_terminates_services)
    order.status = "Fraud"
    ctx.log(f"Order Marked as Fraud - Order ID: {order.id}", actor, client_id=order.client_id)
    await _cancel_unpaid_invoice(ctx, order, actor)


async def delete(ctx: Context, order_id: int, actor: Actor) -> None:
    order = find(ctx, order_id, "Order ID not found")
    if order.status not in {"Cancelled", "Fraud"}:
        raise BusinessError("The order status must be in Cancelled or Fraud to be deleted")
    await _announce(ctx, order, "deleted", actor)
    ctx.state.remove_order(order)


async def _cancel_unpaid_invoice(ctx: Context, order: Order, actor: Actor) -> None:
    invoice = ctx.state.invoices.get(order.invoice_id)
    if invoice is not None and invoice.status == "Unpaid":
        await billing.cancel_invoice(ctx, invoice, actor)


async def provision(ctx: Context, order_id: int, actor: Actor) -> list[str]:
    """Press *Create* as an admin on each of the order's services; the order's status does not change."""
    order = find(ctx, order_id)
    errors = [
        await provisioning.create_service(ctx, service, actor, by_hand=True)
        for service in ctx.state.items_of(order)
        if service.status == "Pending"
    ]
    return [error for error in errors if error]


async def retry_queue(ctx: Context, actor: Actor) -> list[int]:
    """Retry failed module creates, as cron does according to some sources."""
    retried = []
    for entry in ctx.state.queue:
        service = ctx.state.services.get(entry.service_id)
        if not entry.completed and entry.action == "CreateAccount" and service is not None:
            await provisioning.create_service(ctx, service, actor)
            retried.append(service.id)
    return retried
