"""Word the policy's messages to customers: a ticket if the policy has a department for it, else a mail."""

from __future__ import annotations

import html
import uuid

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.actions import Action, OpenTicket, PanelAction, SendEmail
from app.core.consequences.effects import Tell
from app.core.consequences.messages import action_of, values
from app.core.consequences.snapshot import Conditions
from app.core.judgement.explanation.customer import as_message
from app.core.policy.sections.acting import render
from app.panels.links import links_to
from app.tickets.explanations import explain

_NAMESPACE = uuid.UUID("6d5c2f0e-6a0b-4a8e-9d7e-0d5b0a6f7d11")


async def worded(tx: AsyncConnection, told: Tell, given: Conditions, *, panel_url: str | None) -> PanelAction:
    """Return the call that sends a message; the explanation in it is that of the decision in force."""
    order, fee, policy, links = told.order, told.fee, given.active.policy, links_to(panel_url)
    invoice_url = links.invoice_url(fee.invoice_id) if links and fee is not None and fee.invoice_id else ""
    found = values(order, fee, policy, zone=given.zone, now=given.now, invoice_url=invoice_url)
    if "{explanation}" in told.message.body and order.outcome is not None:
        said = await explain(
            tx, order.order_id, order.outcome, settled=order.settled, zone=given.zone, panel_url=panel_url
        )
        found["explanation"] = as_message(said)
    subject, body = render(told.message.subject, found), render(told.message.body, found)
    customer_id, department_id = order.customer_id, policy.messages.department_id
    if customer_id is None:
        raise ValueError("a message needs a customer")
    if action_of(policy) is Action.OPEN_TICKET and department_id is not None:
        reference = f"doorman:ticket:{uuid.uuid5(_NAMESPACE, told.key)}"
        return OpenTicket(
            customer_id=customer_id, reference=reference, department_id=department_id, subject=subject, message=body
        )
    text = html.escape(body).replace("\n", "<br>\n")
    return SendEmail(customer_id=customer_id, subject=subject, message=text)
