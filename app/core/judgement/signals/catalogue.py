"""The catalogue of signals: the meaning, evidence, points and required facts of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from app.core.judgement.signals.base import FAMILIES, FAMILY_LIMIT, LIMIT, Family, ScoreKind
from app.core.judgement.signals.risk import UNMUTABLE
from app.core.judgement.signals.work import REQUEST_KINDS, request_code, work_words
from app.core.policy.document import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalEntry:
    """One signal code. `keys` are its keys under `points.<score>` in the policy; a limit has none.

    `needs` are facts without which it can't fire or only in part; names that imported history may hold only as of today
    are those in `provenance.NAMES`.
    """

    code: str
    score: ScoreKind | None  # None: may change either score
    meaning: str
    evidence: str
    keys: tuple[str, ...]
    needs: tuple[str, ...]

    @property
    def family(self) -> Family | None:
        """The family whose cap applies; None for self-service signals and limits."""
        return FAMILIES.get(self.code)

    @property
    def can_be_muted(self) -> bool:
        """Whether it counts nothing when it fires on too many orders."""
        return self.family is not None and self.code not in UNMUTABLE

    def points(self, policy: Policy) -> dict[str, int]:
        """Return its points in a policy, by key, with their sign in the score."""
        if self.score is None:
            return {}
        table = policy.points.risk if self.score is ScoreKind.RISK else policy.points.self_service
        sign = 1 if (self.score is ScoreKind.RISK) != (self.code in _AGAINST_THE_GRAIN) else -1
        return {key: sign * getattr(table, key) for key in self.keys}


#: Signals in the customer's favour, which change their score in the other direction.
_AGAINST_THE_GRAIN: Final = frozenset({"repeat_effortless", "allow_listed"})


def _service(code: str, meaning: str, evidence: str, *needs: str, keys: tuple[str, ...] = ()) -> SignalEntry:
    return SignalEntry(
        code=code,
        score=ScoreKind.SELF_SERVICE,
        meaning=meaning,
        evidence=evidence,
        keys=keys or (code,),
        needs=needs,
    )


def _risk(code: str, meaning: str, evidence: str, *needs: str, keys: tuple[str, ...] = ()) -> SignalEntry:
    return SignalEntry(
        code=code, score=ScoreKind.RISK, meaning=meaning, evidence=evidence, keys=keys or (code,), needs=needs
    )


def _shared(kind: str, what: str) -> SignalEntry:
    return _risk(
        f"shared_{kind}",
        f"The {what} is shared with customers known for fraud, abuse or chargebacks; other customers add no points.",
        "number of bad customers, number of all customers",
        f"neighbours.{kind}",
        keys=(f"shared_{kind}", "each_further"),
    )


def _of_reports(code: str, meaning: str, evidence: str, keys: tuple[str, ...] = ()) -> SignalEntry:
    return _risk(code, meaning, evidence, "order.outside", keys=keys)


_LINES: Final = ("items.listed", "items.cycle_offered")
_HOW_MANY: Final = "how many"

CATALOGUE: Final = (
    _service(
        "entered_by_staff",
        "Our staff entered an order that the cart sells; no points if the cart could not have sold it.",
        "who entered it, whether the cart sells it",
        *_LINES,
        "items.price_override",
    ),
    _service(
        "asked_by_ticket", "A ticket of this customer asked for the order.", "the ticket", "order.asking_ticket_id"
    ),
    *(
        _service(
            request_code(kind),
            f"The order asks for {work_words(kind)}.",
            "the lexicon's terms and where they were found, never the text",
            "order.requests",
        )
        for kind in REQUEST_KINDS
    ),
    _service(
        "text_cut",
        "Part of the text could not be judged, so a person reads it: there were more texts or tickets than are "
        "read, or work or a policy term appears in what looks like a quotation, a signature or mark-up.",
        "where, and why, never the text",
        "order.cut",
    ),
    _service(
        "outside_catalogue",
        "A line is not sold in the cart, or not with this billing cycle.",
        "number of lines, which ones",
        *_LINES,
    ),
    _service("price_override", "A line has a price of its own.", "how many lines", "items.price_override"),
    _service("manual_payment", "A person must record the payment.", "the payment method", "order.payment_method"),
    _service(
        "earlier_manual_orders",
        "Earlier orders of this customer were entered by our staff too.",
        _HOW_MANY,
        "customer.earlier_manual_orders",
        keys=("earlier_manual_order", "earlier_manual_orders_at_most"),
    ),
    _service(
        "tickets_per_service",
        "Many tickets in 14 days for the number of services; tickets caused by our hold are not counted.",
        "tickets and active services",
        "customer.tickets_recent",
        "customer.active_services",
    ),
    _service(
        "repeat_effortless",
        "Earlier orders of this customer needed no staff time.",
        _HOW_MANY,
        "customer.earlier_effortless_orders",
        keys=("repeat_effortless", "repeat_effortless_at_most"),
    ),
    _service("unpaid_after_grace", "The order was not paid within the grace period.", "the days", "order.payment"),
    _risk(
        "fraud_check",
        "The panel's own fraud check failed the order, was undecided, or gave a high score.",
        "the module, its verdict and score",
        "order.fraud_check",
        keys=("fraud_check_fail", "fraud_check_review", "fraud_check_high_score"),
    ),
    _of_reports("minfraud", "MaxMind minFraud gives the order a high risk score.", "its score"),
    _of_reports(
        "fraudrecord",
        "Other providers reported this person to FraudRecord, or its score is high.",
        "number of reports, the score, the report's page",
        ("fraudrecord", "fraudrecord_high_score"),
    ),
    _of_reports("anonymous_ip", "The customer's own IP address belongs to a proxy or VPN.", "the source and its label"),
    _risk("hosting_network", "The order came from a hosting network.", "the network's number", "order.ip_asn"),
    _risk(
        "email_disposable",
        "The e-mail address belongs to a disposable-address service.",
        "its domain",
        "customer.email_disposable",
    ),
    _risk("email_unverified", "The e-mail address was never confirmed.", "nothing", "customer.email_verified"),
    _risk(
        "countries_disagree",
        "Address, phone and IP point to different countries; counted per additional country.",
        "the countries by source",
        "customer.country",
        "customer.phone_country",
        "customer.ip_country",
    ),
    _shared("ip", "customer's own IP address"),
    _shared("phone", "phone number"),
    _shared("address", "address"),
    _risk(
        "similar_address",
        "The address is nearly the same as a bad customer's; no points if it is exactly the same as one.",
        "number of bad customers, number of all customers",
        "neighbours.similar_address",
        keys=("similar_address", "each_further"),
    ),
    _shared("email", "mailbox, in any spelling,"),
    _shared("payment", "payment method"),
    _risk(
        "customer_velocity",
        "The customer places orders faster than people do; counted per full limit exceeded, at most three times.",
        "orders in an hour and in a day",
        "customer.orders_last_hour",
    ),
    _risk(
        "ip_velocity",
        "One IP address places orders faster than people do; counted in the same way.",
        "orders in an hour and in a day",
        "customer.ip_orders_last_hour",
    ),
    _risk(
        "new_accounts_together",
        "Other new accounts without a paid past ordered at about the same time and share the IP address, payment "
        "method, phone number or pattern of e-mail address. One other never holds alone; two reach a review.",
        "how many, what they share, which orders, minutes apart",
        "customer.together",
        "customer.paid_invoices",
        "customer.signed_up_at",
        keys=("new_accounts_together", "each_new_account"),
    ),
    _risk(
        "new_account_large_order",
        "A new account that has paid nothing yet places an order that is large for its currency, or larger than nearly "
        "all of the provider's own first orders.",
        "the account's age in days, or minutes where known; the amount, and its rank in percent",
        "customer.paid_invoices",
        "customer.signed_up_at",
    ),
    _risk(
        "earlier_fraud_orders",
        "Earlier orders of this customer were fraudulent.",
        _HOW_MANY,
        "customer.earlier_fraud_orders",
        keys=("earlier_fraud_orders", "each_further"),
    ),
    _risk("chargebacks", "Payments were charged back; counted per payment.", _HOW_MANY, "customer.chargebacks"),
    _risk("collections_invoices", "Invoices went to collections.", _HOW_MANY, "customer.collections_invoices"),
    _risk(
        "overdue_invoices",
        "Invoices are overdue, our own fees excluded; counted per invoice, up to a limit.",
        _HOW_MANY,
        "customer.overdue_invoices",
        keys=("overdue_invoice", "overdue_invoices_at_most"),
    ),
    _risk("payment_disputed", "The payment of this order is disputed.", "nothing", "order.payment"),
    _risk(
        "acceptable_use",
        "The order's texts or domain names hold terms of the acceptable-use list, or words that together speak for a "
        "kind of abuse; not where they deny it, warn of it or study it, or mean an innocent trade.",
        "the terms, the kinds of abuse with the lexicon's words, and where they were found, never the text",
        "order.acceptable_use",
        "order.hosted",
    ),
    _risk(
        "look_alike_domain",
        "A domain name imitates a bank or brand of the policy: look-alike characters, a typing error, its name at "
        "another ending, or beside words that ask for trust.",
        "the brand and the words beside it",
        "order.look_alikes",
    ),
    _risk(
        "brand_in_domain",
        "A domain name holds the name of a bank or brand of the policy among other words; not where its agency orders.",
        "the brand",
        "order.look_alikes",
    ),
    _risk(
        "block_listed", "The customer is on the provider's own block list.", "the entries, by place", "customer.lists"
    ),
    _risk(
        "allow_listed", "The customer is on the provider's own allow list.", "the entries, by place", "customer.lists"
    ),
    SignalEntry(
        code=FAMILY_LIMIT,
        score=ScoreKind.RISK,
        meaning="Deducts what the signals of one family add above its cap ([families] of the policy).",
        evidence="the family, its cap, its points before the cap",
        keys=(),
        needs=(),
    ),
    SignalEntry(
        code=LIMIT,
        score=None,
        meaning="Corrects a score that would leave its scale of 0 to 100.",
        evidence="nothing",
        keys=(),
        needs=(),
    ),
)


def not_testable(absent: Iterable[str]) -> tuple[str, ...]:
    """Return the codes that can't be tested, or only in part, without these facts."""
    names = frozenset(absent)
    return tuple(entry.code for entry in CATALOGUE if names.intersection(entry.needs))


def markdown_table() -> str:
    """Return the catalogue as a table for the README, with the points of the default policy."""
    default = Policy()
    lines = ["| code | score, family | what it means | evidence | default points |", "|---|---|---|---|---|"]
    for entry in CATALOGUE:
        kind = entry.score.value.replace("_", "-") if entry.score else "either"
        where = f"{kind}, {entry.family.value}" if entry.family else kind
        points = entry.points(default)
        worth = ", ".join(f"{key} {value:+d}" if len(points) > 1 else f"{value:+d}" for key, value in points.items())
        lines.append(f"| `{entry.code}` | {where} | {entry.meaning} | {entry.evidence} | {worth or 'the excess'} |")
    return "\n".join(lines)
