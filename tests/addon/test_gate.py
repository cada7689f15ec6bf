"""The gate with a scripted Doorman: whether or not it answers, the right orders pass and the right orders wait."""

from __future__ import annotations

from typing import Any

import pytest

from tests.addon.conftest import KEY, connect
from tests.addon.pretend_doorman import ACCEPTED, PretendDoorman, Reply, nobody, silence
from tests.addon.whmcs_request import API, CALLBACK, CRON, CUSTOMER, MASQUERADE, STAFF, Step, Whmcs, hook

MODULE = hook("PreModuleCreate", params={"serviceid": "5", "userid": 101, "serverpassword": "MARKER"})
ADDON_MODULE = hook("PreModuleCreate", params={"serviceid": 5, "addonId": 9})
REGISTER = hook("PreRegistrarRegisterDomain", params={"domainid": 6, "domainname": "a.example", "regperiod": 1})
TRANSFER = hook("PreRegistrarTransferDomain", params={"domainid": 6})

HOLDS = ["held_for_fee", "held_for_review", "rejected"]
PASSES = ["shadow", "before_cutover", "not_ours", "approved"]

#: Responses that are not valid answers of the gate.
NO_ANSWER = {
    "401": Reply.of({"type": "urn:doorman:problem:unauthenticated"}, 401),
    "403": Reply.of({"provision": True}, 403),
    "404": Reply(404, b"not here"),
    "500": Reply(500, b"Internal Server Error"),
    "503": Reply.of({"provision": True, "reason": "approved"}, 503),
    "redirect": Reply(302, b"", {"location": "http://127.0.0.1:1/"}),
    "empty": Reply(200, b""),
    "no content": Reply(204, b""),
    "HTML": Reply(200, b"<html><body>Parked domain</body></html>"),
    "list": Reply.of([True]),
    "null": Reply.of(None),
    "text": Reply.of("provision"),
    "no verdict": Reply.of({"reason": "approved"}),
    "text for a verdict": Reply.of({"provision": "false", "reason": "approved"}),
    "number for a verdict": Reply.of({"provision": 1, "reason": "approved"}),
    "not UTF-8": Reply(200, b'{"provision": true, "reason": "\xff"}'),
    "cut off": Reply(200, b'{"provision": true, "rea'),
    "too large": Reply(200, b'{"provision": true, "reason": "' + b"x" * 1_000_000 + b'"}'),
    "too deep": Reply(200, b"[" * 100_000),
}


@pytest.fixture
def shop(whmcs: Whmcs) -> Whmcs:
    """Order 41 with service 5 and domain 6; addon 9 of service 5 to order 42, of another client; service 8 to none."""
    fill(whmcs)
    return whmcs


def fill(whmcs: Whmcs) -> None:
    whmcs.add_order(41)
    whmcs.add_order(42, customer_id=102)
    whmcs.insert("tblhosting", id=5, userid=101, orderid=41)
    whmcs.insert("tblhosting", id=8, userid=101, orderid=0)
    whmcs.insert("tblhostingaddons", id=9, hostingid=5, userid=101, orderid=42)
    whmcs.insert("tbldomains", id=6, userid=101, orderid=41)


def shut(whmcs: Whmcs, step: Step = MODULE, **scenario: Any) -> bool:
    """True if provisioning was stopped, in a separate request."""
    [answer] = whmcs.request(step, **(scenario or CALLBACK)).returned()
    return answer is not None


@pytest.mark.parametrize("reason", HOLDS)
def test_a_held_order_is_stopped_in_the_words_whmcs_knows(shop: Whmcs, doorman: PretendDoorman, reason: str) -> None:
    connect(shop, doorman.url)
    doorman.gate(provision=False, reason=reason)
    answer = shop.request(MODULE, REGISTER, TRANSFER, **CALLBACK)
    assert answer.returned(0) == [{"abortcmd": True}]
    for number in (1, 2):
        [stopped] = answer.returned(number)
        assert list(stopped) == ["abortWithError"]
        assert stopped["abortWithError"].startswith("Doorman holds this order: ")
    [sent] = doorman.got
    assert (sent.method, sent.path) == ("GET", "/v1/orders/41/gate")
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert "MARKER" not in sent.everything()


@pytest.mark.parametrize("reason", PASSES)
def test_what_may_be_provisioned_passes(shop: Whmcs, doorman: PretendDoorman, reason: str) -> None:
    connect(shop, doorman.url)
    doorman.gate(provision=True, reason=reason)
    answer = shop.request(MODULE, REGISTER, TRANSFER, **CALLBACK)
    assert [answer.returned(number) for number in range(3)] == [[None], [None], [None]]
    assert answer.activity == []


def test_an_addon_is_asked_for_by_its_own_order(shop: Whmcs, doorman: PretendDoorman) -> None:
    connect(shop, doorman.url)
    doorman.gate(provision=True, reason="approved")
    assert not shut(shop, ADDON_MODULE)
    assert [sent.path for sent in doorman.got] == ["/v1/orders/42/gate"]


@pytest.mark.parametrize(
    "params", [{"serviceid": 8}, {"serviceid": 555}, {}, {"serviceid": "x"}, {"serviceid": {"__object": 1}}]
)
def test_a_service_of_no_order_is_not_asked_about(shop: Whmcs, doorman: PretendDoorman, params: dict[str, Any]) -> None:
    connect(shop, doorman.url, unreachable="closed")
    assert not shut(shop, hook("PreModuleCreate", params=params))
    assert doorman.got == []


def test_the_gate_that_is_switched_off_asks_nobody(shop: Whmcs, doorman: PretendDoorman) -> None:
    connect(shop, doorman.url)
    doorman.gate(provision=False, reason="held_for_fee")
    assert shut(shop)
    connect(shop, doorman.url, gate="")
    assert not shut(shop)
    assert not shut(shop, REGISTER)
    assert len(doorman.got) == 1


# --- nobody answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", NO_ANSWER.values(), ids=[name.replace(" ", "-") for name in NO_ANSWER])
def test_no_answer_of_the_gate_is_like_no_answer_at_all(shop: Whmcs, doorman: PretendDoorman, reply: Reply) -> None:
    connect(shop, doorman.url, unreachable="open")
    doorman.always(reply)
    assert not shut(shop)
    connect(shop, doorman.url, unreachable="closed")
    assert shut(shop)
    assert shut(shop, REGISTER)
    doorman.gate(provision=False, reason="held_for_fee")
    assert shut(shop)
    connect(shop, doorman.url, unreachable="open")
    doorman.always(reply)
    assert shut(shop), "a known hold stays shut"


@pytest.mark.parametrize("away", ["refused", "silent"])
def test_a_known_hold_stays_shut_while_doorman_is_away(stored_whmcs: Whmcs, doorman: PretendDoorman, away: str) -> None:
    fill(stored_whmcs)
    connect(stored_whmcs, doorman.url)
    doorman.gate(provision=False, reason="held_for_review")
    assert shut(stored_whmcs)
    with silence() as address:
        connect(stored_whmcs, nobody() if away == "refused" else address)
        answer = stored_whmcs.request(MODULE, ADDON_MODULE, **CALLBACK)
    assert (answer.returned(0), answer.returned(1)) == ([{"abortcmd": True}], [None])
    assert sum(step["seconds"] for step in answer.steps) < 2.5
    connect(stored_whmcs, doorman.url)
    doorman.gate(provision=True, reason="approved")
    assert not shut(stored_whmcs)
    connect(stored_whmcs, nobody())
    assert not shut(stored_whmcs)
    [kept] = stored_whmcs.sql("SELECT provision, reason FROM mod_doorman_gate WHERE order_id = 41")
    assert (int(kept["provision"]), kept["reason"]) == (1, "approved")


def test_what_was_only_undecided_is_no_known_hold(shop: Whmcs, doorman: PretendDoorman) -> None:
    connect(shop, doorman.url, unreachable="open")
    doorman.gate(provision=False, reason="undecided")
    assert shut(shop)
    connect(shop, nobody(), unreachable="open")
    assert not shut(shop)
    connect(shop, nobody(), unreachable="closed")
    assert shut(shop)


def test_an_approved_order_is_stopped_by_closed_while_doorman_is_away(shop: Whmcs, doorman: PretendDoorman) -> None:
    """`closed` means that nothing passes without an answer; yesterday's approval may have been revoked."""
    connect(shop, doorman.url)
    doorman.gate(provision=True, reason="approved")
    assert not shut(shop)
    connect(shop, nobody(), unreachable="closed")
    assert shut(shop)


@pytest.mark.parametrize("broken", ["mod_doorman_gate", "tblhosting", "tblorders", "*"])
@pytest.mark.parametrize("unreachable", ["open", "closed"])
def test_a_database_that_fails_throws_nothing(
    shop: Whmcs, doorman: PretendDoorman, broken: str, unreachable: str
) -> None:
    connect(shop, doorman.url, unreachable=unreachable)
    doorman.gate(provision=True, reason="approved")
    answer = shop.request({"do": "break", "words": [broken]}, MODULE, **CALLBACK)
    stopped = answer.returned(1) != [None]
    # Without the order there is nothing to ask; without the settings it is unknown if a gate was wanted.
    assert stopped is (broken == "tblhosting" and unreachable == "closed")


def test_a_database_that_fails_does_not_open_a_hold(shop: Whmcs, doorman: PretendDoorman) -> None:
    connect(shop, doorman.url)
    doorman.gate(provision=False, reason="held_for_fee")
    answer = shop.request({"do": "break", "words": ["mod_doorman_gate", "mod_doorman_events"]}, MODULE, **CALLBACK)
    assert answer.returned(1) == [{"abortcmd": True}]


# --- who asks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scenario",
    [API, {**API, "admin": 1}, {**API, "adminarea": True, "admin": 1}, CRON, {**CRON, "admin": 1}, CALLBACK, CUSTOMER,
     MASQUERADE, {**CUSTOMER, "admin": 1}, {"script": "/admin/orders.php", "adminarea": True}],
    ids=["api", "api-admin", "api-adminarea", "cron", "cron-admin", "callback", "customer", "masquerade",
         "admin-also-logged-in", "adminarea-nobody"],
)  # fmt: skip
def test_only_staff_at_work_in_the_admin_area_pass(
    shop: Whmcs, doorman: PretendDoorman, scenario: dict[str, Any]
) -> None:
    connect(shop, doorman.url)
    doorman.gate(provision=False, reason="held_for_fee")
    assert shut(shop, MODULE, **scenario)
    assert shut(shop, REGISTER, **scenario)
    assert doorman.webhooks == []


def test_staff_pass_are_told_and_reported_once(shop: Whmcs, doorman: PretendDoorman) -> None:
    connect(shop, doorman.url)
    doorman.gate(provision=False, reason="held_for_fee")
    answer = shop.request(MODULE, REGISTER, MODULE, **STAFF)
    assert [answer.returned(number) for number in range(3)] == [[None], [None], [None]]
    [sent] = doorman.webhooks
    assert sent.event["type"] == "order.overridden"
    actor = {"kind": "staff", "admin_id": 1, "user_id": None, "masquerade": False}
    assert sent.event["data"] == {"order_id": 41, "staff_id": 1, "actor": actor}
    assert len(doorman.gate_asked) == 1
    assert "Doorman holds this order" in answer.activity[0]
    assert isinstance(answer.session, dict)
    page = shop.request(hook("AdminAreaFooterOutput"), **{**STAFF, "session": answer.session})
    assert "Doorman holds this order" in page.returned()[0]
    again = shop.request(hook("AdminAreaFooterOutput"), **{**STAFF, "session": dict(page.session)})
    assert "Doorman holds this order" not in again.returned()[0]


@pytest.mark.parametrize("verdict", [(True, "approved"), (True, "not_ours"), (False, "undecided")], ids=lambda v: v[1])
def test_nothing_is_overridden_where_nothing_is_held(
    shop: Whmcs, doorman: PretendDoorman, verdict: tuple[bool, str]
) -> None:
    connect(shop, doorman.url)
    doorman.gate(provision=verdict[0], reason=verdict[1])
    assert not shut(shop, MODULE, **STAFF)
    assert doorman.webhooks == []
    assert shop.events() == []


@pytest.mark.parametrize("unreachable", ["open", "closed"])
def test_staff_pass_while_doorman_is_away(shop: Whmcs, unreachable: str) -> None:
    connect(shop, nobody(), unreachable=unreachable)
    assert not shut(shop, MODULE, **STAFF)
    assert shop.events() == []


def test_staff_who_pass_a_known_hold_are_reported_when_doorman_is_back(shop: Whmcs, doorman: PretendDoorman) -> None:
    connect(shop, doorman.url)
    doorman.gate(provision=False, reason="held_for_fee")
    assert shut(shop)
    connect(shop, nobody())
    assert not shut(shop, MODULE, **STAFF)
    [row] = shop.waiting()
    assert row["type"] == "order.overridden"
    connect(shop, doorman.url)
    doorman.always(ACCEPTED)
    shop.make_due()
    shop.cron()
    assert [sent.event["data"]["staff_id"] for sent in doorman.webhooks] == [1]


def test_many_services_of_one_order_are_one_question(shop: Whmcs, doorman: PretendDoorman) -> None:
    connect(shop, doorman.url)
    doorman.gate(provision=False, reason="held_for_fee")
    steps = [MODULE, REGISTER, MODULE, TRANSFER]
    assert all(step["returned"] != [None] for step in shop.request(*steps, **CALLBACK).steps)
    assert len(doorman.got) == 1
