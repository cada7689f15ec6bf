"""The kinds of findings in a text, without the lexicon that they are found by."""

from dataclasses import dataclass
from enum import StrEnum


class TermKind(StrEnum):
    """The kind of work that a text asks for."""

    OS_OLD = "os_old"
    OS_UNUSUAL = "os_unusual"
    PACKAGE = "package"
    INSTALL = "install"
    MIGRATION = "migration"
    HARDWARE = "hardware"
    CUSTOM_CONFIG = "custom_config"
    MANUAL_ORDER = "manual_order"
    LISTED = "listed"  # a term of the provider's own list, found only by `find_terms`, never by `find_requests`


@dataclass(frozen=True, slots=True, kw_only=True)
class TermFinding:
    """One request found in a text: the lexicon's own term, never the customer's sentence."""

    kind: TermKind
    term: str
    where: str
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedUse:
    """An amount that the customer expects to use, as found in a text; never the sentence itself."""

    unit: str  # gb_storage, gb_traffic_month, visitors_day, mails_day, …
    amount: int
    where: str


class AbuseKind(StrEnum):
    """What only those who break the rules host."""

    PHISHING = "phishing"
    MASS_MAIL = "mass_mail"
    ROTATING_IPS = "rotating_ips"
    CARDING = "carding"
    BOOTER = "booter"
    PIRACY = "piracy"


class PlanUse(StrEnum):
    """Honest uses that not every plan stands."""

    VIDEO = "video"
    GAME_SERVER = "game_server"
    NEWSLETTER = "newsletter"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedFinding:
    """One use found in a text. `words` are the lexicon's own ("mass", "mail", "versend…"), never the sentence."""

    kind: str  # of AbuseKind or PlanUse
    words: tuple[str, ...]
    where: str


class Likeness(StrEnum):
    """How a domain name resembles the name of a bank or brand."""

    LETTERS = "letters"  # written with characters that look alike
    TYPO = "typo"  # one letter added, left out, changed or swapped
    LURE = "lure"  # the name itself beside words like "login"
    NAME = "name"  # nothing but the name itself, at another ending
    MENTION = "mention"  # the name itself among other words


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAlike:
    """A domain name that resembles a brand of the policy. `words` are the lexicon's words beside it."""

    brand: str
    likeness: Likeness
    words: tuple[str, ...] = ()


class Topic(StrEnum):
    """What a ticket is about; the slugs of the contract."""

    ORDER = "order"
    PRESALES = "presales"
    PAID_NOT_PROVISIONED = "paid_not_provisioned"
    REBOOT = "reboot"
    OS_INSTALL = "os_install"
    BILLING = "billing"
    CANCELLATION = "cancellation"
    REFUND = "refund"
    ABUSE_REPORT = "abuse_report"
    OUTAGE = "outage"
    ACCOUNT_ACCESS = "account_access"
    MIGRATION = "migration"
    DNS_DOMAIN = "dns_domain"
    EMAIL_SERVICE = "email_service"
    CUSTOM_WORK = "custom_work"
    UPGRADE = "upgrade"
    HOW_TO = "how_to"
    PRAISE = "praise"
    OTHER = "other"
    UNKNOWN = "unknown"


class OrderIntent(StrEnum):
    """Whether a ticket asks us to place an order instead of using the cart."""

    NONE = "none"
    HOW_TO_ORDER = "how_to_order"
    ORDER_BY_MESSAGE = "order_by_message"
    CUSTOM_ORDER = "custom_order"
