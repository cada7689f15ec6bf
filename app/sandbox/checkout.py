"""Placing an order by the cart, the admin form or an API: rows, invoice and hook, in WHMCS's sequence.

The order stays Pending; the checkout hook runs before any payment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from app.sandbox import billing, provisioning
from app.sandbox.context import BusinessError, Context
from app.sandbox.ledger import Line
from app.sandbox.models import (
    CYCLES,
    ZERO,
    Actor,
    Client,
    Domain,
    Item,
    Order,
    PlacedBy,
    Product,
    Service,
    Upgrade,
    money,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Who places an order, and its other parameters."""

    by: PlacedBy = "customer"
    admin_id: int = 1
    ip: str = ""
    notes: str = ""
    payment_method: str = ""
    promo_code: str = ""


def actor_of(placement: Placement, client: Client) -> Actor:
    """Return the actor as far as the addon can know it in the hook."""
    match placement.by:
        case "customer":
            return Actor(kind="customer", user_id=client.user_id)
        case "staff":
            return Actor(kind="staff", admin_id=placement.admin_id)
        case "staff_as_customer":
            return Actor(kind="staff", admin_id=placement.admin_id, user_id=client.user_id, masquerade=True)
        case "api":
            return Actor(kind="api", admin_id=placement.admin_id)


def _requestors(ctx: Context, placement: Placement, client: Client) -> tuple[int, int]:
    """`requestor_id` and `admin_requestor_id`; both 0 for API orders."""
    match placement.by:
        case "customer":
            return client.user_id, 0
        case "staff":
            return 0, placement.admin_id
        case "staff_as_customer":
            fills = ctx.behaviours.masquerade_fills
            return (
                0 if fills == "admin" else client.user_id,
                0 if fills == "requestor" else placement.admin_id,
            )
        case "api":
            return 0, 0


async def place(ctx: Context, client_id: int, items: Sequence[Item], placement: Placement) -> Order:
    """Place the order; auto-setup *on order* is tried at once, except for an API's order."""
    client = ctx.state.clients.get(client_id)
    if client is None:
        raise BusinessError("Client ID Not Found")
    order = _order_row(ctx, client, placement)
    lines = [line for item in items for line in _add_item(ctx, order, client, item)]
    order.amount = sum((line.amount for line in lines), ZERO)
    if order.amount > 0:
        order.invoice_id = billing.new_invoice(ctx, client, lines, gateway=order.payment_method, order_id=order.id).id
        ctx.mail(client.id, "Invoice Created", related_id=order.invoice_id)
    ctx.mail(client.id, "Order Confirmation", related_id=order.id)
    actor = actor_of(placement, client)
    ctx.log(f"New Order Placed - Order ID: {order.id}", actor, client_id=client.id)
    await _run_hook_and_setup(ctx, order, placement, actor)
    if ctx.behaviours.automatic_credit_use and order.invoice_id:
        await billing.use_credit(ctx, ctx.state.invoices[order.invoice_id], actor)
    return order


async def _run_hook_and_setup(ctx: Context, order: Order, placement: Placement, actor: Actor) -> None:
    early = ctx.behaviours.on_order_setup_before_hook
    on_order = placement.by != "api"
    if on_order and early:
        await _set_up_on_order(ctx, order, actor)
    if _hook_fires(ctx, order, placement):
        await ctx.raise_event(
            "order.created",
            actor,
            order_id=order.id,
            customer_id=order.client_id,
            invoice_id=order.invoice_id,
            placed_by=placement.by,
            staff_id=placement.admin_id if placement.by.startswith("staff") else 0,
            ip=order.ip,
        )
    if on_order and not early:
        await _set_up_on_order(ctx, order, actor)


async def _set_up_on_order(ctx: Context, order: Order, actor: Actor) -> None:
    """Set up products *on order*, and those *on payment* if the order is free, as no payment will follow."""
    await provisioning.set_up(ctx, order, {"order"} if order.amount > 0 else {"order", "payment"}, actor)


def _hook_fires(ctx: Context, order: Order, placement: Placement) -> bool:
    if order.upgrades and not (order.service_ids or order.addon_ids or order.domain_ids):
        return ctx.behaviours.upgrades_raise_checkout_hook
    return placement.by != "staff" or ctx.behaviours.admin_orders_raise_checkout_hook


def _order_row(ctx: Context, client: Client, placement: Placement) -> Order:
    requestor_id, admin_requestor_id = _requestors(ctx, placement, client)
    return ctx.state.add_order(
        Order(
            id=next(ctx.state.next.order),
            number=ctx.state.order_number(),
            client_id=client.id,
            placed_at=ctx.now(),
            placed_by=placement.by,
            amount=ZERO,
            currency=client.currency,
            payment_method=placement.payment_method or client.gateway,
            requestor_id=requestor_id,
            admin_requestor_id=admin_requestor_id,
            ip=placement.ip or client.last_ip or "203.0.113.10",
            notes=placement.notes,
            promo_code=placement.promo_code,
        )
    )


def price_of(product: Product, cycle: str, currency: str) -> tuple[Decimal, Decimal]:
    """Recurring price and set-up fee, or raise the cart's error if the cycle is not offered."""
    if product.pay_type == "free":
        return ZERO, ZERO
    columns = ("monthly", "msetupfee") if product.pay_type == "onetime" else CYCLES.get(cycle, ("", "", 0))[:2]
    prices = product.pricing.get(currency, {})
    if columns[0] not in prices:
        raise BusinessError("Invalid billing cycle for the selected product")
    return prices[columns[0]], prices.get(columns[1], ZERO)


def _options_price(product: Product, item: Item, currency: str) -> Decimal:
    months = CYCLES[item.cycle][2] if item.cycle in CYCLES else 1
    chosen = (
        choice.monthly.get(currency, ZERO)
        for option in product.options
        for choice in option.choices
        if item.options.get(option.name) == choice.name
    )
    return sum(chosen, ZERO) * months


def _add_item(ctx: Context, order: Order, client: Client, item: Item) -> list[Line]:
    lines = []
    if item.product_id:
        product = ctx.state.products.get(item.product_id)
        if product is None:
            raise BusinessError("Product ID not found")
        lines.append(
            _upgrade(ctx, order, client, item, product)
            if item.upgrade_of
            else _service(ctx, order, client, item, product)
        )
    if item.register and item.domain:
        lines.append(_domain(ctx, order, client, item))
    return lines


def _service(ctx: Context, order: Order, client: Client, item: Item, product: Product) -> Line:
    if item.price is None:
        recurring, setup = price_of(product, item.cycle, client.currency)
        recurring += _options_price(product, item, client.currency)
    else:
        recurring, setup = money(item.price), ZERO
    addon = product.addon
    cycle = {"onetime": "One Time", "free": "Free Account"}.get(product.pay_type, item.cycle)
    service = ctx.state.add_service(
        Service(
            id=next(ctx.state.next.addon if addon else ctx.state.next.service),
            kind="addon" if addon else "product",
            order_id=order.id,
            client_id=client.id,
            product_id=product.id,
            created_at=ctx.now(),
            cycle=cycle,
            first_amount=recurring + setup,
            recurring=recurring if product.pay_type == "recurring" else ZERO,
            parent_id=item.addon_to,
            domain=item.domain,
            next_due=ctx.today(),
            payment_method=order.payment_method,
            options=dict(item.options),
            custom_fields=dict(item.custom_fields),
        )
    )
    (order.addon_ids if addon else order.service_ids).append(service.id)
    group = ctx.state.product_groups[product.group_id].name
    return Line(
        id=next(ctx.state.next.line),
        type="Addon" if addon else "Hosting",
        relid=service.id,
        description=f"{group} - {product.name}" + (f" - {item.domain}" if item.domain else ""),
        amount=service.first_amount,
        taxed=True,
    )


def _upgrade(ctx: Context, order: Order, client: Client, item: Item, product: Product) -> Line:
    recurring, _ = price_of(product, item.cycle, client.currency)
    old = ctx.state.services[item.upgrade_of]
    amount = money(item.price) if item.price is not None else max(recurring - old.recurring, ZERO)
    upgrade = Upgrade(
        id=next(ctx.state.next.upgrade),
        service_id=old.id,
        product_id=product.id,
        amount=amount,
        recurring=recurring,
        cycle=item.cycle,
    )
    order.upgrades.append(upgrade)
    name = f"Upgrade/Downgrade: {product.name}"
    return Line(
        id=next(ctx.state.next.line), type="Upgrade", relid=upgrade.id, description=name, amount=amount, taxed=True
    )


def _domain(ctx: Context, order: Order, client: Client, item: Item) -> Line:
    tld = "." + item.domain.rsplit(".", 1)[-1]
    yearly = ctx.state.tlds.get(tld, {}).get(client.currency)
    if yearly is None:
        raise BusinessError(f"The domain {item.domain} can't be registered here")
    amount = money(yearly) * item.years
    domain = ctx.state.add_domain(
        Domain(
            id=next(ctx.state.next.domain),
            order_id=order.id,
            client_id=client.id,
            name=item.domain,
            created_at=ctx.now(),
            years=item.years,
            first_amount=amount,
            recurring=money(yearly),
            payment_method=order.payment_method,
            expires=ctx.today() + timedelta(days=365 * item.years),
        )
    )
    order.domain_ids.append(domain.id)
    return Line(
        id=next(ctx.state.next.line),
        type="DomainRegister",
        relid=domain.id,
        description=f"Domain Registration - {item.domain} - {item.years} Year/s",
        amount=amount,
        taxed=True,
    )
