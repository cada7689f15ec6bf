"""API actions on orders and the module queue."""

from collections.abc import Mapping
from typing import Any

from app.sandbox import orders
from app.sandbox.calls.table import read, write
from app.sandbox.context import API, Context
from app.sandbox.models import PRODUCT_TYPES, Domain, Order, Service
from app.sandbox.wire import Fields, Raw, Rows, paged

OK: dict[str, Any] = {"result": "success"}


@read("GetOrders")
async def get_orders(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    state = ctx.state
    if order_id := fields.number("id"):
        found = [state.orders[order_id]] if order_id in state.orders else []
    elif client_id := fields.number("userid"):
        found = [state.orders[i] for i in state.orders_of.get(client_id, [])]
    else:
        found = list(state.orders.values())
    if fields.number("id") and fields.has("userid"):
        found = [order for order in found if order.client_id == fields.number("userid")]
    if requestor_id := fields.number("requestor_id"):
        found = [order for order in found if order.requestor_id == requestor_id]
    if status := fields.text("status"):
        found = [order for order in found if order.status == status]
    if ctx.behaviours.orders_newest_first:
        found.reverse()
    page, counters = paged(found, fields)
    return {**OK, **counters, "orders": Rows("order", [_order(ctx, order) for order in page])}


def _order(ctx: Context, order: Order) -> dict[str, Any]:
    client = ctx.state.clients[order.client_id]
    currency = ctx.state.currencies[order.currency]
    invoice = ctx.state.invoices.get(order.invoice_id)
    return {
        "id": order.id,
        "ordernum": order.number,
        "userid": order.client_id,
        "contactid": 0,
        "requestor_id": order.requestor_id,
        "admin_requestor_id": order.admin_requestor_id,
        "date": order.placed_at,
        "nameservers": "",
        "transfersecret": "",
        "renewals": "",
        "renewalsByType": {"domains": [], "services": [], "addons": []},
        "promocode": order.promo_code,
        "promotype": "",
        "promovalue": "",
        "orderdata": Raw("}"),
        "amount": order.amount,
        "paymentmethod": order.payment_method,
        "invoiceid": order.invoice_id,
        "status": order.status,
        "ipaddress": order.ip,
        "fraudmodule": order.fraud_module,
        "fraudoutput": Raw(order.fraud_output),
        "notes": order.notes,
        "paymentmethodname": ctx.state.gateways.get(order.payment_method, order.payment_method),
        "paymentstatus": invoice.status if invoice else "",
        "name": client.fullname,
        "currencyprefix": currency.prefix,
        "currencysuffix": currency.suffix.strip(),
        "frauddata": "",
        "validationdata": "",
        "lineitems": Rows("lineitem", _lineitems(ctx, order)),
    }


def _lineitems(ctx: Context, order: Order) -> list[dict[str, Any]]:
    items = [_service_item(ctx, service) for service in ctx.state.items_of(order)]
    items += [_domain_item(domain) for domain in ctx.state.domains_of_order(order)]
    items += [
        {
            "type": "upgrade",
            "relid": upgrade.id,
            "producttype": "Upgrade",
            "product": f"Upgrade/Downgrade - {ctx.state.products[upgrade.product_id].name}",
            "domain": "",
            "billingcycle": upgrade.cycle,
            "amount": upgrade.amount,
            "status": upgrade.status,
        }
        for upgrade in order.upgrades
    ]
    return items


def _service_item(ctx: Context, service: Service) -> dict[str, Any]:
    product = ctx.state.products[service.product_id]
    group = ctx.state.product_groups[product.group_id].name
    addon = service.kind == "addon"
    return {
        "type": "addon" if addon else "product",
        "relid": service.id,
        "producttype": "Addon" if addon else PRODUCT_TYPES[product.type],
        "product": product.name if addon else f"{group} - {product.name}",
        "domain": service.domain,
        "billingcycle": service.cycle,
        "amount": service.first_amount,
        "status": service.status,
    }


def _domain_item(domain: Domain) -> dict[str, Any]:
    return {
        "type": "domain",
        "relid": domain.id,
        "producttype": "Domain",
        "product": "Domain Registration",
        "domain": domain.name,
        "billingcycle": f"{domain.years} Year/s",
        "amount": domain.first_amount,
        "status": domain.status,
    }


@write("AcceptOrder")
async def accept_order(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    await orders.accept(
        ctx,
        fields.number("orderid"),
        API,
        autosetup=fields.flag("autosetup"),
        sendregistrar=fields.flag("sendregistrar"),
        sendemail=fields.flag("sendemail") is not False,
    )
    return OK


@write("PendingOrder")
async def pending_order(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    await orders.set_pending(ctx, fields.number("orderid"), API)
    return OK


@write("CancelOrder")
async def cancel_order(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    await orders.cancel(ctx, fields.number("orderid"), API)
    return OK


@write("FraudOrder")
async def fraud_order(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    await orders.mark_fraud(ctx, fields.number("orderid"), API)
    return OK


@read("GetModuleQueue")
async def get_module_queue(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """A flat list without paging."""
    related, kind = fields.number("relatedId"), fields.text("serviceType")
    found = [
        entry
        for entry in ctx.state.queue
        if (not related or entry.service_id == related)
        and (not kind or entry.service_type == kind)
        and (not fields.text("moduleName") or entry.module == fields.text("moduleName"))
        and (not fields.text("moduleAction") or entry.action == fields.text("moduleAction"))
    ]
    rows = [
        {
            "id": entry.id,
            "serviceType": entry.service_type,
            "serviceId": entry.service_id,
            "moduleName": entry.module,
            "moduleAction": entry.action,
            "lastAttempt": entry.updated_at,
            "lastAttemptError": entry.error,
            "numRetries": entry.retries,
            "completed": int(entry.completed),
            "createdAt": entry.created_at,
            "updatedAt": entry.updated_at,
        }
        for entry in found
    ]
    return {**OK, "count": len(rows), "queue": rows}
