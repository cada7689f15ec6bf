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
from app.core.reading.requests import TermKind
from app.core.reading.topics import Topic


class GapPayer(StrEnum):
    """Who pays for work that the cart could not have sold."""

    CUSTOMER = "customer"
    PROVIDER = "provider"


class RiskThresholds(PolicyPart):
    """From which risk score (0-100) an order is reviewed or rejected."""

    review_from: Annotated[int, Field(ge=1, le=100)] = 60
    reject_from: Annotated[int, Field(ge=1, le=100)] = 90
    auto_reject: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.review_from >= self.reject_from:
            raise ValueError("review_from must be lower than reject_from")
        return self


class WorkMinutes(PolicyPart):
    """Staff minutes for each kind of work, counted once per order and kind."""

    handling: Minutes = 20
    os_old: Minutes = 60
    os_unusual: Minutes = 45
    package: Minutes = 30
    install: Minutes = 45
    migration: Minutes = 90
    hardware: Minutes = 60
    custom_config: Minutes = 45
    manual_order: Minutes = 0

    def of(self, kind: TermKind) -> int:
        """Return the minutes for one kind of request; 0 for a term that is only on one of the policy's lists."""
        minutes: int = getattr(self, kind.value, 0)
        return minutes


class TopicMinutes(PolicyPart):
    """Staff minutes for a ticket of each topic; the keys are the slugs of `Topic`."""

    order: Minutes = 20
    presales: Minutes = 10
    paid_not_provisioned: Minutes = 10
    reboot: Minutes = 10
    os_install: Minutes = 30
    billing: Minutes = 10
    cancellation: Minutes = 10
    refund: Minutes = 15
    abuse_report: Minutes = 30
    outage: Minutes = 30
    account_access: Minutes = 10
    migration: Minutes = 90
    dns_domain: Minutes = 15
    email_service: Minutes = 25
    custom_work: Minutes = 60
    upgrade: Minutes = 20
    how_to: Minutes = 10
    praise: Minutes = 2
    other: Minutes = 15
    unknown: Minutes = 15

    def by_topic(self) -> Mapping[Topic, int]:
        """Return the minutes as `classify` takes them."""
        return {topic: getattr(self, topic.value) for topic in Topic}


class GroupMargin(PolicyPart):
    """A different margin for some product groups."""

    groups: tuple[GroupRef, ...] = Field(min_length=1, max_length=500)
    percent: Percent


class LabourRules(PolicyPart):
    """When labour is worth charging for, and how the value of an order is computed."""

    min_minutes: Minutes = 15
    tolerated_months: Months = Decimal("1.00")
    horizon_months: Annotated[int, Field(ge=1, le=120)] = 12
    margin_percent: Percent = 45
    group_margins: tuple[GroupMargin, ...] = Field(default=(), max_length=200)
    courtesy_orders: Annotated[int, Field(ge=0, le=1000)] = 0
    catalogue_gap_paid_by: GapPayer = GapPayer.CUSTOMER
    catalogue_gap_kinds: tuple[TermKind, ...] = (
        TermKind.OS_OLD,
        TermKind.OS_UNUSUAL,
        TermKind.PACKAGE,
        TermKind.HARDWARE,
        TermKind.CUSTOM_CONFIG,
    )
    fee_kinds: tuple[OrderKind, ...] = (OrderKind.NEW, OrderKind.ADDON, OrderKind.MIXED)
    postpaid_groups: tuple[GroupRef, ...] = Field(default=(), max_length=500)
    minutes: WorkMinutes = WorkMinutes()
    topic_minutes: TopicMinutes = TopicMinutes()


class CurrencyRow(PolicyPart):
    """The amounts of one currency, in its major unit; never converted to another currency."""

    staff_cost_per_hour: Amount
    handling_fee: Amount
    custom_rate_per_hour: Amount
    max_fee: Amount
    mandate_above: Amount
    large_order: Amount
    postpaid_month: Amount


class SelfServicePoints(PolicyPart):
    """Points that each signal subtracts from the self-service score; `repeat_effortless` adds."""

    entered_by_staff: Points = 20
    asked_by_ticket: Points = 10
    request_os_old: Points = 30
    request_os_unusual: Points = 25
    request_package: Points = 20
    request_install: Points = 25
    request_migration: Points = 30
    request_hardware: Points = 30
    request_custom_config: Points = 20
    request_manual_order: Points = 5
    text_cut: Points = 5
    outside_catalogue: Points = 15
    price_override: Points = 10
    manual_payment: Points = 10
    unpaid_after_grace: Points = 10
    earlier_manual_order: Points = 5
    earlier_manual_orders_at_most: Points = 15
    tickets_per_service: Points = 15
    repeat_effortless: Points = 5
    repeat_effortless_at_most: Points = 15


class RiskPoints(PolicyPart):
    """Points that each signal adds to the risk score; `allow_listed` subtracts."""

    fraud_check_fail: Points = 70
    fraud_check_review: Points = 40
    fraud_check_high_score: Points = 40
    minfraud: Points = 40
    fraudrecord: Points = 30
    fraudrecord_high_score: Points = 45
    anonymous_ip: Points = 20
    hosting_network: Points = 10
    email_disposable: Points = 25
    email_unverified: Points = 5
    countries_disagree: Points = 8
    shared_ip: Points = 20
    shared_phone: Points = 30
    shared_address: Points = 25
    similar_address: Points = 15
    shared_email: Points = 40
    shared_payment: Points = 40
    each_further: Points = 10
    customer_velocity: Points = 25
    ip_velocity: Points = 25
    new_account_large_order: Points = 25
    earlier_fraud_orders: Points = 60
    chargebacks: Points = 40
    collections_invoices: Points = 30
    overdue_invoice: Points = 10
    overdue_invoices_at_most: Points = 30
    payment_disputed: Points = 60
    acceptable_use: Points = 60
    block_listed: Points = 100
    allow_listed: Points = 50


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

    identity: Points = 80
    countries_and_mail: Points = 50
    velocity: Points = 75
    history: Points = 100
    payment: Points = 100
    outside: Points = 85
    content: Points = 100


class SignalThresholds(PolicyPart):
    """The thresholds from which signals fire."""

    fraud_score_from: Annotated[int, Field(ge=1, le=100)] = 75
    minfraud_score_from: Annotated[int, Field(ge=1, le=100)] = 50
    fraudrecord_score_from: Annotated[int, Field(ge=1, le=100)] = 50
    hosting_asns: tuple[Annotated[int, Field(ge=1, lt=2**32)], ...] = Field(default=(), max_length=5000)
    customer_orders_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 5
    customer_orders_per_day: Annotated[int, Field(ge=1, le=10_000)] = 15
    ip_orders_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 5
    ip_orders_per_day: Annotated[int, Field(ge=1, le=10_000)] = 15
    new_account_days: Annotated[int, Field(ge=0, le=3650)] = 7
    tickets_per_service: Annotated[int, Field(ge=1, le=1000)] = 3
    payment_grace_days: Annotated[int, Field(ge=0, le=365)] = 5
    verifies_email: bool = False


class Exemptions(PolicyPart):
    """Whose orders are approved without regard to risk and labour."""

    client_groups: tuple[PanelId, ...] = Field(default=(), max_length=500)
    product_groups: tuple[GroupRef, ...] = Field(default=(), max_length=500)
    gateways: tuple[Line, ...] = Field(default=(), max_length=200)
    staff_customer_ids: tuple[PanelId, ...] = Field(default=(), max_length=5000)


class OwnInitiative(PolicyPart):
    """What marks an order as our own initiative, so that its work is free."""

    promo_codes: tuple[Line, ...] = Field(default=(), max_length=2000)
    gateways: tuple[Line, ...] = Field(default=(), max_length=200)
    client_groups: tuple[PanelId, ...] = Field(default=(), max_length=500)


def _names_the_product(text: str) -> str:
    template = naming("product_id")(text)
    if text and template.format(product_id=1) == template.format(product_id=2):
        raise ValueError("must contain {product_id}")
    return text


class Cart(PolicyPart):
    """The address of the cart, the link to one product, and what the cart does not sell."""

    url: Annotated[str, Field(pattern=r"^(https?://[!-~]{1,500})?$")] = ""
    product_url: Annotated[
        str,
        Field(pattern=r"^(https?://[A-Za-z0-9._~:/?#@!$&'()*+,;=%{}-]{1,500})?$"),
        AfterValidator(_names_the_product),
    ] = ""
    not_in_cart: tuple[PanelId, ...] = Field(default=(), max_length=5000)


class Payment(PolicyPart):
    """Payment methods that need a person to book the payment."""

    manual_methods: tuple[Line, ...] = Field(
        default=("banktransfer", "mailin", "cash", "cheque", "check"), max_length=100
    )


class AcceptableUse(PolicyPart):
    """Terms for content that breaks the rules; searched for in notes and domain names."""

    terms: tuple[Line, ...] = Field(
        default=(
            "carding",
            "carder",
            "cc dumps",
            "fullz",
            "cvv shop",
            "skimmer",
            "botnet",
            "c2 server",
            "command and control server",
            "ddos attack",
            "ddos attacks",
            "ddos tool",
            "ddos panel",
            "ddos for hire",
            "booter",
            "stresser",
            "bulk mail",
            "bulk email",
            "bulk e-mail",
            "mass mail",
            "mass mailing",
            "mass email",
            "email blast",
            "send spam",
            "sending spam",
            "spam mails",
            "spam server",
            "spam campaign",
            "phishing",
            "scam page",
            "mass scan",
            "mass scanning",
            "port scanning",
            "masscan",
            "zmap",
            "brute forcing",
            "bruteforcing",
            "brute forcer",
            "malware hosting",
            "malware distribution",
            "ransomware panel",
            "keylogger",
            "exploit kit",
            "warez",
            "nulled",
            "cracked software",
            "torrent tracker",
            "ip spoofing",
            "spoofing enabled",
            "bulletproof hosting",
            "child porn",
        ),
        max_length=2000,
    )


class Staff(PolicyPart):
    """Which admins of the panel are not people."""

    automation_admin_ids: tuple[PanelId, ...] = Field(default=(), max_length=500)


class Muting(PolicyPart):
    """When a risk signal is muted because it fires on too many orders to be meaningful."""

    share_percent: Annotated[int, Field(ge=1, le=100)] = 25
    min_orders: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    days: Annotated[int, Field(ge=1, le=3650)] = 90


class CustomerRules(PolicyPart):
    """How the customer score is computed."""

    prior_score: Percent = 70
    prior_months: Annotated[int, Field(ge=0, le=120)] = 6
    standard_after_paid_invoices: Annotated[int, Field(ge=0, le=1000)] = 2
    standard_after_months: Annotated[int, Field(ge=0, le=120)] = 3
    labour_share_at_most: Points = 40
    late_payment_at_most: Points = 20
    manual_orders_at_most: Points = 15
    tickets_at_most: Points = 15
    disputes_at_most: Points = 40
    points_per_dispute: Points = 20
    tolerated_tickets_per_service_year: Annotated[int, Field(ge=1, le=1000)] = 2
