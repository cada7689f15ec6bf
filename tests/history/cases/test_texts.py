"""Other terms find in texts that still exist what they would have found originally."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.facts import PlacedBy
from app.core.judgement.decide import Outcome
from app.core.judgement.quick import QuickJudge
from app.core.policy.document import Policy, parse_policy
from app.db import Database
from app.history.cases.texts import refind, texts_of_cases
from app.orders.facts_codec import unpack
from app.tables.history import panel_rows
from app.tables.orders import order_texts
from tests.core.judging import NOW
from tests.history.past import Past, all_cases, build

_OTHER = """
[acceptable_use]
terms = ["forum", "pirate"]
[vetting]
terms = ["vpn", "pirate"]
[block]
emails = ["ada2@example.com"]
networks = ["81.2.4.0/24"]
[allow]
customer_ids = [1]
"""


def _wordy() -> Past:
    past = Past()
    past.customer(1)
    past.customer(2)
    past.ticket(9, 1, 9.5, "Please order a plan for my VPN.", subject="I would like to order a new plan")
    past.order(1, 1, 10, notes="A forum about carding", domain="pirate-forum.example")
    past.order(2, 1, 10.2, placed_by=PlacedBy.STAFF, staff_id=7)
    past.order(3, 2, 10, field_text="VPN and a forum")
    past.order(4, 2, 11, domain="")
    return past


@pytest.mark.parametrize("document", [_OTHER, ""])
async def test_found_anew_is_found_at_once(db: Database, document: str) -> None:
    await build(db, _wordy(), policy='[acceptable_use]\nterms = ["nothing like it"]\n')
    policy = parse_policy(document)
    old = {row.order_id: unpack(row.facts) for row in await all_cases(db)}
    async with db.read() as connection:
        texts = await texts_of_cases(connection, old)
    again = {order_id: refind(facts, texts[order_id], policy) for order_id, facts in old.items()}
    await build(db, _wordy(), policy=document)
    fresh = {row.order_id: unpack(row.facts) for row in await all_cases(db)}
    assert again == fresh
    assert fresh != old


async def test_what_is_hosted_reaches_cases_of_an_import_before_it_was_read(db: Database) -> None:
    past = Past()
    past.customer(1)
    past.order(1, 1, 10, notes="Newsletter for 80,000 subscribers", domain="")
    past.order(2, 1, 11, domain="sparkasse-login.example")
    past.order(3, 1, 12, domain="sparkasse-login.example", notes="We are the bank's agency")
    past.order(4, 1, 13, domain="cheap-ddos-service.example")
    await build(db, past)
    fresh = {row.order_id: unpack(row.facts) for row in await all_cases(db)}
    old = {one: replace(facts, order=replace(facts.order, hosted=(), look_alikes=(), expected=()))
           for one, facts in fresh.items()}  # fmt: skip
    async with db.read() as connection:
        texts = await texts_of_cases(connection, old)

    assert {one: refind(facts, texts[one], Policy()) for one, facts in old.items()} == fresh
    assert [one.kind for one in fresh[1].order.hosted] == ["newsletter"]
    assert fresh[1].order.expected[0].amount == 80_000
    assert [one.brand for one in fresh[2].order.look_alikes] == ["sparkasse"]
    assert fresh[3].order.look_alikes == fresh[2].order.look_alikes
    assert [one.kind for one in fresh[4].order.hosted] == ["booter"]
    verdicts = {one: QuickJudge(Policy()).verdict(facts, now=NOW).outcome for one, facts in fresh.items()}
    assert {verdicts[one] for one in (2, 3, 4)} == {Outcome.HOLD_FOR_REVIEW}


async def test_erased_texts_are_gone(db: Database) -> None:
    await build(db, _wordy())
    async with db.begin() as tx:
        await tx.execute(panel_rows.delete().where(panel_rows.c.resource == "orders", panel_rows.c.row_id == 1))
    async with db.read() as connection:
        texts = await texts_of_cases(connection, [1, 3, 77])
    assert set(texts) == {3}


async def test_texts_of_live_orders_stand_in_a_table_of_their_own(db: Database) -> None:
    await build(db, _wordy())
    async with db.begin() as tx:
        await tx.execute(panel_rows.delete())
        await tx.execute(order_texts.insert().values(order_id=1, customer_id=1, request_text="a pirate forum", ip=None))
    facts = unpack((await all_cases(db))[0].facts)
    async with db.read() as connection:
        texts = await texts_of_cases(connection, [1])
    found = refind(facts, texts[1], parse_policy(_OTHER))
    assert [hit.term for hit in found.order.acceptable_use] == ["pirate", "forum"]
    assert found.order.items == facts.order.items
    assert found.customer == facts.customer
