"""The part of the policy with the texts for customers about a decision, and about prices before an order.

Every sentence is a template of its own, so that a text replaces exactly the sentence that it names. Sentences with a
link have a variant without one, for policies that have no cart.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from app.core.policy.base_types import Line, PolicyPart, naming, readable
from app.core.reading.kinds import TermKind

_BOUNDS = StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)
#: One sentence or a few, without placeholders.
Said = Annotated[str, _BOUNDS, AfterValidator(readable), AfterValidator(naming())]
_Work = Annotated[str, _BOUNDS, AfterValidator(readable), AfterValidator(naming("work"))]
_Minutes = Annotated[str, _BOUNDS, AfterValidator(readable), AfterValidator(naming("minutes"))]
_Fee = Annotated[str, _BOUNDS, AfterValidator(readable), AfterValidator(naming("fee"))]
_Price = Annotated[str, _BOUNDS, AfterValidator(readable), AfterValidator(naming("price"))]
_PriceAt = Annotated[str, _BOUNDS, AfterValidator(readable), AfterValidator(naming("price", "invoice_url"))]
_Date = Annotated[str, _BOUNDS, AfterValidator(readable), AfterValidator(naming("expires_on"))]
_Days = Annotated[str, _BOUNDS, AfterValidator(readable), AfterValidator(naming("days"))]
_Hours = Annotated[str, _BOUNDS, AfterValidator(readable), AfterValidator(naming("hours"))]
_Link = Annotated[str, _BOUNDS, AfterValidator(readable), AfterValidator(naming("cart_link"))]
_Product = Annotated[str, _BOUNDS, AfterValidator(readable), AfterValidator(naming("product", "product_url"))]
#: The placeholders of the texts about prices; each is a number or link of the policy.
PRICE_PLACEHOLDERS = (
    "handling_fee", "hourly_rate", "step_minutes", "minimum_fee", "max_fee", "mandate_above", "min_minutes",
    "courtesy_orders", "days", "paid_hours", "unpaid_hours", "work", "kinds", "cart_url",
)  # fmt: skip
_Numbers = Annotated[str, _BOUNDS, AfterValidator(readable), AfterValidator(naming(*PRICE_PLACEHOLDERS))]


class ApprovedTexts(PolicyPart):
    """Texts about an approved order."""

    outcome: Said = "Your order is accepted."
    when_paid: Said = "It goes on as soon as its invoice is paid."
    by_hand: Said = "Our staff will set it up for you."
    free: Said = "There is no extra charge for the work of our staff."


class FeeTexts(PolicyPart):
    """Texts about an order that waits for the customer's decision about a fee."""

    outcome: Said = "Your order waits for your word."
    custom: _Work = "Your order asks for work that its price does not cover: {work}."
    minutes: _Minutes = "We expect it to take our staff about {minutes} minutes."
    handling: Said = "Our staff entered this order for you. Our cart sells the same without this charge."
    price: _Price = "For this we would charge {price}, once. Nothing is charged unless you pay it."
    plus_tax: _Fee = "{fee} plus tax where tax applies"
    until: _Date = "Please choose by {expires_on}; after that a person looks at the order again."
    within: _Days = "Please choose within {days} days; after that a person looks at the order again."
    pay: _Price = "Pay {price}, and we go on with your order as you asked."
    pay_at: _PriceAt = "Pay {price}, and we go on with your order as you asked: {invoice_url}"
    drop_request: Said = "Take the order as it is sold in our cart, without this charge."
    cancel: Said = "Cancel the order."
    unpaid: Said = "The order itself goes on once its own invoice is paid, too."


class ReviewTexts(PolicyPart):
    """Texts about an order under review; `asked` replaces `person` and `hours` while the customer has a question."""

    outcome: Said = "We are looking at your order."
    person: Said = "A person looks at your order before it is set up. If we have a question, we ask you."
    asked: Said = "We have asked you something about it and go on as soon as we have read your answer."
    offer: _Work = "You asked for {work}; we make you an offer before any work begins."
    hours: _Hours = "We mean to be done within {hours} hours. Nothing is charged for this."
    cancel: Said = "Cancel the order at any time: just tell us."


class RejectedTexts(PolicyPart):
    """Texts about a rejected order."""

    outcome: Said = "We cannot take your order."
    money: Said = "What you may have paid for it is returned."
    contest: Said = "If you think that this is a mistake, write to us and a person will look at it again."


class CancelledTexts(PolicyPart):
    """Texts about an order that ended without blame: withdrawn, a duplicate, cancelled in the panel."""

    outcome: Said = "Your order is cancelled."
    money: Said = "What you may have paid for it is returned."
    contest: Said = "If you did not want that, write to us and a person will look at it again."


class NextTimeTexts(PolicyPart):
    """How to avoid a hold next time; the `_at` variants have a link into the cart."""

    cart: Said = "What our cart sells, ordered as it is, costs nothing extra and does not wait for your word."
    cart_at: _Link = (
        "What our cart sells, ordered as it is, costs nothing extra and does not wait for your word: {cart_link}"
    )
    review: Said = (
        "Orders placed in our cart with complete and current contact details are usually set up without waiting."
    )
    review_at: _Link = (
        "Orders placed in our cart with complete and current contact details are usually set up without waiting: "
        "{cart_link}"
    )
    product: _Product = "{product}: {product_url}"


class WorkWords(PolicyPart):
    """The words for the work that an order asks for, by kind of request: fills {work}, with the terms found."""

    os_old: Line = "an operating system that is no longer supported"
    os_unusual: Line = "an operating system outside the catalogue"
    package: Line = "extra software packages"
    install: Line = "an installation by our staff"
    migration: Line = "moving existing data or sites"
    hardware: Line = "special hardware"
    custom_config: Line = "a special configuration"
    manual_order: Line = "an order entered by our staff"
    entering: Line = "entering the order for you"
    other: Line = "work by our staff"

    def of(self, kind: TermKind) -> str:
        """Return the words for one kind of request."""
        words: str = getattr(self, kind.value, self.other)
        return words


class KindWords(PolicyPart):
    """The names of the kinds of order that never cost extra, for the texts about prices."""

    new: Line = "new orders"
    addon: Line = "addons"
    upgrade: Line = "upgrades"
    domain: Line = "domains"
    renewal: Line = "renewals"


class CartNotice(PolicyPart):
    """Sentences of the notice at the checkout."""

    included: _Numbers = "What you order here is set up without an extra charge."
    handling: _Numbers = "Would you rather have us enter the order for you? That costs {handling_fee}."
    handling_free: _Numbers = "Would you rather have us enter the order for you? We do it free of charge."
    custom: _Numbers = (
        "Extra work by our staff (for example: {work}) costs {hourly_rate} an hour, counted in steps of {step_minutes} "
        "minutes: at least {minimum_fee}, and never more than {max_fee} for an order."
    )
    custom_free: _Numbers = "Extra work by our staff (for example: {work}) is free of charge."
    tax: _Numbers = "These prices are plus tax where tax applies."
    agree: _Numbers = "We tell you the price first, and you pay only if you agree."


class TermsOfService(PolicyPart):
    """Sentences of the terms of service."""

    included: _Numbers = "What our cart sells is set up without an extra charge."
    included_at: _Numbers = "What our cart sells ({cart_url}) is set up without an extra charge."
    handling: _Numbers = "If we enter an order for you that our cart sells, we charge {handling_fee} for it, once."
    handling_free: _Numbers = "If we enter an order for you, we charge nothing for it."
    custom: _Numbers = (
        "Work that the price of an order does not cover costs {hourly_rate} an hour, counted in steps of "
        "{step_minutes} minutes: at least {minimum_fee}, and never more than {max_fee} for an order. Entering the "
        "order is then included."
    )
    custom_free: _Numbers = "For work that the price of an order does not cover we charge nothing."
    tax: _Numbers = "These prices are plus tax where tax applies."
    small: _Numbers = "Work of less than {min_minutes} minutes in all is free."
    courtesy: _Numbers = (
        "The work for the first {courtesy_orders} of your orders that need it, or that we enter for you, is free."
    )
    not_in_cart: _Numbers = (
        "We charge nothing either for an order that asks only for what our cart cannot sell you yet: {work}."
    )
    no_charge_kinds: _Numbers = "There is never such a charge for: {kinds}."
    less: _Numbers = "We may always charge less, or nothing."
    agree: _Numbers = (
        "Nothing is charged without your agreement. We tell you the price first, and you agree by paying its invoice. "
        "Instead you may take the order as our cart sells it, without the charge, or cancel it."
    )
    days: _Numbers = (
        "You have {days} days to choose. After that the invoice is withdrawn and a person looks at the order again; "
        "it is not cancelled by itself."
    )
    offer: _Numbers = "For work worth more than {mandate_above} we make you an offer before any work begins."
    review: _Numbers = (
        "A person looks at some orders before they are set up, free of charge. We mean to be done within {paid_hours} "
        "hours if something is paid, and within {unpaid_hours} hours if not."
    )
    contest: _Numbers = (
        "If you think that a decision of ours is a mistake, write to us and a person will look at it again. What you "
        "paid for an order that we cannot take is returned."
    )


class Signature(PolicyPart):
    """The two lines for an e-mail signature."""

    cart: _Numbers = "Quickest, and without an extra charge: order in our cart."
    cart_at: _Numbers = "Quickest, and without an extra charge: order in our cart, {cart_url}"
    handling: _Numbers = "If we enter an order for you, that costs {handling_fee}."
    handling_free: _Numbers = "If we enter an order for you, that is free of charge."
    custom: _Numbers = "Custom work costs {hourly_rate} an hour, from {minimum_fee}."
    custom_free: _Numbers = "Custom work is free of charge."
    tax: _Numbers = "These prices are plus tax where tax applies."
    agree: _Numbers = "We always tell you the price first."


class PriceTexts(PolicyPart):
    """The prices in words, for `doorman policy texts`; what the policy charges decides which sentences are used."""

    cart: CartNotice = CartNotice()
    terms: TermsOfService = TermsOfService()
    signature: Signature = Signature()
    kinds: KindWords = KindWords()


class Texts(PolicyPart):
    """The texts for customers about decisions and prices; each may be replaced."""

    not_decided: Said = "We have your order and look at it next."
    contest: Said = "If you think that this is a mistake, write to us and a person will look at it."
    approved: ApprovedTexts = ApprovedTexts()
    fee: FeeTexts = FeeTexts()
    review: ReviewTexts = ReviewTexts()
    rejected: RejectedTexts = RejectedTexts()
    cancelled: CancelledTexts = CancelledTexts()
    next_time: NextTimeTexts = NextTimeTexts()
    work: WorkWords = WorkWords()
    prices: PriceTexts = PriceTexts()
