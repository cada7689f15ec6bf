"""GetPayMethods: a flat list; a card shows its last four digits, never its number."""

from collections.abc import Mapping
from typing import Any

from app.sandbox import clients
from app.sandbox.calls.table import read
from app.sandbox.context import Context
from app.sandbox.models import PayMethod
from app.sandbox.wire import Fields


@read("GetPayMethods")
async def get_pay_methods(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    client = clients.find(ctx, fields.number("clientid"), "Client Not Found")
    wanted = fields.number("paymethodid")
    found = [_row(client.id, one) for one in client.pay_methods if wanted in {0, one.id}]
    return {"result": "success", "clientid": client.id, "paymethods": found}


def _row(client_id: int, method: PayMethod) -> dict[str, Any]:
    return {
        "id": method.id,
        "type": "RemoteCreditCard" if method.token else "CreditCard",
        "description": "",
        "gateway_name": method.gateway if method.token else "",
        "contact_type": "Client",
        "contact_id": client_id,
        "card_last_four": method.last_four,
        "expiry_date": method.expires,
        "start_date": "",
        "issue_number": "",
        "card_type": method.brand,
        "remote_token": method.token,
        "last_updated": "17/05/2019 10:01",
    }
