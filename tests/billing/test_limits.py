"""Damage limits: a feature that suddenly acts far more than the policy allows is stopped for a while and notifies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.billing import limits
from app.core.consequences.limits import Limit, LimitWindow
from app.core.consequences.modes import LEFT_TO_PANEL
from app.core.judgement import stored
from app.core.judgement.decide import decide
from app.core.policy.document import Policy
from app.core.records import AlertKind
from app.db import Database
from app.policies import versions
from app.sandbox import Behaviours
from app.tables.alerts import alerts
from app.tables.customers import credits
from app.tables.orders import decisions as decisions_table
from app.tables.orders import fees
from app.upkeep import sweeps
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import SUSPECT, WISH

pytestmark = pytest.mark.both_databases("what is counted together is locked together")

SHARE = POLICY + "[limits.hour]\nheld_share = 50\nheld_min_orders = 4\n[points.risk]\nfraud_check_high_score = 60\n"
BLOCKED = "[block]\nemail_domains = ['bad.example']\n"


async def place(house: House, notes: str = "", *, pay: bool = True, domain: str = "example.com") -> int:
    """Place an order of a new customer, and let it be decided."""
    number = len(house.panel.state.clients)
    product = next(iter(house.panel.state.products), None)
    if product is None:
        product = house.panel.add_product("Starter", autosetup="accept", pricing={"USD": {"monthly": "10.00"}}).id
    client = house.panel.add_client(
        f"Client{number}", "Regular", email=f"client{number}@{domain}", created_at="2019-05-01", currency="USD"
    )
    placed = await house.panel.place_order(client.id, [product], notes=notes, pay=pay)
    await house.settle(seconds=5)
    return int(placed.id)


async def codes(house: House, order_id: int) -> list[str]:
    return [reason["code"] for reason in (await house.order(order_id))["decision"]["reasons"]]


async def gate(house: House, order_id: int) -> tuple[bool, str]:
    answer = (await house.api.get(f"/v1/orders/{order_id}/gate")).json()
    return answer["provision"], answer["reason"]


async def told(house: House) -> list[str]:
    async with house.db.read() as connection:
        query = sa.select(alerts.c.text).where(alerts.c.kind == AlertKind.DAMAGE_LIMIT).order_by(alerts.c.id)
        return list((await connection.execute(query)).scalars())


async def replays(house: House) -> int:
    """Replay every decision of the policy exactly, and return their number."""
    async with house.db.read() as connection:
        policy = (await versions.active(connection)).policy
        rows = (await connection.execute(sa.select(decisions_table).where(decisions_table.c.by == "policy"))).all()
    for row in rows:
        again = decide(stored.load_facts(row.facts), policy, now=row.at)
        assert stored.dump_judgement(again) == row.judgement
    return len(rows)


# --- fees ---------------------------------------------------------------------------------------------------------


async def test_above_the_limit_of_fees_a_person_decides(db: Database) -> None:
    async with open_house(db, policy=POLICY + "[limits.hour]\nfees = 2\n") as house:
        first, second, third = [await place(house, WISH) for _ in range(3)]
        assert [(await house.order(one))["hold"]["kind"] for one in (first, second, third)] == ["fee", "fee", "review"]
        order = await house.order(third)
        assert order["decision"]["outcome"] == "hold_for_review"
        assert await codes(house, third) == ["limit_fees", "custom_work"]
        assert (order["fee"], house.effects("CreateInvoice")) == (None, 2)
        assert await gate(house, third) == (False, "held_for_review")
        (text,) = await told(house)
        assert text.startswith("2 fees were requested within an hour: the policy's limit limits.hour.fees")
        assert await replays(house) == 3

        assert (await house.act(third, "charge-fee")).status_code == 200  # people are not limited
        await house.settle(seconds=5)
        assert (await house.order(third))["fee"]["state"] == "unpaid"
        house.clock.forward(hours=1, seconds=1)
        fourth = await place(house, WISH)
        assert (await house.order(fourth))["hold"]["kind"] == "fee"
        assert house.effects("CreateInvoice") == 4


async def test_a_fee_that_is_asked_for_already_is_no_new_one(db: Database) -> None:
    async with open_house(db, policy=POLICY + "[limits.hour]\nfees = 1\n") as house:
        order_id = await place(house, WISH, pay=False)
        await house.wait(100)
        assert (await house.order(order_id))["fee"]["state"] == "unpaid"
        await house.panel.pay_invoice((await house.order(order_id))["payment"]["invoice_id"])
        await house.settle(seconds=5)
        order = await house.order(order_id)
        assert (order["payment"]["state"], order["fee"]["state"]) == ("paid", "unpaid")
        assert "limit_fees" not in await codes(house, order_id)


# --- the share of orders held -------------------------------------------------------------------------------------


async def wave(house: House) -> int:
    """Place two orders that pass and three that would be held, of which the last exceeds the limit; return that one."""
    for notes in ("", "", WISH, SUSPECT):
        await place(house, notes)
    return await place(house, WISH)


async def test_more_holds_than_allowed_are_left_to_the_panel_as_in_shadow(db: Database) -> None:
    async with open_house(db, policy=SHARE) as house:
        left = await wave(house)
        order = await house.order(left)
        assert (order["state"], order["hold"], order["fee"]) == ("received", None, None)
        assert (order["decision"]["outcome"], order["decision"]["mode"]) == ("hold_for_fee", "shadow")
        assert await codes(house, left) == ["custom_work", LEFT_TO_PANEL]
        assert any("left to the panel" in line["what"] for line in order["timeline"])
        assert await gate(house, left) == (True, "shadow")
        assert house.effects("CreateInvoice") == 1
        assert [text.split(":")[0] for text in await told(house)] == [
            "50 % of the orders decided within an hour were held"
        ]
        assert await replays(house) == 5
        assert left not in [row["order_id"] for row in (await house.api.get("/v1/queue")).json()["items"]]


async def test_an_order_left_to_the_panel_stays_left_and_follows_the_panel(db: Database) -> None:
    async with open_house(db, policy=SHARE, behaviours=Behaviours(gate_installed=False)) as house:
        left = await wave(house)
        house.clock.forward(hours=2)
        later = await place(house, WISH)
        assert (await house.order(later))["state"] == "held"  # the limit was lifted automatically
        await house.panel.run_fraud_check(left, "maxmind", score=80, status="Review")
        await house.settle(seconds=30)
        assert "risk_review" in await codes(house, left)
        assert LEFT_TO_PANEL in await codes(house, left)
        assert await gate(house, left) == (True, "shadow")
        await house.panel.cron_accept(left)
        await house.settle(seconds=30)
        order = await house.order(left)
        assert (order["state"], order["flags"]) == ("released", [])


async def test_people_decide_about_orders_left_to_the_panel(db: Database) -> None:
    async with open_house(db, policy=SHARE) as house:
        left = await wave(house)
        assert (await house.act(left, "hold")).status_code == 200
        await house.settle(seconds=30)
        assert await gate(house, left) == (False, "held_for_review")
        assert (await house.act(left, "approve", work="free")).status_code == 200
        await house.settle(seconds=30)
        assert ((await house.order(left))["state"], house.effects("AcceptOrder")) == ("released", 3)


async def test_the_block_list_and_grave_risk_hold_in_any_case(db: Database) -> None:
    async with open_house(db, policy=SHARE + BLOCKED) as house:
        await wave(house)
        blocked = await place(house, domain="bad.example")
        assert (await house.order(blocked))["state"] == "held"
        assert (await codes(house, blocked))[:2] == ["would_reject", "block_list"]
        assert await gate(house, blocked) == (False, "held_for_review")


async def test_an_approved_order_that_is_then_left_to_the_panel_is_not_accepted_by_us(db: Database) -> None:
    async with open_house(db, policy=SHARE) as house:
        unpaid = await place(house, pay=False)
        await house.wait(100)
        assert (await house.order(unpaid))["state"] == "awaiting_payment"
        await wave(house)
        await house.panel.run_fraud_check(unpaid, "maxmind", score=80, status="Review")
        await house.settle(seconds=5)
        await house.panel.pay_invoice((await house.order(unpaid))["payment"]["invoice_id"])
        await house.settle(seconds=30)
        await sweeps.round(house.context)
        await house.settle()
        order = await house.order(unpaid)
        assert (order["state"], order["decision"]["mode"], order["panel_status"]) == (
            "awaiting_payment", "shadow", "Pending",
        )  # fmt: skip
        assert await gate(house, unpaid) == (True, "shadow")


# --- rejects and credits ------------------------------------------------------------------------------------------


async def test_above_the_limit_of_rejects_they_go_to_review(db: Database) -> None:
    policy = POLICY + BLOCKED + "[risk]\nauto_reject = true\n[limits.day]\nrejects = 1\n"
    async with open_house(db, policy=policy) as house:
        first = await place(house, pay=False, domain="bad.example")
        await house.wait(100)
        assert (await house.order(first))["state"] == "rejected"
        second = await place(house, domain="bad.example")
        order = await house.order(second)
        assert order["state"] == "held"
        assert (await codes(house, second))[:2] == ["would_reject", "block_list"]
        assert house.effects("CancelOrder") == 1
        assert len(await told(house)) == 1
        assert await replays(house) == 2
        house.clock.forward(days=1)
        third = await place(house, domain="bad.example")
        assert (await house.order(third))["state"] == "rejected"


async def grant(house: House, amount: str) -> Any:
    client = next(iter(house.panel.state.clients))
    return await house.api.post(f"/v1/customers/{client}/credits", json={"amount": amount, "reason": "Outage"})


async def test_above_the_limit_credits_are_refused_and_nothing_is_written(db: Database) -> None:
    async with open_house(db, policy=POLICY + "[limits.hour]\ncredits = 2\n") as house:
        await place(house)
        granted_at = house.clock()
        assert [(await grant(house, amount)).status_code for amount in ("1.00", "2.00")] == [202, 202]
        await sweeps.round(house.context)
        assert len(await told(house)) == 1
        refused = await grant(house, "3.00")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:doorman:problem:wrong-state")
        ends = f"{granted_at + timedelta(hours=1):%Y-%m-%d %H:%M} UTC"
        assert refused.json()["detail"] == (
            "2 credits were granted within an hour: the policy's limit limits.hour.credits is reached; "
            f"it lifts at {ends}. No credit was granted."
        )
        await house.settle()
        async with house.db.read() as connection:
            assert await connection.scalar(sa.select(sa.func.count()).select_from(credits)) == 2
        assert house.effects("AddCredit") == 2
        house.clock.forward(hours=1)
        assert (await grant(house, "3.00")).status_code == 202


async def test_a_fee_that_is_given_back_counts_and_is_never_refused(db: Database) -> None:
    async with open_house(db, policy=POLICY + "[limits.hour]\ncredits = 1\n") as house:
        order_id = await place(house, WISH, pay=False)
        await house.wait(100)
        await house.panel.pay_invoice((await house.order(order_id))["fee"]["invoice_id"])
        await house.settle(seconds=5)
        assert (await grant(house, "1.00")).status_code == 202
        house.clock.forward(seconds=30)
        await house.act(order_id, "cancel")
        await house.settle()
        assert house.effects("AddCredit") == 2
        house.clock.forward(minutes=59, seconds=45)  # the granted one is an hour old, the refunded one is not
        assert (await grant(house, "2.00")).status_code == 409
        house.clock.forward(minutes=1)
        assert (await grant(house, "2.00")).status_code == 202


# --- numbers ------------------------------------------------------------------------------------------------------


async def decided(db: Database, house: House, *, held: int, passed: int, ago: timedelta = timedelta(0)) -> None:
    """Insert decisions of the policy, each about a new order."""
    async with db.begin() as tx:
        first = 10_000 + int(await tx.scalar(sa.select(sa.func.count()).select_from(decisions_table)) or 0)
        rows: list[dict[str, Any]] = [
            {
                "order_id": first + number, "outcome": "hold_for_review" if number < held else "approve",
                "reasons": [], "by": "policy", "mode": "enforce", "policy_version": 1, "engine_version": "1",
                "intended_calls": [], "at": house.clock() - ago,
            }
            for number in range(held + passed)
        ]  # fmt: skip
        await tx.execute(decisions_table.insert(), rows)


async def reached(house: House) -> set[tuple[Limit, LimitWindow]]:
    async with house.db.read() as connection:
        found = await limits.reached(connection, Policy(), now=house.clock())
    return {(one.limit, one.window) for one in found}


@pytest.mark.parametrize(
    ("held", "passed", "expected"),
    [
        (19, 0, set()),  # 100 % of a few orders is not significant
        (12, 8, set()),
        (13, 8, {(Limit.HELD_SHARE, LimitWindow.HOUR)}),
        (20, 5, {(Limit.HELD_SHARE, LimitWindow.HOUR)}),
        (31, 29, {(Limit.HELD_SHARE, LimitWindow.DAY)}),
        (40, 20, {(Limit.HELD_SHARE, LimitWindow.HOUR), (Limit.HELD_SHARE, LimitWindow.DAY)}),
    ],
)
async def test_the_default_limits_of_the_share_held(
    house: House, held: int, passed: int, expected: set[tuple[Limit, LimitWindow]]
) -> None:
    await decided(house.db, house, held=held, passed=passed)
    assert await reached(house) == expected
    house.clock.forward(days=1)
    assert await reached(house) == set()


async def test_a_limit_of_zero_is_none(house: House) -> None:
    await decided(house.db, house, held=500, passed=0)
    none = dict.fromkeys(("held_share", "fees", "rejects", "credits"), 0)
    policy = Policy.model_validate({"limits": {"hour": none, "day": none}})
    async with house.db.read() as connection:
        assert await limits.reached(connection, policy, now=house.clock()) == ()


async def test_a_limit_is_told_once_for_each_window_and_shows_in_the_metrics(house: House) -> None:
    await decided(house.db, house, held=20, passed=5)
    for _ in range(3):
        await sweeps.round(house.context)
    assert len(await told(house)) == 1
    text = (await house.api.get("/metrics")).text
    assert 'doorman_damage_limit_reached{limit="held_share",window="hour"} 1.0' in text
    assert 'doorman_damage_limit_reached{limit="fees",window="day"} 0.0' in text
    assert (await house.api.get("/readyz")).json()["damage_limits"] == ["limits.hour.held_share"]


async def test_counting_looks_at_no_more_than_it_says(house: House) -> None:
    """Old decisions beyond the bound are not read; the share is that of the newest ones."""
    await decided(house.db, house, held=0, passed=limits.LOOKED_AT, ago=timedelta(minutes=50))
    await decided(house.db, house, held=limits.LOOKED_AT // 2 + 1 + limits.LOOKED_AT // 8, passed=0)
    async with house.db.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(fees)) == 0
    assert (Limit.HELD_SHARE, LimitWindow.HOUR) in await reached(house)
