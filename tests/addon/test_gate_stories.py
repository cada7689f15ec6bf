"""The addon's gate against the real Doorman: held orders wait, others are set up at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.addon.conftest import connect
from tests.addon.service import WISH, Service, until
from tests.addon.whmcs_request import API, CALLBACK, CRON, CUSTOMER, MASQUERADE, STAFF, Step, Whmcs, hook


@pytest.fixture
def open_shop(whmcs: Whmcs, service: Service) -> Whmcs:
    """A WHMCS whose addon knows the real Doorman."""
    connect(whmcs, service.url, key=service.key)
    return whmcs


def create(order: Any) -> Step:
    """WHMCS is about to set up the order's service."""
    return hook("PreModuleCreate", params={"serviceid": order.service_ids[0], "userid": order.client_id})


def placed(order: Any) -> Step:
    """Run the checkout's hook."""
    return hook("AfterShoppingCartCheckout", OrderID=order.id, InvoiceID=order.invoice_id, ServiceIDs=order.service_ids)


def hold(whmcs: Whmcs, service: Service) -> Any:
    """Place an order with a special request, paid and reported; the gate is asked, and denies it."""
    order = service.place(notes=WISH)
    whmcs.copy_order(service.panel, order)
    answer = whmcs.request(placed(order), create(order), **CUSTOMER)
    assert answer.returned() == [{"abortcmd": True}]
    return order


def test_gate_is_shut_until_the_fee_is_paid(open_shop: Whmcs, service: Service) -> None:
    order = hold(open_shop, service)
    fee = service.fee_invoice(order.id)
    for scenario in (CALLBACK, CRON, API, {**API, "admin": 1}):
        assert open_shop.request(create(order), **scenario).returned() == [{"abortcmd": True}]
    service.pay(fee)
    open_shop.request(hook("InvoicePaid", invoiceid=fee), **CALLBACK)
    until(lambda: service.order(order.id).get("decision", {}).get("outcome") == "approve", "the fee's payment is seen")
    assert open_shop.request(create(order), **CALLBACK).returned() == [None]
    until(lambda: service.order(order.id)["state"] == "released", "the order is accepted")


def accepts(service: Service, order: Any) -> list[str]:
    """Return the states of an order's AcceptOrder calls."""
    return [call["state"] for call in service.order(order.id)["panel_calls"] if call["action"] == "accept_order"]


def test_our_own_accept_passes(open_shop: Whmcs, service: Service) -> None:
    """A person approves in Doorman, Doorman calls AcceptOrder, and during that call WHMCS asks the gate."""
    order = hold(open_shop, service)
    until(lambda: "approve" in service.order(order.id).get("actions", ()), "staff may act")
    service.panel.configure(module_seconds=1.5)  # AcceptOrder takes a while
    try:
        service.post(f"/v1/orders/{order.id}/approve", note="looks fine")
        until(lambda: "sending" in accepts(service, order), "AcceptOrder is on the wire")
        assert open_shop.request(create(order), **API).returned() == [None]
        assert "sending" in accepts(service, order)
    finally:
        service.panel.configure(module_seconds=0)
    until(lambda: service.order(order.id)["state"] == "released", "the order is accepted")


def test_staff_who_create_by_hand_are_reported_to_doorman(open_shop: Whmcs, service: Service) -> None:
    order = hold(open_shop, service)
    answer = open_shop.request(create(order), **STAFF)
    assert answer.returned() == [None]
    [event] = until(lambda: service.stored("order.overridden", order.id), "the override is stored")
    assert event["data"]["staff_id"] == 1
    assert event["data"]["actor"]["kind"] == "staff"
    until(lambda: service.unhandled() == 0, "it is handled")
    assert any("panel:staff:1" in entry["by"] for entry in service.order(order.id)["timeline"])


def test_nothing_is_overridden_when_staff_create_what_is_not_held(open_shop: Whmcs, service: Service) -> None:
    order = service.place()
    open_shop.copy_order(service.panel, order)
    open_shop.request(placed(order), **CUSTOMER)
    assert open_shop.request(create(order), **STAFF).returned() == [None]
    assert service.stored("order.overridden", order.id) == []
    assert [row["type"] for row in open_shop.events()] == ["order.created"]


def test_a_regulars_paid_order_is_set_up_within_the_checkout(open_shop: Whmcs, service: Service) -> None:
    """Each read of the panel takes 100 ms, the catalogue too, and the same request still provisions."""
    order = service.place()
    open_shop.copy_order(service.panel, order)
    service.slow_panel(0.1)
    try:
        answer = open_shop.request(
            placed(order), create(order), hook("AfterModuleCreate", params={"serviceid": order.service_ids[0]}),
            hook("InvoicePaid", invoiceid=order.invoice_id),
            hook("OrderPaid", orderId=order.id, userId=order.client_id, invoiceId=order.invoice_id), **CUSTOMER,
        )  # fmt: skip
    finally:
        service.slow_panel(0)
    assert answer.returned(1) == [None]
    assert answer.activity == []
    assert sum(step["seconds"] for step in answer.steps) < 2.0
    assert [row["reason"] for row in open_shop.sql("SELECT reason FROM mod_doorman_gate")] == ["approved"]
    assert open_shop.waiting() == []
    assert service.order(order.id)["decision"]["outcome"] == "approve"


def test_the_gate_alone_decides_where_no_event_came(open_shop: Whmcs, service: Service) -> None:
    """Products set up *on order* are created before the checkout's hook fires.

    An unreported order passes if it can't be decided in time, which happens on a busy machine: one of three is
    stopped.
    """
    for _ in range(3):
        order = service.place(notes=WISH)
        open_shop.copy_order(service.panel, order)
        if open_shop.request(create(order), **CUSTOMER).returned() == [{"abortcmd": True}]:
            break
    else:
        pytest.fail("no order was decided in time")
    until(lambda: service.order(order.id)["state"] == "held", "it is held")


@pytest.mark.parametrize(
    ("scenario", "placed_by", "actor"),
    [
        (CUSTOMER, "customer", {"kind": "customer", "user_id": 50001}),
        (STAFF, "staff", {"kind": "staff", "admin_id": 1}),
        (MASQUERADE, "staff_as_customer", {"kind": "staff", "admin_id": 1, "user_id": 50001, "masquerade": True}),
        ({**CUSTOMER, "admin": 1}, "customer", {"kind": "customer", "user_id": 50001}),
        (API, "api", {"kind": "api"}),
    ],
    ids=["customer", "staff", "masquerade", "admin-also-logged-in", "api"],
)
def test_who_ordered_arrives(
    open_shop: Whmcs, service: Service, scenario: dict[str, Any], placed_by: str, actor: dict[str, Any]
) -> None:
    order = service.place()
    open_shop.copy_order(service.panel, order)
    open_shop.request(placed(order), **scenario)
    [event] = until(lambda: service.stored("order.created", order.id), "the event is stored")
    assert event["data"]["placed_by"] == placed_by
    assert {key: value for key, value in event["data"]["actor"].items() if value} == actor
    until(lambda: service.order(order.id).get("decision"), "it is decided")
    assert service.order(order.id)["placed_by"] == placed_by
