"""Signals of work: what each uses, when it does not fire, and the minutes it stands for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.facts import Item, PaymentState, PlacedBy
from app.core.judgement.rulebook import rulebook
from app.core.judgement.signals import work as signals
from app.core.policy.document import Policy, parse_policy
from app.core.reading.requests import TermKind
from tests.core.judging import NOW, a_customer, a_request, an_item, an_order, some_facts

POLICY = Policy()
RULES = rulebook(POLICY)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (an_item(), True),
        (an_item(listed=False), False),
        (an_item(cycle_offered=False), False),
        (an_item(price_override=True), False),
        (an_item(price_override=None), True),
        (an_item(listed=None), None),
        (an_item(cycle_offered=None), None),
        (an_item(kind="domain", listed=None, cycle_offered=None), True),
        (an_item(kind="addon", listed=False), False),
        (an_item(product_id=77), False),
    ],
)
def test_what_the_cart_could_have_sold(item: Item, expected: bool | None) -> None:
    assert signals.in_cart(item, rulebook(parse_policy("cart.not_in_cart = [77]"))) is expected


def test_one_line_outside_the_cart_is_enough_even_beside_an_unknown_one() -> None:
    assert signals.cart_sells([an_item(), an_item(listed=None), an_item(listed=False)], RULES) is False
    assert signals.cart_sells([an_item(), an_item(listed=None)], RULES) is None
    assert signals.cart_sells([], RULES) is None


@pytest.mark.parametrize("channel", [PlacedBy.CUSTOMER, PlacedBy.API, PlacedBy.UNKNOWN])
def test_orders_that_staff_did_not_enter_cost_no_handling(channel: PlacedBy) -> None:
    assert signals.entered_by_staff(some_facts(order=an_order(placed_by=channel)), RULES) is None


def test_handling_names_its_minutes() -> None:
    finding = signals.entered_by_staff(some_facts(order=an_order(placed_by=PlacedBy.STAFF)), RULES)

    assert finding is not None
    assert (finding.minutes, finding.points) == (20, -20)
    assert "20 minutes" in finding.written().detail


@pytest.mark.parametrize("kind", signals.REQUEST_KINDS)
def test_each_kind_of_request_has_points_minutes_and_words(kind: TermKind) -> None:
    seen = some_facts(order=an_order(requests=(a_request(kind, "x"), a_request(kind, "y", "ticket"))))

    (signal,) = [found.written() for rule in signals.SIGNALS if (found := rule(seen, RULES)) is not None]

    assert signal.code == signals.request_code(kind)
    assert signal.points < 0
    assert signal.minutes == POLICY.labour.minutes.of(kind)
    assert dict(signal.evidence) == {"terms": "x, y", "where": "notes, ticket"}
    assert signals.work_words(kind) in signal.detail


def test_terms_of_a_list_ask_for_no_work() -> None:
    seen = some_facts(order=an_order(requests=(a_request(TermKind.LISTED, "carding"),)))

    assert all(rule(seen, RULES) is None for rule in signals.SIGNALS)
    assert POLICY.labour.minutes.of(TermKind.LISTED) == 0


def test_grace_ends_to_the_second() -> None:
    order = an_order(payment=PaymentState.UNPAID, placed_at=NOW - timedelta(days=5))

    assert signals.unpaid_after_grace(some_facts(order=order), RULES, NOW) is None
    assert signals.unpaid_after_grace(some_facts(order=order), RULES, NOW + timedelta(seconds=1)) is not None


def test_zero_and_postpaid_orders_are_never_late() -> None:
    late = an_order(payment=PaymentState.UNPAID, placed_at=NOW - timedelta(days=50))
    postpaid = rulebook(parse_policy("labour.postpaid_groups = ['Web hosting']"))

    assert signals.unpaid_after_grace(some_facts(order=replace(late, amount=0)), RULES, NOW) is None
    assert signals.unpaid_after_grace(some_facts(order=late), postpaid, NOW) is None


@pytest.mark.parametrize(
    ("tickets", "services", "fires"),
    [(2, 1, False), (3, 1, True), (3, 0, True), (5, 2, False), (6, 2, True), (None, 1, False), (9, None, False)],
)
def test_tickets_are_weighed_by_services(tickets: int | None, services: int | None, fires: bool) -> None:
    seen = some_facts(customer=a_customer(tickets_recent=tickets, active_services=services))

    assert (signals.tickets_per_service(seen, RULES) is not None) is fires
