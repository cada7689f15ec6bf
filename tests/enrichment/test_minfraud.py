"""minFraud Score by MaxMind's documented protocol: the request to the byte, and every kind of answer."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import httpx
import pytest
import respx
from pydantic import SecretStr

from app.core.facts import EnrichmentReport
from app.core.money import Money
from app.enrichment.base import EnrichmentQuestion, NoAnswer
from app.enrichment.minfraud import URL, MinFraud, request_of
from app.enrichment.transport import ANSWER_CAP
from tests.enrichment.samples import HOME, question

KEY = "licence-key-0123456789"
ANSWER: dict[str, Any] = {
    "id": "5bc5d6c2-b2c8-40af-87f4-6d61af86b6ae",
    "risk_score": 23.5,
    "funds_remaining": 25.01,
    "queries_remaining": 5000,
    "ip_address": {"risk": 1.4},
    "disposition": {"action": "accept", "reason": "default"},
    "warnings": [],
}


async def asked(asking: EnrichmentQuestion | None = None) -> EnrichmentReport:
    source = MinFraud(1234, SecretStr(KEY))
    try:
        return await source.ask(asking or question())
    finally:
        await source.aclose()


@respx.mock
async def test_request_is_as_documented() -> None:
    route = respx.post(URL).respond(json=ANSWER)
    report = await asked()
    sent = route.calls.last.request
    assert sent.headers["authorization"] == "Basic " + base64.b64encode(f"1234:{KEY}".encode()).decode()
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["accept"] == "application/json"
    assert sent.headers["accept-encoding"] == "identity"
    assert json.loads(sent.content) == {
        "device": {"ip_address": HOME},
        "event": {"transaction_id": "4711", "time": "2026-08-14T12:00:00Z", "type": "purchase"},
        "account": {"user_id": "12"},
        "email": {"address": hashlib.md5(b"ritaregular@gmail.com").hexdigest(), "domain": "gmail.com"},
        "billing": {
            "city": "Berlin", "postal": "10115", "country": "DE",
            "phone_country_code": "49", "phone_number": "301234567",
        },
        "order": {"amount": 12.5, "currency": "USD"},
    }  # fmt: skip
    assert report == EnrichmentReport(provider="minfraud", score=23.5)


@pytest.mark.parametrize(
    ("changes", "part", "expected"),
    [
        ({"ip": None}, "device", None),
        ({"mailbox": None}, "email", None),
        ({"mailbox": "anna@müller.example"}, "email", "xn--mller-kva.example"),
        ({"mailbox": f"anna@{'x' * 80}.example"}, "email", None),  # no label of a domain is that long
        ({"phone": "030 12", "postcode": "", "city": ""}, "billing", {"country": "DE", "phone_number": "030 12"}),
        ({"city": "", "postcode": "", "country": None, "phone": ""}, "billing", None),
        ({"amount": None}, "order", None),
        ({"amount": Money(500, "JPY")}, "order", {"amount": 500.0, "currency": "JPY"}),
    ],
)  # fmt: skip
def test_what_is_not_known_is_left_out(changes: dict[str, Any], part: str, expected: Any) -> None:
    found = request_of(question(**changes)).get(part)
    assert (found["domain"] if isinstance(expected, str) and found else found) == expected


def test_neither_name_nor_street_nor_the_address_in_clear_leaves_the_house() -> None:
    text = json.dumps(request_of(question()))
    assert "Rita" not in text
    assert "ritaregular" not in text.lower()


@pytest.mark.parametrize(
    ("changed", "score", "marks"),
    [
        ({"risk_score": 0.01}, 0.01, ()),
        ({"risk_score": 99}, 99.0, ()),
        ({"disposition": {"action": "reject", "rule_label": "proxy"}}, 23.5, ("own_rule_reject",)),
        ({"disposition": {"action": "manual_review"}}, 23.5, ("own_rule_review",)),
        ({"disposition": {"action": "something_new"}}, 23.5, ()),
        ({"disposition": "odd"}, 23.5, ()),
        ({"disposition": {"action": ["odd"]}}, 23.5, ()),
        ({"warnings": "odd"}, 23.5, ()),
        ({"warnings": [7, {"code": ["odd"]}]}, 23.5, ()),
    ],
)
@respx.mock
async def test_answers_that_have_a_score(changed: dict[str, Any], score: float, marks: tuple[str, ...]) -> None:
    respx.post(URL).respond(json=ANSWER | changed)
    assert await asked() == EnrichmentReport(provider="minfraud", score=score, marks=marks)


@respx.mock
async def test_score_without_an_ip_is_marked() -> None:
    respx.post(URL).respond(json=ANSWER)
    assert (await asked(question(ip=None))).marks == ("without_ip",)


@respx.mock
async def test_warnings_are_logged_by_code_only(logs: list[Any]) -> None:
    warnings = [{"code": "BILLING_CITY_NOT_FOUND", "warning": "Berlin is unknown", "input_pointer": "/billing/city"}]
    respx.post(URL).respond(json=ANSWER | {"warnings": warnings})
    await asked()
    assert [(entry["event"], entry["codes"]) for entry in logs] == [
        ("enrichment.minfraud_warnings", ["BILLING_CITY_NOT_FOUND"])
    ]
    assert "Berlin" not in str(logs)


def _error(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "error": f"in words, with {KEY}"})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (_error(400, "JSON_INVALID"), "HTTP 400: JSON_INVALID"),
        (_error(401, "AUTHORIZATION_INVALID"), "HTTP 401: AUTHORIZATION_INVALID"),
        (_error(402, "INSUFFICIENT_FUNDS"), "HTTP 402: INSUFFICIENT_FUNDS"),
        (_error(403, "PERMISSION_REQUIRED"), "HTTP 403: PERMISSION_REQUIRED"),
        (httpx.Response(415), "HTTP 415: no code"),
        (httpx.Response(429, text="slow down"), "HTTP 429: no code"),
        (httpx.Response(500, text="<h1>Oops</h1>"), "HTTP 500: no code"),
        (_error(503, "not a code of theirs: " + KEY), "HTTP 503: no code"),
        (httpx.Response(302, headers={"location": "https://elsewhere.example/"}), "HTTP 302: no code"),
        (httpx.Response(200, text="<html>"), "an answer without a risk score"),
        (httpx.Response(200, text="[" * 50_000), "an answer without a risk score"),
        (httpx.Response(200, json=[]), "an answer without a risk score"),
        (httpx.Response(200, json={"risk_score": "23.5"}), "an answer without a risk score"),
        (httpx.Response(200, json={"risk_score": True}), "an answer without a risk score"),
        (httpx.Response(200, text='{"risk_score": NaN}'), "a risk score out of range"),
        (httpx.Response(200, json={"risk_score": -1}), "a risk score out of range"),
        (httpx.Response(200, json={"risk_score": 10**400}), "a risk score out of range"),
        (httpx.Response(200, content=b" " * (ANSWER_CAP + 1)), "the answer is too large"),
    ],
)
@respx.mock
async def test_everything_else_is_no_answer(answer: httpx.Response, reason: str) -> None:
    route = respx.post(URL).mock(return_value=answer)
    with pytest.raises(NoAnswer) as caught:
        await asked()
    assert caught.value.reason == reason
    assert route.call_count == 1  # never twice, and no redirect is followed


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError])
@respx.mock
async def test_what_is_not_reached_is_no_answer_and_says_no_address(error: type[httpx.TransportError]) -> None:
    respx.post(URL).mock(side_effect=error(f"failed: {KEY}"))
    with pytest.raises(NoAnswer, match=f"^not reached: {error.__name__}$"):
        await asked()
