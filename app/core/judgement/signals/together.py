"""The signal about new accounts that order together: one other is a coincidence, two others reach a review."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from app.core.facts import CustomerFacts, Facts, ListKind, NewAccount, Regulars
from app.core.judgement.rulebook import Rulebook
from app.core.judgement.signals.base import Finding, SignalRule, Words, risk_finding, said
from app.core.judgement.together import Shares, is_without_past, may_count

#: One other new account never adds more than this.
_ONE_AT_MOST: Final = 35
#: Over the longer time, people with similar addresses meet by chance: only every second one counts.
_OF_MAIL: Final = 2
_WORDS: Final = {
    Shares.IP: "IP address",
    Shares.PAYMENT: "payment method",
    Shares.PHONE: "phone number",
    Shares.EMAIL: "pattern of e-mail address",
    Shares.STEM: "pattern of e-mail address",
}
_NUMBERS: Final = ("no", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")


def new_accounts_together(facts: Facts, rules: Rulebook) -> Finding | None:
    """Other new accounts without a paid past ordered at about the same time and share something with this one."""
    customer = facts.customer
    if customer is None or not customer.together or not _can_be_in_a_group(facts, customer, rules):
        return None
    others, links = count_others(customer.together, customer.regulars, rules)
    if others < 1 or not rules.risk.new_accounts_together:
        return None
    one = min(rules.risk.new_accounts_together, _ONE_AT_MOST, rules.review_from - 1)
    points = min(100, one + (others - 1) * rules.risk.each_new_account)
    return risk_finding("new_accounts_together", points, lambda: _words(others, links))


def _can_be_in_a_group(facts: Facts, customer: CustomerFacts, rules: Rulebook) -> bool:
    """True for a new account without a paid past whom the provider does not know as a reseller's or an allowed one."""
    order = facts.order
    signed_up_at = customer.signed_up_at
    if signed_up_at is None or order.placed_at - signed_up_at > rules.new_account or not may_count(order.placed_by):
        return False
    if customer.group_id in rules.resellers or any(kind is ListKind.ALLOW for kind, _ in customer.lists):
        return False
    return is_without_past(
        paid_invoices=customer.paid_invoices, payment=order.payment, orders_last_day=customer.orders_last_day
    )


def count_others(
    together: Iterable[NewAccount], known: Iterable[Regulars], rules: Rulebook
) -> tuple[int, list[tuple[NewAccount, tuple[str, ...]]]]:
    """Return how many others count, and those with what counts of what they share.

    At a place that many people share, with as many customers who have a paid past, newcomers are no burst. Colleagues
    at a domain of their own who share only their place count as one, however many they are.
    """
    regulars = {entry.kind: entry.customers for entry in known}
    places: list[int] = []
    whole = halves = colleagues = 0
    links = []
    for other in together:
        shared = _shared(other, rules)
        if not shared:
            continue
        links.append((other, shared))
        vouched = min(regulars.get(kind, 0) for kind in shared)
        if vouched:
            places.append(vouched)
        elif other.colleague and shared == (Shares.IP,):
            colleagues = 1
        elif set(shared) <= {Shares.EMAIL} and other.minutes > rules.together.minutes:
            halves += 1
        else:
            whole += 1
    newcomers = max(0, len(places) - max(places)) if places else 0
    return whole + halves // _OF_MAIL + colleagues + newcomers, links


def _shared(other: NewAccount, rules: Rulebook) -> tuple[str, ...]:
    """Return what an other account shares that counts at its distance in time; nothing if it is not new."""
    if timedelta(days=other.days) > rules.new_account or other.minutes > rules.together.hours * 60:
        return ()
    if other.minutes > rules.together.minutes:
        return tuple(kind for kind in other.shares if kind != Shares.STEM)
    return other.shares


def _words(others: int, links: list[tuple[NewAccount, tuple[str, ...]]]) -> Words:
    shared = sorted({_WORDS[Shares(kind)] for _, kinds in links for kind in kinds})
    number = _NUMBERS[others] if others < len(_NUMBERS) else str(others)
    farthest = max(other.minutes for other, _ in links)
    within = "an hour" if farthest <= 60 else "a day"
    whom = "other new account" if others == 1 else "other new accounts"
    orders = ", ".join(str(other.order_id) for other, _ in links[:10])
    detail = f"{number} {whom} without a paid past ordered within {within} and share: {', '.join(shared)}."
    return said(detail, accounts=others, shared=", ".join(shared), orders=orders, minutes=farthest)


SIGNALS: Final[tuple[SignalRule, ...]] = (new_accounts_together,)
