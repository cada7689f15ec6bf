"""The owner's month: every figure is recomputed from the stored rows, in the panel's zone, beside the month before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.tables.access import Role
from tests.api.api_support import NOW, add_decision, add_fee, add_order, check_problem
from tests.api.conftest import Api, Start
from tests.reports.recomputing import Recomputed
from tests.reports.town import CURRENCIES, fill
from tests.stories.house import House
from tests.stories.test_orders import SUSPECT, WISH, shop

pytestmark = pytest.mark.both_databases("sums, times and JSON differ")

MONTH = "/v1/reports/month"
#: NOW is in May: the months under test are April and March.
MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5))
NOT_HELD: dict[str, Any] = {"hold_kind": None, "hold_since": None, "hold_due_at": None}
NOTHING: dict[str, Any] = {
    "orders": {"approve": 0, "hold_for_fee": 0, "hold_for_review": 0, "reject": 0},
    "held": {"orders": 0, "now": 0, "median_hours": None, "p90_hours": None}, "currencies": [],
    "hours": {"asked_for": 0.0, "charged": 0.0}, "overruled": 0, "good_held": 0, "good_held_hours": None,
    "fraud_orders": 0,
}  # fmt: skip


async def month(api: Api, query: str) -> dict[str, Any]:
    """Return a report."""
    return dict((await api.ask("GET", f"{MONTH}?{query}")).json())


def figures(report: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a period without its times."""
    return {name: value for name, value in report.items() if name not in {"since", "until", "before"}}


@pytest.mark.parametrize("seed", range(3))
async def test_every_figure_is_recomputed_from_the_stored_rows(api: Api, seed: int) -> None:
    await fill(api.db, seed, how_many=150, since=MARCH - timedelta(days=5), until=MAY + timedelta(days=2))
    report = await month(api, "month=2026-04")
    assert [one["currency"] for one in report["currencies"]] == sorted(CURRENCIES)
    async with api.db.read() as connection:
        for found, since, until in ((report, APRIL, MAY), (report["before"], MARCH, APRIL)):
            again = Recomputed(connection, since, until, NOW)
            assert figures(found) == await again.figures(sorted(CURRENCIES))
            assert found["held"]["orders"]
            assert found["overruled"]
            assert found["good_held"]
            assert found["fraud_orders"]
    for figure in report["currencies"][0]:
        assert any(one[figure] not in {"0", "0.00", "0.000"} for one in report["currencies"]), figure


async def test_any_span_is_compared_with_the_same_time_before(api: Api) -> None:
    await fill(api.db, 11, how_many=120, since=MARCH, until=MAY)
    report = await month(api, "since=2026-04-03&until=2026-04-13T12:00:00Z")
    since, until = APRIL + timedelta(days=2), APRIL + timedelta(days=12, hours=12)
    before = since - (until - since)
    assert (report["since"], report["until"]) == ("2026-04-03T00:00:00Z", "2026-04-13T12:00:00Z")
    assert (report["before"]["since"], report["before"]["until"]) == ("2026-03-23T12:00:00Z", "2026-04-03T00:00:00Z")
    currencies = [one["currency"] for one in report["currencies"]]
    async with api.db.read() as connection:
        assert figures(report) == await Recomputed(connection, since, until, NOW).figures(currencies)
        assert figures(report["before"]) == await Recomputed(connection, before, since, NOW).figures(currencies)


async def test_a_month_without_orders_is_all_zeros(api: Api) -> None:
    report = await month(api, "month=2026-04")
    assert figures(report) == NOTHING
    assert figures(report["before"]) == NOTHING
    chart = (await api.ask("GET", f"{MONTH}.svg?month=2026-04")).text
    assert "No fee, no work and no fraud" in chart


async def test_the_month_that_runs_is_the_default(api: Api) -> None:
    await add_order(api.db)
    await add_decision(api.db)
    report = await month(api, "")
    assert (report["since"], report["until"]) == ("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z")
    assert report["orders"]["hold_for_review"] == 1
    assert report["held"]["now"] == 1
    assert figures(report["before"])["orders"] == NOTHING["orders"]


async def test_a_month_is_the_panels_own(start: Start) -> None:
    late = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)  # half past midnight on 1 April in Berlin
    async with start(panel_timezone="Europe/Berlin") as api:
        await add_order(api.db)
        await add_decision(api.db, at=late)
        april = await month(api, "month=2026-04")
        assert april["since"] == "2026-04-01T00:00:00+02:00"
        assert april["before"]["since"] == "2026-03-01T00:00:00+01:00"
        assert april["orders"]["hold_for_review"] == 1
        assert (await month(api, "month=2026-03"))["orders"]["hold_for_review"] == 0
        day = await month(api, "since=2026-04-01&until=2026-04-02")
        assert day["orders"]["hold_for_review"] == 1


async def test_a_fee_counts_when_it_is_asked_for_and_when_it_is_settled(api: Api) -> None:
    await add_order(api.db, state="released", outcome="approve", counted_minutes=60, **NOT_HELD)
    await add_decision(api.db, at=MARCH + timedelta(days=30))
    await add_fee(
        api.db, state="paid", created_at=MARCH + timedelta(days=30), settled_at=APRIL + timedelta(days=3), minutes=90
    )
    report = await month(api, "month=2026-04")
    (april,), (march,) = report["currencies"], report["before"]["currencies"]
    assert (april["fees_asked"], april["fees_paid"], march["fees_asked"], march["fees_paid"]) == (
        "0.00", "50.00", "50.00", "0.00",
    )  # fmt: skip
    assert (report["hours"], report["before"]["hours"]) == (
        {"asked_for": 0.0, "charged": 1.5}, {"asked_for": 1.0, "charged": 0.0},
    )  # fmt: skip
    assert april["labour_saved"] == "40.00"


async def test_an_order_that_vanished_has_waited_for_an_unknown_time(api: Api) -> None:
    await add_order(api.db, state="closed", **NOT_HELD)
    await add_decision(api.db)
    held = (await month(api, "month=2026-05"))["held"]
    assert held == {"orders": 1, "now": 0, "median_hours": None, "p90_hours": None}


async def test_what_shadow_would_have_held_was_not_held(api: Api) -> None:
    await add_order(api.db, state="received", **NOT_HELD)
    await add_decision(api.db, mode="shadow")
    report = await month(api, "month=2026-05")
    assert (report["orders"]["hold_for_review"], report["held"]["orders"]) == (1, 0)


@pytest.mark.parametrize(
    ("query", "path"),
    [("month=2026-13", "query.month"), ("month=2026-4", "query.month"), ("month=1999-12", "query.month"),
     ("month=2026-04&since=2026-04-01", "query.month"), ("month=", "query.month"), ("month=9999-12", "query.month"),
     ("until=2026-04-01", "query.since"), ("since=2026-04-02&until=2026-04-01", "query.until"),
     ("since=2026-04-01&until=2026-04-01", "query.until"), ("since=1777000000", "query.since"),
     ("since=2026-02-30", "query.since"), ("since=0001-01-01&until=0001-01-02", "query.since"),
     ("since=2020-01-01&until=2026-01-01", "query.since"), ("since=2026-06-01", "query.until"),
     ("since=2026-04-01&until=9999-12-31T23:59:59-12:00", "query.until"), ("since=now", "query.since"),
     ("since=2026-04-01T25:00", "query.since")],
)  # fmt: skip
async def test_times_that_can_not_be_are_422(api: Api, query: str, path: str) -> None:
    for address in (MONTH, f"{MONTH}.svg"):
        found = check_problem(await api.ask("GET", f"{address}?{query}"), 422, "invalid")
        assert found["errors"][0]["path"] == path


@pytest.mark.parametrize("role", [Role.PANEL, Role.SCORES])
async def test_only_ops_and_admins_see_it(api: Api, role: Role) -> None:
    check_problem(await api.ask("GET", MONTH, role), 403, "forbidden")


async def asked_for_a_word(house: House, order_id: int) -> None:
    """An order that is held for its risk and asks for work: the queue shows it, and a plain approve is refused."""
    found = (await house.api.get("/v1/queue")).json()["items"]
    (row,) = [one for one in found if one["order_id"] == order_id]
    assert (row["customer_name"], row["product"], row["amount"]) == ("Rita Regular", "Hosting - Starter", "10.00")
    assert row["work_unpaid"] is True
    assert row["risk"] >= 60
    refused = (await house.act(order_id, "approve")).json()
    assert refused["type"] == "urn:doorman:problem:work-unpaid"
    assert (refused["minutes"], refused["fee"]) == (row["minutes"], row["fee"])


async def test_a_month_as_it_was_lived(house: House) -> None:
    """Orders in the whole system: accepted, held, paid for, approved for free, rejected as fraud."""
    client, product = shop(house)
    begun = house.clock()

    async def place(notes: str, *, pay: bool = True) -> int:
        placed = await house.panel.place_order(client, [product], notes=notes, pay=pay)
        await house.settle(seconds=30)
        return placed.id

    await place("")
    wish, free, fraud = await place(WISH), await place(f"{WISH} {SUSPECT}"), await place(SUSPECT)
    await asked_for_a_word(house, free)
    await house.wait(7200)
    assert (await house.act(free, "approve", work="free")).status_code == 200
    invoice = (await house.order(wish))["fee"]["invoice_id"]
    await house.panel.pay_invoice(invoice)
    await house.settle(seconds=60)
    assert (await house.act(fraud, "reject", fraud=True)).status_code == 200
    await house.settle(seconds=60)
    query = {"since": begun.isoformat(), "until": (house.clock() + timedelta(seconds=1)).isoformat()}
    report = (await house.api.get(MONTH, params=query)).json()
    assert report["orders"] == {"approve": 3, "hold_for_fee": 0, "hold_for_review": 0, "reject": 1}
    assert (report["held"]["orders"], report["held"]["now"], report["good_held"]) == (3, 0, 2)
    assert 2.0 <= report["held"]["median_hours"] <= 2.1
    (money,) = report["currencies"]
    assert (money["fees_asked"], money["fees_paid"]) == (money["fees_paid"], money["fees_asked"])
    assert money["work_given_free"] == money["fees_paid"] != "0.00"
    assert (money["fraud_stopped"], report["fraud_orders"]) == ("10.00", 1)
    assert (report["overruled"], report["hours"]["charged"] > 0) == (1, True)
    async with house.db.read() as connection:
        until = house.clock() + timedelta(seconds=1)
        again = await Recomputed(connection, begun, until, house.clock()).figures([money["currency"]])
    assert figures(report) == again
