"""An event is stored first, posted once, and drained by cron: nothing is lost, and Doorman acts on it exactly once."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest

from app.core.webhooks import parse_event
from tests.addon.conftest import connect
from tests.addon.pretend_doorman import PretendDoorman, Reply, no_connection, nobody, silence
from tests.addon.service import Service, until
from tests.addon.whmcs_request import CRON, CUSTOMER, STAFF, Whmcs, hook

#: The guarantee: a page waits for Doorman at most this long, whatever Doorman does.
PROMISE_SECONDS = 2.5
#: The same if the gate is asked after an event that was not answered either.
GATE_PROMISE_SECONDS = PROMISE_SECONDS + 1.0

#: Several hooks in one request, including a gate call, as for an order that is paid and set up at once.
CHECKOUT = (
    hook("AfterShoppingCartCheckout", OrderID=41, InvoiceID=2041),
    hook("InvoicePaid", invoiceid=2041),
    hook("PreModuleCreate", params={"serviceid": 5}),
    hook("OrderPaid", orderId=41, userId=101, invoiceId=2041),
    hook("AfterModuleCreate", params={"serviceid": 5}),
)


def tell(whmcs: Whmcs, order: Any, times: int = 1) -> None:
    """Run the checkout's hook, in the customer's request."""
    placed = hook("AfterShoppingCartCheckout", OrderID=order.id, InvoiceID=order.invoice_id)
    whmcs.request(*[placed] * times, **CUSTOMER)


def test_an_order_placed_while_doorman_is_down_is_decided_later(whmcs: Whmcs, service: Service) -> None:
    connect(whmcs, service.url, key=service.key)
    order = service.place()
    whmcs.copy_order(service.panel, order)
    service.down()
    try:
        tell(whmcs, order)
        [row] = whmcs.waiting()
        assert (row["type"], row["attempts"]) == ("order.created", 1)
        assert "no connection" in row["last_error"]
        whmcs.cron()
        assert len(whmcs.waiting()) == 1
    finally:
        service.up()
    assert service.order(order.id) == {}
    whmcs.make_due()
    whmcs.cron()
    assert whmcs.waiting() == []
    until(lambda: service.order(order.id).get("state") == "released", "the order is released")
    whmcs.cron()
    until(lambda: service.unhandled() == 0, "everything is handled")
    assert len(service.stored("order.created", order.id)) == 1
    accepted = [write for write in service.panel.writes if write.params.get("orderid") == str(order.id)]
    assert [write.action for write in accepted].count("AcceptOrder") == 1


def test_a_hook_called_three_times_has_one_effect(whmcs: Whmcs, service: Service) -> None:
    connect(whmcs, service.url, key=service.key)
    order = service.place(notes="Please install Ubuntu 8.04 on it and migrate my old site.")
    whmcs.copy_order(service.panel, order)
    tell(whmcs, order, times=3)
    rows = whmcs.events()
    assert len({row["event_id"] for row in rows}) == 3
    assert all(row["delivered_at"] for row in rows)
    held = service.fee_invoice(order.id)
    until(lambda: service.unhandled() == 0, "all three are handled")
    assert len(service.stored("order.created", order.id)) == 3
    fees = [row for row in service.panel.state.invoices.values() if "doorman:fee:" in row.notes]
    assert [row.id for row in fees if row.client_id == order.client_id] == [held]


def test_a_paid_order_told_three_times_is_accepted_once(whmcs: Whmcs, service: Service) -> None:
    connect(whmcs, service.url, key=service.key)
    order = service.place()
    whmcs.copy_order(service.panel, order)
    tell(whmcs, order, times=3)
    until(lambda: service.order(order.id).get("state") == "released", "the order is released")
    until(lambda: service.unhandled() == 0, "all three are handled")
    accepted = [write for write in service.panel.writes if write.params.get("orderid") == str(order.id)]
    assert [write.action for write in accepted].count("AcceptOrder") == 1
    assert [
        service_.creates for service_ in service.panel.state.services.values() if service_.order_id == order.id
    ] == [1]


@pytest.mark.parametrize("kind", ["silent", "no handshake"])
def test_a_doorman_that_hangs_costs_a_checkout_three_seconds_at_most(whmcs: Whmcs, kind: str) -> None:
    pages = (*CHECKOUT, *CHECKOUT)  # two orders at once
    whmcs.add_order(41)
    whmcs.insert("tblhosting", id=5, userid=101, orderid=41)
    with silence() if kind == "silent" else no_connection() as address:
        connect(whmcs, address)
        answer = whmcs.request(*pages, **CUSTOMER)
    limit = GATE_PROMISE_SECONDS if kind == "silent" else PROMISE_SECONDS
    assert sum(step["seconds"] for step in answer.steps) < limit
    assert answer.returned(2) == [None]
    waiting = whmcs.waiting()
    assert len(waiting) == len(pages) - len(pages) // 5
    assert [row["attempts"] for row in waiting] == [1] + [0] * (len(waiting) - 1)
    assert len(answer.activity) == 1


def test_a_request_killed_while_it_posts_loses_nothing(stored_whmcs: Whmcs, doorman: PretendDoorman) -> None:
    """The row is committed before the first byte is sent; cron sends what the dead request could not."""
    with silence() as address:
        connect(stored_whmcs, address)
        request = stored_whmcs.start(hook("InvoicePaid", invoiceid=2041), **CUSTOMER)
        [row] = until(stored_whmcs.waiting, "the event is stored")
        request.kill()
        request.communicate()
    connect(stored_whmcs, doorman.url)
    stored_whmcs.cron()
    assert doorman.got == [], "it is left alone for a minute: the request may still be posting it"
    stored_whmcs.make_due()
    stored_whmcs.cron()
    assert [sent.headers["webhook-id"] for sent in doorman.webhooks] == [row["event_id"]]
    assert stored_whmcs.waiting() == []


def test_a_cron_killed_while_it_posts_loses_nothing(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, nobody())
    whmcs.hook("InvoicePaid", invoiceid=2041)
    whmcs.make_due()
    with silence() as address:
        connect(whmcs, address)
        cron = whmcs.start(hook("AfterCronJob"), **CRON)
        until(lambda: whmcs.waiting()[0]["next_at"] > 1, "the cron has claimed it")
        cron.kill()
        cron.communicate()
    connect(whmcs, doorman.url)
    whmcs.make_due()
    whmcs.cron()
    assert len(doorman.webhooks) == 1
    assert whmcs.waiting() == []


def test_a_gate_that_hangs_leaves_no_time_for_events(whmcs: Whmcs) -> None:
    whmcs.add_order(41)
    whmcs.insert("tblhosting", id=5, userid=101, orderid=41)
    with silence() as address:
        connect(whmcs, address, unreachable="closed")
        answer = whmcs.request(CHECKOUT[2], CHECKOUT[0], CHECKOUT[3], **CUSTOMER)
    assert sum(step["seconds"] for step in answer.steps) < PROMISE_SECONDS
    assert answer.returned(0) == [{"abortcmd": True}]
    assert [row["attempts"] for row in whmcs.waiting()] == [0, 0]


def test_a_refused_connection_costs_next_to_nothing(whmcs: Whmcs) -> None:
    connect(whmcs, nobody())
    whmcs.add_order(41)
    answer = whmcs.request(*CHECKOUT, **CUSTOMER)
    assert sum(step["seconds"] for step in answer.steps) < 1.0
    assert len(whmcs.waiting()) == 4


def test_a_slow_doorman_is_not_waited_for_again_and_again(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    """Each answer is late: together they must not take more than their one second."""
    connect(whmcs, doorman.url)

    def late(_sent: Any) -> Reply:
        time.sleep(0.7)
        return Reply(202)

    doorman.answer = late
    answer = whmcs.request(*[hook("InvoicePaid", invoiceid=number) for number in range(1, 7)], **CUSTOMER)
    assert sum(step["seconds"] for step in answer.steps) < PROMISE_SECONDS
    events = whmcs.events()
    assert len(events) == 6
    assert 1 <= sum(1 for row in events if row["delivered_at"]) <= 2


def test_an_answer_of_many_megabytes_is_cut_off(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url)
    doorman.always(Reply(202, b"x" * 40_000_000))
    answer = whmcs.request(hook("InvoicePaid", invoiceid=1), **CUSTOMER)
    assert answer.seconds < PROMISE_SECONDS
    assert answer.memory < 20 * 2**20


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 429, 500, 502, 503, 301])
def test_what_was_not_taken_stays_and_is_taken_later(whmcs: Whmcs, doorman: PretendDoorman, status: int) -> None:
    connect(whmcs, doorman.url)
    doorman.always(Reply(status, b"<html>no</html>", {"location": "http://127.0.0.1:1/elsewhere"}))
    answer = whmcs.request(hook("InvoicePaid", invoiceid=2041), **CUSTOMER)
    [row] = whmcs.waiting()
    assert f"HTTP {status}" in row["last_error"]
    assert row["next_at"] >= row["created_at"] + 60
    assert len(answer.activity) == 1
    doorman.always(Reply(202))
    whmcs.make_due()
    whmcs.cron()
    assert whmcs.waiting() == []
    first, second = doorman.webhooks
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_back_off_grows_and_never_gives_up(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url)
    doorman.always(Reply(500))
    whmcs.hook("InvoicePaid", invoiceid=2041)
    pauses = []
    for _ in range(8):
        [row] = whmcs.waiting()
        pauses.append(row["next_at"] - int(time.time()))
        whmcs.cron()  # not due yet: nothing is sent
        whmcs.make_due()
        whmcs.cron()
    assert len(doorman.webhooks) == 9
    assert all(later >= earlier - 2 for earlier, later in pairwise(pauses))
    assert 55 <= pauses[0] <= 60
    assert pauses[-1] == pytest.approx(6 * 3600, abs=5)


def test_one_event_that_is_refused_for_good_does_not_block_the_others(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, nobody())
    for invoice_id in (1, 2, 3):
        whmcs.hook("InvoicePaid", invoiceid=invoice_id)
    connect(whmcs, doorman.url)
    refused = {"invoice_id": 1}
    doorman.answer = lambda sent: Reply(422 if refused.items() <= sent.event["data"].items() else 202)
    whmcs.make_due()
    whmcs.cron()
    assert [parse_event(sent.body).data["invoice_id"] for sent in doorman.webhooks] == [1, 2, 3]
    assert [parse_event(row["body"].encode()).data["invoice_id"] for row in whmcs.waiting()] == [1]


def test_cron_stops_at_once_while_nobody_answers(whmcs: Whmcs) -> None:
    connect(whmcs, nobody())
    for invoice_id in (1, 2, 3):
        whmcs.hook("InvoicePaid", invoiceid=invoice_id)
    whmcs.make_due()
    with silence() as address:
        connect(whmcs, address)
        answer = whmcs.cron()
    assert answer.seconds < PROMISE_SECONDS
    assert sorted(row["attempts"] for row in whmcs.waiting()) == [1, 1, 2]
    assert len(answer.activity) == 1


def test_two_crons_at_once_send_each_event_once(stored_whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(stored_whmcs, nobody())
    count = 30
    stored_whmcs.request(*[hook("InvoicePaid", invoiceid=number) for number in range(1, count + 1)], **CUSTOMER)
    connect(stored_whmcs, doorman.url)
    stored_whmcs.make_due()

    def slowly(_sent: Any) -> Reply:
        time.sleep(0.01)
        return Reply(202)

    doorman.answer = slowly
    crons = [stored_whmcs.start(hook("AfterCronJob"), **CRON) for _ in range(3)]
    for cron in crons:
        stored_whmcs.finish(cron)
    assert stored_whmcs.waiting() == []
    sent = [request.headers["webhook-id"] for request in doorman.webhooks]
    assert (len(sent), len(set(sent))) == (count, count)


def test_oldest_events_go_first(stored_whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(stored_whmcs, nobody())
    for order_id in (43, 41, 42):
        stored_whmcs.hook("AcceptOrder", orderid=order_id)
    connect(stored_whmcs, doorman.url)
    stored_whmcs.make_due()
    stored_whmcs.cron()
    assert [sent.event["data"]["order_id"] for sent in doorman.webhooks] == [43, 41, 42]
    assert [sent.event["timestamp"] for sent in doorman.webhooks] == sorted(
        sent.event["timestamp"] for sent in doorman.webhooks
    )


def test_delivered_rows_of_long_ago_are_pruned_and_waiting_ones_never(
    stored_whmcs: Whmcs, doorman: PretendDoorman
) -> None:
    connect(stored_whmcs, doorman.url)
    stored_whmcs.hook("InvoicePaid", invoiceid=1)
    stored_whmcs.hook("InvoicePaid", invoiceid=2)
    doorman.always(Reply(500))
    stored_whmcs.hook("InvoicePaid", invoiceid=3)
    stored_whmcs.sql("UPDATE mod_doorman_events SET created_at = 1000")
    stored_whmcs.sql("UPDATE mod_doorman_events SET delivered_at = 1000 WHERE body LIKE '%:1,%'")
    stored_whmcs.cron()
    left = [parse_event(row["body"].encode()).data["invoice_id"] for row in stored_whmcs.events()]
    assert left == [2, 3]


def test_without_settings_events_wait(stored_whmcs: Whmcs, doorman: PretendDoorman) -> None:
    answer = stored_whmcs.request(hook("InvoicePaid", invoiceid=2041), **CUSTOMER)
    [row] = stored_whmcs.waiting()
    assert int(row["attempts"]) == 0
    assert len(answer.activity) == 1
    connect(stored_whmcs, doorman.url)
    stored_whmcs.make_due()
    stored_whmcs.cron()
    assert stored_whmcs.waiting() == []
    assert len(doorman.webhooks) == 1


@pytest.mark.parametrize(
    "address",
    ["http://doorman.example.com", "ftp://127.0.0.1", "javascript:alert(1)", "https://user:word@doorman.example.com",
     "https://doorman.example.com/?a=b", "doorman", "http://127.0.0.1.example.com", "http://127.0.0.1\r\nX: y", "//x"],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_never_called(whmcs: Whmcs, address: str) -> None:
    connect(whmcs, address)
    answer = whmcs.request(hook("InvoicePaid", invoiceid=2041), **CUSTOMER)
    [row] = whmcs.waiting()
    assert row["attempts"] == 0
    assert answer.seconds < 1.0
    assert "address of Doorman" in answer.activity[0]


def test_redirects_are_not_followed(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    """Signed events and API keys are sent only to the address that was entered."""
    connect(whmcs, doorman.url)
    doorman.always(Reply(307, b"", {"location": f"{doorman.url}/elsewhere"}))
    whmcs.add_order(41)
    whmcs.insert("tblhosting", id=5, userid=101, orderid=41)
    whmcs.request(hook("InvoicePaid", invoiceid=2041), hook("PreModuleCreate", params={"serviceid": 5}), **CUSTOMER)
    assert [sent.path for sent in doorman.got] == ["/webhooks", "/v1/orders/41/gate"]
    assert len(whmcs.waiting()) == 1


def test_a_path_before_the_api_is_kept(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url + "/doorman/")
    whmcs.hook("InvoicePaid", invoiceid=2041)
    assert [sent.path for sent in doorman.got] == ["/doorman/webhooks"]


def test_proxies_of_the_environment_are_not_used(
    whmcs: Whmcs, doorman: PretendDoorman, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nobody())
    connect(whmcs, doorman.url)
    whmcs.hook("InvoicePaid", invoiceid=2041)
    assert len(doorman.webhooks) == 1


def test_staff_who_accept_come_after_the_news_of_the_order(whmcs: Whmcs, service: Service) -> None:
    """The hook runs before the change: Doorman reads the order later, and the person's decision stands."""
    connect(whmcs, service.url, key=service.key)
    order = service.place(notes="Please install Ubuntu 8.04 on it and migrate my old site.")
    whmcs.copy_order(service.panel, order)
    tell(whmcs, order)
    until(lambda: service.order(order.id).get("state") == "held", "it is held")
    whmcs.request(hook("AcceptOrder", orderid=order.id), **STAFF)
    service.call(service.panel.staff_accept(order.id))
    until(lambda: service.order(order.id).get("state") == "released", "Doorman saw that staff accepted it")
    assert service.order(order.id)["decision"]["by"] == "panel:staff:1"
