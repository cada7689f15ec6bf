"""Recomputes the advice of a backtest from the stored decisions, without the report's code."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.judgement.signals.base import FAMILIES
from tests.evaluation.backtest.recomputing import One, Row, proportion, text, unknown

REVIEWS = {"vetting_terms", "vetting_fit", "vetting_product_group", "text_cut"}
BAD = {"fraud", "disputed"}


def advice(rows: list[Row], report: dict[str, Any], caps: dict[str, int]) -> dict[str, Any]:
    """Return the expected advice, without its sentences. `caps` are those of the tried policy's families."""
    as_of = datetime.fromisoformat(report["as_of"])
    old = [row for row in rows if row.mature(as_of)]
    first, last = min(row.placed_at for row in rows), max(row.placed_at for row in rows)
    months, mature = length(last - first), 0.0
    if min(last, as_of - timedelta(days=60)) >= first:
        mature = length(min(last, as_of - timedelta(days=60)) - first)
    bad = [row for row in old if row.label in BAD]
    failed = sum(row.panel_failed for row in bad)
    return {
        "months": months,
        "mature_months": mature,
        "past": {
            "bad": len(bad),
            "found": failed,
            "orders_month": round(len(rows) / months, 2),
            "bad_month": round(len(bad) / mature, 2) if mature else None,
            "found_month": round(failed / mature, 2) if mature else None,
        },
        "given": meant(rows, as_of, "given", months, mature),
        "active": meant(rows, as_of, "active", months, mature),
        "by_month": by_month(rows, as_of, first, last),
        "signals": signals(old, report["given"]["review_from"], caps),
    }


def length(time: timedelta) -> float:
    return max(1.0, round(time.total_seconds() / 86_400 / 30.4375, 2))


def held(row: Row, one: One) -> bool:
    return one.outcome in {"hold_for_review", "reject"} and not unknown(row, one)


def meant(rows: list[Row], as_of: datetime, column: str, months: float, mature: float) -> dict[str, Any]:
    old = [row for row in rows if row.mature(as_of)]
    bad, good = [row for row in old if row.label in BAD], [row for row in old if row.label == "good"]
    found = [row for row in bad if held(row, row.by[column])]
    waiting = [row for row in good if held(row, row.by[column])]
    asked = sum(row.by[column].minutes for row in rows)
    fees = [row for row in rows if row.by[column].outcome == "hold_for_fee"]
    charged = sum(row.by[column].minutes for row in fees)
    currencies = sorted({row.currency for row in rows})
    return {
        "recall": proportion(len(found), len(bad)),
        "right": proportion(len(found), len(found) + len(waiting)),
        "good_held": proportion(len(waiting), len(good)),
        "beyond": sum(not row.panel_failed for row in found),
        "hours_asked": round(asked / 60, 2),
        "hours_charged": round(charged / 60, 2),
        "currencies": [worth([row for row in rows if row.currency == code], as_of, column) for code in currencies],
        "a_month": {
            "hours_asked": round(asked / 60 / months, 2),
            "hours_charged": round(charged / 60 / months, 2),
            "fees_asked": round(len(fees) / months, 2),
            "found": round(len(found) / mature, 2) if mature else None,
            "good_held": round(len(waiting) / mature, 2) if mature else None,
            "money": [
                money([r for r in rows if r.currency == code], as_of, column, months, mature) for code in currencies
            ],
        },
    }


def sums(rows: list[Row], as_of: datetime, column: str) -> Counter[str]:
    """Return the amounts in minor units."""
    found: Counter[str] = Counter()
    for row in rows:
        one, old = row.by[column], row.mature(as_of)
        if one.outcome == "hold_for_fee":
            found["fees_sum"] += one.fee or 0
            found["labour_saved"] += (one.cost or 0) * (row.label not in {"cancelled_unpaid", "fraud"})
        if old and row.label in BAD:
            found["bad_worth"] += row.amount
            found["found_worth"] += row.amount * held(row, one)
            found["beyond_worth"] += row.amount * (held(row, one) and not row.panel_failed)
        if old and row.label == "good":
            found["good_held_worth"] += row.amount * held(row, one)
    return found


def worth(rows: list[Row], as_of: datetime, column: str) -> dict[str, Any]:
    """Return the figures of orders of one currency."""
    code, amounts = rows[0].currency, sums(rows, as_of, column)
    old = [row for row in rows if row.mature(as_of)]
    named = ("fees_sum", "labour_saved", "bad_worth", "found_worth", "beyond_worth", "good_held_worth")
    return {
        "currency": code,
        "orders": len(rows),
        "fees_asked": sum(row.by[column].outcome == "hold_for_fee" for row in rows),
        "bad": sum(row.label in BAD for row in old),
        "found": sum(row.label in BAD and held(row, row.by[column]) for row in old),
        "good_held": sum(row.label == "good" and held(row, row.by[column]) for row in old),
        **{name: text(amounts[name], code) for name in named},
    }


def money(rows: list[Row], as_of: datetime, column: str, months: float, mature: float) -> dict[str, Any]:
    code, amounts = rows[0].currency, sums(rows, as_of, column)
    every = {name: text(round(amounts[name] / months), code) for name in ("fees_sum", "labour_saved")}
    labelled = ("bad_worth", "found_worth", "beyond_worth", "good_held_worth")
    return {
        "currency": code,
        **every,
        **{name: text(round(amounts[name] / mature) if mature else 0, code) for name in labelled},
    }


def by_month(rows: list[Row], as_of: datetime, first: datetime, last: datetime) -> list[dict[str, Any]]:
    found, day = [], first.astimezone(UTC).replace(day=1)
    while (day.year, day.month) <= (last.year, last.month):
        here = [row for row in rows if (row.placed_at.year, row.placed_at.month) == (day.year, day.month)]
        fees = [row for row in here if row.by["given"].outcome == "hold_for_fee"]
        found.append(
            {
                "month": f"{day:%Y-%m}",
                "orders": len(here),
                "too_young": sum(not row.mature(as_of) for row in here),
                "hours_asked": round(sum(row.by["given"].minutes for row in here) / 60, 2),
                "hours_charged": round(sum(row.by["given"].minutes for row in fees) / 60, 2),
                "currencies": [
                    worth([row for row in here if row.currency == code], as_of, "given")
                    for code in sorted({row.currency for row in here})
                ],
            }
        )
        day = (day + timedelta(days=31)).replace(day=1)
    return found


def signals(old: list[Row], review_from: int, caps: dict[str, int]) -> list[dict[str, Any]]:
    fired: Counter[tuple[str, bool]] = Counter()
    only: Counter[tuple[str, bool]] = Counter()
    terms: Counter[tuple[str, str, bool]] = Counter()
    for row in old:
        if row.label != "good" and row.label not in BAD:
            continue
        one, bad = row.by["given"], row.label in BAD
        codes = {code for code, points in one.points if points > 0 and code in FAMILIES} | REVIEWS & set(one.reasons)
        fired.update((code, bad) for code in codes)
        alone = {code for code in codes if held(row, one) and without(one, code, caps) < review_from}
        why = set(one.reasons) - {"amount_zero"}
        if not why <= {"risk_review", "risk_reject", "would_reject"}:
            alone = why & REVIEWS if len(why) == 1 and held(row, one) else set()
        only.update((code, bad) for code in alone)
        terms.update((code, term, bad) for code in alone & {"vetting_terms", "vetting_fit"} for term in row.terms)
    found = [
        {
            "code": code,
            "good": fired[code, False],
            "bad": fired[code, True],
            "right": proportion(fired[code, True], fired[code, True] + fired[code, False]),
            "only_bad": only[code, True],
            "only_good": only[code, False],
            "terms": sorted(
                (
                    {"term": term, "good": terms[code, term, False], "bad": terms[code, term, True]}
                    for term in {term for whose, term, _ in terms if whose == code}
                ),
                key=lambda term: (-term["good"], term["bad"], term["term"]),
            )[:10],
        }
        for code in {code for code, _ in fired}
    ]
    return sorted(found, key=lambda s: (-s["only_bad"], -s["bad"], -s["only_good"], -s["good"], s["code"]))


def without(one: One, code: str, caps: dict[str, int]) -> int:
    """Return the risk without a signal: each family up to its cap, what is subtracted, within 0 and 100."""
    families: Counter[str] = Counter()
    less = 0
    for other, points in one.points:
        if other in FAMILIES and other != code and points > 0:
            families[FAMILIES[other].value] += points
        elif other in FAMILIES and other != code:
            less += points
    return max(0, min(100, less + sum(min(points, caps.get(name, points)) for name, points in families.items())))
