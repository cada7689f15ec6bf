"""Groups of new accounts in the past: the same as live judgements count, until each order would have been accepted."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from app.core.facts import Facts
from app.core.judgement.decide import decide
from app.core.judgement.together import FARTHEST, Sighting
from app.core.policy.document import Policy, parse_policy
from app.customers import newcomers
from app.customers.identities import hashed
from app.customers.newcomers import Traits
from app.db import Database
from app.gathering.newcomers import Newcomer
from app.history.cases.newcomers import Newcomers
from app.history.imported import HistoryPayMethods
from app.panels.records import PanelPayMethod
from tests.history.past import START, Past, build, facts_of

MINUTE = 1 / 1440
IP = "81.2.69.142"


def sign_up(past: Past, number: int, day: float, *, pays: float | None = 2, email: str = "", ip: str = IP) -> None:
    """Add a new account with one order; `pays` is in minutes."""
    name = "".join(chr(97 + int(digit)) for digit in str(number)) + "berg"
    past.customer(number, signed_up=int(day), email=email or f"{name}@{name}.example")
    paid = None if pays is None else day + pays * MINUTE
    past.order(number, number, day, paid=paid, billed="Paid" if paid else "Cancelled", ip=ip)


def points(facts: Facts, policy: Policy | None = None) -> int:
    found = decide(facts, policy or Policy(), now=facts.order.placed_at + timedelta(minutes=5)).signals
    return sum(one.points for one in found if one.code == "new_accounts_together")


async def test_each_counts_those_placed_before_it_was_paid(db: Database) -> None:
    past = Past()
    for number in range(5):
        sign_up(past, 10 + number, 30 + number * 10 * MINUTE, pays=12)
    await build(db, past)
    found = await facts_of(db)
    assert [len(facts.customer.together) for facts in found.values() if facts.customer] == [1, 2, 3, 4, 4]


async def test_what_was_never_paid_counts_its_whole_group(db: Database) -> None:
    past = Past()
    for number in range(4):
        sign_up(past, 10 + number, 30 + number * 10 * MINUTE, pays=None)
    await build(db, past)
    assert [points(facts) for facts in (await facts_of(db)).values()] == [85] * 4


async def test_a_history_that_begins_with_an_attack(db: Database) -> None:
    past = Past()
    for number in range(6):
        sign_up(past, 1 + number, number * 3 * MINUTE)
    sign_up(past, 50, 90, ip="93.184.216.34")
    await build(db, past)
    assert [points(facts) for facts in (await facts_of(db)).values()] == [0, 35, 60, 85, 100, 100, 0]


async def test_one_card_under_two_gateways_links_new_accounts(db: Database) -> None:
    past = Past()
    for number, gateway in enumerate(("stripe", "paypal", "stripe")):
        sign_up(past, 10 + number, 30 + number * 3 * MINUTE, ip=f"93.184.216.{number}")
        card = PanelPayMethod(gateway=gateway, brand="visa", last_four="4242", expires="1228", token_digest=None)
        past.rows["pay_methods", 10 + number] = HistoryPayMethods(customer_id=10 + number, methods=(card,))
    sign_up(past, 20, 30 + 4 * MINUTE, ip="93.184.216.9")
    await build(db, past)
    assert [points(facts) for facts in (await facts_of(db)).values()] == [0, 35, 0, 60]  # in the order of their times


async def test_regulars_neither_count_nor_are_counted(db: Database) -> None:
    past = Past()
    for number in range(3):
        sign_up(past, 1 + number, 0, ip=f"93.184.216.{number}")
        past.order(101 + number, 1 + number, 3 + number * MINUTE, paid=3 + number * MINUTE, ip=IP)
    await build(db, past)
    assert all(facts.customer and not facts.customer.together for facts in (await facts_of(db)).values())


@pytest.mark.parametrize(
    "policy", ["", "[together]\nshared_networks = ['81.2.69.0/24']", "[allow]\nnetworks = ['81.2.69.142']"]
)
async def test_a_university(db: Database, policy: str) -> None:
    """Thirty of 300 in an hour, at addresses of their own. If the provider knows the place, it is no burst at all."""
    past = Past()
    for number in range(30):
        sign_up(past, 1000 + number, 30 + number * 2 * MINUTE, pays=1)
    await build(db, past, policy=policy)
    found = [points(facts, parse_policy(policy)) for facts in (await facts_of(db)).values()]
    assert sum(one >= 60 for one in found) == (0 if policy else 28)


async def test_a_campus_with_regulars_or_with_mail_of_its_own_is_none_either(db: Database) -> None:
    past = Past()
    for number in range(20):  # who have been there for long
        sign_up(past, 1 + number, 1 + number)
    for number in range(15):
        sign_up(past, 1000 + number, 120 + number * 3 * MINUTE)
    for number, name in enumerate(("anna.adler", "ben.brandt", "clara.cole", "david.dale", "elena.ellis", "felix.fox")):
        sign_up(past, 2000 + number, 150 + number * 9 * MINUTE, email=f"{name}@campus.example", ip="93.184.216.34")
    await build(db, past)
    assert max(points(facts) for order_id, facts in (await facts_of(db)).items() if order_id >= 1000) <= 35


async def test_a_pattern_that_accepted_accounts_have_is_a_habit(db: Database) -> None:
    past = Past()
    for number in range(60):
        sign_up(
            past,
            100 + number,
            30 + number * 20 * MINUTE,
            email=f"kunde{9000 + number}@shop.example",
            ip=f"93.184.{number}.34",
        )
    await build(db, past)
    found = [points(facts) for facts in (await facts_of(db)).values()]
    assert max(found[25:]) == 0
    assert max(found[:20]) >= 60


async def test_an_address_made_of_the_accounts_own_number_says_nothing(db: Database) -> None:
    past = Past()
    for number in range(6):
        sign_up(
            past,
            100 + number,
            30 + number * MINUTE,
            email=f"deleted{100 + number}@shop.example",
            ip=f"93.184.{number}.34",
        )
    await build(db, past)
    assert [points(facts) for facts in (await facts_of(db)).values()] == [0] * 6


@pytest.mark.parametrize("seed", range(3))
async def test_the_past_is_counted_as_the_present(db: Database, seed: int) -> None:
    """The same orders, once as rows that live judgements read, once as an import keeps them."""
    dice = random.Random(seed)
    index = Newcomers(youngest=timedelta(days=30))
    known: list[Newcomer] = []
    for order_id in range(1, 80):
        customer_id = dice.randrange(1, 60)
        shared = {("phone", hashed("phone", str(customer_id % 13))), ("email", hashed("email", str(customer_id % 7)))}
        ip = ("ip", hashed("ip", str(dice.randrange(5))))
        placed_at = START + timedelta(minutes=dice.randrange(4000))
        firm = f"{customer_id % 3}"
        sighting = Sighting(
            order_id=order_id, customer_id=customer_id, placed_at=placed_at, signed_up_at=START, firm=firm
        )
        known.append(Newcomer(sighting=sighting, traits=Traits(shared=tuple(sorted({*shared, ip})), firm=firm)))
        index.order(order_id, customer_id, placed_at, ip, good=False)
        index.customer(customer_id, START, Traits(shared=tuple(shared), firm=firm))
    index.close()
    async with db.begin() as tx:
        for one in known:
            assert await newcomers.remember(tx, one.sighting, one.traits)
            assert not await newcomers.remember(tx, one.sighting, one.traits)
        for one in known:
            until = one.sighting.placed_at + dice.choice([timedelta(0), timedelta(minutes=30), FARTHEST])
            seen = await newcomers.others(tx, one.sighting, one.traits)
            assert newcomers.group_of(one.sighting, seen, until=until) == index.group_of(one, until=until)
