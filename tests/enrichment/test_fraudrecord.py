"""FraudRecord by its documented protocol: slow hashes, the form, and every kind of answer."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import respx
from pydantic import SecretStr

from app.core.facts import EnrichmentReport
from app.enrichment.base import EnrichmentQuestion, NoAnswer
from app.enrichment.fraudrecord import URL, FraudRecord, normalised, read_reply, slow_hash
from app.enrichment.transport import ANSWER_CAP, Reply
from tests.enrichment.samples import HOME, question

KEY = "0123456789abcdef"


async def asked(asking: EnrichmentQuestion) -> EnrichmentReport:
    source = FraudRecord(SecretStr(KEY))
    try:
        return await source.ask(asking)
    finally:
        await source.aclose()


def test_hash_is_the_documented_one() -> None:
    """The pair is from FraudRecord's documentation."""
    assert slow_hash(normalised(" John@CompuServe.net ")) == "ddb48c18cf40686416e811256b47c6f96485d70a"


@respx.mock
async def test_request_is_a_form_with_hashes_and_nothing_in_the_address() -> None:
    route = respx.post(URL).respond(text="<report>0-0-0.0-1234567890abcdef</report>")
    report = await asked(question())
    sent = route.calls.last.request
    assert str(sent.url) == URL
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    form = dict(parse_qsl(sent.content.decode()))
    assert form == {
        "_action": "query", "_api": KEY, "name": slow_hash("ritaregular"),
        "email": slow_hash("rita.regular+shop@gmail.com"), "ip": slow_hash(HOME), "phone": slow_hash("+49.301234567"),
    }  # fmt: skip
    assert report == EnrichmentReport(provider="fraudrecord", score=0.0, reports=0)


@respx.mock
async def test_what_is_not_known_is_left_out() -> None:
    route = respx.post(URL).respond(text="<report>0-0-0.0-x</report>")
    await asked(question(name=" ", phone="", ip=None))
    assert set(dict(parse_qsl(route.calls.last.request.content.decode()))) == {"_action", "_api", "email"}


@respx.mock
async def test_without_anything_to_ask_about_nothing_is_sent() -> None:
    with pytest.raises(NoAnswer, match="no data to ask about"):
        await asked(question(name="", email="", phone="", ip=None))


@respx.mock
async def test_hashing_leaves_the_loop_to_others() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(tick())
    respx.post(URL).respond(text="<report>0-0-0.0-x</report>")
    await asked(question())
    beside.cancel()
    assert ticks > 50  # would be a handful if the hashing blocked the event loop


@pytest.mark.parametrize(
    ("text", "score", "reports", "page"),
    [
        ("<report>0-0-0.0-1234567890abcdef</report>", 0.0, 0, None),  # there is nothing to read on it
        ("<report>0-0-0-</report>", 0.0, 0, None),
        ("<report>14-3-6.7-abd2ce90ea864c03</report>", 31.27, 3, "abd2ce90ea864c03"),  # severity 4.67, two thirds sure
        ("<report>30-3-10-abd2ce90ea864c03</report>", 100.0, 3, "abd2ce90ea864c03"),
        ("<report>10-1-1.0-</report>", 10.0, 1, None),
        ("\n <report> 6-1-5.0-AB12 </report>\n", 30.0, 1, "AB12"),
        ("<report>999-1-99.9-x</report>", 100.0, 1, "x"),  # beyond their own scale
    ],
)
def test_reports_are_read(text: str, score: float, reports: int, page: str | None) -> None:
    expected = EnrichmentReport(provider="fraudrecord", score=score, reports=reports, page=page)
    assert read_reply(Reply(200, text.encode())) == expected


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(200, text="ERR:API"), "ERR:API"),
        (httpx.Response(200, text="ERR:DATA"), "ERR:DATA"),
        (httpx.Response(200, text="NODATA"), "NODATA"),
        (httpx.Response(200, text="<html>maintenance</html>"), "an answer that can't be read"),
        (httpx.Response(200, text="<report>1-2</report>"), "an answer that can't be read"),
        (httpx.Response(200, text="<report>-1-1-1.0-x</report>"), "an answer that can't be read"),
        (httpx.Response(200, text='<report>1-1-1.0-x&y="></report>'), "an answer that can't be read"),
        (httpx.Response(200, text="<report>\u0661-\u0661-\u0661-x</report>"), "an answer that can't be read"),
        (httpx.Response(200, content=b"\xff\xfe\x00"), "an answer that can't be read"),
        (httpx.Response(200, text=""), "an answer that can't be read"),
        (httpx.Response(401), "HTTP 401"),
        (httpx.Response(429), "HTTP 429"),
        (httpx.Response(500, text="<report>1-1-1.0-x</report>"), "HTTP 500"),
        (httpx.Response(301, headers={"location": "https://elsewhere.example"}), "HTTP 301"),
        (httpx.Response(200, content=b"<report>" + b"0" * ANSWER_CAP), "the answer is too large"),
    ],
)
@respx.mock
async def test_everything_else_is_no_answer(answer: httpx.Response, reason: Any) -> None:
    route = respx.post(URL).mock(return_value=answer)
    with pytest.raises(NoAnswer) as caught:
        await asked(question(name="", phone="", ip=None))
    assert caught.value.reason == reason
    assert route.call_count == 1
