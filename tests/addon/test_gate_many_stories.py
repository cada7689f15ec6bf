"""One payment of many orders against the real Doorman, with its worker, a panel, and network latency."""

from __future__ import annotations

from typing import Any

import pytest

from tests.addon.conftest import connect
from tests.addon.service import WISH, Service, until
from tests.addon.slow_line import slow_line
from tests.addon.test_gate_stories import accepts, create, placed
from tests.addon.whmcs_request import CALLBACK, CUSTOMER, Whmcs, hook


@pytest.fixture
def open_shop(whmcs: Whmcs, service: Service) -> Whmcs:
    """A WHMCS whose addon knows the real Doorman."""
    connect(whmcs, service.url, key=service.key)
    return whmcs


def place_many(whmcs: Whmcs, service: Service, count: int, *, notes: str = WISH) -> list[Any]:
    """Add paid orders of one client to the panel and to WHMCS's tables; Doorman is not informed."""
    client, product = service.shop(autosetup="accept")
    made = [service.call(service.panel.place_order(client, [product], notes=notes, pay=True)) for _ in range(count)]
    for order in made:
        whmcs.copy_order(service.panel, order)
    return made


def all_posted(whmcs: Whmcs) -> bool:
    """Let cron post what is left, and return whether nothing is."""
    whmcs.cron()
    return whmcs.sql("SELECT id FROM mod_doorman_events WHERE delivered_at IS NULL") == []


def healed(service: Service, order: Any) -> bool:
    """True if it was decided and, if approved, its accept is scheduled: minutes later, as WHMCS may provision it."""
    outcome = (service.order(order.id).get("decision") or {}).get("outcome")
    return outcome == "hold_for_review" or (outcome == "approve" and accepts(service, order) != [])


def test_thirty_held_orders_with_thirty_milliseconds_between_the_machines(open_shop: Whmcs, service: Service) -> None:
    orders = place_many(open_shop, service, 30)
    question = "/v1/gate?order_ids=" + ",".join(str(order.id) for order in orders)
    until(
        lambda: all(row["reason"] in {"held_for_fee", "held_for_review"} for row in service.get(question)["orders"]),
        "all are held",
    )
    with slow_line(service.port, seconds=0.03) as address:
        connect(open_shop, address, key=service.key)
        news = hook("InvoicePaid", invoiceid=orders[0].invoice_id)
        answer = open_shop.request(news, *[create(order) for order in orders], **CALLBACK)
    assert [step["returned"] for step in answer.steps[1:]] == [[{"abortcmd": True}]] * 30


@pytest.mark.parametrize("seconds", [0.3, 1.0])
def test_five_undecided_orders_with_a_slow_panel_are_shut_and_healed(
    open_shop: Whmcs, service: Service, seconds: float
) -> None:
    orders = place_many(open_shop, service, 5, notes="")
    service.slow_panel(seconds)
    try:
        for order in orders:
            open_shop.request(placed(order), **CUSTOMER)
        until(lambda: all_posted(open_shop), "Doorman was told of the orders")  # on a busy machine by cron
        with slow_line(service.port, seconds=0.03) as address:
            connect(open_shop, address, key=service.key, unreachable="closed")  # a busy machine may need too long
            answer = open_shop.request(*[create(order) for order in orders], **CALLBACK)
    finally:
        service.slow_panel(0)
    told = {int(row["order_id"]): row["reason"] for row in open_shop.sql("SELECT * FROM mod_doorman_gate")}
    assert {told.get(order.id, "undecided") for order in orders} <= {"approved", "undecided", "held_for_review"}
    passed = [step["returned"] == [None] for step in answer.steps]
    assert passed == [told.get(order.id) == "approved" for order in orders]
    until(lambda: all(healed(service, order) for order in orders), "what was approved is to be accepted")
