"""Every number of a report, recomputed from the decisions that are stored with it."""

from __future__ import annotations

import io
import json
import re
import uuid
import xml.etree.ElementTree as ET
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from rich.console import Console

from app.cli.backtest.tables import show
from app.core.facts import Facts
from app.core.judgement.decide import Outcome
from app.core.judgement.provenance import NAMES, without_hindsight
from app.core.judgement.quick import QuickJudge
from app.core.policy.document import Policy, parse_policy
from app.db import Database
from app.evaluation.backtest import runs
from app.evaluation.backtest.chart import draw
from app.evaluation.backtest.records import BacktestReport
from app.evaluation.backtest.report import RESTS_ON
from app.evaluation.backtest.runs import Wanted
from app.orders import facts_codec
from app.tables.history import Label, backtest_decisions
from tests.core.judging import a_customer, an_order
from tests.evaluation.backtest.history import ACTIVE, GIVEN, NOW, add_cases, set_active, some_cases
from tests.evaluation.backtest.recomputing import noted, printed_numbers, recompute, stored_rows, tokens
from tests.evaluation.backtest.recomputing_advice import advice

pytestmark = pytest.mark.timeout(300)


async def tried(
    db: Database, document: str = GIVEN, *, processes: int | None = None, **wanted: Any
) -> tuple[uuid.UUID, BacktestReport]:
    """Run a backtest."""
    async with db.begin() as tx:
        begun = await runs.begin(tx, Wanted(document=document, **wanted), by="test", now=NOW)
    return begun, await runs.run(db, begun, processes=processes)


def plain(report: BacktestReport) -> dict[str, Any]:
    """Return the report as printed."""
    found: dict[str, Any] = json.loads(report.model_dump_json())
    return found


def printed(report: BacktestReport) -> str:
    """Return the report as shown to people."""
    out = io.StringIO()
    show(report, Console(file=out, width=80))
    return out.getvalue()


def figures_in(said: str, report: BacktestReport) -> set[str]:
    """Return the numbers in a text, except prefixes of hashes."""
    for policy in (report.given, report.active):
        said = said.replace(policy.hash[:12], "")
    return set(printed_numbers(said))


def drawn(report: BacktestReport) -> str:
    """Return all words of the chart."""
    return "\n".join(element.text or "" for element in ET.fromstring(draw(report)).iter())


async def check(db: Database, begun: uuid.UUID, report: BacktestReport, *, caps: dict[str, int] | None = None) -> None:
    """Check every number of a report against the stored decisions; `caps`: if the tried policy has its own."""
    rows, shown = await stored_rows(db, begun), plain(report)
    wanted = recompute(rows, shown)
    period = wanted["cases"]["period"]
    assert (report.cases.period.first, report.cases.period.last) == (period["first"], period["last"])
    period |= {"first": shown["cases"]["period"]["first"], "last": shown["cases"]["period"]["last"]}
    untested = {one["fact"]: (one["orders"], one["share"]) for one in shown["untested"]}
    for name in ("cases", "lacking", "figures", "with_today"):
        assert wanted[name] == shown[name], name
    for name, part in advice(rows, shown, caps or dict(Policy().families)).items():
        assert part == shown["advice"][name], name
    assert wanted["untested"] == untested
    by_id = {row.order_id: row for row in rows}
    for example in shown["examples"]:
        row = by_id[example["order_id"]]
        for column, verdict in (("active", example["before"]), ("given", example["after"])):
            one = row.by[column]
            assert (one.outcome, one.risk, one.self_service) == tuple(
                verdict[name] for name in ("outcome", "risk", "self_service")
            )
            points = [[code, number] for code, number in one.points]
            assert all([signal["code"], signal["points"]] in points for signal in verdict["signals"])
    assert [[int(number) for number in re.findall(r"[0-9]+", note)] for note in shown["notes"]] == noted(rows, shown)
    assert figures_in(printed(report), report) <= tokens(shown) | {"95", "0.1"}  # confidence in %; "fewer than"
    assert figures_in(drawn(report), report) <= tokens(shown)
    moved = sum(row.by["active"].outcome != row.by["given"].outcome for row in rows)
    assert len(shown["examples"]) == min(20, moved)


async def test_every_number_can_be_recomputed_from_the_stored_decisions(db: Database) -> None:
    await add_cases(db, some_cases(1_100))
    await set_active(db)
    begun, report = await tried(db, with_today=True)
    assert report.cases.total == 1_100
    assert report.figures.changed.orders > 30
    assert report.with_today is not None
    assert report.with_today.active.risk.auc != report.figures.active.risk.auc
    await check(db, begun, report)


async def test_the_stored_decisions_are_those_of_the_policies(db: Database) -> None:
    rows = list(some_cases(150))
    await add_cases(db, rows)
    await set_active(db)
    begun, _ = await tried(db, with_today=True)
    stored = {row.order_id: row for row in await stored_rows(db, begun)}
    judges = {"given": QuickJudge(parse_policy(GIVEN)), "active": QuickJudge(parse_policy(ACTIVE))}
    for case in rows:
        facts = facts_codec.unpack(case["facts"])
        for column, one in stored[case["order_id"]].by.items():
            name, _, today = column.partition("_")
            verdict = judges[name].verdict(facts if today else without_hindsight(facts), now=case["judged_at"])
            assert (one.outcome, tuple(one.reasons), one.risk) == (verdict.outcome, verdict.reasons, verdict.risk)
            assert (one.cost, one.margin, one.fee) == (verdict.cost, verdict.margin_month, verdict.fee)
            assert tuple(map(tuple, one.points)) == verdict.points


async def test_one_process_or_two_and_any_order_of_parts_make_the_same_report(db: Database) -> None:
    await add_cases(db, some_cases(2_300))
    await set_active(db)
    alone, together = await tried(db, processes=1), await tried(db, processes=2)
    assert alone[1].model_dump_json() == together[1].model_dump_json()
    parts = []
    for begun, _ in (alone, together):
        query = sa.select(backtest_decisions.c.part, backtest_decisions.c.decisions)
        async with db.read() as connection:
            rows = (await connection.execute(query.where(backtest_decisions.c.backtest_id == begun))).all()
        parts.append(sorted(tuple(row) for row in rows))
    assert len(parts[0]) == 3
    assert parts[0] == parts[1]


async def test_a_policy_against_itself_changes_nothing(db: Database) -> None:
    await add_cases(db, some_cases(200))
    version = await set_active(db)
    begun, report = await tried(db, ACTIVE)
    assert (report.given.version, report.given.hash) == (version, report.active.hash)
    assert report.figures.given == report.figures.active
    assert (report.figures.changed.orders, report.examples, report.figures.signals) == (0, (), ())
    assert report.figures.labour_saved == ()
    await check(db, begun, report)


@pytest.mark.parametrize("count", [1, 2])
async def test_one_case_and_two(db: Database, count: int) -> None:
    await add_cases(db, some_cases(count))
    await set_active(db)
    begun, report = await tried(db, with_today=True)
    assert report.cases.total == count
    await check(db, begun, report)


@pytest.mark.parametrize("label", [Label.GOOD, Label.FRAUD, Label.OPEN])
async def test_with_one_kind_of_label_there_is_no_area_and_it_says_why(db: Database, label: Label) -> None:
    rows = [row | {"label": label.value, "placed_at": NOW - timedelta(days=100)} for row in some_cases(40)]
    await add_cases(db, rows)
    await set_active(db)
    begun, report = await tried(db)
    area = report.figures.given.risk.auc
    assert (area.value, area.interval) == (None, None)
    lacking = "good" if label is Label.FRAUD else "bad"
    assert area.why_not == f"There is no {lacking} order that is old enough to compare with."
    await check(db, begun, report)


async def test_young_orders_count_in_no_figure_about_labels(db: Database) -> None:
    edge = NOW - timedelta(days=60)
    rows = list(some_cases(3))
    for row, placed_at in zip(rows, (edge, edge + timedelta(microseconds=1), NOW), strict=True):
        row |= {"placed_at": placed_at, "label": "good"}
    await add_cases(db, rows)
    await set_active(db)
    begun, report = await tried(db)
    assert (report.cases.mature, report.cases.too_young, report.cases.labelled_good) == (1, 2, 1)
    await check(db, begun, report)


async def test_only_orders_since(db: Database) -> None:
    rows = list(some_cases(60))
    await add_cases(db, rows)
    await set_active(db)
    since = NOW - timedelta(days=200)
    begun, report = await tried(db, since=since)
    assert report.cases.total == sum(row["placed_at"] >= since for row in rows) > 0
    await check(db, begun, report)


async def test_orders_of_one_moment_are_each_judged_once(db: Database) -> None:
    await add_cases(db, [row | {"placed_at": NOW - timedelta(days=90)} for row in some_cases(2_100)])
    await set_active(db)
    begun, report = await tried(db)
    assert report.cases.total == 2_100
    assert sorted(row.order_id for row in await stored_rows(db, begun)) == list(range(1, 2_101))


def one_case(number: int, **facts: Any) -> dict[str, Any]:
    """Return an old paid order with these facts about its customer."""
    order = an_order(order_id=number, placed_at=NOW - timedelta(days=100))
    return {
        "order_id": number, "customer_id": 93, "source": "imported", "placed_at": order.placed_at,
        "judged_at": order.placed_at, "facts": facts_codec.pack(Facts(order=order, customer=a_customer(**facts))),
        "terms_digest": "0" * 16, "label": "good", "labelled_at": NOW, "staff_minutes": None, "reviewed": None,
    }  # fmt: skip


async def test_where_nobody_is_warned_of_that_is_said(db: Database) -> None:
    await add_cases(db, [one_case(1), one_case(2) | {"label": "fraud"}])
    await set_active(db, "")
    begun, report = await tried(db, "")
    await check(db, begun, report)
    said = [" ".join(line.split()) for line in printed(report).splitlines()]
    assert "tried: risk 60 or more (review), bad orders 0 of 1" in said
    assert "tried: risk 60 or more (review), good orders 0 of 1" in said


async def test_few_of_many_are_not_none(db: Database) -> None:
    await add_cases(db, [*(one_case(number) for number in range(1, 2_300)), one_case(2_300, earlier_fraud_orders=3)])
    await set_active(db, "[risk]\nreview_from = 89\n")
    begun, report = await tried(db, "[risk]\nreview_from = 47\n")
    await check(db, begun, report)
    assert report.figures.changed.orders == 1
    assert "1 orders would change (<0.1%)" in printed(report)


@pytest.mark.parametrize(("review", "reject"), [(60, 90), (89, 90), (47, 48), (99, 100)])
async def test_thresholds_that_lie_side_by_side_can_be_read(db: Database, review: int, reject: int) -> None:
    await add_cases(db, some_cases(30))
    await set_active(db)
    _, report = await tried(db, f"[risk]\nreview_from = {review}\nreject_from = {reject}\n")
    words = [element for element in ET.fromstring(draw(report)).iter() if " from " in (element.text or "")]
    assert [element.text for element in words] == [f"review from {review}", f"reject from {reject}"]
    assert abs(float(words[0].attrib["y"]) - float(words[1].attrib["y"])) >= 11  # the height of the letters


async def test_examples_show_each_kind_of_change_with_sentences(db: Database) -> None:
    await add_cases(db, some_cases(600))
    await set_active(db)
    _, report = await tried(db)
    kinds = {(one.before.outcome, one.after.outcome) for one in report.examples}
    assert kinds == {(one.before, one.after) for one in report.figures.changes if one.before != one.after}
    assert len({one.order_id for one in report.examples}) == 20
    for one in report.examples:
        for verdict in (one.before, one.after):
            assert verdict.outcome in set(Outcome)
            assert all(text.endswith((".", "…")) for text in verdict.reasons)


def test_every_fact_of_today_says_what_rests_on_it() -> None:
    assert set(RESTS_ON) == NAMES
