"""The provenance of an imported order's facts: most are dated, but some the panel returns only as of today.

With today's facts the past would be judged by what became known later (a country changed since, an overdue invoice
from last week), so a judgement of history leaves them out by default.
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


def without_today(facts: Facts) -> Facts:
    """Return the facts as known at the time of the order; what is left out is named in `missing`."""
    if not facts.today:
        return facts
    plan, order, customer = _plan(facts.today), facts.order, facts.customer
    if customer is not None and (plan.customer or (plan.neighbours and customer.neighbours)):
        kept = tuple([one for one in customer.neighbours if one.kind not in plan.neighbours])
        customer = _changed(customer, {**plan.customer, "neighbours": kept})
    if plan.order or plan.items:
        items = tuple([_changed(item, plan.items) for item in order.items]) if plan.items else order.items
        order = _changed(order, {**plan.order, "items": items})
    missing = _named(facts.missing, facts.today)
    return replace(facts, order=order, customer=customer, missing=missing, today=())


def leave_out_today(facts: Facts) -> None:
    """Do the same in place, for facts just read and not shared with other code: copies would slow a backtest down.

    Idempotent, also for other facts that share the customer or the lines.
    """
    if not facts.today:
        return
    plan, order, customer, change = _plan(facts.today), facts.order, facts.customer, object.__setattr__
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
    change(facts, "missing", _named(facts.missing, facts.today))
    change(facts, "today", ())


def _changed(one: _Facts, changes: dict[str, Any]) -> _Facts:
    """Do the same as `dataclasses.replace` in half of the time."""
    names, values_of = _FIELDS[type(one)]
    return type(one)(**dict(zip(names, values_of(one), strict=True)) | changes)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to leave out if these names are as of today. Cached, because few sets of names occur many times."""

    customer: dict[str, Any]
    order: dict[str, Any]
    items: dict[str, Any]
    neighbours: frozenset[str]


@lru_cache(maxsize=1024)
def _plan(today: tuple[str, ...]) -> _Plan:
    left_out = frozenset(today)
    return _Plan(
        customer=_unknown("customer", _CUSTOMER, left_out),
        order=_unknown("order", _ORDER, left_out),
        items=_unknown("items", _ITEM, left_out),
        neighbours=frozenset(kind for kind in _NEIGHBOURS if f"neighbours.{kind}" in left_out),
    )


@lru_cache(maxsize=1024)
def _named(missing: tuple[str, ...], today: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*missing, *today}))


def _unknown(prefix: str, fields: dict[str, Any], left_out: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if f"{prefix}.{name}" in left_out}
