"""The meaning of each answer, as a table (the three failures of app/panels/base.py)."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.panels.base import PanelError, PanelOutcomeUnknown, PanelRejected, PanelUnavailable
from app.panels.whmcs.answers import Reply, decode, read_reply

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
NOTICE = "<br />\n<b>Notice</b>:  Undefined index: x in <b>/w/hooks/x.php</b> on line <b>12</b><br />\n"
HTML = "<html><body><h1>Oops!</h1></body></html>"


def read(
    status: int, body: str | bytes, *, write: bool, retry_after: str = "", secret: str = "s3cret"
) -> dict[str, Any]:
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    reply = Reply(status=status, body=raw, retry_after=retry_after)
    return read_reply(reply, write=write, scrub=lambda said: said.replace(secret, "***"), now=NOON)


def error(message: object) -> str:
    return json.dumps({"result": "error", "message": message})


@pytest.mark.parametrize(
    "body",
    [
        '{"result":"success","id":1}',
        '  \n{"result":"success","id":1}\n\n',
        '\ufeff{"result":"success","id":1}',
        '\ufeff\ufeff {"result": "Success", "id": 1}',
        NOTICE + '{"result":"success","id":1}',
        NOTICE + NOTICE + '{\n  "result": "success",\n  "id": 1\n}\n',
        'x: {"result":"error"}\n{"debug":1}\n{"result":"success","id":1}',
        '{"result":"success","id":1}\nand a text that quotes {"result":"error"}',
        '{"result":"success","id":1}\n<!-- a hook that prints after us -->',
        '{"status":"success","id":1}',
        '{"result":"success","id":1,"status":"Unpaid","text":"tab\tand\nnewline"}',
    ],
)
@pytest.mark.parametrize("write", [True, False])
def test_success_is_read_through_noise(body: str, write: bool) -> None:
    assert read(200, body, write=write)["id"] == 1


def test_money_never_becomes_a_float() -> None:
    assert read(200, '{"result":"success","amount":49.10,"much":NaN,"big":1e400}', write=False) == {
        "result": "success",
        "amount": "49.10",
        "much": None,
        "big": "1e400",
    }


@pytest.mark.parametrize(
    "body",
    [
        "",
        HTML,
        "null",
        "[]",
        '"success"',
        '[{"result":"success"}]',
        '{"result":"succ',
        '<b>Fatal error</b>: {"result":"success"}',
        '{"result":true}',
        '{"result":null,"status":"success"}',
        '{"result":["success"]}',
        '{"status":"Unpaid","invoiceid":7}',
        '{"status":"Pass"}',
        '{"id":1}',
        "x\n" + '{"result":"success"}' + "\nand a text that quotes it",
        "{" * 100_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"result":"success","n":' + "9" * 10_000 + "}",
        b"\xff\xfe\x00\x01",
        b"\x00" * 1000,
    ],
)
def test_what_cannot_be_read_is_unknown_for_writes_and_unavailable_for_reads(body: str | bytes) -> None:
    with pytest.raises(PanelOutcomeUnknown) as unknown:
        read(200, body, write=True)
    assert unknown.value.complete
    with pytest.raises(PanelUnavailable) as unavailable:
        read(200, body, write=False)
    assert not unavailable.value.alarm


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Order ID not found or Status not Pending", "order-not-pending"),
        ("Order ID Not Found", "order-not-found"),
        ("Client ID Not Found", "customer-not-found"),
        ("Client Not Found", "customer-not-found"),
        ("Invoice ID Not Found", "invoice-not-found"),
        ("Ticket ID Not Found", "ticket-not-found"),
        ("Department ID not found", "department-not-found"),
        ("Amount must be in decimal format: ### or ###.##", "bad-amount"),
        ("No Amount Provided", "bad-amount"),
        ("Notes can not be empty", "bad-parameter"),
        ("Sending Failed. Please see documentation.", "mail-not-sent"),
        ("Invoices cannot be modified after they have been issued", "invoice-frozen"),
        ("<b>Invoice ID Not Found</b>", "invoice-not-found"),
    ],
)
@pytest.mark.parametrize("write", [True, False])
def test_a_known_refusal_is_permanent(message: str, code: str, write: bool) -> None:
    with pytest.raises(PanelRejected) as refusal:
        read(200, error(message), write=write)
    assert refusal.value.code == code
    assert "<" not in refusal.value.message


def test_an_error_that_nobody_knows_is_unknown() -> None:
    with pytest.raises(PanelOutcomeUnknown, match="server exploded") as unknown:
        read(200, error("The server exploded"), write=True)
    assert unknown.value.complete
    with pytest.raises(PanelUnavailable, match="server exploded"):
        read(200, error("The server exploded"), write=False)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "Invalid IP 203.0.113.9"),
        (403, "Invalid or missing credentials"),
        (403, 'Invalid Permissions: API action "acceptorder" is not allowed'),
        (403, "Something new"),
        (200, "Invalid Permissions: API action 'acceptorder' is not allowed"),
        (200, "Authentication Failed"),
        (200, 'Invalid API Action: "x" is not a valid API action'),
        (200, "API Action could not be found"),
        (401, "Invalid or missing credentials"),
    ],
)
@pytest.mark.parametrize("write", [True, False])
def test_being_refused_at_the_door_rings_with_the_panels_own_words(status: int, message: str, write: bool) -> None:
    with pytest.raises(PanelUnavailable) as refusal:
        read(status, error(message), write=write)
    assert refusal.value.alarm
    assert str(refusal.value) == message


@pytest.mark.parametrize("status", [401, 404, 405, 413, 421])
@pytest.mark.parametrize("write", [True, False])
def test_a_web_server_that_has_no_whmcs_rings(status: int, write: bool) -> None:
    with pytest.raises(PanelUnavailable) as refusal:
        read(status, HTML, write=write)
    assert refusal.value.alarm


@pytest.mark.parametrize(
    ("status", "complete"),
    [
        (204, True), (301, True), (302, True), (307, True), (400, True), (403, True), (409, True), (422, True),
        (500, True),
        (408, False), (499, False), (502, False), (503, False), (504, False), (508, False), (520, False), (522, False),
        (524, False), (530, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [HTML, "", '{"result":"success"}'])
def test_other_answers_leave_a_write_unknown(status: int, complete: bool, body: str) -> None:
    if status == 204:
        body = ""
    with pytest.raises(PanelOutcomeUnknown) as unknown:
        read(status, body, write=True)
    assert unknown.value.complete is complete
    with pytest.raises(PanelUnavailable) as unavailable:
        read(status, body, write=False)
    assert unavailable.value.alarm is (status in {301, 302, 307, 403})


@pytest.mark.parametrize("message", ["Order ID Not Found", "Invalid IP 1.2.3.4"])
def test_an_error_text_under_a_5xx_is_not_trusted(message: str) -> None:
    with pytest.raises(PanelOutcomeUnknown):
        read(500, error(message), write=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0), ("", None), ("soon", None), ("-5", None), ("99999999", 86_400.0),
        ("Wed, 01 Jul 2026 12:00:30 GMT", 30.0), ("Wed, 01 Jul 2020 12:00:30 GMT", 0.0), ("Wed, 99 Jul", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("write", [True, False])
def test_429_names_its_wait(header: str, seconds: float | None, write: bool) -> None:
    with pytest.raises(PanelUnavailable) as slow:
        read(429, "Too Many Requests", write=write, retry_after=header)
    assert slow.value.retry_after == seconds
    assert not slow.value.alarm


def test_our_secret_never_comes_back_in_a_message() -> None:
    with pytest.raises(PanelOutcomeUnknown) as unknown:
        read(200, error("Array ( [secret] => s3cret ) " + "x" * 5000), write=True)
    assert "s3cret" not in str(unknown.value)
    assert len(str(unknown.value)) < 400


@pytest.mark.parametrize("message", [None, 5, ["a"], {"a": 1}, "", "\0\ud800"])
def test_a_message_of_any_type(message: Any) -> None:
    with pytest.raises(PanelOutcomeUnknown) as unknown:
        read(200, error(message), write=True)
    str(unknown.value).encode()
    assert "\0" not in str(unknown.value)


@given(st.binary(max_size=300), st.integers(200, 599), st.booleans(), st.text(max_size=20))
def test_any_bytes_are_an_answer_or_one_of_the_failures(
    body: bytes, status: int, write: bool, retry_after: str
) -> None:
    allowed = (PanelError,) if write else (PanelUnavailable, PanelRejected)
    with suppress(*allowed):
        read(status, body, write=write, retry_after=retry_after)


@given(st.recursive(st.none() | st.text() | st.floats(), lambda i: st.dictionaries(st.text(), i), max_leaves=8))
def test_decoding_gives_an_object_or_nothing(value: Any) -> None:
    decoded = decode(json.dumps(value).encode())
    assert isinstance(decoded, dict)
    assert decoded == {} or isinstance(value, dict)
