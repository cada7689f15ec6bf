"""The kinds of findings in a text."""

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
