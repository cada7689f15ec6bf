"""The signals that change the risk score. They only add points, except the provider's own allow list.

No signal uses age, sex, religion or the origin of a name. The IP address of an order that staff or the API entered
is not the customer's and is ignored. A rule returns its points at once; its words are built only when needed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from app.core.facts import Facts, ListKind, Neighbours, PaymentState, PlacedBy
from app.core.judgement.neighbours import weigh
from app.core.judgement.rulebook import Rulebook
from app.core.judgement.signals.base import Finding, SignalRule, Words, risk_finding, said
from app.core.money import Money
from app.core.reading.kinds import Likeness, LookAlike

#: The provider's own lists are never muted, because they are not statistics.
UNMUTABLE: Final = frozenset({"allow_listed", "block_listed"})
_VELOCITY_FACTOR_AT_MOST: Final = 3
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)


def ip_is_the_customers(facts: Facts) -> bool:
    """Return whether the customer placed the order, so that its IP address is the customer's."""
    return facts.order.placed_by is PlacedBy.CUSTOMER


def email_disposable(facts: Facts, rules: Rulebook) -> Finding | None:
    """The e-mail address belongs to a disposable-address service."""
    if facts.customer is None or facts.customer.email_disposable is not True:
        return None
    domain = facts.customer.email_domain
    detail = "The e-mail address belongs to a disposable-address service."
    return risk_finding("email_disposable", rules.risk.email_disposable, lambda: said(detail, email_domain=domain))


def email_unverified(facts: Facts, rules: Rulebook) -> Finding | None:
    """The e-mail address was never confirmed although the provider asks for that (thresholds.verifies_email)."""
    if facts.customer is None or facts.customer.email_verified is not False or not rules.thresholds.verifies_email:
        return None
    points = rules.risk.email_unverified
    return risk_finding("email_unverified", points, lambda: said("The e-mail address was never confirmed."))


def countries_disagree(facts: Facts, rules: Rulebook) -> Finding | None:
    """Address, phone and IP are from different countries: a few points for each country beyond the first."""
    customer = facts.customer
    if customer is None:
        return None
    country, phone = customer.country, customer.phone_country
    ip = customer.ip_country if facts.order.placed_by is PlacedBy.CUSTOMER else None
    if (phone is None or phone == country) and (ip is None or ip == country):
        return None
    named = {source: known.upper() for source, known in (("address", country), ("phone", phone), ("ip", ip)) if known}
    further = len(set(named.values())) - 1
    if further < 1:
        return None

    def words() -> Words:
        listed = ", ".join(f"{source} {known}" for source, known in named.items())
        return said(f"The countries disagree: {listed}.", **named)

    return risk_finding("countries_disagree", further * rules.risk.countries_disagree, words)


def _shared(kind: str, what: str) -> SignalRule:
    """Create the rule for one shared identity: only bad neighbours count, as resellers and offices share addresses."""
    code = f"shared_{kind}"

    def rule(facts: Facts, rules: Rulebook) -> Finding | None:
        bad = _bad_neighbours(facts, kind)
        if not bad or (kind == "ip" and not ip_is_the_customers(facts)):
            return None
        return _neighbours_found(code, f"The {what} is shared with", bad, rules)

    return rule


def similar_address(facts: Facts, rules: Rulebook) -> Finding | None:
    """The address is nearly the same as a bad customer's; ignored if it is exactly the same as one."""
    bad = _bad_neighbours(facts, "similar_address")
    if not bad or _bad_neighbours(facts, "address"):
        return None
    return _neighbours_found("similar_address", "The address is nearly the same as that of", bad, rules)


def _bad_neighbours(facts: Facts, kind: str) -> list[Neighbours]:
    neighbours = facts.customer.neighbours if facts.customer else ()
    found = [entry for entry in neighbours if entry.kind == kind]
    return found if any(entry.bad_customers > 0 for entry in found) else []


def _neighbours_found(code: str, start: str, found: list[Neighbours], rules: Rulebook) -> Finding | None:
    """Weigh bad neighbours of one kind; no finding once their evidence is so old that it counts nothing."""
    first: int = getattr(rules.risk, code)
    weighed = weigh(found, rules, first=first)
    if first and not weighed.points:
        return None

    def words() -> Words:
        bad, bursts, share = weighed.bad_customers, weighed.bursts, int(weighed.share * 100 + 0.5)
        whom = "a customer" if bad == 1 else f"{bad} customers"
        detail = f"{start} {whom} known for fraud, abuse or chargebacks."
        if bursts < bad:
            detail += f" Accounts that came in one burst count as one, so these count as {bursts}."
        if share < 100:
            detail += f" The latest evidence is {weighed.days} days old and counts {share} %."
        return said(
            detail,
            bad_customers=bad,
            customers=max(entry.customers for entry in found),
            bursts=bursts,
            latest_days=weighed.days,
        )

    return risk_finding(code, weighed.points, words)


def _velocity(code: str, *, points: int, hour: tuple[int, int], day: tuple[int, int], whose: str) -> Finding | None:
    """Weigh orders in an hour and in a day, each (others before this one, tolerated).

    Points per full limit exceeded, at most thrice: of 5 tolerated, the 6th order is more than the limit, the 11th more
    than twice.
    """
    factor = min(_VELOCITY_FACTOR_AT_MOST, max(others // tolerated for others, tolerated in (hour, day)))
    if factor < 1:
        return None

    def words() -> Words:
        (in_hour, per_hour), (in_day, per_day) = (hour[0] + 1, hour[1]), (day[0] + 1, day[1])
        counted = f"{whose} placed {_orders(in_hour)} within an hour and {in_day} within a day, this one included"
        return said(
            f"{counted}; more than {per_hour} in an hour or {per_day} in a day is fast.",
            last_hour=in_hour,
            last_day=in_day,
        )

    return risk_finding(code, min(100, factor * points), words)


def _orders(count: int) -> str:
    return "1 order" if count == 1 else f"{count} orders"


def customer_velocity(facts: Facts, rules: Rulebook) -> Finding | None:
    """The customer places orders faster than a person would."""
    customer, limits = facts.customer, rules.thresholds
    if customer is None or not (customer.orders_last_hour or customer.orders_last_day):
        return None
    return _velocity(
        "customer_velocity",
        points=rules.risk.customer_velocity,
        hour=(customer.orders_last_hour, limits.customer_orders_per_hour),
        day=(customer.orders_last_day, limits.customer_orders_per_day),
        whose="This customer",
    )


def ip_velocity(facts: Facts, rules: Rulebook) -> Finding | None:
    """One IP address places orders faster than a person would."""
    customer, limits = facts.customer, rules.thresholds
    if customer is None or not (customer.ip_orders_last_hour or customer.ip_orders_last_day):
        return None
    if not ip_is_the_customers(facts):
        return None
    return _velocity(
        "ip_velocity",
        points=rules.risk.ip_velocity,
        hour=(customer.ip_orders_last_hour, limits.ip_orders_per_hour),
        day=(customer.ip_orders_last_day, limits.ip_orders_per_day),
        whose="This IP address",
    )


def new_account_large_order(facts: Facts, rules: Rulebook) -> Finding | None:
    """A new account, nothing paid yet, and a first order that is large for its currency or for this provider."""
    customer, order = facts.customer, facts.order
    if customer is None or customer.paid_invoices is None or customer.signed_up_at is None:
        return None
    if customer.paid_invoices > (1 if order.payment is PaymentState.PAID else 0):
        return None
    why = why_large(facts, rules)
    age = order.placed_at - customer.signed_up_at
    if not why or age > rules.new_account:
        return None
    total = Money(order.amount or 0, order.currency or "")

    def words() -> Words:
        exact = {"minutes": max(0, age // _MINUTE)} if customer.signed_up_exact else {}
        detail = f"The account was {_age(age, exact=customer.signed_up_exact)} and ordered for {total}; {why}."
        return said(detail, days=max(0, age.days), **exact, amount=total.to_text(), rank=order.first_order_rank)

    return risk_finding("new_account_large_order", rules.risk.new_account_large_order, words)


def why_large(facts: Facts, rules: Rulebook) -> str:
    """Return why an order is large for a new account: by the policy's amount, or among the provider's first orders."""
    order = facts.order
    if order.amount is None or not order.currency:
        return ""
    found, row, rank = [], rules.rates.get(order.currency), order.first_order_rank
    if row is not None and order.amount >= row.large_order:
        found.append(f"{Money(row.large_order, order.currency)} or more is large for a new account")
    enough = order.first_orders >= rules.first_orders_at_least
    if rank is not None and enough and rank >= rules.first_order_percent:
        which = "any" if rank == 100 else f"{rank} %"
        found.append(f"that is more than {which} of your {order.first_orders} first orders of the last year")
    return ", and ".join(found)


def _age(age: timedelta, *, exact: bool) -> str:
    if exact and age < 2 * _HOUR:
        return f"{max(0, age // _MINUTE)} minutes old"
    if exact and age < timedelta(days=2):
        return f"{age // _HOUR} hours old"
    return f"{age.days} days old" if age.days > 0 else "opened on the same day"


def earlier_fraud_orders(facts: Facts, rules: Rulebook) -> Finding | None:
    """Earlier orders of this customer were fraudulent."""
    count = facts.customer.earlier_fraud_orders if facts.customer else 0
    if count < 1:
        return None
    points = min(100, rules.risk.earlier_fraud_orders + (count - 1) * rules.risk.each_further)
    return risk_finding(
        "earlier_fraud_orders", points, lambda: said(f"Earlier orders marked as fraud: {count}.", count=count)
    )


def chargebacks(facts: Facts, rules: Rulebook) -> Finding | None:
    """Payments of this customer were charged back."""
    count = facts.customer.chargebacks if facts.customer else 0
    if count < 1:
        return None
    points = min(100, count * rules.risk.chargebacks)
    return risk_finding("chargebacks", points, lambda: said(f"Earlier payments charged back: {count}.", count=count))


def collections_invoices(facts: Facts, rules: Rulebook) -> Finding | None:
    """Invoices of this customer went to collections."""
    count = facts.customer.collections_invoices if facts.customer else None
    if count is None or count < 1:
        return None
    points = rules.risk.collections_invoices
    return risk_finding(
        "collections_invoices", points, lambda: said(f"Invoices handed to collections: {count}.", count=count)
    )


def overdue_invoices(facts: Facts, rules: Rulebook) -> Finding | None:
    """Invoices of this customer are overdue, not counting our own fees."""
    count = facts.customer.overdue_invoices if facts.customer else None
    if count is None or count < 1:
        return None
    points = min(rules.risk.overdue_invoices_at_most, count * rules.risk.overdue_invoice)
    return risk_finding("overdue_invoices", points, lambda: said(f"Invoices overdue: {count}.", count=count))


def payment_disputed(facts: Facts, rules: Rulebook) -> Finding | None:
    """The payment of this order is disputed."""
    if facts.order.payment is not PaymentState.DISPUTED:
        return None
    detail = "The payment of this order is disputed."
    return risk_finding("payment_disputed", rules.risk.payment_disputed, lambda: said(detail))


def acceptable_use(facts: Facts, rules: Rulebook) -> Finding | None:
    """What the customer says of its use, or a domain name, speaks for abuse: terms of the list, or signs of a kind."""
    order = facts.order
    if not order.acceptable_use and not order.hosted:
        for item in order.items:
            if item.domain_terms:
                break
        else:
            return None
    hits = [*order.acceptable_use, *(hit for item in order.items for hit in item.domain_terms)]
    signs = [one for one in order.hosted if one.kind in rules.abuse_kinds]
    if not hits and not signs:
        return None

    def words() -> Words:
        shown = ", ".join(sorted({hit.term for hit in hits})[:10])
        spoken = "; ".join(f"{one.kind.replace('_', ' ')} ({', '.join(one.words)})" for one in signs)
        sentences = (
            [f"Terms of the acceptable-use list appear in the order's texts or domain names: {shown}."] if hits else []
        )
        sentences += [f"The order's texts or domain names speak for {spoken}."] if signs else []
        where = ", ".join(sorted({hit.where for hit in hits} | {sign.where for sign in signs})[:10])
        kinds = {"kinds": ", ".join(one.kind for one in signs)} if signs else {}
        return said(" ".join(sentences), terms=shown, **kinds, where=where)

    return risk_finding("acceptable_use", rules.risk.acceptable_use, words)


_LIKENESSES: Final = {
    Likeness.LETTERS: "written with characters that look alike",
    Likeness.TYPO: "with a typing error",
    Likeness.LURE: "beside words that ask for trust",
    Likeness.NAME: "whose own domain it is not",
    Likeness.MENTION: "among other words",
}


def look_alike_domain(facts: Facts, rules: Rulebook) -> Finding | None:
    """A domain name imitates a bank or brand of the policy, or only holds its name, as those of partners do too."""
    every = facts.order.look_alikes
    if not every:
        return None
    imitating = [one for one in every if one.likeness is not Likeness.MENTION]
    found = imitating or every
    code = "look_alike_domain" if imitating else "brand_in_domain"

    def words() -> Words:
        shown = "; ".join(_likeness(one) for one in found[:5])
        detail = f"A domain name of the order reads like a bank or brand: {shown}."
        bait = ", ".join(dict.fromkeys(word for one in found for word in one.words))
        return said(detail, brands=", ".join(one.brand for one in found[:5]), words=bait)

    points = rules.risk.look_alike_domain if imitating else rules.risk.brand_in_domain
    return risk_finding(code, points, words)


def _likeness(one: LookAlike) -> str:
    bait = f" ({', '.join(one.words)})" if one.words else ""
    return f"{one.brand}, {_LIKENESSES[one.likeness]}{bait}"


def _listed(kind: ListKind, code: str, points_of: Callable[[Rulebook], int]) -> SignalRule:
    def rule(facts: Facts, rules: Rulebook) -> Finding | None:
        entries = [entry for found, entry in facts.customer.lists if found is kind] if facts.customer else []
        if not entries:
            return None

        def words() -> Words:
            shown = ", ".join(entries[:10])
            return said(f"On the provider's own {kind.value} list: {shown}.", entries=shown)

        return risk_finding(code, points_of(rules), words)

    return rule


SIGNALS: Final[tuple[SignalRule, ...]] = (
    email_disposable,
    email_unverified,
    countries_disagree,
    _shared("ip", "IP address"),
    _shared("phone", "phone number"),
    _shared("address", "address"),
    similar_address,
    _shared("email", "e-mail address"),
    _shared("payment", "payment method"),
    customer_velocity,
    ip_velocity,
    new_account_large_order,
    earlier_fraud_orders,
    chargebacks,
    collections_invoices,
    overdue_invoices,
    payment_disputed,
    acceptable_use,
    look_alike_domain,
    _listed(ListKind.BLOCK, "block_listed", lambda rules: rules.risk.block_listed),
    _listed(ListKind.ALLOW, "allow_listed", lambda rules: -rules.risk.allow_listed),
)
