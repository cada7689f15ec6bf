"""The provenance of an imported order's facts: most are dated, but some the panel returns only as of today.

Some of those tell what became of the customer after the order (an overdue invoice from last week, a chargeback, an
entry on a list): a judgement of history leaves them out, or it would judge the past by its own outcome. The others
describe who ordered and what the catalogue sells (country, e-mail address, prices): they would have been seen at the
time, and rarely change, so the past is judged with them as they are now.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, TypeVar

from app.core.facts import CustomerFacts, Facts, Item, OrderFacts

_Facts = TypeVar("_Facts", CustomerFacts, OrderFacts, Item)

#: Fields of the customer that may be as of today, as `customer.<name>`, with their value for "unknown".
_CUSTOMER: Final[dict[str, Any]] = {
    "group_id": None,
    "country": None,
    "phone_country": None,
    "ip_country": None,
    "email_domain": None,
    "email_disposable": None,
    "email_verified": None,
    "active_services": None,
    "total_services": None,
    "overdue_invoices": None,
    "collections_invoices": None,
    "paid_invoices": None,
    "revenue": None,
    "tickets_total": None,
    "tickets_recent": None,
    "chargebacks": 0,
    "lists": (),
    "white_glove": False,
}
#: The same for fields of the order, as `order.<name>`.
_ORDER: Final[dict[str, Any]] = {"fraud_check": None, "fraud_check_ran": False, "outside": (), "ip_asn": None}
#: The same for fields of every line, as `items.<name>`.
_ITEM: Final[dict[str, Any]] = {
    "listed": None,
    "cycle_offered": None,
    "price_override": None,
    "list_first": None,
    "list_recurring": None,
    "module": None,
    "group_id": None,
    "product_type": "",
}
#: Neighbours, as `neighbours.<kind>`: customers that share an identity according to today's data of both.
_NEIGHBOURS: Final = ("ip", "phone", "address", "similar_address", "email", "payment")

#: Reads all fields of a record at once.
_FIELDS: Final[dict[type[Any], tuple[tuple[str, ...], attrgetter[Any]]]] = {
    kind: (names, attrgetter(*names))
    for kind in (CustomerFacts, OrderFacts, Item)
    for names in [tuple(field.name for field in fields(kind))]
}

#: Every name that `Facts.today` may hold.
NAMES: Final = frozenset(
    {f"customer.{name}" for name in _CUSTOMER}
    | {f"order.{name}" for name in _ORDER}
    | {f"items.{name}" for name in _ITEM}
    | {f"neighbours.{kind}" for kind in _NEIGHBOURS}
)


#: Names of `Facts.today` that tell what came after the order, or that the provider set because of it.
HINDSIGHT: Final = frozenset(
    {
        "customer.group_id",
        "customer.active_services",
        "customer.total_services",
        "customer.overdue_invoices",
        "customer.collections_invoices",
        "customer.paid_invoices",
        "customer.revenue",
        "customer.tickets_total",
        "customer.tickets_recent",
        "customer.chargebacks",
        "customer.lists",
        "customer.white_glove",
        "order.fraud_check",
        "order.fraud_check_ran",
        "order.outside",
    }
)


@lru_cache(maxsize=1024)
def hindsight(today: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of these names of `Facts.today` are left out when the past is judged."""
    return tuple([name for name in today if name in HINDSIGHT])


def without_hindsight(facts: Facts) -> Facts:
    """Return the facts without what only became known later; what is left out is named in `missing`."""
    return without(facts, hindsight(facts.today)) if facts.today else facts


def without(facts: Facts, names: tuple[str, ...]) -> Facts:
    """Return the facts without some of `NAMES`; they are named in `missing`, and the rest counts as known then."""
    plan, order, customer = _plan(names), facts.order, facts.customer
    if customer is not None and (plan.customer or (plan.neighbours and customer.neighbours)):
        kept = tuple([one for one in customer.neighbours if one.kind not in plan.neighbours])
        customer = _changed(customer, {**plan.customer, "neighbours": kept})
    if plan.order or plan.items:
        items = tuple([_changed(item, plan.items) for item in order.items]) if plan.items else order.items
        order = _changed(order, {**plan.order, "items": items})
    missing = _named(facts.missing, names) if names else facts.missing
    return replace(facts, order=order, customer=customer, missing=missing, today=())


def leave_out_hindsight(facts: Facts) -> None:
    """Do the same as `without_hindsight` in place, for facts just read and not shared: copies would slow a backtest.

    Idempotent, also for other facts that share the customer or the lines.
    """
    if not facts.today:
        return
    names, order, customer, change = hindsight(facts.today), facts.order, facts.customer, object.__setattr__
    plan = _plan(names)
    if customer is not None:
        for name, unknown in plan.customer.items():
            change(customer, name, unknown)
        if plan.neighbours and customer.neighbours:
            kept = tuple([one for one in customer.neighbours if one.kind not in plan.neighbours])
            change(customer, "neighbours", kept)
    for name, unknown in plan.order.items():
        change(order, name, unknown)
    for item in order.items if plan.items else ():
        for name, unknown in plan.items.items():
            change(item, name, unknown)
    if names:
        change(facts, "missing", _named(facts.missing, names))
    change(facts, "today", ())


def _changed(one: _Facts, changes: dict[str, Any]) -> _Facts:
    """Do the same as `dataclasses.replace` in half of the time."""
    names, values_of = _FIELDS[type(one)]
    return type(one)(**dict(zip(names, values_of(one), strict=True)) | changes)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to leave out for a set of names. Cached, because few sets of names occur many times."""

    customer: dict[str, Any]
    order: dict[str, Any]
    items: dict[str, Any]
    neighbours: frozenset[str]


@lru_cache(maxsize=1024)
def _plan(names: tuple[str, ...]) -> _Plan:
    left_out = frozenset(names)
    return _Plan(
        customer=_unknown("customer", _CUSTOMER, left_out),
        order=_unknown("order", _ORDER, left_out),
        items=_unknown("items", _ITEM, left_out),
        neighbours=frozenset(kind for kind in _NEIGHBOURS if f"neighbours.{kind}" in left_out),
    )


@lru_cache(maxsize=1024)
def _named(missing: tuple[str, ...], left_out: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*missing, *left_out}))


def _unknown(prefix: str, fields: dict[str, Any], left_out: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if f"{prefix}.{name}" in left_out}
