"""Provisioning services and registering domains: the gate is asked before the module runs."""

import asyncio
from collections.abc import Collection
from datetime import timedelta

from app.sandbox.context import Context
from app.sandbox.models import CYCLES, Actor, Autosetup, Domain, Order, QueueEntry, Service

BLOCKED = "Provisioning was stopped by Doorman"


def _failed(ctx: Context, service_type: str, service_id: int, *, module: str, action: str, error: str) -> None:
    """Add the failure to the Module Queue, once per service and action."""
    now = ctx.now()
    for entry in ctx.state.queue_of[service_type, service_id]:
        if entry.action == action and not entry.completed:
            entry.error, entry.updated_at, entry.retries = error, now, entry.retries + 1
            return
    ctx.state.add_queue_entry(
        QueueEntry(
            id=next(ctx.state.next.queue),
            service_type=service_type,
            service_id=service_id,
            module=module,
            action=action,
            error=error,
            created_at=now,
            updated_at=now,
        )
    )


def _completed(ctx: Context, service_type: str, service_id: int) -> None:
    for entry in ctx.state.queue_of[service_type, service_id]:
        if not entry.completed:
            entry.completed, entry.updated_at = True, ctx.now()


async def _let_through(ctx: Context, order_id: int, actor: Actor, *, by_hand: bool) -> bool:
    """Ask the gate; a module call by a logged-in admin passes and is reported."""
    answer = await ctx.gate.ask(order_id)
    if answer.provision:
        return True
    if by_hand and actor.kind == "staff" and not actor.masquerade:
        await ctx.raise_event("order.overridden", actor, order_id=order_id, staff_id=actor.admin_id)
        return True
    return False


async def create_service(ctx: Context, service: Service, actor: Actor, *, by_hand: bool = False) -> str:
    """Run the module create; return the error text, or an empty text on success."""
    product = ctx.state.products[service.product_id]
    error = ""
    if not product.module:
        return "Service not assigned to a module"
    if not await _let_through(ctx, service.order_id, actor, by_hand=by_hand):
        error = BLOCKED
    else:
        if ctx.behaviours.module_seconds:
            await asyncio.sleep(ctx.behaviours.module_seconds)
        error = product.module_error
    if error:
        _failed(ctx, _type(service), service.id, module=product.module, action="CreateAccount", error=error)
        ctx.log(f"Module Create Failed - Service ID: {service.id} - Error: {error}", actor, client_id=service.client_id)
        if error != BLOCKED or ctx.behaviours.blocked_create_raises_failed_hook:
            await ctx.raise_event("service.failed", actor, service_id=service.id, order_id=service.order_id)
        return error
    _build(ctx, service)
    _completed(ctx, _type(service), service.id)
    ctx.log(f"Module Create Successful - Service ID: {service.id}", actor, client_id=service.client_id)
    await ctx.raise_event("service.provisioned", actor, service_id=service.id, order_id=service.order_id)
    return ""


def _type(service: Service) -> str:
    return "addon" if service.kind == "addon" else "service"


def _build(ctx: Context, service: Service) -> None:
    service.status = "Active"
    service.creates += 1
    service.username = service.username or ctx.state.letters(8)
    service.password = service.password or ctx.state.letters(12)
    service.dedicated_ip = service.dedicated_ip or f"192.0.2.{service.id % 250 + 1}"
    months = CYCLES[service.cycle][2] if service.cycle in CYCLES else 0
    service.next_due = ctx.today() + timedelta(days=30 * months) if months else None


async def register_domain(ctx: Context, domain: Domain, actor: Actor, *, by_hand: bool = False) -> str:
    """Register at the registrar; PreRegistrarRegisterDomain also asks the gate."""
    error = ctx.state.registrar_error
    if not await _let_through(ctx, domain.order_id, actor, by_hand=by_hand):
        error = BLOCKED
    if error:
        _failed(ctx, "domain", domain.id, module=domain.registrar, action="RegisterDomain", error=error)
        return error
    domain.status = "Active"
    domain.registrations += 1
    domain.expires = ctx.today() + timedelta(days=365 * domain.years)
    _completed(ctx, "domain", domain.id)
    ctx.log(f"Domain Registered Successfully - Domain: {domain.name}", actor, client_id=domain.client_id)
    return ""


async def set_up(ctx: Context, order: Order, moments: Collection[Autosetup], actor: Actor) -> None:
    """Provision the order's products whose auto-setup setting is one of these moments.

    Only the gate is asked, and the order's status stays Pending.
    """
    for service in ctx.state.items_of(order):
        product = ctx.state.products[service.product_id]
        if service.status == "Pending" and product.module and product.autosetup in moments:
            await create_service(ctx, service, actor)
    if ctx.state.domain_autosetup in moments:
        for domain in ctx.state.domains_of_order(order):
            if domain.status == "Pending":
                await register_domain(ctx, domain, actor)


def terminate(service: Service) -> None:
    """Run the module's terminate; the caller sets the status."""
    service.terminations += 1
