"""The figures of a month once more, by plain SQL on the stored rows that shares nothing with the report's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.money import Money
from app.tables.columns import UtcDateTime

FEES = {"fees_paid": "paid", "fees_waived": "waived", "fees_withdrawn": "cancelled"}
AT = UtcDateTime()


class Recomputed:
    """One period, recomputed."""

    def __init__(self, connection: AsyncConnection, since: datetime, until: datetime, now: datetime) -> None:
        self._connection = connection
        self._period = {"since": since, "until": until}
        self._now = now
        self._sqlite = connection.dialect.name == "sqlite"

    async def _rows(self, query: str, **columns: Any) -> Sequence[Any]:
        bound = [sa.bindparam(name, value, type_=AT) for name, value in self._period.items() if f":{name}" in query]
        return (await self._connection.execute(sa.text(query).bindparams(*bound).columns(**columns))).all()

    async def _sums(self, query: str) -> dict[str, int]:
        return {row[0]: int(row[1] or 0) for row in await self._rows(query)}

    def _labour(self, decision: str, *path: str) -> str:
        if self._sqlite:
            return f"json_extract({decision}.judgement, '$.labour.{'.'.join(path)}')"
        arrows = "".join(f"->'{name}'" for name in ("labour", *path[:-1]))
        return f"{decision}.judgement{arrows}->>'{path[-1]}'"

    async def figures(self, currencies: Sequence[str]) -> dict[str, Any]:
        """Return what the API should answer for the period, without since and until."""
        waits, good, held, now = await self._holds()
        money: dict[str, dict[str, str]] = {currency: {} for currency in currencies}
        for figure, sums in (await self._money()).items():
            for currency in currencies:
                money[currency][figure] = Money(sums.get(currency, 0), currency).to_text()
        return {
            "orders": await self._orders(),
            "held": {"orders": held, "now": now, "median_hours": _median(waits), "p90_hours": _nearest(waits, 0.9)},
            "currencies": [{"currency": currency, **money[currency]} for currency in currencies],
            "hours": await self._hours(),
            "overruled": await self._overruled(),
            "good_held": len(good),
            "good_held_hours": _median(good),
            "fraud_orders": await self._fraud_orders(),
        }

    async def _orders(self) -> dict[str, int]:
        found = await self._sums(
            "SELECT outcome, count(*) FROM orders WHERE outcome IS NOT NULL AND (SELECT min(at) FROM decisions d "
            "WHERE d.order_id = orders.order_id) BETWEEN :since AND :until "
            "AND (SELECT min(at) FROM decisions d WHERE d.order_id = orders.order_id) <> :until GROUP BY outcome"
        )
        return {name: found.get(name, 0) for name in ("approve", "hold_for_fee", "hold_for_review", "reject")}

    async def _holds(self) -> tuple[list[float], list[float], int, int]:
        rows = await self._rows(
            "SELECT o.order_id AS order_id, o.state AS state, o.outcome AS outcome, o.fraud AS fraud, h.began AS began,"
            " (SELECT min(d.at) FROM decisions d WHERE d.order_id = o.order_id AND d.at > h.began"
            "  AND d.outcome IN ('approve', 'reject')) AS ended FROM orders o JOIN (SELECT order_id, min(at) AS began"
            " FROM decisions WHERE mode = 'enforce' AND outcome LIKE 'hold_%' GROUP BY order_id) h"
            " ON h.order_id = o.order_id WHERE h.began >= :since AND h.began < :until",
            began=AT, ended=AT, order_id=sa.BigInteger(), state=sa.String(), outcome=sa.String(), fraud=sa.Boolean(),
        )  # fmt: skip
        waits, good = [], []
        for row in rows:
            if row.ended is None and row.state != "held":
                continue
            hours = ((row.ended or self._now) - row.began).total_seconds() / 3600
            waits.append(max(0.0, hours))
            if (row.outcome, bool(row.fraud)) == ("approve", False) and row.state in (
                "awaiting_payment", "releasing", "released",
            ):  # fmt: skip
                good.append(hours)
        return waits, good, len(rows), sum(row.ended is None and row.state == "held" for row in rows)

    async def _money(self) -> dict[str, dict[str, int]]:
        found = {
            "fees_asked": await self._sums(
                "SELECT currency, sum(amount_minor) FROM fees WHERE created_at >= :since AND created_at < :until "
                "GROUP BY currency"
            )
        }
        for figure, state in FEES.items():
            found[figure] = await self._sums(
                f"SELECT currency, sum(amount_minor) FROM fees WHERE state = '{state}' AND settled_at >= :since "
                "AND settled_at < :until GROUP BY currency"
            )
        estimate = self._labour("p", "estimate", "amount_minor"), self._labour("p", "estimate", "currency")
        reasons = "d.reasons" if self._sqlite else "d.reasons::text"
        found["work_given_free"] = await self._sums(
            f"SELECT {estimate[1]}, sum(CAST({estimate[0]} AS bigint)) FROM decisions d JOIN decisions p ON p.id = "
            "(SELECT max(id) FROM decisions x WHERE x.order_id = d.order_id AND x.id < d.id AND x.by = 'policy') "
            f"WHERE {reasons} LIKE '%\"work_free\"%' AND d.at >= :since AND d.at < :until GROUP BY 1"
        )
        cost = self._labour("p", "cost", "amount_minor"), self._labour("p", "cost", "currency")
        found["labour_saved"] = await self._sums(
            f"SELECT {cost[1]}, sum(CAST({cost[0]} AS bigint)) FROM decisions p WHERE p.id IN (SELECT max(id) "
            "FROM decisions WHERE by = 'policy' GROUP BY order_id) AND (p.order_id IN (SELECT order_id FROM fees "
            "WHERE state = 'paid' AND settled_at >= :since AND settled_at < :until) OR p.order_id IN (SELECT order_id "
            f"FROM decisions d WHERE {reasons} LIKE '%\"request_dropped\"%' AND by NOT IN ('policy', 'clock', 'panel')"
            " AND at >= :since AND at < :until) OR p.order_id IN (SELECT o.order_id FROM orders o JOIN decisions d ON "
            "d.id = o.decision_id WHERE d.outcome = 'reject' AND o.provisioning = 'none' AND o.state IN "
            "('rejecting', 'rejected', 'cancelled') AND d.at >= :since AND d.at < :until)) GROUP BY 1"
        )
        found["fraud_stopped"] = await self._sums(f"SELECT o.currency, sum(o.amount_minor) {self._FRAUD} GROUP BY 1")
        return found

    _FRAUD = (
        "FROM orders o WHERE o.fraud AND o.provisioning = 'none' AND o.state IN ('rejecting', 'rejected', 'cancelled') "
        "AND EXISTS (SELECT 1 FROM decisions d WHERE d.id = o.decision_id AND d.outcome = 'reject' AND "
        "d.at >= :since AND d.at < :until)"
    )

    async def _fraud_orders(self) -> int:
        return int((await self._rows(f"SELECT count(*) AS n {self._FRAUD}"))[0][0])

    async def _hours(self) -> dict[str, float]:
        asked = await self._rows(
            "SELECT sum(counted_minutes) FROM orders o WHERE outcome IS NOT NULL AND order_id IN (SELECT order_id FROM "
            "decisions GROUP BY order_id HAVING min(at) >= :since AND min(at) < :until)"
        )
        charged = await self._rows(
            "SELECT sum(coalesce(f.minutes, o.counted_minutes)) FROM fees f, orders o WHERE o.order_id = f.order_id "
            "AND f.state = 'paid' AND f.settled_at >= :since AND f.settled_at < :until"
        )
        hours = (round(float(rows[0][0] or 0) / 60, 2) for rows in (asked, charged))
        return dict(zip(("asked_for", "charged"), hours, strict=True))

    async def _overruled(self) -> int:
        reasons = "d.reasons" if self._sqlite else "d.reasons::text"
        none = ("customer_withdrew", "duplicate", "other", "cancelled_in_panel")
        no_verdict = " AND ".join(f"{reasons} NOT LIKE '%\"{code}\"%'" for code in none)
        rows = await self._rows(
            "SELECT d.order_id, d.outcome, (SELECT p.outcome FROM decisions p WHERE p.order_id = d.order_id AND "
            "p.by = 'policy' AND p.id < d.id ORDER BY p.id DESC LIMIT 1) FROM decisions d WHERE d.by NOT IN "
            "('policy', 'clock', 'panel') AND (d.by NOT LIKE 'panel:%' OR d.by LIKE 'panel:staff:%') "
            f"AND {no_verdict} AND d.at >= :since AND d.at < :until ORDER BY d.id"
        )
        last = {row[0]: (row[1], row[2]) for row in rows}
        return sum((said == "approve") != (decided == "approve") for decided, said in last.values() if said)


def _median(values: list[float]) -> float | None:
    """The middle value, or the mean of the two in the middle."""
    if not values:
        return None
    low, high = sorted(values)[(len(values) - 1) // 2], sorted(values)[len(values) // 2]
    return round((low + high) / 2, 2)


def _nearest(values: list[float], share: float) -> float | None:
    """The smallest value that at least this share of the values does not exceed."""
    fit = [value for value in values if sum(one <= value for one in values) >= share * len(values)]
    return round(min(fit), 2) if fit else None
