"""Notifications to staff: grouped, rate-limited, never about notifications, and off in shadow mode and while paused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.core.consequences import clocks
from app.core.records import AlertKind, Mode
from app.db import Database
from app.installation.alerts import KEPT, alert
from app.sandbox import Behaviours
from app.tables.alerts import alerts
from app.tables.inbox import events
from app.tables.outbox import panel_calls
from app.upkeep import notifications, sweeps
from app.upkeep.startup import tidy
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import SUSPECT, WISH, shop


async def notify(house: House) -> None:
    """Run one round, and send its notifications."""
    await notifications.round(house.context)
    await house.settle()


def rung(house: House) -> list[tuple[str, str]]:
    """Return title and first line of each notification sent to staff."""
    return [(one.title, one.message.splitlines()[0]) for one in house.panel.state.notifications]


async def told(house: House, kind: AlertKind) -> list[Any]:
    async with house.db.read() as connection:
        rows = await connection.execute(sa.select(alerts).where(alerts.c.kind == kind).order_by(alerts.c.id))
        return list(rows.all())


async def tell(house: House, kind: AlertKind, number: int, *, order_id: int | None = None) -> None:
    async with house.db.begin() as tx:
        name = f"story:{kind}:{number}"
        await alert(tx, kind, name=name, text=f"Thing {number}.", now=house.clock(), order_id=order_id)


async def suspect(house: House) -> int:
    """Place an order that is held for review as soon as it is paid."""
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=SUSPECT, pay=True)
    await house.settle(seconds=5)
    assert (await house.order(placed.id))["hold"]["kind"] == "review"
    return int(placed.id)


# --- grouping -----------------------------------------------------------------------------------------------------


async def test_a_new_hold_is_notified_at_once_and_those_that_follow_are_summed_up(house: House) -> None:
    first = await suspect(house)
    await notify(house)
    assert [title for title, _ in rung(house)] == ["Doorman: 1 new hold"]
    notice = house.panel.state.notifications[0]
    assert f"Order {first} is held (review): risk_review" in notice.message
    assert SUSPECT not in notice.message
    assert notice.url == f"http://127.0.0.1:9/admin/orders.php?action=view&id={first}"

    later = [await suspect(house) for _ in range(3)]
    await notify(house)
    assert len(rung(house)) == 1
    house.clock.forward(minutes=10)
    await notify(house)
    title, line = rung(house)[1]
    assert title == "Doorman: 3 new holds"
    assert line.startswith("3 new holds: orders " + ", ".join(map(str, later)) + "; oldest since ")
    house.clock.forward(minutes=10)
    await notify(house)
    assert len(rung(house)) == 2


async def test_long_groups_are_cut_and_lead_to_our_own_pages(db: Database) -> None:
    async with open_house(db, public_url="https://doorman.example.com/") as house:
        for number in range(25):
            await tell(house, AlertKind.NEW_HOLD, number, order_id=1000 + number)
        await notify(house)
        notice = house.panel.state.notifications[0]
        lines = notice.message.splitlines()
        assert lines[0].startswith("25 new holds: orders 1000, 1001,")
        assert "1019 …; oldest since" in lines[0]
        assert lines[1:] == [*(f"- Thing {number}." for number in range(10)), "- and 15 more"]
        assert notice.url == "https://doorman.example.com/docs"


async def test_kinds_are_notified_apart_and_a_breach_sooner_again(house: House) -> None:
    for kind in AlertKind:
        await tell(house, kind, 1)
    await notify(house)
    assert len(rung(house)) == len(AlertKind)
    for kind in AlertKind:
        await tell(house, kind, 2)
    house.clock.forward(minutes=2)
    await notify(house)
    assert len(rung(house)) == len(AlertKind) + 2
    house.clock.forward(minutes=8)
    await notify(house)
    assert len(rung(house)) == 2 * len(AlertKind)


async def test_a_hold_is_notified_once_however_often_it_is_decided_again(house: House) -> None:
    order_id = await suspect(house)
    await house.panel.run_fraud_check(order_id, "maxmind", score=96, status="Review")
    await house.settle(seconds=5)
    await house.act(order_id, "hold")
    await house.settle()
    assert len(await told(house, AlertKind.NEW_HOLD)) == 1
    assert (await house.act(order_id, "approve")).status_code == 200
    await house.settle(seconds=30)
    await house.panel.staff_set_pending(order_id)
    await house.wait(60)
    assert (await house.order(order_id))["state"] == "held"
    assert len(await told(house, AlertKind.NEW_HOLD)) == 2


# --- causes -------------------------------------------------------------------------------------------------------


async def test_an_overdue_review_is_notified_three_times_and_then_no_more(house: House) -> None:
    order_id = await suspect(house)
    await house.wait(4 * 3600 + 60)
    assert [row.order_id for row in await told(house, AlertKind.REVIEW_DUE)] == [order_id]
    await house.wait(24 * 3600)
    assert len(await told(house, AlertKind.REVIEW_DUE)) == 2
    await house.wait(6 * 24 * 3600)
    await sweeps.round(house.context)
    await house.settle()
    assert len(await told(house, AlertKind.REVIEW_DUE)) == clocks.REMINDERS == 3
    said = [line["what"] for line in (await house.order(order_id))["timeline"]]
    assert said.count("the review is overdue") == 3


async def test_a_review_that_was_done_in_time_is_not_notified(house: House) -> None:
    order_id = await suspect(house)
    await house.wait(4 * 3600 + 60)
    await house.act(order_id, "approve")
    await house.wait(3 * 24 * 3600)
    assert len(await told(house, AlertKind.REVIEW_DUE)) == 1


async def test_a_breach_is_notified(db: Database) -> None:
    async with open_house(db, policy=POLICY, behaviours=Behaviours(gate_installed=False)) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], notes=WISH)
        await house.wait(100)
        await house.panel.cron_accept(placed.id)
        await house.wait(30)
        await notify(house)
        assert [row.order_id for row in await told(house, AlertKind.BREACH)] == [placed.id]
        assert "Doorman: 1 BREACH of a hold" in [title for title, _ in rung(house)]


async def test_money_to_be_returned_is_notified_for_each_new_amount(house: House) -> None:
    order_id = await suspect(house)
    await house.act(order_id, "reject")
    await house.wait(60)
    (row,) = await told(house, AlertKind.REFUND_DUE)
    assert row.text == f"Order {order_id}: a refund of 10.00 USD is due."
    await house.act(order_id, "refund-done")
    await house.wait(60)
    assert len(await told(house, AlertKind.REFUND_DUE)) == 1


async def test_a_dead_call_is_notified_and_again_when_it_dies_again(db: Database) -> None:
    async with open_house(db, policy=POLICY, retry_delays="1,2") as house:
        client, product = shop(house, autosetup="accept")
        house.panel.faults.add("error_500_before", action="AcceptOrder", times=10_000)
        house.panel.faults.add("error_500_before", action="AddCredit", times=10_000)
        placed = await house.panel.place_order(client, [product], pay=True)
        await house.wait(60)
        (row,) = await told(house, AlertKind.DEAD_CALL)
        assert row.order_id == placed.id
        assert row.text.startswith(f"The call accept_order for order {placed.id} failed for good: ")
        await house.api.post(f"/v1/customers/{client}/credits", json={"amount": "5.00", "reason": "Outage"})
        await house.wait(60)
        credit = (await house.api.get("/v1/panel-calls?state=dead")).json()["items"][0]
        assert (await house.api.post(f"/v1/panel-calls/{credit['id']}/retry")).status_code == 200
        await house.wait(60)
        texts = [row.text for row in await told(house, AlertKind.DEAD_CALL)]
        assert texts[1:] == 2 * [
            f"The call add_credit for customer {client} failed for good: retry or abandon panel call {credit['id']}."
        ]
        assert await told(house, AlertKind.REVIEW_DUE) == []  # it is due at once, and its hold has been reported


async def test_a_failed_event_is_notified_and_again_when_its_replay_fails(house: House) -> None:
    order_id, rows = await suspect(house), []
    for expected in (1, 2):
        async with house.db.begin() as tx:
            change = events.update().where(events.c.type == "order.created")
            await tx.execute(change.values(state="failed", result="kills-its-worker", finished_at=house.clock()))
        for _ in range(2):
            await sweeps.round(house.context)
        rows = await told(house, AlertKind.EVENT_FAILED)
        assert [row.order_id for row in rows] == [order_id] * expected
        house.clock.forward(seconds=30)
    assert "kills-its-worker" in rows[0].text


# --- silence ------------------------------------------------------------------------------------------------------


async def test_in_shadow_it_is_logged_only(db: Database) -> None:
    async with open_house(db, mode=Mode.SHADOW) as house:
        client, product = shop(house)
        await house.panel.place_order(client, [product], notes=SUSPECT, pay=True)
        await house.settle(seconds=5)
        assert await told(house, AlertKind.NEW_HOLD) == []
        await tell(house, AlertKind.EVENT_FAILED, 1)
        await notify(house)
        (row,) = await told(house, AlertKind.EVENT_FAILED)
        assert (row.rung_at, row.call_id) == (house.clock(), None)
        assert rung(house) == []


async def test_while_paused_alerts_wait(house: House) -> None:
    await house.api.post("/v1/ops/pause")
    for number in range(3):
        await tell(house, AlertKind.REFUND_DUE, number)
        await notify(house)
        house.clock.forward(hours=1)
    assert rung(house) == []
    await house.api.post("/v1/ops/resume")
    await notify(house)
    assert [title for title, _ in rung(house)] == ["Doorman: 3 refunds are due"]


async def test_a_panel_that_is_away_gets_one_notification_of_a_kind_when_it_is_back(house: House) -> None:
    house.panel.faults.add("http_429", action="TriggerNotificationEvent", times=5)
    for number in range(4):
        await tell(house, AlertKind.DEAD_CALL, number)
        await notify(house)
        house.clock.forward(minutes=11)
    await house.wait(12 * 3600)
    assert [title for title, _ in rung(house)] == ["Doorman: 1 panel call failed"]
    await notify(house)
    assert [title for title, _ in rung(house)][1:] == ["Doorman: 3 panel calls failed"]


async def test_a_failed_notification_is_in_the_queue_once_and_notifies_nobody(house: House) -> None:
    for action in ("TriggerNotificationEvent", "SendAdminEmail"):
        house.panel.faults.add("http_403_permission", action=action, times=10_000)
    for number in range(4):
        await tell(house, AlertKind.BREACH, number)
        await notify(house)
        await sweeps.round(house.context)
        house.clock.forward(minutes=11)
    assert await told(house, AlertKind.DEAD_CALL) == []
    (row,) = (await house.api.get("/v1/queue")).json()["items"]
    assert (row["why"], row["order_id"], row["customer_id"]) == ("dead_call", None, None)
    assert row["reasons"][0]["text"].startswith("The panel call notify_staff failed: ")
    calls = (await house.api.get("/v1/panel-calls")).json()["items"]
    assert [call["state"] for call in calls] == ["dead", "cancelled", "cancelled", "cancelled"]
    async with house.db.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(panel_calls)) == 4


async def test_alerts_of_long_ago_are_forgotten_unless_they_wait(house: House) -> None:
    await tell(house, AlertKind.NEW_HOLD, 1)
    await notify(house)
    house.clock.forward(days=1)
    await tell(house, AlertKind.NEW_HOLD, 2)
    await tidy(house.db, now=house.clock() + KEPT - timedelta(seconds=1))
    assert [row.text for row in await told(house, AlertKind.NEW_HOLD)] == ["Thing 2."]
    await tidy(house.db, now=house.clock() + 2 * KEPT)
    assert [row.text for row in await told(house, AlertKind.NEW_HOLD)] == ["Thing 2."]
