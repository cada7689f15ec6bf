"""API actions on quotes."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.sandbox.calls.table import read, write
from app.sandbox.context import BusinessError, Context
from app.sandbox.ledger import Quote, QuoteLine
from app.sandbox.wire import NO_TIME, FieldError, Fields, Rows, decimal, paged

OK: dict[str, Any] = {"result": "success"}
STAGES = ("Draft", "Delivered", "On Hold", "Accepted", "Lost", "Dead")


def _line(line_id: int, given: Mapping[str, Any]) -> QuoteLine:
    return QuoteLine(
        id=line_id,
        description=str(given.get("desc", "")),
        quantity=decimal(str(given.get("qty", 1)), "qty"),
        unit_price=decimal(str(given.get("up", 0)), "up"),
        discount=decimal(str(given.get("discount", 0) or 0), "discount"),
        taxed=str(given.get("taxable", "")) in {"1", "true", "True"},
    )


def _lines(ctx: Context, fields: Fields) -> list[QuoteLine]:
    """`base64(serialize([{desc, qty, up, discount, taxable}]))`."""
    given = fields.serialized("lineitems")
    if not isinstance(given, Mapping):
        raise FieldError("lineitems")
    return [_line(next(ctx.state.next.line), row) for row in given.values()]


@write("CreateQuote")
async def create_quote(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """Dates are in the localised format; a nonexistent client is accepted."""
    if not fields.text("subject"):
        raise BusinessError("Subject is required")
    if fields.text("stage") not in STAGES:
        raise BusinessError("Invalid Stage")
    pattern = ctx.behaviours.date_format
    valid_until = fields.day("validuntil", pattern)
    created = fields.day("datecreated", pattern)
    lines = _lines(ctx, fields)
    if valid_until is None:
        raise BusinessError("Valid Until is required")
    quote = ctx.state.add_quote(
        Quote(
            id=next(ctx.state.next.quote),
            subject=fields.text("subject"),
            stage=fields.text("stage"),
            client_id=fields.number("userid"),
            created=created or ctx.today(),
            valid_until=valid_until,
            modified_at=ctx.now(),
            lines=lines,
            proposal=fields.text("proposal"),
            customer_notes=fields.text("customernotes"),
            admin_notes=fields.text("adminnotes"),
        )
    )
    return {**OK, "quoteid": quote.id}


@read("GetQuotes")
async def get_quotes(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    state = ctx.state
    if quote_id := fields.number("quoteid"):
        found = [state.quotes[quote_id]] if quote_id in state.quotes else []
    elif client_id := fields.number("userid"):
        found = [state.quotes[i] for i in state.quotes_of.get(client_id, [])]
    else:
        found = list(state.quotes.values())
    if subject := fields.text("subject"):
        found = [quote for quote in found if subject in quote.subject]
    if stage := fields.text("stage"):
        found = [quote for quote in found if quote.stage == stage]
    page, counters = paged(found, fields)
    return {**OK, **counters, "quotes": Rows("quote", [_quote(ctx, quote) for quote in page])}


def _quote(ctx: Context, quote: Quote) -> dict[str, Any]:
    client = ctx.state.clients.get(quote.client_id)
    person = {"id": client.id, "firstname": client.firstname, "lastname": client.lastname} if client else None
    items = [
        {
            "id": line.id,
            "description": line.description,
            "quantity": str(line.quantity),
            "unitprice": line.unit_price,
            "discount": line.discount,
            "taxable": int(line.taxed),
        }
        for line in quote.lines
    ]
    return {
        "id": quote.id,
        "subject": quote.subject,
        "stage": quote.stage,
        "validuntil": quote.valid_until,
        "userid": quote.client_id,
        "client": person,
        "firstname": client.firstname if client else "",
        "lastname": client.lastname if client else "",
        "email": client.email if client else "",
        "currency": ctx.state.currencies[client.currency].id if client else 1,
        "subtotal": quote.total,
        "tax1": Decimal(0),
        "tax2": Decimal(0),
        "total": quote.total,
        "proposal": quote.proposal,
        "customernotes": quote.customer_notes,
        "adminnotes": quote.admin_notes,
        "datecreated": quote.created,
        "lastmodified": quote.modified_at.astimezone(ctx.zone).date(),
        "datesent": quote.sent_at or NO_TIME,
        "dateaccepted": quote.accepted_at or NO_TIME,
        "items": Rows("item", items),
    }
