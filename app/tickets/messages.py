"""Messages to customers and staff: one ticket (else a mail) to the customer, one note for staff."""

from __future__ import annotations

import html
import uuid
from datetime import datetime, tzinfo

from app.billing.fees import fee_expiry, latest_fee, order_number
from app.core.actions import AddClientNote, OpenTicket, ReplyTicket, SendEmail
from app.core.judgement.explanation.customer import as_message, deadline
from app.core.money import Money
from app.core.policy.sections.acting import Message, MessageForm, render
from app.core.policy.sections.modes import ActionMode
from app.messaging import outbox
from app.orders.order import OrderDraft
from app.panels.kinds import links_to
from app.tickets.explanations import explain

_SUBJECT_QUESTION = 100
_NAMESPACE = uuid.UUID("6d5c2f0e-6a0b-4a8e-9d7e-0d5b0a6f7d11")


async def tell_customer(
    draft: OrderDraft,
    message: Message,
    *,
    key: str,
    cause: str,
    zone: tzinfo,
    panel_url: str | None,
) -> None:
    """Send one of the policy's messages about this order; `key` makes it unique, so that it is sent once."""
    if not message.send or draft.customer_id is None or not _may_tell(draft):
        return
    if await outbox.was_wanted(draft.tx, key, order_id=draft.order_id):
        return
    values = await _values(draft, zone=zone, panel_url=panel_url)
    if "{explanation}" in message.body and draft.order.outcome is not None:
        said = await explain(
            draft.tx, draft.order_id, draft.order.outcome, settled=draft.paid, zone=zone, panel_url=panel_url
        )
        values["explanation"] = as_message(said)
    subject, body = render(message.subject, values), render(message.body, values)
    rules = draft.policy.policy.messages
    action: OpenTicket | SendEmail
    if rules.form is MessageForm.TICKET and rules.department_id is not None:
        reference = f"doorman:ticket:{uuid.uuid5(_NAMESPACE, key)}"
        action = OpenTicket(
            customer_id=draft.customer_id, reference=reference, department_id=rules.department_id,
            subject=subject, message=body,
        )  # fmt: skip
    else:
        text = html.escape(body).replace("\n", "<br>\n")
        action = SendEmail(customer_id=draft.customer_id, subject=subject, message=text)
    await outbox.enqueue(
        draft.tx, action, key=key, cause=cause, now=draft.now, order_id=draft.order_id, customer_id=draft.customer_id
    )


async def _values(draft: OrderDraft, *, zone: tzinfo, panel_url: str | None = None) -> dict[str, str]:
    """Return the values that any message may contain: the order, and its newest fee if it has one."""
    fee, policy = await latest_fee(draft), draft.policy.policy
    amount, currency = draft.order.amount_minor, draft.order.currency
    values = {
        "order_number": order_number(draft),
        "order_total": "" if amount is None or not currency else str(Money(int(amount), currency)),
        "expires_on": deadline((fee.expires_at if fee else fee_expiry(draft)).astimezone(zone)),
        "cart_url": policy.cart.url,
        "work": policy.texts.work.other,
    }
    if fee is None:
        return values
    links = links_to(panel_url)
    return values | {
        "fee": str(Money(int(fee.amount_minor), fee.currency)),
        "work": fee.work or policy.texts.work.entering,
        "invoice_url": links.invoice_url(fee.invoice_id) if links and fee.invoice_id else "",
    }


async def write_in_ticket(
    draft: OrderDraft,
    message: Message,
    *,
    key: str,
    cause: str,
    zone: tzinfo,
    question: str,
    ticket_id: int | None,
    reference: str,
) -> None:
    """Ask a customer in a new ticket, or in a reply to `ticket_id`.

    The caller ensures that the policy has a department and the order a customer.
    """
    rules, customer_id = draft.policy.policy, draft.customer_id
    if customer_id is None or rules.messages.department_id is None:
        raise ValueError("a question needs a customer and a department")
    expires_at: datetime = draft.order.hold_expires_at or draft.now
    values = await _values(draft, zone=zone)
    values |= {"question": question, "expires_on": deadline(expires_at.astimezone(zone))}
    body = render(message.body, values)
    action: OpenTicket | ReplyTicket
    if ticket_id is None:
        one_line = values | {"question": " ".join(question.split())[:_SUBJECT_QUESTION]}
        action = OpenTicket(
            customer_id=customer_id, reference=reference, department_id=rules.messages.department_id,
            subject=render(message.subject, one_line), message=body,
        )  # fmt: skip
    else:
        action = ReplyTicket(ticket_id=ticket_id, reference=reference, message=body, signed=rules.ask.signed)
    await outbox.enqueue(
        draft.tx, action, key=key, cause=cause, now=draft.now, order_id=draft.order_id, customer_id=customer_id
    )


def _may_tell(draft: OrderDraft) -> bool:
    """True if the policy's mode lets us notify the customer; in `suggest` only about what a person decided."""
    match draft.policy.policy.modes.messages:
        case ActionMode.ENFORCE:
            return True
        case ActionMode.SUGGEST:
            return draft.order.touched_by_person
        case ActionMode.SHADOW:
            return False


async def note_for_staff(draft: OrderDraft, text: str, *, about: str, cause: str) -> None:
    """Add a staff note to the customer in the panel, once per hold; customers never see it."""
    if draft.customer_id is None:
        return
    since = draft.order.hold_since
    key = f"order:{draft.order_id}:note:{about}" + (f":{since.isoformat()}" if since else "")
    if since is not None and await outbox.was_wanted(draft.tx, key, order_id=draft.order_id):
        return
    action = AddClientNote(customer_id=draft.customer_id, notes=f"Doorman, order {order_number(draft)}: {text}")
    await outbox.enqueue(
        draft.tx, action, key=key, cause=cause, now=draft.now, order_id=draft.order_id, customer_id=draft.customer_id
    )
