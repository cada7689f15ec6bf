"""The facts that must be known before an order can be judged, and implausible amounts."""

from __future__ import annotations

from typing import Final

from app.core.facts import Facts

#: The facts that must be known before an order can be judged. Lines whose services could not be read count as
#: unknown: their groups, amounts and the requests in their custom fields are missing.
ESSENTIAL: Final = ("customer", "items", "currency")
_NAMES: Final = frozenset({*ESSENTIAL, "services"})


def essential_missing(facts: Facts) -> tuple[str, ...]:
    """Return the essential facts that are unknown."""
    order, missing = facts.order, facts.missing
    if facts.customer is not None and order.items and order.currency and _NAMES.isdisjoint(missing):
        return ()
    lines = bool(order.items) and "services" not in missing
    known = {"customer": facts.customer is not None, "items": lines, "currency": bool(order.currency)}
    return tuple(name for name in ESSENTIAL if not known[name] or name in missing)


def has_negative_amount(facts: Facts) -> bool:
    """Return whether the total or a line of the order is negative."""
    amount = facts.order.amount
    if amount is not None and amount < 0:
        return True
    for item in facts.order.items:
        first, recurring = item.first_amount, item.recurring_amount
        if (first is not None and first < 0) or (recurring is not None and recurring < 0):
            return True
    return False
