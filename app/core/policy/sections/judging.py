"""The part of the policy used by the judgement: thresholds, labour, money, points, exemptions."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from app.core.facts import OrderKind
from app.core.policy.base_types import (
    Amount,
    GroupRef,
    Line,
    Minutes,
    Months,
    PanelId,
    Percent,
    Points,
    PolicyPart,
    naming,
)
from app.core.reading.kinds import TermKind, Topic


class GapPayer(StrEnum):
    """Who pays for work that the cart could not have sold."""

    CUSTOMER = "customer"
    PROVIDER = "provider"


class RiskThresholds(PolicyPart):
    """From which risk score (0-100) an order is reviewed or rejected."""

    review_from: int = Field(60, ge=1, le=100, title="The risk from which a person checks an order")
    reject_from: int = Field(90, ge=1, le=100, title="The risk from which the policy would reject an order")
    auto_reject: bool = Field(False, title="Rejecting orders without a person")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.review_from >= self.reject_from:
            raise ValueError("review_from must be lower than reject_from")
        return self


class WorkMinutes(PolicyPart):
    """Staff minutes for each kind of work, counted once per order and kind."""

    handling: Minutes = Field(20, title="Entering what the cart sells")
    os_old: Minutes = Field(60, title="An old operating system")
    os_unusual: Minutes = Field(45, title="An unusual operating system")
    package: Minutes = Field(30, title="Extra packages")
    install: Minutes = Field(45, title="Installing an application")
    migration: Minutes = Field(90, title="Moving sites or mailboxes")
    hardware: Minutes = Field(60, title="Other hardware")
    custom_config: Minutes = Field(45, title="A custom configuration")
    manual_order: Minutes = Field(0, title="Being asked to place the order")

    def of(self, kind: TermKind) -> int:
        """Return the minutes for one kind of request; 0 for a term that is only on one of the policy's lists."""
        minutes: int = getattr(self, kind.value, 0)
        return minutes


class TopicMinutes(PolicyPart):
    """Staff minutes for a ticket of each topic; the keys are the slugs of `Topic`."""

    order: Minutes = Field(20, title="A ticket about order")
    presales: Minutes = Field(10, title="A ticket about presales")
    paid_not_provisioned: Minutes = Field(10, title="A ticket about paid services that are missing")
    reboot: Minutes = Field(10, title="A ticket about reboot")
    os_install: Minutes = Field(30, title="A ticket about installing an operating system")
    billing: Minutes = Field(10, title="A ticket about billing")
    cancellation: Minutes = Field(10, title="A ticket about cancellation")
    refund: Minutes = Field(15, title="A ticket about refund")
    abuse_report: Minutes = Field(30, title="A ticket about abuse report")
    outage: Minutes = Field(30, title="A ticket about outage")
    account_access: Minutes = Field(10, title="A ticket about account access")
    migration: Minutes = Field(90, title="A ticket about migration")
    dns_domain: Minutes = Field(15, title="A ticket about DNS and domains")
    email_service: Minutes = Field(25, title="A ticket about e-mail")
    custom_work: Minutes = Field(60, title="A ticket about custom work")
    upgrade: Minutes = Field(20, title="A ticket about upgrade")
    how_to: Minutes = Field(10, title="A ticket about how to do something")
    praise: Minutes = Field(2, title="A ticket about praise")
    other: Minutes = Field(15, title="A ticket about other")
    unknown: Minutes = Field(15, title="A ticket about unknown")

    def by_topic(self) -> Mapping[Topic, int]:
        """Return the minutes as `classify` takes them."""
        return {topic: getattr(self, topic.value) for topic in Topic}


class GroupMargin(PolicyPart):
    """A different margin for some product groups."""

    groups: tuple[GroupRef, ...] = Field(min_length=1, max_length=500)
    percent: Percent


class LabourRules(PolicyPart):
    """When labour is worth charging for, and how the value of an order is computed."""

    min_minutes: Minutes = Field(15, title="The least work that counts")
    tolerated_months: Months = Field(Decimal("1.00"), title="The margin that work may use up")
    horizon_months: int = Field(12, ge=1, le=120, title="The time over which one-time amounts are spread")
    margin_percent: Percent = Field(45, title="The margin on a price")
    group_margins: tuple[GroupMargin, ...] = Field((), max_length=200, title="Margins of product groups")
    courtesy_orders: int = Field(0, ge=0, le=1000, title="The number of manual orders that are free")
    catalogue_gap_paid_by: GapPayer = Field(
        GapPayer.CUSTOMER, title="Who pays for work that the cart could not have sold"
    )
    catalogue_gap_kinds: tuple[TermKind, ...] = Field(
        (
            TermKind.OS_OLD,
            TermKind.OS_UNUSUAL,
            TermKind.PACKAGE,
            TermKind.HARDWARE,
            TermKind.CUSTOM_CONFIG,
        ),
        title="Requests that show a gap in the catalogue",
    )
    fee_kinds: tuple[OrderKind, ...] = Field(
        (OrderKind.NEW, OrderKind.ADDON, OrderKind.MIXED), title="Kinds of order that may be held for a fee"
    )
    postpaid_groups: tuple[GroupRef, ...] = Field((), max_length=500, title="Product groups that are billed after use")
    minutes: WorkMinutes = WorkMinutes()
    topic_minutes: TopicMinutes = TopicMinutes()


class CurrencyRow(PolicyPart):
    """The amounts of one currency, in its major unit; never converted to another currency."""

    staff_cost_per_hour: Amount = Field(title="The cost of an hour of staff time in {}")
    handling_fee: Amount = Field(title="The handling fee in {}")
    custom_rate_per_hour: Amount = Field(title="The hourly rate for custom work in {}")
    max_fee: Amount = Field(title="The highest fee in {}")
    mandate_above: Amount = Field(title="The value of work from which an offer comes first in {}")
    large_order: Amount = Field(title="The total of a large order in {}")
    postpaid_month: Amount = Field(title="The assumed monthly revenue of a postpaid line in {}")


class SelfServicePoints(PolicyPart):
    """Points that each signal subtracts from the self-service score; `repeat_effortless` adds."""

    entered_by_staff: Points = Field(20, title="An order that staff entered")
    asked_by_ticket: Points = Field(10, title="A ticket that asked for the order")
    request_os_old: Points = Field(30, title="A request for an old operating system")
    request_os_unusual: Points = Field(25, title="A request for an unusual operating system")
    request_package: Points = Field(20, title="A request for extra packages")
    request_install: Points = Field(25, title="A request to install something")
    request_migration: Points = Field(30, title="A request to move something")
    request_hardware: Points = Field(30, title="A request for other hardware")
    request_custom_config: Points = Field(20, title="A request for a custom configuration")
    request_manual_order: Points = Field(5, title="A request to place the order")
    text_cut: Points = Field(5, title="A text that could not be read in full")
    outside_catalogue: Points = Field(15, title="A line that the cart does not sell")
    price_override: Points = Field(10, title="A line with a price of its own")
    manual_payment: Points = Field(10, title="A payment that a person must record")
    unpaid_after_grace: Points = Field(10, title="An order that is unpaid for too long")
    earlier_manual_order: Points = Field(5, title="Each earlier manual order")
    earlier_manual_orders_at_most: Points = Field(15, title="All earlier manual orders together, at most,")
    tickets_per_service: Points = Field(15, title="Many tickets for few services")
    repeat_effortless: Points = Field(5, title="Each earlier order that needed no staff time")
    repeat_effortless_at_most: Points = Field(
        15, title="All earlier orders that needed no staff time together, at most,"
    )


class RiskPoints(PolicyPart):
    """Points that each signal adds to the risk score; `allow_listed` subtracts."""

    fraud_check_fail: Points = Field(70, title="A failed fraud check")
    fraud_check_review: Points = Field(60, title="An undecided fraud check")
    fraud_check_high_score: Points = Field(40, title="A high score from the fraud check")
    minfraud: Points = Field(40, title="A high score from minFraud")
    fraudrecord: Points = Field(30, title="A report in FraudRecord")
    fraudrecord_high_score: Points = Field(45, title="A high score from FraudRecord")
    anonymous_ip: Points = Field(20, title="A VPN, proxy or Tor exit")
    hosting_network: Points = Field(10, title="An IP address in a hosting network")
    email_disposable: Points = Field(25, title="A disposable e-mail address")
    email_unverified: Points = Field(5, title="An unconfirmed e-mail address")
    countries_disagree: Points = Field(8, title="Each additional country")
    shared_ip: Points = Field(20, title="A shared IP address")
    shared_phone: Points = Field(75, title="A shared phone number")
    shared_address: Points = Field(25, title="A shared address")
    similar_address: Points = Field(15, title="A nearly identical address")
    shared_email: Points = Field(60, title="A shared mailbox")
    shared_payment: Points = Field(60, title="A shared card or account")
    each_further: Points = Field(10, title="Each additional bad customer or fraud order")
    customer_velocity: Points = Field(25, title="Ordering faster than people do")
    ip_velocity: Points = Field(25, title="Many orders from one IP address")
    new_accounts_together: int = Field(35, ge=0, le=35, title="Another new account that orders at about the same time")
    each_new_account: Points = Field(25, title="Each additional new account")
    new_account_large_order: Points = Field(25, title="A large order from a new account")
    earlier_fraud_orders: Points = Field(60, title="An earlier fraud order")
    chargebacks: Points = Field(40, title="Each payment charged back")
    collections_invoices: Points = Field(30, title="Invoices handed to collections")
    overdue_invoice: Points = Field(10, title="Each overdue invoice")
    overdue_invoices_at_most: Points = Field(30, title="All overdue invoices together, at most,")
    payment_disputed: Points = Field(60, title="A disputed payment for the order")
    acceptable_use: Points = Field(60, title="A term or kind of the acceptable-use list")
    look_alike_domain: Points = Field(60, title="A domain name that imitates a brand")
    brand_in_domain: Points = Field(20, title="A brand's name among other words of a domain name")
    block_listed: Points = Field(100, title="Being on the block list")
    allow_listed: Points = Field(50, title="Being on the allow list")


class PointTables(PolicyPart):
    """The points of all signals."""

    self_service: SelfServicePoints = SelfServicePoints()
    risk: RiskPoints = RiskPoints()

    @model_validator(mode="after")
    def _worse_costs_more(self) -> Self:
        if self.risk.fraud_check_review > self.risk.fraud_check_fail:
            raise ValueError("risk.fraud_check_review must not be above risk.fraud_check_fail")
        return self


class FamilyCaps(PolicyPart):
    """The most points that each family of risk signals adds in total; the provider's own lists have no cap."""

    identity: Points = Field(80, title="The cap on shared identities")
    countries_and_mail: Points = Field(50, title="The cap on countries and e-mail")
    velocity: Points = Field(75, title="The cap on fast ordering")
    together: Points = Field(85, title="The cap on new accounts that order together")
    history: Points = Field(100, title="The cap on a customer's history")
    payment: Points = Field(100, title="The cap on payment signals")
    outside: Points = Field(85, title="The cap on fraud checks and enrichment services")
    content: Points = Field(80, title="The cap on texts and domain names")


class SignalThresholds(PolicyPart):
    """The thresholds from which signals fire."""

    fraud_score_from: int = Field(75, ge=1, le=100, title="The fraud score that counts as high")
    minfraud_score_from: int = Field(50, ge=1, le=100, title="The minFraud score that counts as high")
    fraudrecord_score_from: int = Field(50, ge=1, le=100, title="The FraudRecord score that counts as high")
    hosting_asns: tuple[Annotated[int, Field(ge=1, lt=2**32)], ...] = Field(
        (), max_length=5000, title="Hosting networks, by AS number"
    )
    customer_orders_per_hour: int = Field(5, ge=1, le=10_000, title="How often a customer may order")
    customer_orders_per_day: int = Field(15, ge=1, le=10_000, title="How often a customer may order")
    ip_orders_per_hour: int = Field(5, ge=1, le=10_000, title="How often one IP address may order")
    ip_orders_per_day: int = Field(15, ge=1, le=10_000, title="How often one IP address may order")
    new_account_days: int = Field(7, ge=0, le=3650, title="The time for which an account is new")
    first_order_percent: int = Field(95, ge=50, le=100, title="The share of first orders that a large one exceeds")
    first_orders_at_least: int = Field(100, ge=1, le=1_000_000, title="The number of first orders to compare with")
    tickets_per_service: int = Field(3, ge=1, le=1000, title="The number of tickets per service that counts as many")
    payment_grace_days: int = Field(5, ge=0, le=365, title="The time for which an order may be unpaid")
    verifies_email: bool = Field(False, title="Confirming customers' e-mail addresses")


class Exemptions(PolicyPart):
    """Whose orders are approved without regard to risk and labour."""

    client_groups: tuple[PanelId, ...] = Field((), max_length=500, title="Exempt client groups")
    product_groups: tuple[GroupRef, ...] = Field((), max_length=500, title="Exempt product groups")
    gateways: tuple[Line, ...] = Field((), max_length=200, title="Exempt gateways")
    staff_customer_ids: tuple[PanelId, ...] = Field((), max_length=5000, title="Accounts of our own staff")


class OwnInitiative(PolicyPart):
    """What marks an order as our own initiative, so that its work is free."""

    promo_codes: tuple[Line, ...] = Field((), max_length=2000, title="Promotion codes that mark our own initiative")
    gateways: tuple[Line, ...] = Field((), max_length=200, title="Gateways that mark our own initiative")
    client_groups: tuple[PanelId, ...] = Field((), max_length=500, title="Client groups that mark our own initiative")


def _names_the_product(text: str) -> str:
    template = naming("product_id")(text)
    if text and template.format(product_id=1) == template.format(product_id=2):
        raise ValueError("must contain {product_id}")
    return text


class Cart(PolicyPart):
    """The address of the cart, the link to one product, and what the cart does not sell."""

    url: str = Field("", pattern=r"^(https?://[!-~]{1,500})?$", title="The address of the cart")
    product_url: Annotated[
        str,
        Field(pattern=r"^(https?://[A-Za-z0-9._~:/?#@!$&'()*+,;=%{}-]{1,500})?$"),
        AfterValidator(_names_the_product),
    ] = Field("", title="The address of a product in the cart")
    not_in_cart: tuple[PanelId, ...] = Field((), max_length=5000, title="Products that the cart does not sell")


class Payment(PolicyPart):
    """Payment methods that need a person to book the payment."""

    manual_methods: tuple[Line, ...] = Field(
        ("banktransfer", "mailin", "cash", "cheque", "check"), max_length=100, title="Payments that a person records"
    )


class Staff(PolicyPart):
    """Which admins of the panel are not people."""

    automation_admin_ids: tuple[PanelId, ...] = Field((), max_length=500, title="Admin accounts used by programs")


class NeighbourRules(PolicyPart):
    """How much customers who share an identity and were bad count: evidence ages, and one burst is one neighbour."""

    half_life_days: int = Field(180, ge=1, le=3650, title="The time in which evidence about an address loses half")
    burst_hours: int = Field(24, ge=1, le=8760, title="The time between accounts of one burst")


class Muting(PolicyPart):
    """When a risk signal is muted because it fires on too many orders that ended well to be meaningful."""

    share_percent: int = Field(25, ge=1, le=100, title="The share of orders from which a signal is muted")
    min_orders: int = Field(200, ge=1, le=1_000_000, title="The number of orders from which signals can be muted")
    days: int = Field(90, ge=1, le=3650, title="The time over which muting is counted")


class CustomerRules(PolicyPart):
    """How the customer score is computed."""

    prior_score: Percent = Field(70, title="The score that short histories are pulled towards")
    prior_months: int = Field(6, ge=0, le=120, title="The weight of that score, in months of history,")
    standard_after_paid_invoices: int = Field(
        2, ge=0, le=1000, title="The number of paid invoices after which a customer is no longer new"
    )
    standard_after_months: int = Field(3, ge=0, le=120, title="The time after which a customer is no longer new")
    labour_share_at_most: Points = Field(40, title="The most that work takes off a customer's score")
    late_payment_at_most: Points = Field(20, title="The most that late payments take off a customer's score")
    manual_orders_at_most: Points = Field(15, title="The most that manual orders take off a customer's score")
    tickets_at_most: Points = Field(15, title="The most that tickets take off a customer's score")
    disputes_at_most: Points = Field(40, title="The most that disputes take off a customer's score")
    points_per_dispute: Points = Field(20, title="What each dispute takes off a customer's score")
    tolerated_tickets_per_service_year: int = Field(
        2, ge=1, le=1000, title="The number of tickets per service and year that is tolerated"
    )
