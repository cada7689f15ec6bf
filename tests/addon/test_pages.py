"""The addon's page and the verdict on the order page: everything is escaped, and both work when Doorman is down."""

from __future__ import annotations

import html
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.addon.conftest import KEY, connect
from tests.addon.pretend_doorman import ACCEPTED, PretendDoorman, Reply, nobody, silence
from tests.addon.service import SECRET, WISH, Service, until
from tests.addon.whmcs_request import CUSTOMER, STAFF, Answer, Whmcs, hook

EVIL = """<script>alert("x")</script>"'><img src=x onerror=alert(1)> javascript:alert(1) &amp;"""
PAGE = {"do": "admin_page"}
FOOTER = hook("AdminAreaFooterOutput", filename="orders")
ORDER_PAGE: dict[str, Any] = {**STAFF, "get": {"action": "view", "id": "41"}}
ADMIN: dict[str, Any] = {**STAFF, "script": "/admin/addonmodules.php", "get": {"module": "doorman"}}
TOKEN = {"token": "t0ken", "adminid": 1}
SEND: dict[str, Any] = {**ADMIN, "session": TOKEN, "post": {"doorman_action": "test", "token": "t0ken"}}

QUEUE_ROW = {
    "order_id": 41, "order_number": "4471920385", "panel_url": "https://billing.example.com/admin/orders.php?id=41",
    "customer_id": 101, "why": "review", "reasons": [{"code": "risky", "text": "An unusual country"}],
    "since": "2026-11-20T10:00:00Z", "due_at": "2026-11-21T10:00:00Z", "actions": ["approve"],
}  # fmt: skip
ORDER = {
    "order_id": 41, "state": "held", "flags": ["hold_breached"], "panel_url": "https://billing.example.com/x",
    "decision": {"outcome": "hold_for_fee", "by": "policy", "at": "2026-11-20T10:00:00Z",
                 "reasons": [{"code": "work", "text": "Custom work was asked for"}]},
    "hold": {"kind": "fee", "since": "2026-11-20T10:00:00Z", "due_at": None, "expires_at": None},
    "fee": {"amount": "200.00", "total": "238.00", "currency": "USD", "state": "unpaid", "invoice_id": 500002},
    "actions": ["approve", "reject"], "scores": {"self_service": 10, "risk": 5},
}  # fmt: skip


class Tags(HTMLParser):
    """The tags and attributes of a page as a browser reads them, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def harmless(page: str) -> Tags:
    """Fail if a page holds active content other than the addon's own few lines."""
    tags = Tags(page)
    for tag, attributes in tags.tags:
        assert tag != "img", page
        assert not [name for name in attributes if name.startswith("on")], page
        for name in ("href", "src", "action"):
            assert (attributes.get(name) or "x")[:11].lower() != "javascript:", page
    assert "alert(" not in "".join(page.split("<script>")[1:]).split("</script>")[0], page
    assert sum(1 for tag, _ in tags.tags if tag == "script") <= 1
    return tags


def evil(value: Any) -> Any:
    """The same answer with every text replaced."""
    if isinstance(value, dict):
        return {key: evil(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [evil(entry) for entry in value]
    return EVIL if isinstance(value, str) else value


def answering(doorman: PretendDoorman, *, queue: Any, order: Any) -> None:
    """Answer the queue and the order like this."""

    def answer(sent: Any) -> Reply:
        if sent.method == "POST":
            return ACCEPTED
        return Reply.of(queue if "/queue" in sent.path else order)

    doorman.answer = answer


def verdict(answer: Answer) -> str:
    """Return what the footer's hook gave WHMCS to print."""
    return "".join(value for value in answer.returned() if value)


def test_the_page_shows_delivery_and_the_queue(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, nobody())
    whmcs.hook("InvoicePaid", invoiceid=2041)
    connect(whmcs, doorman.url)
    answering(doorman, queue={"items": [QUEUE_ROW], "next_cursor": None}, order=ORDER)
    page = harmless(whmcs.request(PAGE, **ADMIN).printed)
    assert "invoice.paid" in page.text
    assert "no connection" in page.text
    assert "#4471920385" in page.text
    assert "An unusual country" in page.text
    links = [attributes.get("href") or "" for tag, attributes in page.tags if tag == "a"]
    assert "orders.php?action=view&id=41" in links
    assert any(link.startswith(doorman.url) for link in links)
    [asked] = doorman.got
    assert asked.path.startswith("/v1/queue")
    assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_the_queue_keeps_the_order_of_doorman(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    """A breach stands on top, though it is the newest, and a call without an order wherever Doorman put it."""
    times = ["2026-11-21T10:00:00Z", None, "2026-11-19T10:00:00Z", "2026-11-20T10:00:00Z"]
    kinds = ["breach", "dead_call", "review", "fee"]
    items = [
        {**QUEUE_ROW, "order_id": 50 + place, "order_number": f"number-{place}", "why": why, "since": since}
        for place, (why, since) in enumerate(zip(kinds, times, strict=True))
    ]
    connect(whmcs, doorman.url)
    answering(doorman, queue={"items": items, "next_cursor": None}, order=ORDER)
    text = harmless(whmcs.request(PAGE, **ADMIN).printed).text
    places = [text.index(f"#number-{place}") for place in range(4)]
    assert places == sorted(places)
    assert text.index("Provisioned although held") < text.index("A change in WHMCS failed for good")


def test_a_row_of_the_queue_says_what_staff_decide_from(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    row = {
        **QUEUE_ROW, "customer_name": "Acme & Sons", "product": "VPS S and 2 more", "amount": "15.00",
        "currency": "USD", "fee": "50.00", "minutes": 60, "risk": 62, "work_unpaid": True,
        "sentence": "Risk 62 reaches the review threshold of 60.",
    }  # fmt: skip
    paid = {**row, "order_id": 42, "order_number": "42", "fee": None, "minutes": 0, "work_unpaid": False}
    connect(whmcs, doorman.url)
    answering(doorman, queue={"items": [row, paid], "next_cursor": None}, order=ORDER)
    page = harmless(whmcs.request(PAGE, **ADMIN).printed)
    for said in (
        "Acme & Sons", "VPS S and 2 more", "15.00 USD", "60 min, 50.00 USD, not paid for", "62",
        "Risk 62 reaches the review threshold of 60.",
    ):  # fmt: skip
        assert said in page.text
    assert page.text.count("not paid for") == 1
    assert "An unusual country" not in page.text  # the sentence says it
    links = [attributes.get("href") for tag, attributes in page.tags if tag == "a"]
    assert "clientssummary.php?userid=101" in links


def test_the_order_page_shows_a_breach_first_and_what_is_left_to_staff(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    order = {
        **ORDER, "flags": ["provisioning_failed", "hold_breached"], "work_unpaid": True, "labour": {"minutes": 60},
        "panel_steps": [{"text": "Accept and provision the order in the panel.", "url": "https://x.example"}],
    }  # fmt: skip
    connect(whmcs, doorman.url)
    answering(doorman, queue={"items": []}, order=order)
    text = harmless(verdict(whmcs.request(FOOTER, **ORDER_PAGE))).text
    said = ["Not wholly set up", "Provisioned although held", "Held for a fee", "Asks for about 60 minutes of work",
            "Accept and provision the order in the panel."]  # fmt: skip
    places = [text.index(one) for one in said]
    assert places == sorted(places)


def test_no_secret_is_on_any_page(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url)
    answering(doorman, queue={"items": [QUEUE_ROW], "next_cursor": None}, order=ORDER)
    for answer in (whmcs.request(PAGE, **ADMIN), whmcs.request(FOOTER, **ORDER_PAGE)):
        shown = answer.printed + verdict(answer) if isinstance(answer.returned(), list) else answer.printed
        assert SECRET[6:] not in shown
        assert KEY not in shown
        assert "enc:" not in shown


@pytest.mark.parametrize("shape", ["as it should be", "all text"])
def test_whatever_doorman_says_is_escaped(whmcs: Whmcs, doorman: PretendDoorman, shape: str) -> None:
    connect(whmcs, doorman.url)
    texts = ("customer_name", "product", "amount", "currency", "fee", "minutes", "risk", "sentence")
    steps = {"panel_steps": [{"text": "x", "url": "x"}], "work_unpaid": True, "labour": {"minutes": "x"}}
    row, order = evil({**QUEUE_ROW, **dict.fromkeys(texts, "x")}), evil({**ORDER, **steps})
    if shape == "all text":
        decision = dict.fromkeys(("outcome", "by", "at", "reasons"), EVIL)
        row, order = dict.fromkeys((*QUEUE_ROW, *texts), EVIL), {**dict.fromkeys(ORDER, EVIL), "decision": decision}
    answering(doorman, queue={"items": [row, {**row, "why": EVIL}], "next_cursor": EVIL}, order=order)
    whmcs.sql(
        "INSERT INTO mod_doorman_events (event_id, type, body, created_at, next_at, last_error) "
        "VALUES (?, ?, ?, 1, 1, ?)",
        "e", EVIL[:60], "{}", EVIL,
    )  # fmt: skip
    page = harmless(whmcs.request(PAGE, **ADMIN).printed)
    panel = harmless(verdict(whmcs.request(FOOTER, **ORDER_PAGE)))
    assert '<script>alert("x")' in page.text
    assert '<script>alert("x")' in panel.text


def test_quotes_do_not_end_an_attribute(whmcs: Whmcs) -> None:
    address = """https://x/" onmouseover='alert(1)' x=\""""
    link = {"do": "call", "function": "DoormanAddon\\Html::link", "arguments": [address, EVIL]}
    [(tag, attributes)] = harmless(whmcs.request(link, **ADMIN).returned()).tags
    assert (tag, attributes["href"]) == ("a", address)


@pytest.mark.parametrize(
    "odd",
    [None, [], {}, "text", 7, {"items": None}, {"items": "x"}, {"items": [None, 1, "x", [], {}]},
     {"items": [{"order_id": [1], "reasons": {"a": 1}, "since": [], "why": {}, "order_number": {}}]},
     {"decision": "x", "fee": [], "hold": {"since": {}}},
     {"decision": {"outcome": [], "by": {}, "at": [], "reasons": 1}},
     {"fee": {"amount": [], "invoice_id": "x", "state": {}, "currency": []}},
     {"panel_steps": [None, 1, {"text": []}, {"url": 1}], "work_unpaid": True, "labour": "x"},
     {"items": [{"customer_id": {}, "customer_name": [], "product": {}, "amount": [], "currency": 1, "fee": {},
                 "minutes": [], "risk": {}, "sentence": [], "work_unpaid": "x"}]}],
)  # fmt: skip
def test_answers_of_another_shape_break_nothing(whmcs: Whmcs, doorman: PretendDoorman, odd: Any) -> None:
    connect(whmcs, doorman.url)
    answering(doorman, queue=odd, order=odd)
    assert "Delivery" in whmcs.request(PAGE, **ADMIN).printed
    whmcs.request(FOOTER, **ORDER_PAGE)


@pytest.mark.parametrize("away", ["refused", "silent", "401", "403", "500", "HTML"])
def test_the_pages_are_there_when_doorman_is_not(whmcs: Whmcs, doorman: PretendDoorman, away: str) -> None:
    bodies = {"HTML": Reply(200, b"<html><script>alert(1)</script>")}
    doorman.always(bodies.get(away) or Reply(int(away) if away.isdigit() else 200))
    with silence() as address:
        connect(whmcs, {"refused": nobody(), "silent": address}.get(away, doorman.url))
        started = whmcs.start(PAGE, **ADMIN), whmcs.start(FOOTER, **ORDER_PAGE)
        page, panel = map(whmcs.finish, started)
    assert "The queue cannot be shown" in harmless(page.printed).text
    assert "no verdict to show" in harmless(verdict(panel)).text
    assert page.seconds < 2.5
    assert panel.seconds < 1.5


def test_the_page_works_without_settings_and_makes_missing_tables(whmcs: Whmcs) -> None:
    whmcs.sql("DROP TABLE mod_doorman_events")
    page = harmless(whmcs.request(PAGE, **ADMIN).printed)
    assert "not entered yet" in page.text
    assert whmcs.events() == []


@pytest.mark.parametrize(
    ("words", "said"), [(["mod_doorman_events"], "outbox cannot be read"), (["*"], "page could not")]
)
def test_the_page_says_that_the_database_is_away(whmcs: Whmcs, words: list[str], said: str) -> None:
    output = {"do": "doorman_output", "arguments": [{"modulelink": "x"}]}
    answer = whmcs.request({"do": "load_addon"}, {"do": "break", "words": words}, output, **ADMIN)
    page = harmless(answer.printed)
    assert said in page.text
    assert "the database is away" in page.text


def test_the_test_button_sends_one_event_that_doorman_takes(whmcs: Whmcs, service: Service) -> None:
    connect(whmcs, service.url, key=service.key)
    page = harmless(whmcs.request(PAGE, **SEND).printed)
    assert "HTTP 202" in page.text
    [row] = whmcs.events()
    assert row["delivered_at"] is not None
    assert until(lambda: service.stored(row["type"]), "the test event is stored")


@pytest.mark.parametrize("token", ["", "wrong"])
def test_the_test_button_needs_the_token_of_the_form(whmcs: Whmcs, doorman: PretendDoorman, token: str) -> None:
    connect(whmcs, doorman.url)
    answer = whmcs.request(PAGE, **{**SEND, "post": {"doorman_action": "test", "token": token}})
    assert doorman.webhooks == []
    assert whmcs.events() == []
    assert "Invalid token" in answer.printed
    whmcs.request(PAGE, **{**ADMIN, "get": {"module": "doorman", "doorman_action": "test", "token": "t0ken"}})
    assert whmcs.events() == []


def test_the_form_carries_the_token(whmcs: Whmcs) -> None:
    page = Tags(whmcs.request(PAGE, **{**ADMIN, "session": TOKEN}).printed)
    fields = {attributes.get("name"): attributes.get("value") for tag, attributes in page.tags if tag == "input"}
    assert fields == {"token": "t0ken", "doorman_action": "test"}


def test_the_test_button_says_what_is_wrong(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url)
    doorman.always(Reply(401))
    assert "the webhook secrets differ" in harmless(whmcs.request(PAGE, **SEND).printed).text
    assert len(whmcs.waiting()) == 1


def test_the_order_page_shows_the_real_verdict(whmcs: Whmcs, service: Service) -> None:
    connect(whmcs, service.url, key=service.key)
    order = service.place(notes=WISH)
    whmcs.copy_order(service.panel, order)
    whmcs.hook("AfterShoppingCartCheckout", OrderID=order.id, InvoiceID=order.invoice_id)
    fee = service.fee_invoice(order.id)
    panel = harmless(verdict(whmcs.request(FOOTER, **{**STAFF, "get": {"action": "view", "id": str(order.id)}})))
    assert "Held for a fee" in panel.text
    assert f"invoice {fee}" in panel.text
    reasons = [html.unescape(reason["text"]) for reason in service.order(order.id)["decision"]["reasons"]]
    assert all(reason in panel.text for reason in reasons)
    page = harmless(whmcs.request(PAGE, **ADMIN).printed)
    assert f"#{order.number}" in page.text


@pytest.mark.parametrize(
    ("flags", "said"),
    [(["hold_breached"], ["Provisioned although held"]), (["accepted_by_automation"], ["by a program although held"]),
     (["provisioning_failed", "of_a_newer_doorman"], ["Not wholly set up"]), ([], [])],
)  # fmt: skip
def test_the_order_page_says_what_went_wrong(
    whmcs: Whmcs, doorman: PretendDoorman, flags: list[str], said: list[str]
) -> None:
    connect(whmcs, doorman.url)
    answering(doorman, queue={"items": []}, order={**ORDER, "flags": flags})
    shown = verdict(whmcs.request(FOOTER, **ORDER_PAGE))
    assert shown.count("alert-warning") == len(said)
    assert all(sentence in harmless(shown).text for sentence in said)


@pytest.mark.parametrize("gate", ["on", ""])
def test_the_page_says_when_the_gate_is_off(whmcs: Whmcs, doorman: PretendDoorman, gate: str) -> None:
    connect(whmcs, doorman.url, gate=gate)
    answering(doorman, queue={"items": []}, order=ORDER)
    assert ("The gate is off" in harmless(whmcs.request(PAGE, **ADMIN).printed).text) is (gate == "")


def test_a_verdict_of_an_unknown_order_says_so(whmcs: Whmcs, service: Service) -> None:
    connect(whmcs, service.url, key=service.key)
    panel = harmless(verdict(whmcs.request(FOOTER, **{**STAFF, "get": {"action": "view", "id": "987654"}})))
    assert "does not know this order" in panel.text


@pytest.mark.parametrize(
    "scenario",
    [CUSTOMER, {**CUSTOMER, "get": {"action": "view", "id": "41"}}, {**STAFF, "get": {"action": "list"}},
     {**STAFF, "get": {"action": "view", "id": "x"}}, {**STAFF, "get": {"action": ["view"], "id": ["41"]}},
     {**STAFF, "script": "/admin/clientsservices.php", "get": {"action": "view", "id": "41"}}],
    ids=["shop", "shop-with-the-address", "list", "no-id", "arrays", "another-page"],
)  # fmt: skip
def test_other_pages_cost_nothing(whmcs: Whmcs, doorman: PretendDoorman, scenario: dict[str, Any]) -> None:
    connect(whmcs, doorman.url)
    assert verdict(whmcs.request(FOOTER, **scenario)) == ""
    assert doorman.got == []
