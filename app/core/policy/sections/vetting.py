"""The part of the policy that says what a person reviews, what to ask the customer, and how long to wait."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from app.core.policy.base_types import GroupRef, Line, PolicyPart, readable
from app.core.reading.kinds import PlanUse
from app.core.reading.quantities import UseUnit


class ProductType(StrEnum):
    """The product types of the panel."""

    SHARED = "hostingaccount"
    RESELLER = "reselleraccount"
    SERVER = "server"
    OTHER = "other"


#: The name of a rule, as in reasons and reports.
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
#: A question to the customer: plain text, without placeholders.
Question = Annotated[
    str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True), AfterValidator(readable)
]
Weight = Annotated[int, Field(ge=0, le=1000)]
Groups = Annotated[tuple[GroupRef, ...], Field(max_length=500)]
ProductTypes = Annotated[tuple[ProductType, ...], Field(max_length=4)]


class FitRule(PolicyPart):
    """Content that may not fit: one of the terms is mentioned, or texts speak of one of the uses, in six languages.

    With `groups` or `product_types` it applies only to orders with such a product; with both, either is enough.
    """

    name: Slug
    terms: tuple[Line, ...] = Field((), max_length=500)
    weight: Weight
    question: Question
    groups: Groups = ()
    product_types: ProductTypes = ()
    uses: tuple[PlanUse, ...] = Field((), max_length=20)

    @model_validator(mode="after")
    def _finds_something(self) -> Self:
        if not self.terms and not self.uses:
            raise ValueError("set terms, uses or both to say what it is recognised by")
        return self


class PlanRoom(PolicyPart):
    """What a plan of these groups or product types can handle: more than `at_most` of `unit` adds the weight."""

    unit: UseUnit
    at_most: Annotated[int, Field(ge=0, le=10**12)]
    weight: Weight
    question: Question
    groups: Groups = ()
    product_types: ProductTypes = ()

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not self.groups and not self.product_types:
            raise ValueError("set groups, product_types or both to say which plans it applies to")
        return self


_SHARED = (ProductType.SHARED, ProductType.RESELLER)
_RULES = (
    FitRule(
        name="streaming",
        terms=(
            "iptv", "restream", "restreaming", "stream relay", "rtmp relay", "live streaming", "video streaming",
            "radio streaming", "shoutcast", "icecast",
        ),
        weight=30,
        question=(
            "You mention streaming. What content do you stream, do you hold the rights to it, and how many "
            "viewers or listeners do you expect at the same time?"
        ),
    ),
    FitRule(
        name="adult",
        terms=(
            "adult content", "adult site", "adult website", "adult videos", "porn", "erotic", "erotik", "camgirls",
            "webcam models",
        ),
        weight=30,
        question=(
            "You mention content aimed at adults. In which country is the operator based, and how do you verify "
            "the age of visitors and of the people shown?"
        ),
    ),
    FitRule(
        name="game-server",
        terms=(
            "game server", "gameserver", "minecraft server", "fivem", "rust server", "ark server", "teamspeak",
            "palworld",
        ),
        weight=60,
        question=(
            "You mention a game server. It needs a server of its own, which this plan does not include. May we "
            "suggest a plan that fits?"
        ),
        uses=(PlanUse.GAME_SERVER,),
        product_types=_SHARED,
    ),
    FitRule(
        name="video-on-shared",
        uses=(PlanUse.VIDEO,),
        weight=60,
        question=(
            "You mention video. Our shared servers are not made to play it: how many hours are there, how many people "
            "watch at the same time, and may we suggest a server of your own or a video service that you embed?"
        ),
        product_types=_SHARED,
    ),
    FitRule(
        name="vpn-proxy",
        terms=(
            "vpn server", "vpn service", "vpn provider", "openvpn", "wireguard", "proxy server", "proxy service",
            "socks proxy", "residential proxies", "shadowsocks", "v2ray",
        ),
        weight=30,
        question=(
            "You mention a VPN or proxy. Is it for yourself or for your customers, and how can we reach you "
            "about abuse reports?"
        ),
    ),
    FitRule(
        name="crypto-mining",
        terms=(
            "crypto mining", "cryptomining", "crypto miner", "bitcoin mining", "monero mining", "xmrig",
            "mining pool", "chia plotting",
        ),
        weight=60,
        question=(
            "You mention mining. It keeps processors or disks busy day and night, which our shared servers are "
            "not made for. What do you plan to run, and on what hardware?"
        ),
    ),
    FitRule(
        name="newsletter",
        terms=(
            "newsletter", "newsletters", "mailing list", "mail campaigns", "email campaigns", "e-mail campaigns",
            "email marketing", "e-mail marketing", "cold email", "cold emails", "smtp relay",
        ),
        weight=30,
        question=(
            "You mention newsletters. How many e-mails do you send a month, how did the recipients agree to "
            "receive them, and how can they unsubscribe?"
        ),
    ),
    FitRule(
        name="newsletter-on-shared",
        uses=(PlanUse.NEWSLETTER,),
        weight=60,
        question=(
            "You mention newsletters. How many people receive them and how often, how did they agree to it, and how do "
            "you send them?"
        ),
        product_types=_SHARED,
    ),
)  # fmt: skip
_RESOURCES = (
    PlanRoom(
        unit=UseUnit.GB_STORAGE,
        at_most=250,
        weight=60,
        question=(
            "You expect to store more files than this plan is made for. How much space do you need in the first "
            "few months?"
        ),
        product_types=(ProductType.SHARED,),
    ),
    PlanRoom(
        unit=UseUnit.GB_TRAFFIC_MONTH,
        at_most=2_000,
        weight=60,
        question=(
            "You expect more traffic than this plan is made for. What will people download, and from which "
            "countries or regions?"
        ),
        product_types=(ProductType.SHARED,),
    ),
    PlanRoom(
        unit=UseUnit.VISITORS_DAY,
        at_most=20_000,
        weight=60,
        question=(
            "You expect more visitors than this plan is made for. Does the site already run elsewhere, and on "
            "what kind of server?"
        ),
        product_types=(ProductType.SHARED,),
    ),
    PlanRoom(
        unit=UseUnit.MAILS_DAY,
        at_most=2_000,
        weight=60,
        question=(
            "You expect to send more e-mail than this plan is made for. Who do you write to, and how did they "
            "agree to receive it?"
        ),
        product_types=_SHARED,
    ),
    PlanRoom(
        unit=UseUnit.NEWSLETTER_READERS,
        at_most=2_000,
        weight=60,
        question=(
            "You plan a newsletter with more readers than this plan is made for. How often is it sent, and how did "
            "they agree to receive it?"
        ),
        product_types=_SHARED,
    ),
)


class Vetting(PolicyPart):
    """Orders that a person reviews whatever the scores are.

    Any match of `terms` or `product_groups` is enough. The weights of the matching `rules` and of the exceeded
    `resources` are added up, each once; a person reviews the order if the sum is at least `review_from`.
    """

    terms: tuple[Line, ...] = Field(
        ("tor exit", "open proxy", "open resolver", "proxy reselling"),
        max_length=2000,
        title="Terms that a person checks",
    )
    product_groups: tuple[GroupRef, ...] = Field((), max_length=500, title="Product groups that a person checks")
    question: Question = Field(
        "May we ask what you plan to use this for? We would like to make sure that it fits our terms and the "
        "plan you chose.",
        title="The question for rules without one of their own",
    )
    review_from: int = Field(60, ge=1, le=10_000, title="The weight from which a person checks an order")
    rules: tuple[FitRule, ...] = Field(_RULES, max_length=200, title="Rules about what is hosted")
    resources: tuple[PlanRoom, ...] = Field(_RESOURCES, max_length=200, title="What plans can carry")

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two rules have the name {', '.join(twice[:5])}")
        return self


class Ask(PolicyPart):
    """How long a question to the customer waits for an answer, in days from asking; it never cancels an order."""

    remind_days: int = Field(3, ge=1, le=90, title="The time after which customers are reminded of a question")
    propose_cancel_days: int = Field(
        10, ge=1, le=365, title="The time without an answer after which cancelling is proposed"
    )
    signed: Line = Field("Customer service", title="The signature under questions")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.remind_days >= self.propose_cancel_days:
            raise ValueError("remind_days must be less than propose_cancel_days")
        return self
