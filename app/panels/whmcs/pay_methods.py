"""Reading the stored pay methods of a customer, for one order or for the import."""

from __future__ import annotations

from app.panels.records import PanelPayMethod
from app.panels.whmcs import wire
from app.panels.whmcs.client import WhmcsClient
from app.panels.whmcs.mapping import pay_methods
from app.panels.whmcs.paging import read_or_none


async def pay_methods_of(client: WhmcsClient, customer_id: int, *, urgent: bool = False) -> tuple[PanelPayMethod, ...]:
    """Return what identifies a customer's pay methods (GetPayMethods); nothing for an unknown customer.

    Raises PanelUnavailable, with `alarm` if our role may not read them.
    """
    if customer_id <= 0:
        return ()
    answer = await read_or_none(client, "GetPayMethods", {"clientid": customer_id}, urgent=urgent)
    if answer is None or wire.identifier(answer.get("clientid")) != customer_id:
        return ()
    found = map(pay_methods.pay_method, pay_methods.rows(answer))
    return tuple(one for one in found if one is not None)
