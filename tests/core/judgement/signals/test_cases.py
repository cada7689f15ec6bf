"""The points of each signal, case by case: facts in words, the signal, its points. No other signal fires."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from app.core.facts import (
    Cut,
    EnrichmentReport,
    Facts,
    FraudCheck,
    FraudVerdict,
    ListKind,
    Neighbours,
    NewAccount,
    PaymentState,
    PlacedBy,
    TextCut,
)
from app.core.judgement.decide import decide
from app.core.judgement.provenance import NAMES, without
from app.core.judgement.signals.base import LIMITS
from app.core.judgement.signals.catalogue import CATALOGUE, not_testable
from app.core.policy.document import parse_policy
from app.core.reading.kinds import HostedFinding, Likeness, LookAlike
from app.core.reading.requests import TermFinding, TermKind
from tests.core.judging import NOW, a_customer, a_request, an_item, an_order, some_facts

POLICY = parse_policy("""
[thresholds]
verifies_email = true
hosting_asns = [16509]
""")
STAFF = PlacedBy.STAFF


class Case(NamedTuple):
    words: str
    facts: Facts
    code: str | None  # None: nothing fires
    points: int = 0


def ordering(**changes: Any) -> Facts:
    return some_facts(order=an_order(**changes))


def being(**changes: Any) -> Facts:
    return some_facts(customer=a_customer(**changes))


def beside(kind: str, *, bad: int, good: int = 3, **order: Any) -> Facts:
    customer = a_customer(neighbours=(Neighbours(kind=kind, customers=good + bad, bad_customers=bad),))
    return some_facts(order=an_order(**order), customer=customer)


def checked(verdict: FraudVerdict, score: float | None = None) -> Facts:
    return ordering(fraud_check=FraudCheck(module="maxmind", verdict=verdict, score=score))


def reported(provider: str, *, order: dict[str, Any] | None = None, **report: Any) -> Facts:
    return ordering(outside=(EnrichmentReport(provider=provider, **report),), **(order or {}))


def asking(kind: TermKind) -> Facts:
    return ordering(requests=(a_request(kind), a_request(kind, "another term", "ticket")))


TERM = TermFinding(kind=TermKind.LISTED, term="carding", where="notes", start=0)
MASS_MAIL = HostedFinding(kind="mass_mail", words=("mass", "mail"), where="notes")
GAMES = HostedFinding(kind="game_server", words=("minecraft", "server"), where="notes")
TYPO = LookAlike(brand="sparkasse", likeness=Likeness.TYPO)
MENTION = LookAlike(brand="sparkasse", likeness=Likeness.MENTION)
LATE = {"payment": PaymentState.UNPAID, "placed_at": NOW - timedelta(days=6)}
NEW = {"signed_up_at": NOW - timedelta(days=1), "paid_invoices": 0}
BOTH = (
    Neighbours(kind="address", customers=1, bad_customers=1),
    Neighbours(kind="similar_address", customers=4, bad_customers=2),
)


def joined_by(*minutes: int, days: int = 0, shares: tuple[str, ...] = ("ip",), colleague: bool = False) -> Facts:
    """Return the order of a new account, with others that ordered this many minutes apart."""
    together = tuple(
        NewAccount(order_id=900 + place, minutes=one, days=days, shares=shares, colleague=colleague)
        for place, one in enumerate(minutes)
    )
    return some_facts(customer=a_customer(**NEW, together=together))


CASES = [
    Case("a regular orders in the cart and has paid", some_facts(), None),
    Case("staff entered what the cart sells", ordering(placed_by=STAFF), "entered_by_staff", -20),
    Case("staff entered it logged in as the customer", ordering(placed_by=PlacedBy.STAFF_AS_CUSTOMER),
         "entered_by_staff", -20),
    Case("a program ordered through the API", ordering(placed_by=PlacedBy.API), None),
    Case("staff entered it, and the catalogue was not read", ordering(placed_by=STAFF, items=(an_item(listed=None),)),
         "entered_by_staff", 0),
    Case("a ticket asked for the order", ordering(asking_ticket_id=77), "asked_by_ticket", -10),
    Case("an old operating system is asked for", asking(TermKind.OS_OLD), "request_os_old", -30),
    Case("an unusual operating system is asked for", asking(TermKind.OS_UNUSUAL), "request_os_unusual", -25),
    Case("extra packages are asked for", asking(TermKind.PACKAGE), "request_package", -20),
    Case("an installation is asked for", asking(TermKind.INSTALL), "request_install", -25),
    Case("a migration is asked for", asking(TermKind.MIGRATION), "request_migration", -30),
    Case("special hardware is asked for", asking(TermKind.HARDWARE), "request_hardware", -30),
    Case("a configuration of its own is asked for", asking(TermKind.CUSTOM_CONFIG), "request_custom_config", -20),
    Case("the customer asks us to place the order", asking(TermKind.MANUAL_ORDER), "request_manual_order", -5),
    Case("the notes are longer than what is read", ordering(cut=(TextCut(where="notes", why=Cut.TOO_LONG),)),
         "text_cut", -5),
    Case("the catalogue does not list the product", ordering(items=(an_item(listed=False),)),
         "outside_catalogue", -15),
    Case("the product is not sold by this cycle", ordering(items=(an_item(cycle_offered=False),)),
         "outside_catalogue", -15),
    Case("nobody knows whether the catalogue lists it", ordering(items=(an_item(listed=None),)), None),
    Case("a line has a price of its own", ordering(items=(an_item(price_override=True),)), "price_override", -10),
    Case("payment by bank transfer", ordering(payment_method="BankTransfer"), "manual_payment", -10),
    Case("two earlier orders were entered by us", being(earlier_manual_orders=2), "earlier_manual_orders", -10),
    Case("many earlier orders were entered by us", being(earlier_manual_orders=50), "earlier_manual_orders", -15),
    Case("six tickets with two services", being(tickets_recent=6), "tickets_per_service", -15),
    Case("five tickets with two services", being(tickets_recent=5), None),
    Case("nobody knows how many tickets", being(tickets_recent=None), None),
    Case("an order before needed nobody", being(earlier_effortless_orders=1), "repeat_effortless", 5),
    Case("many orders before needed nobody", being(earlier_effortless_orders=40), "repeat_effortless", 15),
    Case("unpaid after six days", ordering(**LATE), "unpaid_after_grace", -10),
    Case("unpaid after an hour", ordering(payment=PaymentState.UNPAID), None),

    Case("the fraud check failed the order", checked(FraudVerdict.FAIL), "fraud_check", 70),
    Case("the fraud check was not sure", checked(FraudVerdict.REVIEW), "fraud_check", 60),
    Case("the fraud check passed it with a high score", checked(FraudVerdict.PASS, 80), "fraud_check", 40),
    Case("the fraud check passed it", checked(FraudVerdict.PASS, 20), None),
    Case("minFraud sees a chance of fraud of 50 %", reported("minfraud", score=50.0), "minfraud", 40),
    Case("minFraud sees a chance of fraud of 49.9 %", reported("minfraud", score=49.9), None),
    Case("minFraud did not answer in time", reported("minfraud", degraded=True, score=99.0), None),
    Case("a file of anonymisers knows the address as a VPN's", reported("geoip", marks=("anonymous_ip", "vpn")),
         "anonymous_ip", 20),
    Case("it knows it as a hosting provider's only", reported("geoip", marks=("hosting_ip",)), None),
    Case("it does not know it", reported("geoip"), None),
    Case("it is damaged there", reported("geoip", degraded=True, marks=("anonymous_ip",)), None),
    Case("the proxy is a program's, not the customer's",
         reported("geoip", marks=("anonymous_ip",), order={"placed_by": PlacedBy.API}), None),
    Case("a provider reported the person to FraudRecord", reported("fraudrecord", reports=1, score=10.0),
         "fraudrecord", 30),
    Case("many reported the person, gravely", reported("fraudrecord", reports=9, score=90.0), "fraudrecord", 45),
    Case("nobody reported the person", reported("fraudrecord", reports=0, score=0.0), None),
    Case("FraudRecord did not answer in time", reported("fraudrecord", degraded=True, reports=3), None),
    Case("the order came from a network of servers", ordering(ip_asn=16509), "hosting_network", 10),
    Case("the order came from people's network", ordering(ip_asn=3320), None),
    Case("a program in a network of servers ordered", ordering(ip_asn=16509, placed_by=PlacedBy.API), None),
    Case("a throw-away address", being(email_disposable=True), "email_disposable", 25),
    Case("nobody knows whether the address is a throw-away one", being(email_disposable=None), None),
    Case("an address that was never confirmed", being(email_verified=False), "email_unverified", 5),
    Case("the phone is of another country", being(phone_country="DE"), "countries_disagree", 8),
    Case("address, phone and IP are of three countries", being(phone_country="DE", ip_country="BR"),
         "countries_disagree", 16),
    Case("only the address has a country", being(phone_country=None, ip_country=None), None),
    Case("an IP address shared with a bad customer", beside("ip", bad=1), "shared_ip", 20),
    Case("an IP address shared with three bad customers", beside("ip", bad=3), "shared_ip", 40),
    Case("an IP address shared with a whole office", beside("ip", bad=0, good=400), None),
    Case("a program's IP address shared with a bad customer", beside("ip", bad=1, placed_by=PlacedBy.API), None),
    Case("a phone shared with a bad customer", beside("phone", bad=1), "shared_phone", 75),
    Case("an address shared with a bad customer", beside("address", bad=1), "shared_address", 25),
    Case("an address nearly that of a bad customer", beside("similar_address", bad=1), "similar_address", 15),
    Case("an address nearly that of good customers", beside("similar_address", bad=0), None),
    Case("the same address, and one nearly the same, of bad customers", being(neighbours=BOTH), "shared_address", 25),
    Case("a mailbox shared with a bad customer", beside("email", bad=1), "shared_email", 60),
    Case("a card shared with a bad customer", beside("payment", bad=1), "shared_payment", 60),
    Case("a card shared within a family", beside("payment", bad=0), None),
    Case("the sixth order within an hour", being(orders_last_hour=5), "customer_velocity", 25),
    Case("the fifth order within an hour", being(orders_last_hour=4), None),
    Case("the eleventh order from one IP address within an hour", being(ip_orders_last_hour=10), "ip_velocity", 50),
    Case("a day-old account orders for 300.00",
         some_facts(order=an_order(amount=30_000, payment=PaymentState.UNPAID), customer=a_customer(**NEW)),
         "new_account_large_order", 25),
    Case("a day-old account orders for 299.99",
         some_facts(order=an_order(amount=29_999, payment=PaymentState.UNPAID), customer=a_customer(**NEW)), None),
    Case("another new account at the same IP address within the hour", joined_by(10), "new_accounts_together", 35),
    Case("two others within the hour reach a review", joined_by(10, 50), "new_accounts_together", 60),
    Case("nine others within the day", joined_by(*range(100, 1000, 100)), "new_accounts_together", 100),
    Case("two others a day and a minute apart", joined_by(1441, 1441), None),
    Case("two accounts that are no longer new", joined_by(10, 20, days=8), None),
    Case("two others with e-mail of one pattern", joined_by(5, 9, shares=("email",)), "new_accounts_together", 60),
    Case("two others with such e-mail hours apart count as one", joined_by(300, 400, shares=("email",)),
         "new_accounts_together", 35),
    Case("two others with the same stem elsewhere, hours apart", joined_by(300, 400, shares=("stem",)), None),
    Case("four colleagues count as one", joined_by(9, 18, 27, 36, colleague=True), "new_accounts_together", 35),
    Case("an earlier order was fraud", being(earlier_fraud_orders=1), "earlier_fraud_orders", 60),
    Case("three earlier orders were fraud", being(earlier_fraud_orders=3), "earlier_fraud_orders", 80),
    Case("a payment was charged back", being(chargebacks=1), "chargebacks", 40),
    Case("an invoice went to collections", being(collections_invoices=2), "collections_invoices", 30),
    Case("an invoice is overdue", being(overdue_invoices=1), "overdue_invoices", 10),
    Case("many invoices are overdue", being(overdue_invoices=9), "overdue_invoices", 30),
    Case("nobody knows what is overdue", being(overdue_invoices=None), None),
    Case("the payment of this order is disputed", ordering(payment=PaymentState.DISPUTED), "payment_disputed", 60),
    Case("the notes speak of carding", ordering(acceptable_use=(TERM,)), "acceptable_use", 60),
    Case("a domain name does", ordering(items=(an_item(domain_terms=(TERM,)),)), "acceptable_use", 60),
    Case("the notes speak of mass mail in words of their own", ordering(hosted=(MASS_MAIL,)), "acceptable_use", 60),
    Case("and hold a term, too", ordering(hosted=(MASS_MAIL,), acceptable_use=(TERM,)), "acceptable_use", 60),
    Case("a game server is no abuse", ordering(hosted=(GAMES,), items=(an_item(product_type="server"),)), None),
    Case("the domain name is one letter from a bank's", ordering(look_alikes=(TYPO,)), "look_alike_domain", 60),
    Case("it holds a bank's name", ordering(look_alikes=(MENTION,)), "brand_in_domain", 20),
    Case("on the block list", being(lists=((ListKind.BLOCK, "emails[0]"),)), "block_listed", 100),
    Case("on the allow list", being(lists=((ListKind.ALLOW, "emails[0]"),)), "allow_listed", -50),
]  # fmt: skip
FIRING = [case for case in CASES if case.code]


def fired(facts: Facts) -> dict[str, int]:
    signals = decide(facts, POLICY, now=NOW).signals
    return {signal.code: signal.points for signal in signals if signal.code not in LIMITS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.words)
def test_signal(case: Case) -> None:
    assert fired(case.facts) == ({case.code: case.points} if case.code else {})


def test_every_signal_has_a_case() -> None:
    assert {case.code for case in FIRING} == {entry.code for entry in CATALOGUE} - LIMITS
    assert max(Counter(case.words for case in CASES).values()) == 1


def _needs(code: str | None) -> tuple[str, ...]:
    return next(entry.needs for entry in CATALOGUE if entry.code == code)


@pytest.mark.parametrize("case", [case for case in FIRING if case.points], ids=lambda case: case.words)
def test_what_the_catalogue_says_a_signal_needs_is_what_it_rests_on(case: Case) -> None:
    needed = NAMES.intersection(_needs(case.code))
    others = NAMES - needed

    robbed = without(case.facts, tuple(sorted(needed)))
    alone = without(case.facts, tuple(sorted(others)))

    assert fired(robbed).get(case.code or "", 0) == (0 if needed else case.points)
    assert fired(alone)[case.code or ""] == case.points
    assert (case.code in not_testable(robbed.missing)) is bool(needed)
    assert case.code not in not_testable(others)


@pytest.mark.parametrize(
    ("facts", "evidence"),
    [
        (reported("geoip", marks=("anonymous_ip", "tor_exit_node", "vpn")),
         {"marked_by": "geoip", "kinds": "tor_exit_node, vpn"}),
        (reported("geoip", marks=("anonymous_ip",)), {"marked_by": "geoip"}),
        (reported("fraudrecord", reports=3, score=31.27, page="abd2ce90ea864c03"),
         {"reports": 3, "score": 31.27, "report": "https://www.fraudrecord.com/api/?showreport=abd2ce90ea864c03"}),
        (reported("fraudrecord", reports=3, score=31.27), {"reports": 3, "score": 31.27}),
    ],
)  # fmt: skip
def test_what_was_said_outside_stands_in_the_evidence(facts: Facts, evidence: dict[str, Any]) -> None:
    (signal,) = decide(facts, POLICY, now=NOW).signals
    assert dict(signal.evidence) == evidence


@pytest.mark.parametrize("provider", ["minfraud", "fraudrecord", "geoip"])
def test_a_service_that_did_not_answer_is_named_as_missing(provider: str) -> None:
    assert decide(reported(provider, degraded=True), POLICY, now=NOW).missing == (f"outside.{provider}",)
    assert decide(reported(provider, score=1.0), POLICY, now=NOW).missing == ()
