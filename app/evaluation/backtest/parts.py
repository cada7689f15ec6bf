"""The stored decisions of a backtest: about a thousand orders in each part, with repeated values stored once.

A part holds everything that the report is computed from, so that each number can be recomputed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from app.core.facts import FraudVerdict, OrderFacts
from app.core.judgement.quick import Verdict
from app.tables.history import CaseSource

GIVEN: Final = "given"  # the policy being tried
ACTIVE: Final = "active"  # the policy in force
GIVEN_TODAY: Final = "given_today"  # the same two policies with the facts known only as of today
ACTIVE_TODAY: Final = "active_today"
COLUMNS: Final = (GIVEN, ACTIVE)
COLUMNS_TODAY: Final = (GIVEN, ACTIVE, GIVEN_TODAY, ACTIVE_TODAY)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class CaseRow(NamedTuple):
    """The columns read of a case, with states as stored."""

    order_id: int
    placed_at: datetime
    judged_at: datetime
    facts: bytes
    terms_digest: str
    source: str
    label: str
    staff_minutes: int | None
    reviewed: str | None

    @property
    def is_imported(self) -> bool:
        """True if the order was placed before we decided orders, or while we did not."""
        return self.source == CaseSource.IMPORTED.value


class Kind(msgspec.Struct, array_like=True, frozen=True):
    """A verdict without its money; many orders share one."""

    outcome: str
    reasons: tuple[str, ...]
    self_service: int
    risk: int
    points: tuple[tuple[str, int], ...]
    minutes: int
    catalogue_gap: bool


class Decided(msgspec.Struct, array_like=True, frozen=True):
    """One policy's verdict: the index of its kind in the part, and its money in minor units."""

    kind: int
    cost: int | None
    margin_month: int | None
    fee: int | None


class DecidedCase(msgspec.Struct, array_like=True, frozen=True):
    """One order with its label, and a verdict for each column of the part."""

    order_id: int
    placed_at: int  # microseconds since 1970, UTC
    source: str
    label: str
    reviewed: str | None
    currency: str | None
    staff_minutes: int | None
    today: int  # index into the part's `today`: which facts were left out
    decided: tuple[Decided, ...]
    amount: int | None  # the order's total in minor units
    panel_failed: bool  # the panel's own fraud check failed it
    terms: tuple[str, ...]  # what of the tried policy's [vetting] fits


class StoredPart(msgspec.Struct, array_like=True, frozen=True):
    """Some hundred orders in time order."""

    columns: tuple[str, ...]
    kinds: list[Kind]
    today: list[tuple[str, ...]]
    cases: list[DecidedCase]


class PartWriter:
    """Collects the decisions of one part."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.part = StoredPart(columns=columns, kinds=[], today=[], cases=[])
        self._kinds: dict[tuple[object, ...], int] = {}
        self._today: dict[tuple[str, ...], int] = {}

    def decided(self, verdict: Verdict) -> Decided:
        """Return a verdict in its stored form."""
        key = (
            verdict.outcome, verdict.reasons, verdict.self_service, verdict.risk, verdict.points, verdict.minutes,
            verdict.catalogue_gap,
        )  # fmt: skip
        place = self._kinds.get(key)
        if place is None:
            place = self._kinds[key] = len(self.part.kinds)
            self.part.kinds.append(Kind(verdict.outcome.value, *key[1:]))
        return Decided(place, verdict.cost, verdict.margin_month, verdict.fee)

    def add(self, row: CaseRow, order: OrderFacts, *, today: tuple[str, ...], decided: tuple[Decided, ...]) -> None:
        """Add an order as the tried policy sees it, with its row of the history; `today` names the facts left out."""
        check = order.fraud_check
        self.part.cases.append(
            DecidedCase(
                row.order_id,
                microseconds(row.placed_at),
                row.source,
                row.label,
                row.reviewed,
                order.currency,
                row.staff_minutes,
                self._place_of(today),
                decided,
                order.amount,
                check is not None and check.verdict is FraudVerdict.FAIL,
                _terms(order) if order.vetting or order.fit or order.expected else (),
            )
        )

    def _place_of(self, names: tuple[str, ...]) -> int:
        place = self._today.get(names)
        if place is None:
            place = self._today[names] = len(self.part.today)
            self.part.today.append(names)
        return place


def _terms(order: OrderFacts) -> tuple[str, ...]:
    """Return the terms found, and the units of what the customer expects to use."""
    return tuple(sorted({found.term for found in (*order.vetting, *order.fit)} | {use.unit for use in order.expected}))


def encode(part: StoredPart) -> bytes:
    """Return a part in its stored form."""
    return msgspec.msgpack.encode(part)


def decode(stored: bytes) -> StoredPart:
    """Return a stored part."""
    return msgspec.msgpack.decode(stored, type=StoredPart)


def microseconds(moment: datetime) -> int:
    """Return a time as stored in parts: exact microseconds, unlike a float."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(placed_at: int) -> datetime:
    """Return the time of a value stored in a part."""
    return _EPOCH + placed_at * _MICROSECOND
