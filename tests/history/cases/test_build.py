"""Small histories in words, and the facts known at each order: nothing later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.facts import Facts, FraudCheck, FraudVerdict, PaymentState, PlacedBy
from app.core.judgement.provenance import NAMES, without_hindsight
from app.core.judgement.quick import QuickJudge
from app.core.policy.document import Policy, parse_policy
from app.core.policy.terms import MATURE_DAYS, is_mature, terms_digest
from app.customers.identities import canonical_ip, hashed, identities_of
from app.db import Database
from app.history.cases.build import build_cases
from app.history.cases.maker import CaseMaker, Ours
from app.history.cases.shared import Shared
from app.history.cases.timeline import Rows, midnight
from app.history.imported import HistoryPayMethods
from app.orders.facts_codec import pack, unpack
from app.panels.base import PanelUnavailable
from app.panels.records import PanelPayMethod, PanelProduct
from app.tables.customers import customers, identities, order_sightings, signal_firings
from app.tables.orders import decisions, orders
from app.tables.outbox import panel_calls
from tests.asked import examples
from tests.history.past import (
    CATALOGUE,
    NOW,
    START,
    Past,
    Shop,
    all_cases,
    at,
    build,
    context_of,
    facts_of,
    with_policy,
)  # fmt: skip

_FAILED = {"fraud_check": FraudCheck(module="maxmind", verdict=FraudVerdict.FAIL, score=None, detail="fail")}


def _regular(past: Past) -> None:
    past.customer(1)
    past.order(1, 1, 10, paid=10)
    past.order(2, 1, 40, paid=41)
    past.order(3, 1, 100, paid=100)


def _fraud_later(past: Past) -> None:
    past.customer(1)
    past.order(1, 1, 10, paid=10, status="Fraud")
    past.order(2, 1, 20, paid=20)
    past.order(3, 1, 10 + MATURE_DAYS + 1, paid=72)


def _fraud_by_the_checkout(past: Past) -> None:
    past.customer(1)
    past.order(1, 1, 10, status="Fraud", **_FAILED)
    past.order(2, 1, 11)


def _late_payer(past: Past) -> None:
    past.customer(1)
    past.order(1, 1, 10, paid=60)  # due on day 10, paid on day 60
    past.order(2, 1, 30, paid=30)
    past.order(3, 1, 90, paid=90)


def _entered_by_staff(past: Past) -> None:
    past.customer(1)
    past.order(1, 1, 10, paid=10, placed_by=PlacedBy.STAFF, staff_id=7)
    past.order(2, 1, 20, paid=20)


def _in_a_hurry(past: Past) -> None:
    past.customer(1)
    for number in range(4):
        past.order(number + 1, 1, 10 + number / 48, ip="81.2.69.142")  # every half hour
    past.order(5, 1, 12, ip="81.2.69.142")


def _same_ip(past: Past) -> None:
    for number in (1, 2, 3):
        past.customer(number)
    past.order(1, 1, 10, status="Fraud", ip="81.2.69.142", **_FAILED)
    past.order(2, 2, 20, ip="81.2.69.142")
    past.order(3, 3, 5, ip="81.2.69.142")


def _same_ip_found_out_later(past: Past) -> None:
    past.customer(1)
    past.customer(2)
    past.order(1, 1, 10, paid=10, status="Fraud", ip="81.2.69.142")
    past.order(2, 2, 20, ip="81.2.69.142")
    past.order(3, 2, 80, ip="81.2.69.142")


def _services_that_ended(past: Past) -> None:
    past.customer(1)
    past.order(1, 1, 10, paid=10, service_status="Terminated")
    past.order(2, 1, 20, paid=20)
    past.order(3, 1, 30, paid=30)


def _tickets(past: Past) -> None:
    past.customer(1)
    past.ticket(1, 1, 1)
    past.ticket(2, 1, 12)
    past.ticket(3, 1, 13, staff=True)
    past.order(1, 1, 20, paid=20)
    past.ticket(4, 1, 21)


def _asked_by_ticket(past: Past) -> None:
    past.customer(1)
    past.ticket(9, 1, 9.5, "Please order a Web S plan for me.", subject="I would like to order a new plan")
    past.order(1, 1, 10, placed_by=PlacedBy.STAFF, staff_id=7)


def _old_system(past: Past) -> None:
    past.customer(1)
    past.order(1, 1, 10, notes="Please install Ubuntu 8.04 for me")
    past.order(2, 1, 11, field_text="carding forum")


def _paid_too_late(past: Past) -> None:
    past.customer(1)
    past.order(1, 1, 10, paid=40)
    past.order(2, 1, 50, invoice_id=None)
    past.order(3, 1, 60, paid=62, billed="Refunded")


def _customer(name: str) -> Callable[[Facts], Any]:
    def read(facts: Facts) -> Any:
        assert facts.customer is not None
        return getattr(facts.customer, name)

    return read


_PAYMENT = lambda facts: facts.order.payment  # noqa: E731
_TABLE: list[tuple[str, Callable[[Past], None], Callable[[Facts], Any], dict[int, Any]]] = [
    ("orders before this one", _regular, _customer("earlier_orders"), {1: 0, 2: 1, 3: 2}),
    ("orders that needed nobody", _regular, _customer("earlier_effortless_orders"), {1: 0, 2: 1, 3: 2}),
    ("invoices paid by then, this one's too", _regular, _customer("paid_invoices"), {1: 1, 2: 2, 3: 3}),
    ("money paid by then", _regular, _customer("revenue"), {1: 1500, 2: 3000, 3: 4500}),
    ("services by then, this order's too", _regular, _customer("total_services"), {1: 1, 2: 2, 3: 3}),
    ("services that ran by then", _regular, _customer("active_services"), {1: 0, 2: 1, 3: 2}),
    ("signed up on day 0", _regular, _customer("signed_up_at"), {1: START.replace(hour=0)}),
    ("fraud is known once labels are mature", _fraud_later, _customer("earlier_fraud_orders"), {1: 0, 2: 0, 3: 1}),
    ("fraud counts as effortless until then", _fraud_later, _customer("earlier_effortless_orders"), {2: 1, 3: 1}),
    ("fraud by the checkout is known at once", _fraud_by_the_checkout, _customer("earlier_fraud_orders"), {1: 0, 2: 1}),
    ("overdue while it was", _late_payer, _customer("overdue_invoices"), {1: 0, 2: 1, 3: 0}),
    ("entered by staff before", _entered_by_staff, _customer("earlier_manual_orders"), {1: 0, 2: 1}),
    ("entered by staff", _entered_by_staff, lambda facts: facts.order.placed_by, {1: PlacedBy.STAFF}),
    ("orders of the last hour", _in_a_hurry, _customer("orders_last_hour"), {1: 0, 2: 1, 3: 1, 4: 1, 5: 0}),
    ("orders of the last day", _in_a_hurry, _customer("orders_last_day"), {1: 0, 2: 1, 3: 2, 4: 3, 5: 0}),
    ("orders of the last day by IP", _in_a_hurry, _customer("ip_orders_last_day"), {1: 0, 4: 3, 5: 0}),
    (
        "neighbours by IP, seen before",
        _same_ip,
        lambda facts: [(one.customers, one.bad_customers) for one in facts.customer.neighbours if one.kind == "ip"],
        {3: [], 1: [(1, 0)], 2: [(2, 1)]},
    ),
    (
        "a neighbour's fraud is known only later",
        _same_ip_found_out_later,
        lambda facts: [(one.customers, one.bad_customers) for one in facts.customer.neighbours if one.kind == "ip"],
        {2: [(1, 0)], 3: [(1, 1)]},
    ),
    (
        "how old that knowledge is",
        _same_ip_found_out_later,
        lambda facts: [one.bad for one in facts.customer.neighbours if one.kind == "ip"],
        {2: [()], 3: [((1680, 10),)]},
    ),
    (
        "when a service ended nobody tells",
        _services_that_ended,
        lambda facts: "customer.active_services" in facts.today,
        {1: False, 2: True, 3: True},
    ),
    ("tickets of the two weeks before", _tickets, _customer("tickets_recent"), {1: 1}),
    ("all tickets by then", _tickets, _customer("tickets_total"), {1: 3}),
    ("the ticket that asked for it", _asked_by_ticket, lambda facts: facts.order.asking_ticket_id, {1: 9}),
    (
        "what the notes ask for",
        _old_system,
        lambda facts: "os_old" in {one.kind.value for one in facts.order.requests},
        {1: True, 2: False},
    ),
    (
        "what will be hosted",
        _old_system,
        lambda facts: [one.term for one in facts.order.acceptable_use],
        {2: ["carding"]},
    ),
    (
        "paid within the hold, later, or nothing to pay",
        _paid_too_late,
        _PAYMENT,
        {1: PaymentState.UNPAID, 2: PaymentState.NONE, 3: PaymentState.PAID},
    ),
]


@pytest.mark.parametrize(("past", "read", "expected"), [row[1:] for row in _TABLE], ids=[row[0] for row in _TABLE])
async def test_what_was_known_then(
    db: Database, past: Callable[[Past], None], read: Callable[[Facts], Any], expected: dict[int, Any]
) -> None:
    history = Past()
    past(history)
    await build(db, history)
    facts = await facts_of(db)
    assert {order_id: read(facts[order_id]) for order_id in expected} == expected


async def test_the_final_say_came_when_it_was_paid_or_had_settled(db: Database) -> None:
    past = Past()
    _paid_too_late(past)
    await build(db, past)
    judged = {row.order_id: row.judged_at for row in await all_cases(db)}
    settle = timedelta(seconds=90)
    assert judged == {1: at(10) + settle, 2: at(50) + settle, 3: at(62)}


def _later_rows(past: Past, draw: st.DataObject) -> None:
    """Things that happened after day 101."""
    later = st.floats(min_value=103, max_value=600)
    for number in range(draw.draw(st.integers(1, 5), label="rows")):
        day, new = draw.draw(later), 1000 + number
        what = draw.draw(st.sampled_from(["order", "fraud", "staff", "invoice", "service", "ticket", "other"]))
        match what:
            case "order":
                past.order(new, 1, day, paid=day)
            case "fraud":
                past.order(new, 1, day, paid=day, status="Fraud", **_FAILED)
            case "staff":
                past.order(new, 1, day, placed_by=PlacedBy.STAFF, staff_id=7, notes="please install centos 5")
            case "invoice":
                past.invoice(new, 1, day, due=day + 3, paid=None, status=draw.draw(st.sampled_from(["Unpaid", "Paid"])))
            case "service":
                past.service(new, 1, day, status=draw.draw(st.sampled_from(["Active", "Terminated"])))
            case "ticket":
                past.ticket(new, 1, day, "hello")
            case _:
                past.customer(new, signed_up=day, email="ada1@example.com")
                past.order(new, new, day, ip="81.2.69.142", status="Fraud", **_FAILED)


def _facts_in_memory(past: Past) -> dict[int, Facts]:
    """Build the cases of all customers without a database."""
    by_customer: dict[int, Rows] = {}
    shared = Shared()
    for (resource, row_id), record in past.rows.items():
        customer_id = record.customer.customer_id if resource == "customers" else record.customer_id
        rows = by_customer.setdefault(customer_id, Rows(customer_id=customer_id))
        match resource:
            case "customers":
                rows.customer = record
            case "orders":
                rows.orders.append(record)
                ip = canonical_ip(record.ip)
                shared.order(customer_id, row_id, record.placed_at, hashed("ip", ip) if ip else None)
                if record.status == "Fraud":
                    shared.fraud(customer_id, record.placed_at)
            case "services" | "invoices":
                getattr(rows, resource)[row_id] = record
            case _:
                rows.tickets.append(record)
    for rows in by_customer.values():
        if rows.customer is not None:
            signed_up_on = rows.customer.signed_up_on
            for value in identities_of(rows.customer.customer, None).values():
                shared.identity(rows.customer_id, value, midnight(signed_up_on) if signed_up_on else None)
    shared.close()
    maker = CaseMaker.of(
        Policy(), shared, CATALOGUE, settle_seconds=90, own_admin_id=None, absent=frozenset(), zone=UTC
    )
    return {case.order.order_id: case.facts for rows in by_customer.values() for case in maker.cases(rows, Ours())}


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_what_came_later_never_changes_what_was_known(draw: st.DataObject) -> None:
    past = Past()
    past.customer(1)
    past.order(1, 1, 10, paid=10, ip="81.2.69.142")
    past.order(2, 1, 30, paid=33)
    past.order(3, 1, 100, paid=101, ip="81.2.69.142")
    past.invoice(50, 1, 40, due=50, paid=99, status="Paid")
    past.ticket(1, 1, 95, "hello")
    before = _facts_in_memory(past)
    _later_rows(past, draw)
    after = _facts_in_memory(past)
    for order_id, facts in before.items():
        assert without_hindsight(after[order_id]) == without_hindsight(facts)


async def test_every_name_of_today_is_one_that_can_be_left_out(db: Database) -> None:
    past = Past()
    _same_ip(past)
    _services_that_ended(past)
    await build(db, past)
    for facts in (await facts_of(db)).values():
        assert set(facts.today) <= NAMES
        assert without_hindsight(facts).customer is not None
        assert "customer.chargebacks" in without_hindsight(facts).missing
        assert unpack(pack(facts)) == facts


async def test_twice_is_once(db: Database) -> None:
    past = Past()
    _regular(past)
    past.order(9, None, 50)
    past.order(10, 1, 55, status="Fraud")
    first = await build(db, past)
    before, known = await all_cases(db), await _known(db)
    again = await build_cases(context_of(db, now=NOW + timedelta(days=1)), heard=lambda done, total: None)
    assert (first.new, first.changed, again.new, again.changed) == (5, 0, 0, 0)
    assert await all_cases(db) == before
    assert await _known(db) == known


async def _known(db: Database) -> list[Any]:
    found: list[Any] = []
    async with db.read() as connection:
        for table in (customers, identities, order_sightings, signal_firings):
            keys = list(table.primary_key)
            found += (await connection.execute(sa.select(table).order_by(*keys))).all()
    return found


async def test_judged_twice_the_same_to_the_bit(db: Database) -> None:
    past = Past()
    _same_ip(past)
    past.order(8, 1, 30, notes="please install centos 5 and move my site", placed_by=PlacedBy.STAFF, staff_id=7)
    past.order(9, None, 50)
    await build(db, past)
    judge = QuickJudge(Policy())
    rows = await all_cases(db)
    assert len(rows) == 5
    for row in rows:
        for view in (unpack(row.facts), without_hindsight(unpack(row.facts))):
            once = judge.verdict(view, now=row.judged_at)
            twice = QuickJudge(parse_policy("")).verdict(unpack(pack(view)), now=row.judged_at)
            assert once == twice
            assert msgspec.json.encode(once) == msgspec.json.encode(twice)


async def test_nothing_is_decided_and_nobody_is_told(db: Database) -> None:
    past = Past()
    _regular(past)
    await build(db, past)
    async with db.read() as connection:
        for table in (orders, decisions, panel_calls):
            assert (await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one() == 0


async def test_no_personal_data_in_facts(db: Database) -> None:
    past = Past()
    past.customer(1, first_name="Zaphod", email="zaphod@beeblebrox.example", phone="+1.2175550199")
    past.order(1, 1, 10, ip="81.2.69.142", notes="Secretly install Ubuntu 8.04")
    await build(db, past)
    stored = bytes((await all_cases(db))[0].facts)
    for private in (b"Zaphod", b"zaphod", b"81.2.69.142", b"5550199", b"Long Street", b"Secretly"):
        assert private not in stored


async def test_what_was_never_imported_is_absent(db: Database) -> None:
    past = Past()
    _regular(past)
    past.rows = {key: row for key, row in past.rows.items() if key[0] in {"customers", "orders"}}
    await build(db, past, resources=("customers", "orders"))
    facts = (await facts_of(db))[3]
    assert facts.customer is not None
    assert (facts.customer.paid_invoices, facts.customer.tickets_recent, facts.customer.active_services) == (None,) * 3
    assert {"invoice", "invoices", "services", "tickets"} <= set(facts.missing)


class Stumbling(Shop):
    """Answers for its catalogue only the second time, or never, as our role lacks the permission."""

    def __init__(self, *, alarm: bool) -> None:
        self.alarm = alarm
        self.asked = 0

    async def catalogue(self, *, urgent: bool = False) -> tuple[PanelProduct, ...]:
        self.asked += 1
        if self.alarm or self.asked == 1:
            raise PanelUnavailable("the panel answered 500 without a readable result", alarm=self.alarm)
        return await super().catalogue(urgent=urgent)


@pytest.mark.parametrize("alarm", [False, True])
async def test_the_catalogue_is_asked_for_again_before_it_counts_as_absent(db: Database, alarm: bool) -> None:
    past, shop = Past(), Stumbling(alarm=alarm)
    _regular(past)
    await with_policy(db)
    await past.save(db)
    built = await build_cases(context_of(db, panel=shop), heard=lambda done, total: None)
    assert shop.asked == (1 if alarm else 2)
    assert built.absent["catalogue"] == (built.orders if alarm else 0)


async def test_an_order_of_nobody_and_one_without_a_date(db: Database) -> None:
    past = Past()
    past.order(1, None, 10)
    past.order(2, None, 10, placed_at=None)
    built = await build(db, past)
    assert (built.orders, built.undated) == (1, 1)
    facts = (await facts_of(db))[1]
    assert facts.customer is None
    assert "customer" in facts.missing


async def test_the_card_of_a_fraudster_is_known_in_the_past_too(db: Database) -> None:
    card = PanelPayMethod(gateway="stripe", brand="visa", last_four="4242", expires="0228", token_digest=None)
    past = Past()
    for number in (1, 2, 3):
        past.customer(number, first_name="Ada", last_name="Same" if number != 3 else "Other")
        past.rows["pay_methods", number] = HistoryPayMethods(customer_id=number, methods=(card,))
    past.order(1, 1, 10, paid=10, status="Fraud", **_FAILED)
    past.order(2, 2, 30)
    past.order(3, 3, 40)
    await build(db, past)
    facts = await facts_of(db)
    shared = {
        order_id: [one for one in each.customer.neighbours if one.kind == "payment"] for order_id, each in facts.items()
    }
    (found,) = shared[2]
    assert (found.customers, found.bad_customers, found.bad) == (1, 1, ((732, 20),))
    assert shared[3] == []  # the same digits in another name prove nothing
    assert all(
        "neighbours.payment" in each.today and "neighbours.payment" not in each.missing for each in facts.values()
    )
    async with db.read() as connection:
        kept = await connection.execute(sa.select(identities.c.customer_id).where(identities.c.kind == "payment"))
        assert set(kept.scalars()) == {1, 2, 3}


async def test_without_pay_methods_they_are_missing(db: Database) -> None:
    past = Past()
    _regular(past)
    built = await build(db, past)
    assert built.absent["neighbours.payment"] == built.orders
    assert "neighbours.payment" not in built.today


async def test_what_fires_on_too_many_good_orders_is_muted_from_then_on(db: Database) -> None:
    past = Past()
    for number in range(1, 111):
        past.customer(number)
        past.order(number, number, 10 + number, paid=10 + number, notes="carding" if number <= 15 else "")
    rules = "[muting]\nmin_orders = 10\ndays = 20\n"
    built = await build(db, past, policy=rules)
    muted = {order_id: facts.muted for order_id, facts in (await facts_of(db)).items()}
    assert muted[65] == ()  # few of those before are old enough for their outcome to be known
    assert muted[78] == ("acceptable_use",)
    assert muted[98] == ()  # of those that ended well in the preceding days, few have it
    assert built.muted["acceptable_use"] == sum("acceptable_use" in codes for codes in muted.values())
    before = await all_cases(db)
    again = await build(db, past, policy=rules)
    assert (again.new, again.changed) == (0, 0)
    assert await all_cases(db) == before
    await build(db, past, policy="[muting]\nmin_orders = 1000\n")
    assert {facts.muted for facts in (await facts_of(db)).values()} == {()}


@pytest.mark.parametrize(("days", "mature"), [(0, False), (59.9, False), (60, True), (400, True)])
def test_labels_mature(days: float, mature: bool) -> None:
    assert is_mature(NOW - timedelta(days=days), NOW) is mature


@pytest.mark.parametrize(
    ("document", "same"),
    [
        ("[risk]\nreview_from = 50\n", True),
        ('[acceptable_use]\nterms = ["carding"]\n', False),
        ('[vetting]\nterms = ["vpn"]\n', False),
        ("[block]\ncustomer_ids = [4]\n", False),
        ('[allow]\nemails = ["a@example.com"]\n', False),
    ],
)
def test_the_digest_follows_terms_and_lists_only(document: str, same: bool) -> None:
    assert (terms_digest(parse_policy(document)) == terms_digest(Policy())) is same
    assert len(terms_digest(Policy())) == 16
