"""Which amounts are large at this provider: how an order compares with the first orders that were accepted here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: Days before an order whose first orders it is compared with. They are old enough that fraud among them is known
#: (`policy.terms.MATURE_DAYS`), so a burst of large orders does not raise what counts as large.
DAYS: Final = 365
_WHOLE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOrders:
    """The accepted first orders of one currency.

    `percentiles`: 101 amounts in minor units; at least p percent of the orders are not above the p-th.
    """

    orders: int
    percentiles: tuple[int, ...]

    def rank(self, amount: int) -> int:
        """Return the percentage of these orders that are smaller, 0-100: the highest percentile below this amount."""
        return max(0, bisect_left(self.percentiles, amount) - 1)


def summed_up(amounts: Iterable[int]) -> FirstOrders | None:
    """Return the percentiles of some amounts by nearest rank; None if there are none."""
    ordered = sorted(amounts)
    if not ordered:
        return None
    last = len(ordered) - 1
    places = (max(0, -(-percent * len(ordered) // _WHOLE) - 1) for percent in range(_WHOLE + 1))
    return FirstOrders(orders=len(ordered), percentiles=tuple(ordered[min(place, last)] for place in places))
