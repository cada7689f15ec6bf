"""Orders decided live become cases at once, imports never replace them, and live judgements use the imported past."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.facts import Facts, FraudCheck, FraudVerdict, PlacedBy
from app.core.judgement.stored import load_facts
from app.db import Database
from app.history.cases.build import Built, build_cases
from app.orders.facts_codec import unpack
from app.tables.customers import customers
from app.tables.history import CaseSource, Label, cases
from app.tables.orders import decisions, ticket_orders, tickets
from tests.history.past import Past
from tests.stories.house import House, open_house

_FAILED = {"fraud_check": FraudCheck(module="maxmind", verdict=FraudVerdict.FAIL, score=None, detail="fail")}


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    async with open_house(db, policy="[messages]\ndepartment_id = 1\n") as opened:
        yield opened


def _shop(house: House, email: str = "rita@example.com") -> tuple[int, int]:
    product = house.panel.add_product("Starter", autosetup="payment", pricing={"USD": {"monthly": "10.00"}})
    client = house.panel.add_client("Rita", "Regular", email=email, created_at="2019-05-01", currency="USD")
    return client.id, product.id


async def _imported(house: House, past: Past) -> Built:
    await past.save(house.db)
    return await build_cases(house.context, heard=lambda done, total: None)


async def _case(house: House, order_id: int) -> Any:
    async with house.db.read() as connection:
        return (await connection.execute(sa.select(cases).where(cases.c.order_id == order_id))).one()


async def _row(house: House, customer_id: int) -> Any:
    async with house.db.read() as connection:
        return (await connection.execute(sa.select(customers).where(customers.c.customer_id == customer_id))).one()


async def _judged(house: House, order_id: int) -> Facts:
    query = sa.select(decisions.c.facts).where(decisions.c.order_id == order_id, decisions.c.facts.is_not(None))
    async with house.db.read() as connection:
        stored = (await connection.execute(query.order_by(decisions.c.id.desc()).limit(1))).scalar_one()
    return load_facts(stored)


async def test_a_live_order_is_a_case_with_the_facts_of_its_decision(house: House) -> None:
    client, product = _shop(house)
    placed = await house.panel.place_order(client, [product], notes="It is for carding and a tor exit.")
    await house.wait(100)
    case = await _case(house, placed.id)
    assert (case.source, case.label, case.reviewed) == (CaseSource.LIVE, Label.OPEN, None)
    assert case.customer_id == client
    assert unpack(case.facts) == await _judged(house, placed.id)
    assert unpack(case.facts).today == ()

    assert (await house.act(placed.id, "reject", note="no")).status_code < 300
    await house.settle(seconds=30)
    assert (await _case(house, placed.id)).reviewed == "reject"


async def _customer_withdrew(house: House, order_id: int) -> None:
    assert (await house.act(order_id, "cancel", reason="customer_withdrew")).status_code == 200


async def _staff_cancel(house: House, order_id: int) -> None:
    await house.panel.staff_cancel(order_id)


async def _cron_accepts(house: House, order_id: int) -> None:
    await house.panel.cron_accept(order_id)


async def _staff_accept(house: House, order_id: int) -> None:
    await house.panel.staff_accept(order_id, admin_id=7)


async def _staff_mark_as_fraud(house: House, order_id: int) -> None:
    await house.panel.staff_fraud(order_id)


@pytest.mark.parametrize(
    ("happening", "by", "reviewed"),
    [
        (_customer_withdrew, "admin", None),
        (_staff_cancel, "panel:staff:1", None),
        (_cron_accepts, "panel:cron", None),
        (_staff_accept, "panel:staff:7", "approve"),
        (_staff_mark_as_fraud, "panel:staff:1", "reject"),
    ],
)
async def test_only_a_persons_verdict_is_a_review(
    house: House, happening: Callable[[House, int], Awaitable[None]], by: str, reviewed: str | None
) -> None:
    client, product = _shop(house)
    placed = await house.panel.place_order(client, [product])
    await house.wait(100)
    await happening(house, placed.id)
    await house.settle(seconds=60)
    assert (await house.order(placed.id))["decision"]["by"] == by
    assert (await _case(house, placed.id)).reviewed == reviewed
    past = Past()
    past.customer(client)
    past.order(placed.id, client, 100)
    await _imported(house, past)
    assert (await _case(house, placed.id)).reviewed == reviewed


async def test_an_import_tells_what_became_of_a_live_case_and_leaves_its_facts(house: House) -> None:
    client, product = _shop(house)
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=30)
    before = await _case(house, placed.id)
    past = Past()
    past.customer(client)
    past.order(placed.id, client, 100, paid=100, status="Fraud", notes="install centos 5")
    async with house.db.begin() as tx:
        logged = {"customer_id": client, "opened_by": "customer", "opened_at": house.clock.now, "state": "Closed"}
        await tx.execute(
            tickets.insert().values(
                ticket_id=5, topic="order", confidence=1.0, order_intent="none", minutes=25, self_service=False,
                evidence=[], corrected_by="ann", **logged,
            )
        )  # fmt: skip
        await tx.execute(ticket_orders.insert().values(ticket_id=5, order_id=placed.id, kind="asked"))
    built = await _imported(house, past)
    after = await _case(house, placed.id)
    assert (built.live, built.new, built.changed) == (1, 0, 0)
    assert (after.source, after.facts, after.placed_at) == (CaseSource.LIVE, before.facts, before.placed_at)
    assert (after.label, after.staff_minutes) == (Label.FRAUD, 25)
    assert after.labelled_at == house.clock.now


async def test_a_live_decision_takes_the_place_of_an_imported_case(house: House) -> None:
    client, product = _shop(house)
    placed = await house.panel.place_order(client, [product])
    past = Past()
    past.customer(client)
    past.order(placed.id, client, 100, status="Pending", service_status="Pending")
    await _imported(house, past)
    assert (await _case(house, placed.id)).source == CaseSource.IMPORTED
    await house.panel.pay_invoice(placed.invoice_id)
    await house.settle(seconds=30)
    case = await _case(house, placed.id)
    assert case.source == CaseSource.LIVE
    assert unpack(case.facts) == await _judged(house, placed.id)
    await _imported(house, past)
    assert (await _case(house, placed.id)).facts == case.facts


async def test_a_live_order_of_a_regular_is_judged_with_the_imported_past(house: House) -> None:
    client, product = _shop(house)
    past = Past()
    past.customer(client)
    past.order(9001, client, 10, paid=10)
    past.order(9002, client, 20, paid=20, placed_by=PlacedBy.STAFF, staff_id=7)
    past.order(9003, client, 30, status="Fraud", **_FAILED)
    past.order(9004, client, 40, status="Pending")  # still open: counts once it is decided
    await _imported(house, past)
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=30)
    customer = (await _judged(house, placed.id)).customer
    assert customer is not None
    assert customer.earlier_orders == 3
    assert (customer.earlier_manual_orders, customer.earlier_effortless_orders) == (1, 1)
    assert customer.earlier_fraud_orders == 1


async def test_a_live_order_next_to_an_imported_fraudster_is_seen(house: House) -> None:
    client, product = _shop(house, email="ri.ta+new@gmail.com")
    past = Past()
    past.customer(5000, email="Rita@googlemail.com")
    past.order(9001, 5000, 10, status="Fraud", **_FAILED)
    await _imported(house, past)
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=30)
    customer = (await _judged(house, placed.id)).customer
    assert customer is not None
    assert [(one.kind, one.customers, one.bad_customers) for one in customer.neighbours] == [("email", 1, 1)]


async def test_no_order_counts_twice_however_often_it_is_imported(house: House) -> None:
    client, product = _shop(house)
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=30)
    assert (await _row(house, client)).orders == 1
    past = Past()
    past.customer(client)
    past.order(placed.id, client, 100, paid=100)
    past.order(9001, client, 10, paid=10, billed="Collections")
    for _ in range(2):
        await _imported(house, past)
        row = await _row(house, client)
        assert (row.orders, row.effortless_orders, row.fraud_orders) == (2, 1, 0)
        assert (row.chargebacks, row.bad) == (1, True)
    second = await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=30)
    assert (await _row(house, client)).orders == 3
    past.order(second.id, client, 101, paid=101)
    await _imported(house, past)
    assert (await _row(house, client)).orders == 3
