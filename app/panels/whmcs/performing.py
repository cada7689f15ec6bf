"""Actions that take more than one call: reads before and after the write, and fallbacks for a refused call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

from app.core.actions import AcceptOrder, CreateQuote, NotifyStaff
from app.panels.base import PanelNotPermitted, PanelOutcomeUnknown, PanelRejected, PanelUnavailable
from app.panels.whmcs import lookups, parameters, wire
from app.panels.whmcs.client import WhmcsClient
from app.panels.whmcs.paging import read_or_none

#: Sends one write to this panel, with the caller's hook just before the first byte.
Write = Callable[[str, Mapping[str, Any]], Awaitable[wire.Row]]

_ISO: Final = parameters.DATE_FORMATS["YYYY-MM-DD"]


async def accept_order(client: WhmcsClient, action: AcceptOrder, write: Write) -> dict[str, Any]:
    """Accept; after an error from a provisioning module, read the order back, as the panel may have accepted it anyway.

    An order that is then Active counts as accepted, with the panel's message as `warning`. A partly built order raises
    PanelRejected (``partly-accepted``), so that staff check before anything is set up again.
    """
    name, params = parameters.call_of(action)
    try:
        return parameters.result_of(action, await write(name, params))
    except PanelOutcomeUnknown as error:
        if not error.refused:
            raise
        row = await _read_back(client, action.order_id)
        if row is None:
            raise
        status = lookups.order_status(row)
        if status.lower() == "active":
            return {"order_id": action.order_id, "status": status, "warning": str(error)}
        seen = lookups.built_in_part(row) if status.lower() == "pending" else None
        if seen is not None:
            raise PanelRejected("partly-accepted", f"{error}; {seen}") from None
        raise


async def _read_back(client: WhmcsClient, order_id: int) -> wire.Row | None:
    try:
        row = await lookups.order_row(client, order_id)
        return row if row is not None and lookups.order_status(row) else None
    except PanelUnavailable:
        return None


async def create_quote(client: WhmcsClient, action: CreateQuote, write: Write) -> dict[str, Any]:
    """Draft a quote. WHMCS accepts any client id and any date, so both are checked first.

    Raises PanelRejected (``customer-not-found``, ``bad-date``).
    """
    if (
        action.customer_id <= 0
        or await read_or_none(client, "GetClientsDetails", {"clientid": action.customer_id}) is None
    ):
        raise PanelRejected("customer-not-found", "there is no such client")
    try:
        until = date.fromisoformat(action.valid_until)
    except ValueError:
        raise PanelRejected("bad-date", f"{action.valid_until!r} is not a date") from None
    localised = replace(action, valid_until=until.strftime(await _date_format(client)))
    return parameters.result_of(action, await write(*parameters.call_of(localised)))


async def _date_format(client: WhmcsClient) -> str:
    """Return the panel's date format; year-month-day if our role may not read it or the format is unknown."""
    try:
        answer = await client.read("GetConfigurationValue", {"setting": "DateFormat"})
    except (PanelNotPermitted, PanelRejected):
        return _ISO
    return parameters.DATE_FORMATS.get(wire.text(answer.get("value")).strip().upper(), _ISO)


async def notify_staff(action: NotifyStaff, write: Write) -> dict[str, Any]:
    """Notify staff through the panel's notifications; if those are refused or barred, by mail to its admins.

    Raises PanelRejected (``not-rung``) with both of the panel's messages if both are refused.
    """
    refusal = await _refusal(write, parameters.call_of(action))
    if refusal is None:
        return {"told_by": "notification"}
    second = await _refusal(write, parameters.admin_mail(action))
    if second is None:
        return {"told_by": "email"}
    raise PanelRejected("not-rung", f"TriggerNotificationEvent: {refusal}; SendAdminEmail: {second}")


async def _refusal(write: Write, call: parameters.Call) -> str | None:
    """Send one call; return the panel's reason if it refused, None if it succeeded."""
    try:
        await write(*call)
    except (PanelRejected, PanelNotPermitted) as error:
        return str(error)
    except PanelOutcomeUnknown as error:
        if not error.refused:
            raise
        return str(error)
    return None
