"""Recomputes a backtest's report from the stored decisions: plain loops over plain lists, without the report's code."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import sqlalchemy as sa

from app.db import Database
from app.tables.history import backtest_decisions

OUTCOMES = ["approve", "hold_for_fee", "hold_for_review", "reject"]
LABELS = ["good", "fraud", "cancelled_unpaid", "refunded", "disputed", "open"]


@dataclass
class One:
    """One policy's verdict."""

    outcome: str
    reasons: list[str]
    self_service: int
    risk: int
    points: list[tuple[str, int]]
    minutes: int
    gap: bool
    cost: int | None
    margin: int | None
    fee: int | None


@dataclass
class Row:
    """One order."""

    order_id: int
    placed_at: datetime
    source: str
    label: str
    reviewed: str | None
    currency: str
    staff_minutes: int | None
    today: list[str]
    amount: int
    panel_failed: bool
    terms: list[str]
    by: dict[str, One] = field(default_factory=dict)

    def mature(self, as_of: datetime) -> bool:
        return self.placed_at <= as_of - timedelta(days=60)


async def stored_rows(db: Database, backtest_id: Any) -> list[Row]:
    """Read the stored decisions, with only a MessagePack reader."""
    async with db.read() as connection:
        query = sa.select(backtest_decisions).where(backtest_decisions.c.backtest_id == backtest_id)
        parts = (await connection.execute(query.order_by(backtest_decisions.c.part))).all()
    rows = []
    for part in parts:
        columns, kinds, today, cases = msgspec.msgpack.decode(part.decisions)
        for (
            order_id,
            placed,
            source,
            label,
            reviewed,
            currency,
            minutes,
            names,
            decided,
            amount,
            failed,
            terms,
        ) in cases:
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=placed)
            about = (currency or "", minutes, today[names], amount or 0, failed, terms)
            row = Row(order_id, at, source, label, reviewed, *about)
            for column, (kind, cost, margin, fee) in zip(columns, decided, strict=True):
                row.by[column] = One(*kinds[kind], cost, margin, fee)
            rows.append(row)
    return rows


def recompute(rows: list[Row], report: dict[str, Any]) -> dict[str, Any]:
    """Return the expected report, without the policies' names, the examples, the replay and the notes."""
    as_of = datetime.fromisoformat(report["as_of"])
    old = [row for row in rows if row.mature(as_of)]
    total, lacking = len(rows), Counter(name for row in rows for name in row.today)
    logged = [row.staff_minutes for row in rows if row.staff_minutes is not None]
    return {
        "cases": {
            "total": total,
            "period": {"first": min(row.placed_at for row in rows), "last": max(row.placed_at for row in rows)},
            "by_source": shares(Counter(row.source for row in rows), total, ["imported", "live"]),
            "by_label": shares(Counter(row.label for row in rows), total, LABELS),
            "mature": len(old),
            "too_young": total - len(old),
            "labelled_good": sum(row.label == "good" for row in old),
            "labelled_bad": sum(row.label in {"fraud", "disputed"} for row in old),
            "minutes_known": len(logged),
            "minutes_logged": sum(logged),
        },
        "untested": {name: (orders, rounded(orders, total)) for name, orders in lacking.items()},
        "lacking": sum(bool(row.today) for row in rows),
        "figures": comparison(rows, old, report, "given", "active"),
        "with_today": report["with_today"] and comparison(rows, old, report, "given_today", "active_today"),
    }


def noted(rows: list[Row], report: dict[str, Any]) -> list[list[int]]:
    """Return the numbers in each expected note of the report."""
    as_of = datetime.fromisoformat(report["as_of"])
    old = [row for row in rows if row.mature(as_of)]
    imported = sum(row.source == "imported" for row in rows)
    in_doubt = sum(unknown(row, row.by["given"]) for row in rows)
    bad = sum(row.label in {"fraud", "disputed"} for row in old)
    return [
        [],
        [],
        [sum(row.staff_minutes is not None for row in rows), len(rows)],
        *([[imported]] if imported else []),
        *([[in_doubt]] if in_doubt else []),
        *([[]] if any(row.today for row in rows) else []),
        *([[len(rows) - len(old), 60]] if len(old) < len(rows) else []),
        *([[bad]] if bad < 30 else []),
        [],
    ]


def comparison(rows: list[Row], old: list[Row], report: dict[str, Any], new: str, now: str) -> dict[str, Any]:
    pairs = [(row, row.by[now], row.by[new]) for row in rows]
    moved = [(row, before, after) for row, before, after in pairs if before.outcome != after.outcome]
    reasons: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    signals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    minutes, saved = 0, defaultdict(int)
    for row, before, after in moved:
        for code in set(after.reasons) - set(before.reasons):
            reasons[code][0] += 1
        for code in set(before.reasons) - set(after.reasons):
            reasons[code][1] += 1
        for code in {code for code, _ in before.points + after.points}:
            more = sum(p for c, p in after.points if c == code) - sum(p for c, p in before.points if c == code)
            signals[code][0] += 1
            signals[code][1] += more != 0
            signals[code][2] += more
        if before.minutes and {before.outcome, after.outcome} == {"approve", "hold_for_fee"}:
            sign = 1 if after.outcome == "hold_for_fee" else -1
            minutes += sign * before.minutes
            saved[row.currency] += sign * (before.cost or 0)
    top_reasons = sorted(reasons.items(), key=lambda one: (-sum(one[1]), one[0]))[:10]
    top_signals = sorted(signals.items(), key=lambda one: (-one[1][1], -one[1][0], one[0]))[:10]
    changes = Counter((before.outcome, after.outcome) for _, before, after in pairs)
    return {
        "given": figures(rows, old, new, report["given"]),
        "active": figures(rows, old, now, report["active"]),
        "changed": proportion(len(moved), len(rows)),
        "changes": [
            {"before": one, "after": other, "orders": changes[one, other]}
            for one in OUTCOMES
            for other in OUTCOMES
            if changes[one, other]
        ],
        "reasons": [{"reason": code, "appears": one, "disappears": other} for code, (one, other) in top_reasons],
        "signals": [
            {"signal": code, "orders": orders, "differs": differs, "points": points}
            for code, (orders, differs, points) in top_signals
        ],
        "minutes_saved": minutes,
        "labour_saved": [{"currency": code, "cost": text(saved[code], code)} for code in sorted(saved)],
    }


def unknown(row: Row, one: One) -> bool:
    """True if an imported order is held only because facts at its time are not known."""
    why = [code for code in one.reasons if code != "amount_zero"]
    return row.source == "imported" and one.outcome == "hold_for_review" and why == ["facts_missing"]


def figures(rows: list[Row], old: list[Row], column: str, policy: dict[str, Any]) -> dict[str, Any]:
    ones = [(row, row.by[column]) for row in rows]
    reasons = Counter((one.outcome, code) for _, one in ones for code in set(one.reasons))
    working = [(row, one) for row, one in ones if one.minutes]

    def minutes(*outcomes: str) -> int:
        return sum(one.minutes for _, one in working if one.outcome in outcomes)

    return {
        "outcomes": shares(Counter(one.outcome for _, one in ones), len(rows), OUTCOMES),
        "facts_unknown": sum(unknown(row, one) for row, one in ones),
        "reasons": [
            {"outcome": outcome, "reason": code, "orders": orders}
            for (outcome, code), orders in sorted(
                reasons.items(), key=lambda entry: (OUTCOMES.index(entry[0][0]), -entry[1], entry[0][1])
            )
        ],
        "catalogue_gaps": sum(one.gap for _, one in ones),
        "endings": [
            {"label": label}
            | {o: sum(row.label == label and row.by[column].outcome == o for row in old) for o in OUTCOMES}
            | {"facts_unknown": sum(row.label == label and unknown(row, row.by[column]) for row in old)}
            for label in LABELS
        ],
        "work": {
            "orders": len(working),
            "minutes": minutes(*OUTCOMES),
            "unpaid_minutes": minutes("approve"),
            "charged_minutes": minutes("hold_for_fee"),
            "waiting_minutes": minutes("hold_for_review", "reject"),
            "facts_unknown_minutes": sum(one.minutes for row, one in working if unknown(row, one)),
        },
        "money": money(ones, old, column),
        "risk": risk(old, column, policy),
        "people": people(ones),
    }


def money(ones: list[tuple[Row, One]], old: list[Row], column: str) -> list[dict[str, Any]]:
    found = []
    held = [(r, r.by[column]) for r in old if r.label == "good" and r.by[column].outcome not in OUTCOMES[:2]]
    held = [(row, one) for row, one in held if not unknown(row, one)]
    for code in sorted({row.currency for row, one in [*ones, *held] if one.minutes or one.fee or (row, one) in held}):
        work = [one for row, one in ones if row.currency == code and one.minutes]
        fees = [one.fee or 0 for row, one in ones if row.currency == code and one.outcome == "hold_for_fee"]
        good = [one for row, one in held if row.currency == code]

        def cost(*outcomes: str, of: list[One] = work, currency: str = code) -> str:
            return text(sum(one.cost or 0 for one in of if one.outcome in outcomes), currency)

        found.append(
            {
                "currency": code,
                "fees_asked": len(fees),
                "fees_sum": text(sum(fees), code),
                "work_cost": cost(*OUTCOMES),
                "work_unpaid_cost": cost("approve"),
                "work_charged_cost": cost("hold_for_fee"),
                "work_cost_unknown": sum(one.cost is None for one in work),
                "good_held": len(good),
                "good_held_margin_month": text(sum(one.margin or 0 for one in good), code),
                "good_held_margin_unknown": sum(one.margin is None for one in good),
            }
        )
    return found


def risk(old: list[Row], column: str, policy: dict[str, Any]) -> dict[str, Any]:
    def scores(*labels: str) -> list[int]:
        return [row.by[column].risk for row in old if row.label in labels]

    bad, good = scores("fraud", "disputed"), scores("good")

    def threshold(name: str) -> dict[str, Any]:
        start = policy[name]

        def above(of: list[int]) -> int:
            return sum(score >= start for score in of)

        return {
            "name": name,
            "risk_from": start,
            "precision": proportion(above(bad), above(bad) + above(good)),
            "recall": proportion(above(bad), len(bad)),
            "good_caught": proportion(above(good), len(good)),
            "refunded": proportion(above(scores("refunded")), len(scores("refunded"))),
            "cancelled_unpaid": proportion(above(scores("cancelled_unpaid")), len(scores("cancelled_unpaid"))),
        }

    ranges = [(low, low + 9 if low < 90 else 100) for low in range(0, 100, 10)]
    return {
        "auc": area(bad, good),
        "thresholds": [threshold("review_from"), threshold("reject_from")],
        "scores": [
            {
                "low": low,
                "high": high,
                "good": sum(low <= score <= high for score in good),
                "bad": sum(low <= score <= high for score in bad),
            }
            for low, high in ranges
        ],
    }


def area(bad: list[int], good: list[int]) -> dict[str, Any]:
    if not bad or not good:
        lacking = "good" if bad else "bad"
        return {
            "value": None,
            "interval": None,
            "why_not": f"There is no {lacking} order that is old enough to compare with.",
        }
    wins = sum(Fraction((one > other) * 2 + (one == other), 2) for one in bad for other in good)
    seen = float(wins / (len(bad) * len(good)))

    def within(true: float) -> bool:
        others = (len(bad) + len(good)) / 2 - 1
        spread = 1 + others * (1 - true) / (2 - true) + others * true / (1 + true)
        return (seen - true) ** 2 <= 1.959963984540054**2 * true * (1 - true) * spread / (len(bad) * len(good))

    steps = [step / 20_000 for step in range(20_001) if within(step / 20_000)]
    return {
        "value": round(seen, 4),
        "interval": {"low": Near(min(steps, default=seen)), "high": Near(max(steps, default=seen))},
        "why_not": None,
    }


class Near(float):
    """A number found by search, compared with the search's precision."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and math.isclose(self, other, abs_tol=2e-4)

    def __hash__(self) -> int:
        return 0


def people(ones: list[tuple[Row, One]]) -> dict[str, Any]:
    seen = [(row.reviewed, one.outcome) for row, one in ones if row.reviewed]
    same = sum(said == outcome for said, outcome in seen)
    left = sum(outcome == "hold_for_review" != said for said, outcome in seen)
    return {
        "reviewed": len(seen),
        "same": proportion(same, len(seen)),
        "other": len(seen) - same - left,
        "left_to_people": left,
    }


def shares(found: Counter[str], of: int, names: list[str]) -> list[dict[str, Any]]:
    return [{"name": name, "orders": found[name], "share": rounded(found[name], of)} for name in names]


def rounded(part: int, of: int) -> float:
    return round(part / of, 4) if of else 0.0


def proportion(part: int, of: int) -> dict[str, Any]:
    if not of:
        return {"orders": part, "of": 0, "share": None, "interval": None}
    z, p = 1.959963984540054, part / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    interval = {"low": round(max(0.0, middle - half), 4), "high": round(min(1.0, middle + half), 4)}
    return {"orders": part, "of": of, "share": round(p, 4), "interval": interval}


def tokens(value: Any) -> set[str]:
    """Return every number in a report, in each printed format."""
    match value:
        case dict():
            return set().union(*map(tokens, value.values()))
        case list():
            return set().union(*map(tokens, value))
        case bool() | None:
            return set()
        case int():
            return {str(abs(value))}
        case float():
            shares = {f"{100 * value:.1f}", f"{100 * value:.0f}"}
            return {f"{abs(value):.3f}", f"{abs(value):.2f}", f"{abs(value):.1f}", f"{value:g}"} | shares
        case _:
            return set(printed_numbers(str(value)))


def printed_numbers(said: str) -> list[str]:
    """Return the numbers of a text, without signs; of a time and a hash their parts."""
    return re.findall(r"[0-9]+(?:\.[0-9]+)?", said)


def text(minor: int, currency: str) -> str:
    places = 0 if currency == "JPY" else 2
    return str(Decimal(minor).scaleb(-places).quantize(Decimal(1).scaleb(-places)))
