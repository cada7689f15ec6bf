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

    outcome: Said = "Your order has been accepted."
    when_paid: Said = "We will process it as soon as its invoice is paid."
    by_hand: Said = "Our team will set it up for you."
    free: Said = "There is no extra charge for our team's work."


class FeeTexts(PolicyPart):
    """Texts about an order that waits for the customer's decision about a fee."""

    outcome: Said = "Please tell us how to proceed with your order."
    custom: _Work = "Your order asks for work that its price does not include: {work}."
    minutes: _Minutes = "We expect this to take our team about {minutes} minutes."
    handling: Said = "Our team entered this order for you. If you order the same in our cart, there is no such charge."
    price: _Price = "The one-time charge for this is {price}. You pay it only if you agree to it."
    plus_tax: _Fee = "{fee} plus tax where applicable"
    until: _Date = "Please choose by {expires_on}. After that, our team will check the order again."
    within: _Days = "Please choose within {days} days. After that, our team will check the order again."
    pay: _Price = "Pay {price}, and we will carry out your order as requested."
    pay_at: _PriceAt = "Pay {price}, and we will carry out your order as requested: {invoice_url}"
    drop_request: Said = "Take the order as sold in our cart, without this charge."
    cancel: Said = "Cancel the order."
    unpaid: Said = "The invoice for the order itself must also be paid before we can set it up."


class ReviewTexts(PolicyPart):
    """Texts about an order under review; `asked` replaces `person` and `hours` while the customer has a question."""

    outcome: Said = "We are checking your order."
    person: Said = (
        "A member of our team will check your order before it is set up. If we have a question, we will ask you."
    )
    asked: Said = "We have sent you a question about it and will continue as soon as we have read your answer."
    offer: _Work = "You asked for {work}. We will send you a quote before any work begins."
    hours: _Hours = "We aim to finish within {hours} hours. There is no charge for this."
    cancel: Said = "Cancel the order at any time: just let us know."


class RejectedTexts(PolicyPart):
    """Texts about a rejected order."""

    outcome: Said = "We are unable to accept your order."
    money: Said = "Any payment you made for it will be returned to you."
    contest: Said = "If you think this is a mistake, please write to us and our team will check it again."


class CancelledTexts(PolicyPart):
    """Texts about an order that ended without blame: withdrawn, a duplicate, cancelled in the panel."""

    outcome: Said = "Your order has been cancelled."
    money: Said = "Any payment you made for it will be returned to you."
    contest: Said = "If this is not what you wanted, please write to us and our team will check it again."


class NextTimeTexts(PolicyPart):
    """How to avoid a hold next time; the `_at` variants have a link into the cart."""

    cart: Said = "Products ordered in our cart without special requests cost nothing extra and need no confirmation."
    cart_at: _Link = (
        "Products ordered in our cart without special requests cost nothing extra and need no confirmation: {cart_link}"
    )
    review: Said = (
        "Orders placed in our cart with complete, up-to-date contact details are usually set up without delay."
    )
    review_at: _Link = (
        "Orders placed in our cart with complete, up-to-date contact details are usually set up without delay: "
        "{cart_link}"
    )
    product: _Product = "{product}: {product_url}"


class WorkWords(PolicyPart):
    """The words for the work that an order asks for, by kind of request: fills {work}, with the terms found."""

    os_old: Line = "an operating system that is no longer supported"
    os_unusual: Line = "an operating system that is not in our catalogue"
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

    included: _Numbers = "Everything you order here is set up at no extra charge."
    handling: _Numbers = "Would you like us to enter the order for you? That costs {handling_fee}."
    handling_free: _Numbers = "Would you like us to enter the order for you? We do that free of charge."
    custom: _Numbers = (
        "Extra work by our team (for example: {work}) costs {hourly_rate} an hour, billed in steps of "
        "{step_minutes} minutes: at least {minimum_fee}, and never more than {max_fee} per order."
    )
    custom_free: _Numbers = "Extra work by our team (for example: {work}) is free of charge."
    tax: _Numbers = "Tax is added to these prices where applicable."
    agree: _Numbers = "We tell you the price first, and you pay only if you agree."


class TermsOfService(PolicyPart):
    """Sentences of the terms of service."""

    included: _Numbers = "Everything in our cart is set up at no extra charge."
    included_at: _Numbers = "Everything in our cart ({cart_url}) is set up at no extra charge."
    handling: _Numbers = "If we enter an order for you that you could place in our cart, we charge {handling_fee} once."
    handling_free: _Numbers = "If we enter an order for you, there is no charge for that."
    custom: _Numbers = (
        "Work that the price of an order does not include costs {hourly_rate} an hour, billed in steps of "
        "{step_minutes} minutes: at least {minimum_fee}, and never more than {max_fee} per order. This includes "
        "entering the order."
    )
    custom_free: _Numbers = "Work that the price of an order does not include is free of charge."
    tax: _Numbers = "Tax is added to these prices where applicable."
    small: _Numbers = "Work of less than {min_minutes} minutes in total is free."
    courtesy: _Numbers = (
        "For the first {courtesy_orders} of your orders that need such work, or that we enter for you, the work "
        "is free."
    )
    not_in_cart: _Numbers = (
        "There is also no charge for an order that asks only for things our cart does not offer yet: {work}."
    )
    no_charge_kinds: _Numbers = "There is never such a charge for: {kinds}."
    less: _Numbers = "We may charge less than this, or nothing at all."
    agree: _Numbers = (
        "Nothing is charged without your agreement. We tell you the price first, and you agree by paying the "
        "invoice for it. You can also take the order as sold in our cart, without the charge, or cancel it."
    )
    days: _Numbers = (
        "You have {days} days to choose. After that, we withdraw the invoice and our team checks the order "
        "again; the order is not cancelled automatically."
    )
    offer: _Numbers = "If the work would cost more than {mandate_above}, we send you a quote before any work begins."
    review: _Numbers = (
        "Our team checks some orders before they are set up, free of charge. We aim to finish within "
        "{paid_hours} hours if a payment has been made, and within {unpaid_hours} hours if not."
    )
    contest: _Numbers = (
        "If you think one of our decisions is a mistake, please write to us and our team will check it again. "
        "If we are unable to accept an order, any payment you made for it will be returned to you."
    )


class Signature(PolicyPart):
    """The two lines for an e-mail signature."""

    cart: _Numbers = "The fastest way, at no extra charge, is to order in our cart."
    cart_at: _Numbers = "The fastest way, at no extra charge, is to order in our cart: {cart_url}"
    handling: _Numbers = "If we enter an order for you, that costs {handling_fee}."
    handling_free: _Numbers = "If we enter an order for you, that is free of charge."
    custom: _Numbers = "Custom work costs {hourly_rate} an hour, from {minimum_fee}."
    custom_free: _Numbers = "Custom work is free of charge."
    tax: _Numbers = "Tax is added to these prices where applicable."
    agree: _Numbers = "We always tell you the price first."


class PriceTexts(PolicyPart):
    """The prices in words, for `doorman policy texts`; what the policy charges decides which sentences are used."""

    cart: CartNotice = CartNotice()
    terms: TermsOfService = TermsOfService()
    signature: Signature = Signature()
    kinds: KindWords = KindWords()


class Texts(PolicyPart):
    """The texts for customers about decisions and prices; each may be replaced."""

    not_decided: Said = "We have received your order and are processing it."
    contest: Said = "If you think this is a mistake, please write to us and our team will check it."
    approved: ApprovedTexts = ApprovedTexts()
    fee: FeeTexts = FeeTexts()
    review: ReviewTexts = ReviewTexts()
    rejected: RejectedTexts = RejectedTexts()
    cancelled: CancelledTexts = CancelledTexts()
    next_time: NextTimeTexts = NextTimeTexts()
    work: WorkWords = WorkWords()
    prices: PriceTexts = PriceTexts()
