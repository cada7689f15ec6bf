"""A backtest mutes what the tried policy would have muted at each moment, whatever was muted then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from app.core.facts import Facts
from app.db import Database
from app.evaluation.backtest import runs
from app.evaluation.backtest.records import BacktestReport
from app.evaluation.backtest.runs import Wanted
from app.orders import facts_codec
from tests.core.judging import a_customer, a_request, an_order
from tests.evaluation.backtest.history import NOW, add_cases, set_active

RARELY = "[muting]\nmin_orders = 1000\n"
SOON = "[muting]\nmin_orders = 30\n"
FIRST = NOW - timedelta(days=200)


def past(
    *, label: str = "good", reviewed: str | None = None, muted: tuple[str, ...] = (), days: int = 200
) -> Iterator[dict[str, Any]]:
    """Yield an order a day; every second one contains a term of the acceptable use list."""
    for number in range(1, days + 1):
        placed_at = FIRST + timedelta(days=number - 1)
        fires = (a_request(term="carding"),) if number % 2 else ()
        order = an_order(order_id=number, placed_at=placed_at, acceptable_use=fires)
        yield {
            "order_id": number, "customer_id": 93, "source": "live", "placed_at": placed_at, "judged_at": placed_at,
            "facts": facts_codec.pack(Facts(order=order, customer=a_customer(), muted=muted)), "terms_digest": "0" * 16,
            "label": label, "labelled_at": NOW, "reviewed": reviewed,
        }  # fmt: skip


async def tried(db: Database, document: str, **given: Any) -> BacktestReport:
    await add_cases(db, past(**given))
    await set_active(db, RARELY)
    async with db.begin() as tx:
        begun = await runs.begin(tx, Wanted(document=document), by="test", now=NOW)
    return await runs.run(db, begun, terms=None, processes=1)


def held(report: BacktestReport, policy: str) -> int:
    outcomes = getattr(report.figures, policy).outcomes
    return sum(one.orders for one in outcomes if one.name == "hold_for_review")


async def test_it_mutes_from_the_day_on_which_enough_orders_had_ended_well(db: Database) -> None:
    report = await tried(db, SOON)
    (muted,) = report.muted
    # the 30th order is 60 days old on the 90th day; it counts from the day after
    assert (muted.policy, muted.signal, muted.first) == ("given", "acceptable_use", (FIRST + timedelta(days=90)).date())
    assert (muted.orders, muted.last) == (110, (FIRST + timedelta(days=199)).date())
    assert (held(report, "given"), held(report, "active")) == (45, 100)


async def test_what_was_muted_then_means_nothing(db: Database) -> None:
    report = await tried(db, RARELY, muted=("acceptable_use",))
    assert report.muted == ()
    assert (held(report, "given"), held(report, "active")) == (100, 100)


async def test_signals_that_could_not_be_tested_are_named(db: Database) -> None:
    rows = [row | {"source": "imported"} for row in past(days=20)]
    facts = facts_codec.unpack(rows[0]["facts"])
    later = ("customer.chargebacks", "neighbours.phone")  # who shares a number is judged as it is shown today
    rows[0]["facts"] = facts_codec.pack(replace(facts, missing=("neighbours.payment",), today=later))
    await add_cases(db, rows)
    await set_active(db, RARELY)
    async with db.begin() as tx:
        begun = await runs.begin(tx, Wanted(document=SOON), by="test", now=NOW)
    report = await runs.run(db, begun, terms=None, processes=1)
    found = {one.signal: one.orders for one in report.untestable}
    assert found == {
        "minfraud": 20, "fraudrecord": 20, "anonymous_ip": 20, "hosting_network": 20, "countries_disagree": 20,
        "similar_address": 20, "shared_payment": 1, "chargebacks": 1,
    }  # fmt: skip


@pytest.mark.parametrize("label", ["fraud", "disputed", "refunded", "cancelled_unpaid", "open"])
async def test_orders_that_did_not_end_well_mute_nothing(db: Database, label: str) -> None:
    report = await tried(db, SOON, label=label)
    assert (report.muted, held(report, "given")) == ((), 100)


async def test_what_a_person_approved_counts_at_once(db: Database) -> None:
    report = await tried(db, SOON, label="open", reviewed="approve", days=60)
    (muted,) = report.muted
    assert (muted.first, held(report, "given")) == ((FIRST + timedelta(days=30)).date(), 15)
    assert isinstance(muted.last, date)
