"""Which risk signals say nothing at this provider, because they fire on too many orders that ended well.

Only orders that ended well count: those that were accepted and are old enough for their outcome to be known, and those
that a person approved. Orders that are held, rejected or fraudulent never do, so that no attack mutes what it sets off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from app.core.judgement.signals.risk import UNMUTABLE
from app.core.policy.sections.judging import Muting
from app.core.policy.terms import MATURE_DAYS

#: The age at which an accepted order counts.
MATURE: Final = timedelta(days=MATURE_DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firings:
    """The orders of some days that ended well, and on how many of them each risk signal fired."""

    orders: int = 0
    fired: Mapping[str, int] = field(default_factory=dict)

    def muted(self, rules: Muting) -> tuple[str, ...]:
        """Return the codes of the muted signals, sorted."""
        if self.orders < rules.min_orders:
            return ()
        most = rules.share_percent * self.orders
        return tuple(sorted(code for code, count in self.fired.items() if count * 100 > most and code not in UNMUTABLE))

    def percent(self, code: str) -> int:
        """Return the share of orders on which a signal fired, in whole percent."""
        return self.fired.get(code, 0) * 100 // self.orders if self.orders else 0


def ended_well_at(placed_at: datetime, *, good: bool, open_: bool, approved: bool) -> datetime | None:
    """Return since when an order counts as one that ended well; None if it does not.

    `good` and `open_`: its outcome as known today, neither if it ended badly; `approved`: by a person.
    """
    if approved and (good or open_):
        return placed_at
    return placed_at + MATURE if good else None


def why_muted(code: str, firings: Firings, rules: Muting) -> str:
    """Return the sentence for staff about a muted signal."""
    return (
        f"The risk signal {code} is muted: it fired on {firings.fired.get(code, 0)} of the {firings.orders} orders "
        f"that ended well in the last {rules.days} days ({firings.percent(code)} %), which is more than "
        f"{rules.share_percent} % (muting.share_percent). It adds no points until that changes."
    )
