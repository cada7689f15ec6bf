"""API actions on clients, their services and the catalogue."""

from collections.abc import Mapping
from typing import Any

from app.sandbox import clients
from app.sandbox.calls.table import read, write
from app.sandbox.client_stats import stats_of
from app.sandbox.context import API, BusinessError, Context
from app.sandbox.models import CYCLES, Client, ClientNote, ConfigOption, Product, Service
from app.sandbox.wire import NO_DATE, Fields, Raw, Rows, paged

OK: dict[str, Any] = {"result": "success"}
COLUMNS = {
    "id": "id",
    "firstname": "firstname",
    "companyname": "companyname",
    "email": "email",
    "groupid": "group_id",
    "datecreated": "created_at",
    "status": "status",
}
"""The columns that GetClients can sort by."""
COUNTRIES = {"US": "United States", "DE": "Germany", "GB": "United Kingdom", "NL": "Netherlands", "FR": "France"}


@read("GetClientsDetails")
async def get_clients_details(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    client_id = fields.number("clientid")
    if not client_id and fields.text("email"):
        client_id = ctx.state.client_by_email.get(fields.text("email").lower(), 0)
    client = clients.find(ctx, client_id, "Client Not Found")
    details = _details(ctx, client)
    answer: dict[str, Any] = {**OK, **details, "client": details}
    if fields.flag("stats"):
        answer["stats"] = stats_of(ctx.state, client, today=ctx.today())
    return answer


def _address(client: Client) -> dict[str, Any]:
    return {
        "firstname": client.firstname,
        "lastname": client.lastname,
        "fullname": client.fullname,
        "companyname": client.companyname,
        "email": client.email,
        "address1": client.address1,
        "address2": client.address2,
        "city": client.city,
        "fullstate": client.state,
        "state": client.state,
        "statecode": client.state,
        "postcode": client.postcode,
        "countrycode": client.country,
        "country": client.country,
        "countryname": COUNTRIES.get(client.country, client.country),
        "phonecc": client.phone.partition(".")[0].lstrip("+"),
        "phonenumber": client.phone.rpartition(".")[2],
        "phonenumberformatted": client.phone,
        "telephoneNumber": client.phone,
        "tax_id": client.tax_id,
    }


def _details(ctx: Context, client: Client) -> dict[str, Any]:
    last_login = "No Login Logged"
    if client.last_login is not None:
        at = client.last_login.astimezone(ctx.zone).strftime("%d/%m/%Y %H:%M")
        last_login = f"Date: {at}<br>IP Address: {client.last_ip}<br>Host: {client.last_ip}"
    return {
        "id": client.id,
        "client_id": client.id,
        "userid": client.id,
        "owner_user_id": client.user_id,
        "uuid": f"00000000-0000-4000-8000-{client.id:012d}",
        **_address(client),
        "notes": client.notes,
        "language": "english",
        "defaultgateway": client.gateway,
        "currency": ctx.state.currencies[client.currency].id,
        "currency_code": client.currency,
        "groupid": client.group_id,
        "status": client.status,
        "credit": client.credit,
        "email_verified": client.email_verified,
        "lastlogin": Raw(last_login),
        "customfields": [{"id": key, "value": value} for key, value in client.custom_fields.items()],
        **{f"customfields{index}": value for index, value in enumerate(client.custom_fields.values(), start=1)},
        "users": Rows(
            "user", [{"id": client.user_id, "name": client.fullname, "email": client.email, "is_owner": True}]
        ),
        "email_preferences": {"general": "1", "product": "1", "domain": "1", "invoice": "1", "support": "1"},
        "allowSingleSignOn": 1,
        "taxexempt": False,
        "latefeeoveride": False,
        "overideduenotices": False,
        "separateinvoices": False,
        "disableautocc": False,
        "emailoptout": False,
        "marketing_emails_opt_in": False,
        "overrideautoclose": False,
    }


@read("GetClients")
async def get_clients(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    found = list(ctx.state.clients.values())
    if status := fields.text("status"):
        found = [client for client in found if client.status == status]
    if search := fields.text("search").lower():
        found = [client for client in found if _matches(client, search)]
    column = COLUMNS.get(fields.text("orderby"), "lastname")
    falling = fields.text("sorting") == "DESC"
    if column != "id":
        found.sort(key=lambda client: getattr(client, column), reverse=falling)
    elif falling:
        found.reverse()
    page, counters = paged(found, fields)
    rows = [
        {
            "id": client.id,
            "firstname": client.firstname,
            "lastname": client.lastname,
            "companyname": client.companyname,
            "email": client.email,
            "datecreated": client.created_at.astimezone(ctx.zone).date(),
            "groupid": client.group_id,
            "status": client.status,
        }
        for client in page
    ]
    return {**OK, **counters, "clients": Rows("client", rows)}


def _matches(client: Client, search: str) -> bool:
    names = (client.email, client.firstname, client.lastname, client.fullname, client.companyname)
    return any(name.lower().startswith(search) for name in names)


@read("GetUsers")
async def get_users(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """Logins; here each client has one of their own."""
    search = fields.text("search").lower()
    found = [client for client in ctx.state.clients.values() if not search or _matches(client, search)]
    page, counters = paged(found, fields)
    rows = [
        {
            "id": client.user_id,
            "firstname": client.firstname,
            "lastname": client.lastname,
            "email": client.email,
            "datecreated": client.created_at.astimezone(ctx.zone).strftime("%Y-%m-%d %H:%M:%S"),
            "validationdata": "",
            "clients": [{"id": client.id, "isOwner": True}],
        }
        for client in page
    ]
    return {**OK, **counters, "users": rows}


@read("GetClientsProducts")
async def get_clients_products(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """Includes the clear-text password, as in WHMCS."""
    state = ctx.state
    if service_id := fields.number("serviceid"):
        found = [state.services[service_id]] if service_id in state.services else []
    elif client_id := fields.number("clientid"):
        found = [state.services[i] for i in state.services_of.get(client_id, [])]
    else:
        found = list(state.services.values())
    if product_id := fields.number("pid"):
        found = [service for service in found if service.product_id == product_id]
    if domain := fields.text("domain"):
        found = [service for service in found if service.domain == domain]
    page, counters = paged(found, fields)
    answer = {**OK, "clientid": fields.number("clientid"), "serviceid": fields.number("serviceid"), **counters}
    return {**answer, "products": Rows("product", [_service(ctx, service) for service in page])}


def _service(ctx: Context, service: Service) -> dict[str, Any]:
    product = ctx.state.products[service.product_id]
    order = ctx.state.orders.get(service.order_id)
    group = ctx.state.product_groups[product.group_id].name
    options = {option.name: option.id for option in product.options}
    return {
        "id": service.id,
        "qty": 1,
        "clientid": service.client_id,
        "orderid": service.order_id,
        "ordernumber": order.number if order else 0,
        "pid": product.id,
        "regdate": service.created_at.astimezone(ctx.zone).date(),
        "name": product.name,
        "translated_name": product.name,
        "groupname": group,
        "translated_groupname": group,
        "domain": service.domain,
        "dedicatedip": service.dedicated_ip,
        "serverid": service.server_id,
        "servername": "",
        "serverip": "",
        "serverhostname": "",
        "suspensionreason": "",
        "firstpaymentamount": service.first_amount,
        "recurringamount": service.recurring,
        "paymentmethod": service.payment_method,
        "paymentmethodname": ctx.state.gateways.get(service.payment_method, ""),
        "billingcycle": service.cycle,
        "nextduedate": service.next_due or NO_DATE,
        "status": service.status,
        "username": service.username,
        "password": service.password or "not-yet-set",
        "subscriptionid": service.subscription_id,
        "promoid": 0,
        "overideautosuspend": 0,
        "overidesuspenduntil": NO_DATE,
        "ns1": "",
        "ns2": "",
        "assignedips": "",
        "notes": service.notes,
        "diskusage": 0,
        "disklimit": 0,
        "bwusage": 0,
        "bwlimit": 0,
        "lastupdate": "0000-00-00 00:00:00",
        "customfields": Rows(
            "customfield",
            [
                {"id": index, "name": name, "translated_name": name, "value": value}
                for index, (name, value) in enumerate(service.custom_fields.items(), start=1)
            ],
        ),
        "configoptions": Rows(
            "configoption",
            [
                {"id": options.get(name, 0), "option": name, "type": "dropdown", "value": value}
                for name, value in service.options.items()
            ],
        ),
    }


@write("AddClientNote")
async def add_client_note(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    client = clients.find(ctx, fields.number("userid"), "Client ID not found")
    if not fields.text("notes").strip():
        raise BusinessError("Notes can not be empty")
    note = ClientNote(
        id=next(ctx.state.next.note),
        client_id=client.id,
        at=ctx.now(),
        text=fields.text("notes"),
        sticky=bool(fields.flag("sticky")),
    )
    ctx.state.client_notes.append(note)
    ctx.log(f"Client Note Added - Client ID: {client.id}", API, client_id=client.id)
    return {**OK, "noteid": note.id}


@read("GetProducts")
async def get_products(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """The catalogue; the auto-setup setting is not part of it."""
    wanted = {int(part) for part in fields.text("pid").split(",") if part.strip().isdigit()}
    rows = [
        _product(ctx, product)
        for product in ctx.state.products.values()
        if not product.addon
        and (not wanted or product.id in wanted)
        and (not fields.number("gid") or product.group_id == fields.number("gid"))
        and (not fields.text("module") or product.module == fields.text("module"))
    ]
    return {**OK, "totalresults": len(rows), "products": Rows("product", rows)}


def _product(ctx: Context, product: Product) -> dict[str, Any]:
    slug = product.name.lower().replace(" ", "-")
    fields = [
        {"id": key, "name": name, "description": "", "required": ""} for key, name in product.custom_fields.items()
    ]
    return {
        "pid": product.id,
        "gid": product.group_id,
        "type": product.type,
        "name": product.name,
        "slug": slug,
        "product-url": f"https://panel.example/store/{slug}",
        "description": product.description,
        "module": product.module,
        "paytype": product.pay_type,
        "allowqty": 0,
        "quantity_available": 0,
        "pricing": {code: _pricing(ctx, product, code) for code in ctx.state.currencies},
        "customfields": Rows("customfield", fields),
        "configoptions": Rows("configoption", [_option(ctx, option) for option in product.options]),
    }


def _pricing(ctx: Context, product: Product, code: str) -> dict[str, Any]:
    """All cycles; -1.00 means not offered."""
    currency, prices = ctx.state.currencies[code], product.pricing.get(code, {})
    setup = {columns[1]: f"{prices.get(columns[1], 0):.2f}" for columns in CYCLES.values()}
    cycles = {columns[0]: f"{prices.get(columns[0], -1):.2f}" for columns in CYCLES.values()}
    return {"prefix": currency.prefix, "suffix": currency.suffix, **setup, **cycles}


def _option(ctx: Context, option: ConfigOption) -> dict[str, Any]:
    choices = [
        {
            "id": choice.id,
            "name": choice.name,
            "recurring": 0,
            "pricing": {
                code: {columns[0]: choice.monthly.get(code, 0) * columns[2] for columns in CYCLES.values()}
                for code in ctx.state.currencies
            },
        }
        for choice in option.choices
    ]
    return {"id": option.id, "name": option.name, "type": 1, "options": Rows("option", choices)}
