"""Messages to customers and staff: whether one is sent, and what any of them may contain."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final

from app.core.actions import Action, AddClientNote, OpenTicket, ReplyTicket
from app.core.consequences.draft import Draft
from app.core.consequences.effects import Tell
from app.core.consequences.fees import fee_expiry, order_number
from app.core.judgement.explanation.customer import deadline
from app.core.money import Money
from app.core.policy.document import Policy
from app.core.policy.sections.acting import Message, MessageForm, render
from app.core.policy.sections.modes import ActionMode
from app.core.rows.belongings import Fee
from app.core.rows.order import Order

_SUBJECT_QUESTION: Final = 100  # characters of a question in a ticket's subject


def tell_customer(draft: Draft, message: Message, *, key: str, cause: str) -> None:
    """Send one of the policy's messages about this order; `key` makes it unique, so that it is sent once."""
    if not message.send or draft.customer_id is None or not _may_tell(draft) or draft.was_wanted(key):
        return
    draft.effects.append(Tell(message=message, key=key, cause=cause, order=draft.order, fee=draft.latest_fee))


def _may_tell(draft: Draft) -> bool:
    """True if the policy's mode lets us notify the customer; in `suggest` only about what a person decided."""
    match draft.policy.modes.messages:
        case ActionMode.ENFORCE:
            return True
        case ActionMode.SUGGEST:
            return draft.order.touched_by_person
        case ActionMode.SHADOW:
            return False


def action_of(policy: Policy) -> Action:
    """Return by which call a message reaches the customer: a ticket if the policy has a department, else a mail."""
    ticket = policy.messages.form is MessageForm.TICKET and policy.messages.department_id is not None
    return Action.OPEN_TICKET if ticket else Action.SEND_EMAIL


def values(
    order: Order, fee: Fee | None, policy: Policy, *, zone: tzinfo, now: datetime, invoice_url: str = ""
) -> dict[str, str]:
    """Return the values that any message may contain: the order, and its newest fee if it has one."""
    amount, currency = order.amount_minor, order.currency
    expires_at = fee.expires_at if fee else fee_expiry(order, now, policy.hold.expires_days)
    found = {
        "order_number": order_number(order),
        "order_total": "" if amount is None or not currency else str(Money(int(amount), currency)),
        "expires_on": deadline(expires_at.astimezone(zone)),
        "cart_url": policy.cart.url,
        "work": policy.texts.work.other,
    }
    if fee is None:
        return found
    return found | {
        "fee": str(Money(int(fee.amount_minor), fee.currency)),
        "work": fee.work or policy.texts.work.entering,
        "invoice_url": invoice_url,
    }


def write_in_ticket(
    draft: Draft, message: Message, *, key: str, cause: str, question: str, ticket_id: int | None, reference: str
) -> None:
    """Ask a customer in a new ticket, or in a reply to `ticket_id`.

    The caller ensures that the policy has a department and the order a customer.
    """
    rules, customer_id = draft.policy, draft.customer_id
    if customer_id is None or rules.messages.department_id is None:
        raise ValueError("a question needs a customer and a department")
    expires_at = draft.order.hold_expires_at or draft.now
    found = values(draft.order, draft.latest_fee, rules, zone=draft.given.zone, now=draft.now)
    found |= {"question": question, "expires_on": deadline(expires_at.astimezone(draft.given.zone))}
    body = render(message.body, found)
    action: OpenTicket | ReplyTicket
    if ticket_id is None:
        one_line = found | {"question": " ".join(question.split())[:_SUBJECT_QUESTION]}
        action = OpenTicket(
            customer_id=customer_id, reference=reference, department_id=rules.messages.department_id,
            subject=render(message.subject, one_line), message=body,
        )  # fmt: skip
    else:
        action = ReplyTicket(ticket_id=ticket_id, reference=reference, message=body, signed=rules.ask.signed)
    draft.want(action, key=key, cause=cause)


def note_for_staff(draft: Draft, text: str, *, about: str, cause: str) -> None:
    """Add a staff note to the customer in the panel, once per hold; customers never see it."""
    if draft.customer_id is None:
        return
    since = draft.order.hold_since
    key = f"order:{draft.order_id}:note:{about}" + (f":{since.isoformat()}" if since else "")
    if since is not None and draft.was_wanted(key):
        return
    notes = f"Doorman, order {order_number(draft.order)}: {text}"
    draft.want(AddClientNote(customer_id=draft.customer_id, notes=notes), key=key, cause=cause)
