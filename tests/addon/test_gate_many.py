"""One payment makes WHMCS provision many orders in one request: even with network latency, none bypasses the gate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.addon.conftest import connect
from tests.addon.pretend_doorman import ACCEPTED, PretendDoorman, Reply, Sent, nobody
from tests.addon.whmcs_request import CALLBACK, CUSTOMER, STAFF, Answer, Step, Whmcs, hook

FIRST = 1001
HELD = (False, "held_for_review")
APPROVED = (True, "approved")


def fill(whmcs: Whmcs, count: int, *, first: int = FIRST, customer_id: int = 101, invoice_id: int = 2041) -> list[Step]:
    """Add pending orders of one invoice, each with a service of the same id; return the steps that provision them."""
    numbers = range(first, first + count)
    for number in numbers:
        whmcs.add_order(number, customer_id=customer_id, invoiceid=invoice_id)
        whmcs.insert("tblhosting", id=number, userid=customer_id, orderid=number)
    return [create(number) for number in numbers]


def create(service_id: int) -> Step:
    return hook("PreModuleCreate", params={"serviceid": service_id})


def built(answer: Answer) -> list[int]:
    """Return the steps that were not stopped."""
    return [number for number, step in enumerate(answer.steps) if step["returned"] == [None]]


def slowly(answer: Callable[[Sent], Reply], seconds: float) -> Callable[[Sent], Reply]:
    """Answer the gate with this delay."""

    def later(sent: Sent) -> Reply:
        if sent.asks_gate:
            time.sleep(seconds)
        return answer(sent)

    return later


def only_one_by_one(answer: Callable[[Sent], Reply]) -> Callable[[Sent], Reply]:
    """An older Doorman: it does not support the question for several orders."""
    return lambda sent: Reply.of({"status": 404}, 404) if sent.asks_for_several else answer(sent)


# --- one question --------------------------------------------------------------------------------------------------


def test_thirty_held_orders_are_one_question_and_all_are_stopped(stored_whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(stored_whmcs, doorman.url)
    steps = fill(stored_whmcs, 30)
    doorman.gate(provision=False, reason="held_for_review")
    doorman.answer = slowly(doorman.answer, 0.03)
    assert built(stored_whmcs.request(*steps, **CALLBACK)) == []
    [sent] = doorman.gate_asked
    assert sent.orders == list(range(FIRST, FIRST + 30))
    assert len(stored_whmcs.sql("SELECT * FROM mod_doorman_gate WHERE reason = 'held_for_review'")) == 30
    connect(stored_whmcs, nobody())
    assert built(stored_whmcs.request(*steps, **CALLBACK)) == [], "each of them is a known hold"


def test_each_order_gets_its_own_verdict(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url)
    steps = fill(whmcs, 12)
    doorman.verdicts(lambda order_id: APPROVED if order_id % 3 else HELD)
    assert built(whmcs.request(*steps, **CALLBACK)) == [n for n in range(12) if (FIRST + n) % 3]
    doorman.verdicts(lambda order_id: HELD if order_id % 3 else APPROVED)
    assert built(whmcs.request(*steps, **CALLBACK)) == [n for n in range(12) if not (FIRST + n) % 3]
    kept = {int(row["order_id"]): row["reason"] for row in whmcs.sql("SELECT * FROM mod_doorman_gate")}
    assert kept == {FIRST + n: "held_for_review" if (FIRST + n) % 3 else "approved" for n in range(12)}


def test_more_than_a_hundred_orders_are_several_questions(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url)
    steps = fill(whmcs, 230)
    doorman.gate(provision=False, reason="held_for_fee")
    assert built(whmcs.request(*steps, **CALLBACK)) == []
    asked = [sent.orders for sent in doorman.gate_asked]
    assert [len(orders) for orders in asked] == [100, 100, 30]
    assert sorted(one for orders in asked for one in orders) == list(range(FIRST, FIRST + 230))


def test_only_what_may_be_built_now_is_asked_about(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    """First the order itself, then those of its invoice, then other Pending orders without set-up, newest first."""
    connect(whmcs, doorman.url)
    fill(whmcs, 3, first=50)
    fill(whmcs, 2, first=60, invoice_id=2042)
    fill(whmcs, 1, first=70, customer_id=102)
    whmcs.add_order(80, status="Active")
    whmcs.insert("tblhosting", id=80, userid=101, orderid=80)
    whmcs.add_order(81)
    whmcs.insert("tblhosting", id=81, userid=101, orderid=81, domainstatus="Active")
    whmcs.add_order(82)
    whmcs.insert("tbldomains", id=82, userid=101, orderid=82, status="Pending Transfer")
    whmcs.add_order(83)
    whmcs.insert("tblhostingaddons", id=83, userid=101, orderid=83, hostingid=80)
    doorman.gate(provision=True, reason="approved")
    whmcs.request(create(51), **CALLBACK)
    assert [sent.orders for sent in doorman.gate_asked] == [[51, 50, 52, 83, 82, 61, 60]]


def test_an_order_that_appears_later_is_asked_about_by_itself(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url)
    steps = fill(whmcs, 3)
    order = {
        "id": 2000, "userid": 101, "ordernum": 9, "date": "2026-11-22 10:00:00", "notes": "", "amount": "5.00",
    }  # fmt: skip
    new = [
        {"do": "insert", "table": "tblorders", "rows": order},
        {"do": "insert", "table": "tblhosting", "rows": {"id": 2000, "userid": 101, "orderid": 2000}},
    ]
    doorman.verdicts(lambda order_id: HELD if order_id == 2000 else APPROVED)
    answer = whmcs.request(*steps, *new, create(2000), create(2000), **CALLBACK)
    assert built(answer) == [0, 1, 2]
    assert [sent.orders for sent in doorman.gate_asked] == [[FIRST, FIRST + 1, FIRST + 2], [2000]]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        None,
        "none",
        [None, 7, "x", [], {"order_id": 1}],
        [{"order_id": number, "provision": "true", "reason": "approved"} for number in range(FIRST, FIRST + 4)],
        [{"order_id": 7, "provision": True, "reason": "approved"}],
        [{"order_id": FIRST + 1, "provision": True, "reason": "approved"}],
    ],
    ids=["empty", "null", "text", "nonsense", "no-verdicts", "another-order", "one-of-four"],
)
def test_what_the_answer_lacks_is_asked_for_by_itself(whmcs: Whmcs, doorman: PretendDoorman, rows: Any) -> None:
    connect(whmcs, doorman.url)
    steps = fill(whmcs, 4)
    doorman.gate(provision=False, reason="held_for_fee")
    single = doorman.answer
    doorman.answer = lambda sent: Reply.of({"orders": rows}) if sent.asks_for_several else single(sent)
    known = [1] if rows and isinstance(rows[0], dict) and rows[0].get("order_id") == FIRST + 1 else []
    assert built(whmcs.request(*steps, **CALLBACK)) == known
    assert [len(sent.orders) for sent in doorman.gate_asked] == [4] + [1] * (4 - len(known))


@pytest.mark.parametrize("broken", ["tbldomains", "tblhostingaddons", "tblorders"])
def test_without_the_other_orders_each_is_asked_about_by_itself(
    whmcs: Whmcs, doorman: PretendDoorman, broken: str
) -> None:
    connect(whmcs, doorman.url)
    steps = fill(whmcs, 3)
    doorman.gate(provision=False, reason="held_for_fee")
    answer = whmcs.request({"do": "break", "words": [broken]}, *steps, **CALLBACK)
    assert [step["returned"] for step in answer.steps[1:]] == [[{"abortcmd": True}]] * 3
    assert [len(sent.orders) for sent in doorman.gate_asked] == [1, 1, 1]


def test_an_older_doorman_is_asked_one_by_one(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url)
    steps = fill(whmcs, 4)
    doorman.verdicts(lambda order_id: APPROVED if order_id == FIRST else HELD)
    doorman.answer = only_one_by_one(doorman.answer)
    assert built(whmcs.request(*steps, **CALLBACK)) == [0]
    assert [len(sent.orders) for sent in doorman.gate_asked] == [4, 1, 1, 1, 1]


# --- out of time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unreachable", ["open", "closed"])
def test_what_there_was_no_time_for_is_shut_while_doorman_is_there(
    whmcs: Whmcs, doorman: PretendDoorman, unreachable: str
) -> None:
    """Thirty questions of 0.1 s exceed two seconds: the remaining orders are stopped, whatever the setting."""
    connect(whmcs, doorman.url, unreachable=unreachable)
    steps = fill(whmcs, 30)
    doorman.gate(provision=False, reason="held_for_review")
    doorman.answer = slowly(only_one_by_one(doorman.answer), 0.1)
    answer = whmcs.request(*steps, **CALLBACK)
    assert built(answer) == []
    assert 2 < len(doorman.gate_asked) < 25
    assert len(answer.activity) == 1


def test_a_doorman_that_dies_half_way_leaves_the_rest_shut(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url, unreachable="open")
    steps = fill(whmcs, 2) + fill(whmcs, 2, first=2001, customer_id=102)
    doorman.verdicts(lambda _: APPROVED)
    alive = doorman.answer

    def dying(sent: Sent) -> Reply:
        if 2001 in sent.orders:
            raise ConnectionResetError
        return alive(sent)

    doorman.answer = dying
    answer = whmcs.request(*steps, **CALLBACK)
    assert built(answer) == [0, 1]
    assert whmcs.sql("SELECT * FROM mod_doorman_gate WHERE order_id > 2000") == []
    connect(whmcs, nobody())
    assert built(whmcs.request(*steps, **CALLBACK)) == [0, 1, 2, 3], "nobody there from the first call on: it is open"
    connect(whmcs, nobody(), unreachable="closed")
    assert built(whmcs.request(*steps, **CALLBACK)) == []


@pytest.mark.parametrize("status", [0, 502, 503])
def test_a_gate_that_fails_after_an_event_was_taken_is_shut(whmcs: Whmcs, doorman: PretendDoorman, status: int) -> None:
    connect(whmcs, doorman.url, unreachable="open")
    steps = fill(whmcs, 3)

    def answer(sent: Sent) -> Reply:
        if not sent.asks_gate:
            return ACCEPTED
        if status == 0:
            time.sleep(2.5)
        return Reply(status or 200, b"")

    doorman.answer = answer
    found = whmcs.request(hook("InvoicePaid", invoiceid=2041), *steps, **CALLBACK)
    assert built(found) == [0]
    assert built(whmcs.request(*steps, **CALLBACK)) == [0, 1, 2]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_that_the_gate_refuses_stops_no_shop_that_is_set_open(
    whmcs: Whmcs, doorman: PretendDoorman, status: int
) -> None:
    connect(whmcs, doorman.url, unreachable="open")
    steps = fill(whmcs, 3)
    doorman.answer = lambda sent: Reply.of({}, status) if sent.asks_gate else ACCEPTED
    assert built(whmcs.request(hook("InvoicePaid", invoiceid=2041), *steps, **CALLBACK)) == [0, 1, 2, 3]


def test_slow_events_take_no_time_from_the_gate(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    """Events are only sent first: those without time left wait for cron, and the gate still asks."""
    connect(whmcs, doorman.url, unreachable="open")
    steps = fill(whmcs, 3)
    doorman.gate(provision=False, reason="held_for_fee")
    verdict = doorman.answer

    def answer(sent: Sent) -> Reply:
        time.sleep(0.05 if sent.asks_gate else 3.0)
        return verdict(sent)

    doorman.answer = answer
    events = [hook("InvoicePaid", invoiceid=number) for number in range(1, 7)]
    found = whmcs.request(*events, *steps, hook("OrderPaid", orderId=1001, userId=101, invoiceId=2041), **CALLBACK)
    assert [step["returned"] for step in found.steps[6:9]] == [[{"abortcmd": True}]] * 3
    assert len(doorman.gate_asked) == 1
    assert [int(row["attempts"]) for row in whmcs.waiting()] == [1] + [0] * 6


def test_a_gate_that_took_its_time_leaves_the_events_to_cron(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url)
    steps = fill(whmcs, 3)
    doorman.gate(provision=False, reason="undecided")
    doorman.answer = slowly(only_one_by_one(doorman.answer), 0.7)
    whmcs.request(*steps, hook("InvoicePaid", invoiceid=2041), **CALLBACK)
    assert doorman.webhooks == []
    whmcs.cron()
    assert len(doorman.webhooks) == 1


# --- who asks ------------------------------------------------------------------------------------------------------


def test_two_gateways_that_report_one_payment_at_once_build_nothing_held(
    stored_whmcs: Whmcs, doorman: PretendDoorman
) -> None:
    connect(stored_whmcs, doorman.url)
    steps = fill(stored_whmcs, 30)
    doorman.verdicts(lambda order_id: HELD if order_id % 2 else APPROVED)
    doorman.answer = slowly(doorman.answer, 0.03)
    requests = [stored_whmcs.start(*steps, script=f"/modules/gateways/callback/{name}.php") for name in "ab"]
    for request in requests:
        assert built(stored_whmcs.finish(request)) == [n for n in range(30) if (FIRST + n) % 2 == 0]
    assert len(doorman.gate_asked) == 2
    assert len(stored_whmcs.sql("SELECT * FROM mod_doorman_gate")) == 30


def test_staff_who_build_many_are_asked_for_once_and_reported_for_each_hold(
    whmcs: Whmcs, doorman: PretendDoorman
) -> None:
    connect(whmcs, doorman.url)
    steps = fill(whmcs, 4)
    doorman.verdicts(lambda order_id: HELD if order_id % 2 else APPROVED)
    assert built(whmcs.request(*steps, **STAFF)) == [0, 1, 2, 3]
    assert len(doorman.gate_asked) == 1
    assert [sent.event["data"]["order_id"] for sent in doorman.webhooks] == [FIRST, FIRST + 2]


def test_staff_pass_when_there_was_no_time(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url)
    steps = fill(whmcs, 3) + fill(whmcs, 2, first=2001, customer_id=102)
    doorman.verdicts(lambda _: APPROVED)
    alive = doorman.answer
    doorman.answer = lambda sent: Reply(503) if sent.asks_gate and 2001 in sent.orders else alive(sent)
    assert built(whmcs.request(*steps, **STAFF)) == [0, 1, 2, 3, 4]
    assert whmcs.events() == []


def test_the_gate_that_is_off_asks_about_none(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url, gate="")
    doorman.gate(provision=False, reason="held_for_fee")
    assert built(whmcs.request(*fill(whmcs, 3), **CUSTOMER)) == [0, 1, 2]
    assert doorman.got == []
