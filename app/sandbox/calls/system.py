"""API actions on mails, logs and the installation itself."""

from collections.abc import Mapping
from typing import Any

from app.sandbox import clients
from app.sandbox.calls.table import read, write
from app.sandbox.context import API_ADMIN_ID, BusinessError, Context
from app.sandbox.models import Mail, Notification
from app.sandbox.wire import FieldError, Fields, Rows, paged

OK: dict[str, Any] = {"result": "success"}
MAIL_TYPES = ("general", "product", "domain", "invoice", "support", "affiliate")
DATE_FORMATS = {"Y-m-d": "YYYY-MM-DD", "d/m/Y": "DD/MM/YYYY", "m/d/Y": "MM/DD/YYYY", "d.m.Y": "DD.MM.YYYY"}
BARRED = ("Order Confirmation", "Password Reset Validation", "Quote Delivery with PDF")


@read("WhmcsDetails")
async def whmcs_details(ctx: Context, fields: Fields) -> Mapping[str, Any]:  # noqa: ARG001 - no inputs
    version = ctx.behaviours.version
    return {**OK, "whmcs": {"version": version, "canonicalversion": f"{version}-release.1"}}


@read("GetAdminDetails")
async def get_admin_details(ctx: Context, fields: Fields) -> Mapping[str, Any]:  # noqa: ARG001 - no inputs
    """The health check; `requesttime` is local time without offset, like all times in WHMCS."""
    return {
        **OK,
        "adminid": API_ADMIN_ID,
        "name": ctx.state.admins[API_ADMIN_ID].name,
        "notes": "",
        "signature": "",
        "allowedpermissions": "Main Homepage,API Access,List Orders,View Order Details,Manage Invoice",
        "departments": "," + ",".join(map(str, ctx.state.departments)) + ",",
        "requesttime": ctx.now(),
        "whmcs": {"version": ctx.behaviours.version, "canonicalversion": f"{ctx.behaviours.version}-release.1"},
    }


@read("GetConfigurationValue")
async def get_configuration_value(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """Settings by name; this panel has only the one that Doorman reads."""
    if fields.text("setting") != "DateFormat":
        raise BusinessError("Invalid or missing setting name")
    return {**OK, "setting": "DateFormat", "value": DATE_FORMATS[ctx.behaviours.date_format]}


@read("GetCurrencies")
async def get_currencies(ctx: Context, fields: Fields) -> Mapping[str, Any]:  # noqa: ARG001 - no inputs
    rows = [
        {
            "id": currency.id,
            "code": currency.code,
            "prefix": currency.prefix,
            "suffix": currency.suffix,
            "format": 1,
            "rate": f"{currency.rate:.5f}",
        }
        for currency in ctx.state.currencies.values()
    ]
    return {**OK, "totalresults": len(rows), "currencies": Rows("currency", rows)}


@read("GetPaymentMethods")
async def get_payment_methods(ctx: Context, fields: Fields) -> Mapping[str, Any]:  # noqa: ARG001 - no inputs
    rows = [{"module": module, "displayname": name} for module, name in ctx.state.gateways.items()]
    return {**OK, "totalresults": len(rows), "paymentmethods": Rows("paymentmethod", rows)}


@write("SendEmail")
async def send_email(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """The meaning of `id` depends on the type; the mail is recorded."""
    related, template, kind = fields.number("id"), fields.text("messagename"), fields.text("customtype")
    if not template and kind not in MAIL_TYPES:
        raise BusinessError("Email Template not found" if not kind else "Invalid Custom Type")
    if template in BARRED:
        raise BusinessError("Sending this Email Template is not permitted")
    if not related:
        raise BusinessError("ID is required")
    client_id = _recipient(ctx, kind or "general", related)
    ctx.mail(
        client_id,
        template or "custom",
        subject=fields.text("customsubject"),
        body=fields.text("custommessage"),
        related_id=related,
        kind=kind,
    )
    return OK


def _recipient(ctx: Context, kind: str, related: int) -> int:
    tables: dict[str, Mapping[int, Any]] = {
        "product": ctx.state.services,
        "domain": ctx.state.domains,
        "invoice": ctx.state.invoices,
        "support": ctx.state.tickets,
    }
    if kind in tables:
        row = tables[kind].get(related)
        if row is None:
            raise BusinessError("Sending Failed. Please see documentation.")
        return int(row.client_id)
    return clients.find(ctx, related, "Sending Failed. Please see documentation.").id


@write("SendAdminEmail")
async def send_admin_email(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    subject = fields.text("customsubject") or fields.text("messagename")
    if not subject:
        raise BusinessError("You must provide either an existing email template name or a custom message")
    body = fields.text("custommessage")
    mail = Mail(at=ctx.now(), to="staff", template=fields.text("messagename") or "custom", subject=subject, body=body)
    ctx.state.mails.append(mail)
    return OK


@write("TriggerNotificationEvent")
async def trigger_notification_event(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    for name in ("notification_identifier", "title", "message"):
        if not fields.text(name):
            raise BusinessError(f"{name} is required")
    ctx.state.notifications.append(
        Notification(
            at=ctx.now(),
            identifier=fields.text("notification_identifier"),
            title=fields.text("title"),
            message=fields.text("message"),
            url=fields.text("url"),
        )
    )
    return OK


@read("GetActivityLog")
async def get_activity_log(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """Newest first, and without `numreturned`."""
    try:
        day = fields.day("date", ctx.behaviours.date_format)
    except FieldError as error:
        raise BusinessError("Invalid date") from error
    wanted = fields.text("description").lower()
    found = [
        row
        for row in reversed(ctx.state.activity)
        if (not fields.number("clientid") or row.client_id == fields.number("clientid"))
        and (not fields.text("user") or row.username == fields.text("user"))
        and (not wanted or wanted in row.description.lower())
        and (day is None or row.at.astimezone(ctx.zone).date() == day)
    ]
    page, counters = paged(found, fields)
    rows = [
        {
            "id": row.id,
            "clientId": row.client_id,
            "userId": row.user_id,
            "adminId": row.admin_id,
            "date": row.at,
            "description": row.description,
            "username": row.username,
            "ipaddress": row.ip or "127.0.0.1",
            "userid": row.client_id,
        }
        for row in page
    ]
    answer = {**OK, "totalresults": counters["totalresults"], "startnumber": counters["startnumber"]}
    return {**answer, "activity": Rows("entry", rows)}
