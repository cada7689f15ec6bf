"""Orders held only because facts at their time are not known: shown apart, as they say nothing about the policy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.core.facts import Facts, PlacedBy
from app.core.policy.document import parse_policy
from app.core.reading.requests import TermKind
from app.db import Database
from app.evaluation.share import held_share
from app.orders import facts_codec
from tests.core.judging import a_customer, a_request, an_item, an_order
from tests.evaluation.backtest.history import NOW, add_cases, set_active
from tests.evaluation.backtest.test_report import check, printed, tried

pytestmark = pytest.mark.timeout(200)


def entered_by_staff(
    number: int, *, source: str = "imported", days: int = 100, currency: str = "USD"
) -> dict[str, Any]:
    """Return a good order that staff entered while the catalogue could not be read."""
    order = an_order(
        order_id=number,
        placed_at=NOW - timedelta(days=days),
        placed_by=PlacedBy.STAFF,
        currency=currency,
        requests=(a_request(TermKind.OS_OLD),),
        items=(an_item(listed=None),),
    )
    today = ("customer.country", "customer.tickets_recent", "customer.white_glove") if source == "imported" else ()
    facts = Facts(order=order, customer=a_customer(), today=today)
    return {
        "order_id": number, "customer_id": 93, "source": source, "placed_at": order.placed_at,
        "judged_at": order.placed_at, "facts": facts_codec.pack(facts), "terms_digest": "0" * 16, "label": "good",
        "labelled_at": NOW, "staff_minutes": None, "reviewed": None,
    }  # fmt: skip


async def test_they_are_no_good_orders_held_by_the_policy(db: Database) -> None:
    rows = [entered_by_staff(1), entered_by_staff(2, days=3), entered_by_staff(3, source="live")]
    await add_cases(db, rows)
    await set_active(db, "")
    begun, report = await tried(db, "[risk]\nreview_from = 50\n", with_today=True)
    await check(db, begun, report)
    active = report.figures.active
    assert {one.name: one.orders for one in active.outcomes}["hold_for_review"] == 3
    assert active.facts_unknown == 2  # the live one was really held
    good = next(one for one in active.endings if one.label == "good")
    assert (good.hold_for_review, good.facts_unknown) == (2, 1)  # one is too young for its label
    assert [one.good_held for one in active.money] == [1]
    minutes = active.work.facts_unknown_minutes
    assert 0 < minutes < active.work.waiting_minutes == minutes // 2 * 3
    assert any("2 imported orders are held for a person only because past facts" in note for note in report.notes)
    assert report.with_today is not None
    assert report.with_today.active.facts_unknown == 2
    assert "of these because of missing facts" in printed(report)


async def test_other_reasons_beside_it_count_as_the_policys(db: Database) -> None:
    await add_cases(db, [entered_by_staff(1, currency="XXX")])
    await set_active(db, "")
    begun, report = await tried(db, "")
    await check(db, begun, report)
    assert report.figures.active.facts_unknown == 0
    assert "of these because of missing facts" not in printed(report)


async def test_what_only_became_known_later_is_shown(db: Database) -> None:
    await add_cases(db, [entered_by_staff(1)])
    await set_active(db, "")
    _, report = await tried(db, "")
    shown = printed(report)
    assert "1 orders (100.0%), customer: tickets_recent, white_glove" in shown
    assert "not tested, or only partly: tickets_per_service, mandate" in shown
    assert "country" not in shown.partition("Facts left out")[2].partition("Orders that would")[0].partition("What")[0]


async def test_a_policy_is_not_said_to_hold_them(db: Database) -> None:
    await add_cases(db, [entered_by_staff(number) for number in range(1, 61)])
    async with db.read() as connection:
        share = await held_share(connection, parse_policy(""))
    assert (share.cases, share.held, share.percent, share.asks) == (0, 0, None, False)
    await add_cases(db, [entered_by_staff(number, source="live") for number in range(61, 121)])
    async with db.read() as connection:
        share = await held_share(connection, parse_policy(""))
    assert (share.cases, share.held, share.percent) == (60, 60, 100.0)
    assert share.text.endswith("60 more can't be judged because past facts are not known.")
