"""The part of the policy about carrying out a verdict: accepting, fees, holds, messages, limits."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from app.core.policy.base_types import GroupRef, Line, MessageBody, Network, PanelId, PolicyPart, Template


class AcceptMode(StrEnum):
    """What `approve` does with the order in the panel."""

    AUTO = "auto"
    RELEASE_ONLY = "release_only"


class AcceptRule(PolicyPart):
    """How orders of some product groups are accepted."""

    groups: tuple[GroupRef, ...] = Field(min_length=1, max_length=500)
    mode: AcceptMode = AcceptMode.AUTO
    autosetup: bool = True
    sendemail: bool = True
    sendregistrar: bool = True


class Accept(PolicyPart):
    """How an approved order is accepted: by the first rule whose group matches, else by the values here."""

    mode: AcceptMode = Field(AcceptMode.AUTO, title="What approving does")
    autosetup: bool = Field(True, title="Provisioning on acceptance")
    sendemail: bool = Field(True, title="Sending welcome mails on acceptance")
    sendregistrar: bool = Field(True, title="Sending domains to the registrar on acceptance")
    hand_built: AcceptMode = Field(AcceptMode.RELEASE_ONLY, title="What approving does with hand-built orders")
    rules: tuple[AcceptRule, ...] = Field((), max_length=500, title="Acceptance rules by product group")


class FeeRules(PolicyPart):
    """How the fee is calculated and invoiced."""

    increment_minutes: int = Field(60, ge=1, le=480, title="The step that custom work is rounded up to")
    minimum_minutes: int = Field(60, ge=0, le=480, title="The least custom work that is charged")
    taxed: bool = Field(True, title="Tax on the fee")
    gateway: str = Field("", max_length=100, pattern=r"^[A-Za-z0-9_]*$", title="The gateway of fee invoices")
    due_days_after_expiry: int = Field(2, ge=1, le=90, title="The time from a hold's end to the invoice's due date")
    handling_line: Template = Field(
        "Handling of order {order_number}, entered for you by our staff", title="The invoice line for handling"
    )
    custom_line: Template = Field(
        "Custom work for order {order_number}: {work}", title="The invoice line for custom work"
    )


class FactRules(PolicyPart):
    """How long an order waits for failing reads from the panel before it is decided without those facts."""

    wait_minutes: int = Field(10, ge=0, le=1440, title="The time that an order waits for failing panel reads")


class Hold(PolicyPart):
    """When a fee hold expires and when a review is due."""

    expires_days: int = Field(7, ge=1, le=90, title="The time that customers have to respond to a fee")
    review_due_hours_paid: int = Field(4, ge=1, le=720, title="The time for a person to review a paid order")
    review_due_hours_unpaid: int = Field(24, ge=1, le=720, title="The time for a person to review an unpaid order")


_HeldShare = Annotated[int, Field(ge=0, le=100, title="The share of orders that may be held within {}")]
_HeldMinOrders = Annotated[
    int, Field(ge=1, le=1_000_000, title="The least number of orders for that share to count within {}")
]
_Fees = Annotated[int, Field(ge=0, le=1_000_000, title="The number of fees within {}")]
_Rejects = Annotated[int, Field(ge=0, le=1_000_000, title="The number of rejects within {}")]
_Credits = Annotated[int, Field(ge=0, le=1_000_000, title="The number of credits within {}")]


class HourLimits(PolicyPart):
    """The most that may happen automatically within an hour; 0 means no limit.

    `held_share` is the share of orders, in percent, that the policy may hold; it applies only if the policy decided at
    least `held_min_orders` orders.
    """

    held_share: _HeldShare = 60
    held_min_orders: _HeldMinOrders = 20
    fees: _Fees = 30
    rejects: _Rejects = 10
    credits: _Credits = 30


class DayLimits(HourLimits):
    """The same within twenty-four hours."""

    held_share: _HeldShare = 50
    held_min_orders: _HeldMinOrders = 60
    fees: _Fees = 150
    rejects: _Rejects = 40
    credits: _Credits = 150


class DamageLimits(PolicyPart):
    """When a feature stops acting and alerts staff; the windows are rolling, so a limit lifts automatically.

    A policy that would hold more than `confirm_hold_percent` of the last orders is activated only when confirmed.
    """

    confirm_hold_percent: int = Field(
        30, ge=0, le=100, title="The share of held orders above which a policy needs confirmation"
    )
    hour: HourLimits = Field(HourLimits(), title="an hour")
    day: DayLimits = Field(DayLimits(), title="a day")


class MessageForm(StrEnum):
    """How customers are notified."""

    TICKET = "ticket"
    MAIL = "mail"


class Message(PolicyPart):
    """One message to customers, with placeholders in braces that the sender fills in and escapes."""

    send: bool = Field(title='Sending the message "{}"')
    subject: Template = Field(title='The subject of the message "{}"')
    body: MessageBody = Field(title='The text of the message "{}"')


class Messages(PolicyPart):
    """Every message sent to a customer."""

    form: MessageForm = Field(MessageForm.TICKET, title="How messages reach customers")
    department_id: PanelId | None = Field(None, title="The department for messages to customers")
    fee_hold: Message = Message(
        send=True,
        subject="Please confirm your order {order_number}",
        body=(
            "Thank you for your order {order_number}.\n\n{explanation}\n\n"
            "To choose, pay the invoice or just reply to this message."
        ),
    )
    review_hold: Message = Message(
        send=False,
        subject="We are checking your order {order_number}",
        body=(
            "Thank you for your order {order_number}.\n\n{explanation}\n\n"
            "You do not need to do anything. If it is urgent, please reply to this message."
        ),
    )
    fee_paid: Message = Message(
        send=False,
        subject="Your order {order_number} is going ahead",
        body="Thank you, we have received your payment for the work on your order {order_number}.\n\n{explanation}",
    )
    fee_waived: Message = Message(
        send=True,
        subject="Your order {order_number} is going ahead at no extra charge",
        body=(
            "We will do the work on your order {order_number} free of charge, so you do not need to pay the "
            "invoice for that work. If the order itself is not paid yet, it will go ahead as soon as it is."
        ),
    )
    request_dropped: Message = Message(
        send=True,
        subject="Your order {order_number} is going ahead as sold in our cart",
        body=(
            "As agreed, your order {order_number} will go ahead as sold in our cart, at no extra charge. If it "
            "is not paid yet, it will go ahead as soon as it is."
        ),
    )
    rejected: Message = Message(
        send=False,
        subject="We are unable to accept your order {order_number}",
        body=(
            "We are sorry, but we are unable to accept your order {order_number}. Any payment you made for it "
            "will be returned to you. If you think this is a mistake, please reply to this message and our team will "
            "check it again."
        ),
    )
    declined: Message = Message(
        send=True,
        subject="Your order {order_number} is not a good fit",
        body=(
            "Thank you for your order {order_number} and for your interest. We considered it carefully and decided "
            "not to accept it: our services are not designed for what you plan, and we would rather tell you "
            "now. Any payment you made for it will be returned to you. If you think we misunderstood, please reply to "
            "this message and our team will check it again."
        ),
    )
    question: Message = Message(
        send=True,
        subject="A question about your order {order_number}",
        body=(
            "Thank you for your order {order_number}. Before we set it up, we would like to ask you:\n\n"
            "{question}\n\n"
            "Please just reply to this message. We will continue as soon as we have read your answer."
        ),
    )
    question_reminder: Message = Message(
        send=True,
        subject="Your order {order_number} is waiting for your answer",
        body=(
            "Your order {order_number} is still waiting for your answer to our question:\n\n"
            "{question}\n\n"
            "A short reply is enough. If you no longer need the order, let us know and we will cancel it for you."
        ),
    )
    cancelled: Message = Message(
        send=False,
        subject="Your order {order_number} has been cancelled",
        body="Your order {order_number} has been cancelled. Any payment you made for it will be returned to you.",
    )
    hold_expired: Message = Message(
        send=False,
        subject="Your order {order_number} is still waiting for your decision",
        body=(
            "We have not had your decision about your order {order_number}, so we have withdrawn the invoice for "
            "the work on it. Our team is now checking the order. Please reply to this message to tell us how "
            "you would like to proceed."
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def _over_defaults(cls, given: Any) -> Any:
        """Merge a message over its default: keys that it leaves out keep the default."""
        if not isinstance(given, dict):
            return given
        merged = dict(given)
        for name, value in given.items():
            default = cls.model_fields[name].default if name in cls.model_fields else None
            if isinstance(default, Message) and isinstance(value, dict):
                merged[name] = {**default.model_dump(), **value}
        return merged


class NetList(PolicyPart):
    """The entries of an allow or block list."""

    customer_ids: tuple[PanelId, ...] = Field((), max_length=20_000, title="Customers on the {}")
    emails: tuple[Line, ...] = Field((), max_length=20_000, title="Addresses on the {}")
    email_domains: tuple[Line, ...] = Field((), max_length=20_000, title="Mail domains on the {}")
    networks: tuple[Network, ...] = Field((), max_length=20_000, title="Networks on the {}")


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill in a template's placeholders; one without a value becomes empty. The caller escapes the values.

    Values are inserted unchanged: braces in them are not placeholders.
    """
    return template.format_map(_Blank(values))


class _Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""
