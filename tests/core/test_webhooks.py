"""A webhook's signature and content."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from app.core.webhooks import (
    EVENT_TYPES,
    MAX_ID,
    BadSignature,
    Malformed,
    SecretError,
    parse_event,
    parse_secrets,
    sign,
    verify,
)

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
KEY, OTHER = b"k" * 24, b"o" * 32
SECRET = "whsec_" + b64encode(KEY).decode()
BODY = b'{"type": "order.created"}'


def raw(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode("latin-1") for name, value in headers.items()}


def signed(webhook_id: str = "msg_1", body: bytes = BODY, key: bytes = KEY) -> dict[bytes, bytes]:
    return raw(sign(webhook_id, body, key, now=NOW))


# --- signatures ---------------------------------------------------------------------------------------------------


def test_signed_by_any_of_several_secrets_while_rotating() -> None:
    assert verify(signed(), BODY, (OTHER, KEY), now=NOW) == "msg_1"
    with pytest.raises(BadSignature):
        verify(signed(), BODY, (OTHER,), now=NOW)
    with pytest.raises(BadSignature):
        verify(signed(), BODY, (), now=NOW)


def test_one_good_signature_of_several_is_enough() -> None:
    headers = signed()
    headers[b"webhook-signature"] = b"v1a,abc v1,bm90IHRoaXM= " + headers[b"webhook-signature"] + b" v2,x"
    assert verify(headers, BODY, (KEY,), now=NOW) == "msg_1"


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_five_minutes_either_way(seconds: int, good: bool) -> None:
    now = NOW + timedelta(seconds=seconds)
    if good:
        assert verify(signed(), BODY, (KEY,), now=now) == "msg_1"
    else:
        with pytest.raises(BadSignature, match="five minutes"):
            verify(signed(), BODY, (KEY,), now=now)


@pytest.mark.parametrize("webhook_id", ["", "x" * 256, "ümlaut", "tab\there", "nul\0", "line\n"])
def test_webhook_id_is_1_to_255_printable_ascii_characters(webhook_id: str) -> None:
    with pytest.raises(BadSignature, match="webhook-id"):
        verify(signed(webhook_id), BODY, (KEY,), now=NOW)
    assert verify(signed("x y" + "z" * 252), BODY, (KEY,), now=NOW)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_header_is_needed(name: str) -> None:
    headers = signed()
    del headers[name.encode()]
    with pytest.raises(BadSignature):
        verify(headers, BODY, (KEY,), now=NOW)


GARBAGE = [
    b"", b" ", b"v1", b"v1,", b",", b"v1,,", b"v1 , x", b"v1,\xff\xfe", b"v1,%%%", b"v1,a", b"v1,====", b"v0,abc",
    b"v1;abc", b"v1=abc", b"\x00", b"v1," + b"A" * 9000, b"v1,abc " * 500, "v1,signatür".encode("latin-1"),
]  # fmt: skip


@pytest.mark.parametrize("signature", GARBAGE)
def test_garbage_signature_is_a_bad_signature(signature: bytes) -> None:
    with pytest.raises(BadSignature):
        verify({**signed(), b"webhook-signature": signature}, BODY, (KEY,), now=NOW)


@pytest.mark.parametrize("timestamp", [b"", b"now", b"1e9", b"-5", b"1.5", b"9" * 400, b"\xb2", b" 1", b"0x1", b"nan"])
def test_garbage_timestamp_is_a_bad_signature(timestamp: bytes) -> None:
    with pytest.raises(BadSignature):
        verify({**signed(), b"webhook-timestamp": timestamp}, BODY, (KEY,), now=NOW)


@given(
    webhook_id=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=255),
    body=st.binary(),
    key=st.binary(min_size=1, max_size=80),
)
def test_what_is_signed_is_verified(webhook_id: str, body: bytes, key: bytes) -> None:
    assert verify(raw(sign(webhook_id, body, key, now=NOW)), body, (OTHER, key), now=NOW) == webhook_id


@given(body=st.binary(min_size=1), data=st.data())
def test_any_changed_byte_of_body_id_time_or_signature_fails(body: bytes, data: st.DataObject) -> None:
    headers = signed(body=body)
    parts = {**headers, b"body": body}
    name = data.draw(st.sampled_from(sorted(parts)))
    position = data.draw(st.integers(0, len(parts[name]) - 1))
    changed = bytearray(parts[name])
    changed[position] ^= data.draw(st.integers(1, 255))
    parts[name] = bytes(changed)
    with pytest.raises(BadSignature):
        verify(parts, parts[b"body"], (KEY,), now=NOW)


@given(
    headers=st.dictionaries(
        st.sampled_from([b"webhook-id", b"webhook-timestamp", b"webhook-signature"]),
        st.binary(max_size=60) | st.sampled_from([b"msg_1", b"1769860800", b"v1,abcd"]),
    ),
    body=st.binary(max_size=60),
)
def test_no_header_raises_anything_else(headers: dict[bytes, bytes], body: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(headers, body, (KEY, OTHER), now=NOW)


def test_the_public_library_signs_and_we_verify() -> None:
    body = '{"text": "Grüße 🎉"}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", NOW, body),
    }
    assert verify(raw(headers), body.encode(), parse_secrets([SECRET]), now=NOW) == "msg_1"


def test_we_sign_and_the_public_library_verifies() -> None:
    body = '{"text": "Grüße 🎉"}'.encode()
    headers = sign("msg_1", body, KEY, now=datetime.now(UTC))
    assert Webhook(SECRET).verify(body, headers) == {"text": "Grüße 🎉"}


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_====", "whsec_a", "whsec_a b c", "whsec_äöü", "sekrit", b64encode(KEY).decode()]
)
def test_a_broken_secret_is_named_and_not_shown(secret: str) -> None:
    with pytest.raises(SecretError, match="webhook secret 2") as caught:
        parse_secrets([SECRET, secret])
    assert not secret.removeprefix("whsec_") or secret not in str(caught.value)


def test_secrets_may_leave_out_the_padding() -> None:
    padded = "whsec_" + b64encode(b"x" * 20).decode()
    assert parse_secrets([padded, padded.rstrip("=")]) == (b"x" * 20, b"x" * 20)


# --- content ------------------------------------------------------------------------------------------------------


def body(kind: Any = "order.created", data: Any = None, timestamp: Any = "2026-01-31T12:00:00Z", **more: Any) -> bytes:
    return json.dumps({"type": kind, "timestamp": timestamp, "data": data, **more}).encode()


def errors(text: bytes) -> dict[str, str]:
    with pytest.raises(Malformed) as caught:
        parse_event(text)
    return {error.path: error.message for error in caught.value.errors}


def minimal(kind: str) -> dict[str, Any]:
    """Return the minimal data of a known type."""
    return {
        name: field.choices[0] if field.choices else 7 for name, field in EVENT_TYPES[kind].required.items()
    }  # fmt: skip


def test_every_type_of_the_contract_is_known_by_what_it_requires() -> None:
    assert {kind: set(event_type.required) for kind, event_type in EVENT_TYPES.items()} == {
        "order.created": {"order_id"},
        "order.paid": {"order_id", "customer_id", "invoice_id"},
        "order.status_changed": {"order_id", "to"},
        "order.fraud_checked": {"order_id"},
        "order.overridden": {"order_id", "staff_id"},
        "invoice.paid": {"invoice_id"},
        "invoice.cancelled": {"invoice_id"},
        "invoice.refunded": {"invoice_id"},
        "quote.accepted": {"quote_id"},
        "ticket.opened": {"ticket_id"},
        "ticket.replied": {"ticket_id", "by"},
        "ticket.closed": {"ticket_id"},
        "customer.changed": {"customer_id"},
        "customer.closed": {"customer_id"},
        "customer.merged": {"from", "to"},
        "feedback.received": {"customer_id", "nps"},
        "service.provisioned": {"service_id"},
        "service.failed": {"service_id"},
    }


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_a_known_type_needs_each_of_its_required_fields(kind: str) -> None:
    event = parse_event(body(kind, minimal(kind)))
    assert (event.known, event.type, event.data) == (True, kind, minimal(kind))
    for name in EVENT_TYPES[kind].required:
        lacking = minimal(kind)
        del lacking[name]
        assert list(errors(body(kind, lacking))) == [f"data.{name}"]


@pytest.mark.parametrize("value", [0, -1, MAX_ID + 1, 10**40, True, False, 1.0, "", "0", "-1", "1.0", "x", "٣", [], {}])
def test_a_required_id_is_a_positive_number_of_63_bits(value: Any) -> None:
    assert list(errors(body(data={"order_id": value}))) == ["data.order_id"]


@pytest.mark.parametrize("value", [1, "1", MAX_ID, str(MAX_ID), "007"])
def test_ids_may_come_as_text(value: Any) -> None:
    assert parse_event(body(data={"order_id": value})).order_id == int(value)


@pytest.mark.parametrize("nothing", [None, "", 0, "0"])
def test_an_optional_id_may_be_what_php_writes_for_none(nothing: Any) -> None:
    assert parse_event(body(data={"order_id": 1, "customer_id": nothing})).customer_id is None


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("order.created", "customer_id", -1),
        ("order.created", "invoice_id", False),
        ("order.created", "placed_by", "robot"),
        ("order.created", "ip", ["1.2.3.4"]),
        ("order.created", "actor", "staff"),
        ("order.status_changed", "to", "Accepted"),
        ("ticket.replied", "by", "nobody"),
        ("feedback.received", "nps", 11),
        ("feedback.received", "nps", True),
        ("feedback.received", "would_buy_again", "perhaps"),
    ],
)
def test_fields_hold_what_the_contract_says(kind: str, name: str, value: Any) -> None:
    assert list(errors(body(kind, minimal(kind) | {name: value}))) == [f"data.{name}"]


def test_values_come_out_as_they_should_be_and_extra_fields_are_ignored() -> None:
    data = {"customer_id": "12", "nps": "0", "would_buy_again": 1, "comment": 5, "order_id": None, "mood": "fine"}
    event = parse_event(body("feedback.received", data, colour="red"))
    assert event.data == {"customer_id": 12, "nps": 0, "would_buy_again": True, "comment": "5"}
    assert (event.customer_id, event.order_id) == (12, None)


def test_a_merge_is_about_the_customer_who_remains() -> None:
    assert parse_event(body("customer.merged", {"from": 3, "to": 4})).customer_id == 4


def test_actor_is_handed_on_as_it_is() -> None:
    actor = {"kind": "staff", "admin_id": 3, "more": [1]}
    assert parse_event(body(data={"order_id": 1, "actor": actor})).actor == actor
    nothing: list[Any] = [None, []]
    for none in nothing:
        assert parse_event(body(data={"order_id": 1, "actor": none})).actor == {}


def test_an_unknown_type_is_not_looked_into() -> None:
    ways: list[Any] = [{"order_id": "nonsense"}, {}, []]
    for data in ways:
        event = parse_event(body("domain.renewed", data))
        assert (event.known, event.type, event.order_id, event.data) == (False, "domain.renewed", None, {})


@pytest.mark.parametrize("kind", [None, "", 5, ["order.created"], "x" * 65, "ünknown", "nul\0", "\ud800"])
def test_type_is_short_ascii(kind: Any) -> None:
    assert list(errors(body(kind, {}))) == ["type"]


@pytest.mark.parametrize(
    "timestamp",
    [None, 1769860800, "", "yesterday", "2026-01-31", "2026-01-31T12:00:00", "0001-01-01T00:00:00+14:00", "\ud800", []],
)
def test_timestamp_is_iso_8601_with_a_zone(timestamp: Any) -> None:
    assert list(errors(body(data={"order_id": 1}, timestamp=timestamp))) == ["timestamp"]


def test_times_become_utc() -> None:
    event = parse_event(body(data={"order_id": 1}, timestamp="2026-01-31T14:00:00.5+02:00"))
    assert event.occurred_at == NOW + timedelta(seconds=0.5)
    assert event.occurred_at.utcoffset() == timedelta(0)


def test_all_errors_are_told_at_once() -> None:
    assert set(errors(b"{}")) == {"type", "timestamp", "data"}
    assert set(errors(body("order.paid", {}))) == {"data.order_id", "data.customer_id", "data.invoice_id"}


ENVELOPE = b'{"type": "order.created", "timestamp": "2026-01-31T12:00:00Z", "data": {"order_id": 1, "x": %s}}'


@pytest.mark.parametrize(
    "text",
    [b"", b"nonsense", b"[]", b"null", b'"text"', b"{", b"\xff\xfe", b"{}{}", b'{"a":}', ENVELOPE % (b"9" * 5000)],
)
def test_what_is_no_json_object_is_malformed(text: bytes) -> None:
    assert "body" in errors(text)


@pytest.mark.parametrize("depth", [300, 5_000, 120_000])
@pytest.mark.parametrize(("left", "right"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_json_is_malformed(depth: int, left: bytes, right: bytes) -> None:
    assert list(errors(ENVELOPE % (left * depth + b"1" + right * depth))) == ["body"]
    assert list(errors(left * depth)) == ["body"]
    assert list(errors(ENVELOPE % (b'["\\ud800", ' + left * depth + b"1" + right * depth + b"]"))) == ["body"]


ODD = [
    rb'"\ud800"', rb'"\u0000"', rb'"\ude00\ud83d"', b'"\xed\xa0\x80"', b"NaN", b"1e999", b'"&amp; \xf0\x9f\x8e\x89"',
    b"[" * 90 + b"]" * 90,
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_and_numbers_do_no_harm(text: bytes) -> None:
    assert parse_event(ENVELOPE % text).order_id == 1


def test_ten_thousand_line_items_do_no_harm() -> None:
    assert parse_event(ENVELOPE % (b"[" + b",".join([b'{"id": [1]}'] * 10_000) + b"]")).order_id == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
names = sorted({name for kind in EVENT_TYPES.values() for name in (*kind.required, *kind.optional)})


@given(
    kind=st.sampled_from(sorted(EVENT_TYPES)) | values,
    timestamp=st.just("2026-01-31T12:00:00Z") | values,
    data=st.dictionaries(st.sampled_from([*names, "actor"]), values | st.integers(1, 9)) | values,
)
def test_any_json_is_an_event_or_malformed(kind: Any, timestamp: Any, data: Any) -> None:
    try:
        event = parse_event(body(kind, data, timestamp))
    except Malformed:
        return
    assert event.type == kind
    for number in (event.order_id, event.customer_id):
        assert number is None or 1 <= number <= MAX_ID


@given(st.binary())
def test_any_bytes_are_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        parse_event(text)
