"""One question for many orders, with a worker and a panel: each gets its own verdict, within one wait."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import sqlalchemy as sa

from app.db import Database
from app.tables.inbox import events
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import WISH, shop

Found = dict[int, tuple[bool, str]]


async def ask(house: House, *order_ids: int) -> Found:
    answer = await house.api.get("/v1/gate", params={"order_ids": ",".join(map(str, order_ids))})
    assert answer.status_code == 200, answer.text
    return {row["order_id"]: (row["provision"], row["reason"]) for row in answer.json()["orders"]}


async def ask_until_decided(house: House, *order_ids: int) -> Found:
    """Ask again if there was no time to decide; a blocked order may be allowed later, and none passes before."""
    await house.panel.delivered()  # on a busy machine the first attempt may have failed
    asked = [await ask(house, *order_ids)]
    while (False, "undecided") in asked[-1].values() and len(asked) < 20:
        await house.settle()
        asked.append(await ask(house, *order_ids))
    for earlier in asked:
        assert all(not answer[0] or answer == asked[-1][number] for number, answer in earlier.items())
    return asked[-1]


async def test_what_is_undecided_is_decided_now_each_by_its_own_facts(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    decided = await house.panel.place_order(client, [product])
    await house.settle(seconds=100)
    plain = [(await house.panel.place_order(client, [product])).id for _ in range(2)]
    wishes = [(await house.panel.place_order(client, [product], notes=WISH)).id for _ in range(3)]
    found = await ask_until_decided(house, 424242, *wishes, decided.id, *plain)
    assert found == {
        424242: (True, "not_ours"),
        **dict.fromkeys(wishes, (False, "held_for_fee")),
        **dict.fromkeys([decided.id, *plain], (True, "approved")),
    }


async def test_none_of_thirty_undecided_orders_passes_before_its_verdict(db: Database) -> None:
    no_limits = "[limits.hour]\nheld_share = 0\nfees = 0\n[limits.day]\nheld_share = 0\nfees = 0\n"
    async with open_house(db, policy=POLICY + no_limits) as house:
        client, product = shop(house, autosetup="accept")
        known = [(await house.panel.place_order(client, [product], notes=WISH)).id for _ in range(30)]
        found = await ask_until_decided(house, *known)
        assert set(found) == set(known)
        assert set(found.values()) <= {(False, "held_for_fee"), (False, "held_for_review")}  # this many are suspicious


async def test_a_slow_panel_leaves_them_shut_in_time_and_the_verdict_heals_it(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    house.panel.faults.add("http_429", times=10_000)
    numbers = [(await house.panel.place_order(client, [product], pay=True)).id for _ in range(5)]
    assert await ask(house, *numbers) == dict.fromkeys(numbers, (False, "undecided"))
    house.panel.faults.clear()
    await house.wait(3600)
    assert {(await house.order(number))["state"] for number in numbers} == {"released"}
    assert await ask_until_decided(house, *numbers) == dict.fromkeys(numbers, (True, "approved"))


async def test_the_same_question_twice_at_once_has_one_answer(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    numbers = [(await house.panel.place_order(client, [product], notes=WISH)).id for _ in range(5)]
    for found in await asyncio.gather(ask(house, *numbers), ask(house, *reversed(numbers))):
        assert {answer for answer, _ in found.values()} == {False}
    await house.settle()
    assert await ask_until_decided(house, *numbers) == dict.fromkeys(numbers, (False, "held_for_fee"))
    fees = [row for row in house.panel.state.invoices.values() if "doorman:fee" in str(row)]
    assert len(fees) == len(numbers)


async def test_where_nothing_is_held_nobody_waits(db: Database) -> None:
    async with open_house(
        db, policy=POLICY + '[modes]\nhold = "suggest"\nfees = "suggest"\nreject = "suggest"\n'
    ) as house:
        client, product = shop(house, autosetup="accept")
        house.panel.faults.add("http_429", times=10_000)
        numbers = [(await house.panel.place_order(client, [product], notes=WISH)).id for _ in range(3)]
        assert await ask(house, *numbers) == dict.fromkeys(numbers, (True, "shadow"))
        async with house.db.read() as connection:
            asked = sa.select(events.c.id).where(events.c.type == "gate.asked")
            assert (await connection.execute(asked)).first() is None


async def test_what_was_placed_before_the_cut_over_passes_beside_what_is_held(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    old = await house.panel.place_order(client, [product], notes=WISH)
    old.placed_at -= timedelta(days=9)
    new = await house.panel.place_order(client, [product], notes=WISH)
    found = await ask_until_decided(house, old.id, new.id)
    assert found == {old.id: (True, "before_cutover"), new.id: (False, "held_for_fee")}
