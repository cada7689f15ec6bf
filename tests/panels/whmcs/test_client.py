"""The transport: what is sent, what is never sent, and each way in which it can fail."""

import asyncio
import logging
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

import httpx
import pytest
import respx
import structlog
from pydantic import SecretStr

from app.panels.base import PanelDown, PanelError, PanelOutcomeUnknown, PanelTooBusy, PanelUnavailable
from app.panels.brakes.breaker import Breaker
from app.panels.brakes.limiter import RateLimiter
from app.panels.requests import RequestCounts, caused_by
from app.panels.whmcs.client import WhmcsClient, default_timeout, form
from app.panels.whmcs.lines import HttpxLine

URL = "https://billing.example/whmcs/includes/api.php"
OK = {"result": "success"}
IDENTIFIER, SECRET, KEY = "id-4711", "s3cret/+&key", "open.sesame!"


def make(
    *,
    timeout: float = 30,
    answer_cap: int = 1000,
    transport: httpx.AsyncBaseTransport | None = None,
    base_url: str = "https://billing.example/whmcs/",
    breaker: Breaker | None = None,
    requests: RequestCounts | None = None,
) -> WhmcsClient:
    return WhmcsClient(
        base_url,
        identifier=SecretStr(IDENTIFIER),
        secret=SecretStr(SECRET),
        access_key=SecretStr(KEY),
        timeout=lambda action: timeout,
        limiter=RateLimiter(10_000),
        lines=[HttpxLine(transport, answer_cap=answer_cap) for _ in range(2)],
        breaker=breaker,
        requests=requests,
    )


@pytest.fixture
async def client() -> AsyncIterator[WhmcsClient]:
    made = make()
    yield made
    await made.aclose()


@respx.mock
async def test_a_call_is_one_form_post_with_credentials_in_the_body_only(client: WhmcsClient) -> None:
    route = respx.post(URL).respond(json=OK)
    await client.write("AcceptOrder", {"orderid": 7, "autosetup": True, "sendemail": False, "registrar": None})
    request = route.calls.last.request
    assert dict(parse_qsl(request.content.decode(), keep_blank_values=True)) == {
        "action": "AcceptOrder",
        "responsetype": "json",
        "identifier": IDENTIFIER,
        "secret": SECRET,
        "accesskey": KEY,
        "orderid": "7",
        "autosetup": "1",
        "sendemail": "0",
    }
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert str(request.url) == URL
    assert not any(held in f"{request.url} {request.headers}" for held in (IDENTIFIER, SECRET, KEY))


@respx.mock
async def test_a_parameter_can_not_replace_the_credentials(client: WhmcsClient) -> None:
    route = respx.post(URL).respond(json=OK)
    await client.read("GetOrders", {"secret": "other"})
    assert dict(parse_qsl(route.calls.last.request.content.decode()))["secret"] == SECRET


def test_php_style_fields() -> None:
    given = {"pid": [1, 2], "item": {"55": "a", "56": True}, "none": None, "text": "a\0b\ud800", "zero": 0}
    assert form(given) == [
        ("pid[0]", "1"),
        ("pid[1]", "2"),
        ("item[55]", "a"),
        ("item[56]", "1"),
        ("text", "ab\ufffd"),
        ("zero", "0"),
    ]


@respx.mock
async def test_no_cookie_is_kept_and_no_redirect_followed(client: WhmcsClient) -> None:
    route = respx.post(URL).respond(json=OK, headers={"set-cookie": "WHMCS=abc; path=/"})
    for _ in range(4):
        await client.read("GetOrders")
    assert not any("cookie" in call.request.headers for call in route.calls)

    elsewhere = respx.post("https://elsewhere.example/").respond(json=OK)
    route.respond(302, headers={"location": "https://elsewhere.example/"})
    with pytest.raises(PanelUnavailable, match="redirect"):
        await client.read("GetOrders")
    assert not elsewhere.called


FAILURES = [
    (httpx.ConnectError("[Errno 111] Connection refused"), True),
    (httpx.ConnectError("[Errno -2] Name or service not known"), True),
    (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), True),
    (httpx.ConnectTimeout("slow"), True),
    (httpx.PoolTimeout("busy"), True),
    (httpx.LocalProtocolError("bad header"), True),
    (httpx.ReadTimeout("slow"), False),
    (httpx.WriteTimeout("slow"), False),
    (httpx.WriteError("broken pipe"), False),
    (httpx.ReadError("reset"), False),
    (httpx.RemoteProtocolError("Server disconnected without sending a response."), False),
    (httpx.DecodingError("bad gzip"), False),
    (ConnectionResetError("reset"), False),
]


@pytest.mark.parametrize(("failure", "not_sent"), FAILURES, ids=str)
@respx.mock
async def test_each_transport_failure_has_its_kind(client: WhmcsClient, failure: Exception, not_sent: bool) -> None:
    respx.post(URL).mock(side_effect=failure)
    with pytest.raises(PanelUnavailable):
        await client.read("GetOrders")
    with pytest.raises(PanelUnavailable if not_sent else PanelOutcomeUnknown) as raised:
        await client.write("AddCredit", {"clientid": 1})
    if isinstance(raised.value, PanelOutcomeUnknown):
        assert not raised.value.complete


async def test_a_real_refused_connection_and_a_real_reset() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    client = make(base_url=address)
    with pytest.raises(PanelOutcomeUnknown) as unknown:
        await client.write("AddCredit", {})
    assert not unknown.value.complete
    server.close()
    await server.wait_closed()
    with pytest.raises(PanelUnavailable):
        await client.write("AddCredit", {})
    await client.aclose()


class Drip(httpx.AsyncByteStream):
    """Sends a byte now and then, forever: each single read is in time."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.02)
            yield b" "


class Flood(httpx.AsyncByteStream):
    """Sends 100 MB of blanks."""

    def __init__(self) -> None:
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(1600):
            self.sent += 65_536
            yield b" " * 65_536


@respx.mock
async def test_a_dripping_answer_meets_the_deadline() -> None:
    client = make(timeout=0.2)
    respx.post(URL).mock(side_effect=lambda request: httpx.Response(200, stream=Drip()))
    with pytest.raises(PanelOutcomeUnknown) as unknown:
        await client.write("AcceptOrder", {})
    assert not unknown.value.complete
    with pytest.raises(PanelUnavailable):
        await client.read("GetOrders")


@respx.mock
async def test_a_flood_is_cut_off() -> None:
    client = make(answer_cap=1_000_000)
    flood = Flood()
    respx.post(URL).mock(side_effect=lambda request: httpx.Response(200, stream=flood))
    with pytest.raises(PanelUnavailable, match="1000000 bytes"):
        await client.read("GetOrders")
    assert flood.sent < 2_000_000
    with pytest.raises(PanelOutcomeUnknown):
        await client.write("AcceptOrder", {})


class Held(Exception):
    """Says that a call must not be sent."""


@respx.mock
async def test_what_holds_a_write_back_passes_through_and_nothing_is_sent(client: WhmcsClient) -> None:
    route = respx.post(URL).respond(json=OK)

    async def no() -> None:
        raise Held

    with pytest.raises(Held):
        await client.write("AddCredit", {}, before_send=no)
    assert not route.called


@pytest.mark.parametrize("reason", [Held("frozen"), TimeoutError("database"), OSError("database")], ids=repr)
async def test_a_write_is_held_back_even_when_its_connection_is_made(reason: Exception) -> None:
    heard = bytearray()
    done = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read())
        writer.close()
        done.set()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    client = make(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    looks = 0

    async def the_second_time() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise reason

    with pytest.raises(type(reason)) as raised:
        await client.write("AddCredit", {}, before_send=the_second_time)
    assert raised.value is reason
    await asyncio.wait_for(done.wait(), 10)
    assert heard == b""
    await client.aclose()
    server.close()


@respx.mock
async def test_a_panel_that_is_away_is_left_alone_until_a_probe_is_answered() -> None:
    asleep, wake = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.set()
        await wake.wait()

    breaker = Breaker(sleep=sleep)
    client = make(breaker=breaker)
    route = respx.post(URL).mock(side_effect=httpx.ConnectError("refused"))
    kinds = []
    for _ in range(4):
        with pytest.raises(PanelUnavailable) as raised:
            await client.read("GetOrders")
        kinds.append(type(raised.value))
    assert kinds == [PanelUnavailable, PanelUnavailable, PanelDown, PanelDown]
    with pytest.raises(PanelDown) as down:
        await client.write("AddCredit", {})
    assert 1 <= (down.value.retry_after or 0) <= 5
    assert route.call_count == 3

    await asleep.wait()
    closed = asyncio.Event()
    breaker.when_closed(closed.set)
    route.mock(side_effect=None, return_value=httpx.Response(200, json={"result": "error", "message": "Access Denied"}))
    wake.set()
    await asyncio.wait_for(closed.wait(), 10)
    assert dict(parse_qsl(route.calls.last.request.content.decode()))["action"] == "GetAdminDetails"
    route.respond(json=OK)
    await client.write("AddCredit", {})
    await client.aclose()


NO_PANEL = [
    (httpx.Response(502, text="bad gateway"), 5),
    (httpx.Response(522), 5),
    (httpx.ReadTimeout("slow"), 5),
    (ConnectionResetError("reset"), 5),
    (httpx.ConnectError("[Errno -2] Name or service not known"), 3),
    (httpx.ConnectTimeout("slow"), 3),
]
ANSWERS = [
    httpx.Response(500, text="fatal error"),
    httpx.Response(403, json={"result": "error", "message": "Access denied"}),
    httpx.Response(429),
    httpx.Response(404),
    httpx.Response(200, text="noise"),
    httpx.Response(200, json={"result": "error", "message": "Client ID Not Found"}),
    httpx.DecodingError("bad gzip"),
    httpx.PoolTimeout("busy"),
]


@pytest.mark.parametrize(("answer", "limit"), NO_PANEL, ids=str)
@respx.mock
async def test_only_no_answer_at_all_opens_the_breaker(answer: Exception | httpx.Response, limit: int) -> None:
    breaker = Breaker()
    client = make(breaker=breaker)
    route = respx.post(URL).mock(side_effect=[answer] * limit)
    for _ in range(limit):
        assert breaker.closed
        with pytest.raises(PanelUnavailable):
            await client.read("GetOrders")
    assert not breaker.closed
    assert route.call_count == limit
    await client.aclose()


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
@respx.mock
async def test_no_answer_however_bad_opens_it(answer: Exception | httpx.Response) -> None:
    breaker = Breaker()
    client = make(breaker=breaker)
    respx.post(URL).mock(side_effect=[answer] * 10)
    for _ in range(10):
        with pytest.raises(PanelError):
            await client.read("GetOrders")
    assert breaker.closed
    await client.aclose()


def everything_about(error: BaseException) -> str:
    """Return all that a traceback with locals could show of the exception and its causes."""
    seen: list[str] = []
    current: BaseException | None = error
    while current is not None:
        request = getattr(current, "_request", None)
        seen.append(f"{current!r} {current.args!r} {vars(current)!r} {request and request.content!r}")
        current = current.__cause__ or current.__context__
    return " ".join(seen)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError(f"no route to {SECRET}"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError(f"illegal header line: {SECRET}"),
        httpx.Response(403, json={"result": "error", "message": f"Invalid or missing credentials {SECRET}"}),
        httpx.Response(200, json={"result": "error", "message": f"POST was s3cret%2F%2B%26key and {IDENTIFIER}"}),
        httpx.Response(200, json={"result": "error", "message": "s3cret/+&amp;key"}),
        httpx.Response(500, text=f"<pre>{SECRET}</pre>"),
        httpx.Response(302, headers={"location": f"https://evil.example/{KEY}"}),
    ],
    ids=str,
)
@respx.mock
async def test_credentials_are_in_no_error_and_no_log(
    answer: Exception | httpx.Response, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    client = make()
    respx.post(URL).mock(side_effect=[answer, answer])
    with structlog.testing.capture_logs() as events, caplog.at_level(logging.DEBUG):
        for call in (client.read("GetOrders"), client.write("AcceptOrder", {"orderid": 1})):
            with pytest.raises(PanelError) as raised:
                await call
            told = everything_about(raised.value)
            assert not any(held in told for held in (IDENTIFIER, SECRET, KEY, "s3cret"))
    written = f"{events} {caplog.text} {capsys.readouterr()} {client!r}"
    assert not any(held in written for held in (IDENTIFIER, SECRET, KEY, "s3cret"))


@pytest.mark.parametrize("address", ["http://billing.example", "ftp://billing.example", "https://u:p@billing.example"])
def test_credentials_never_travel_in_clear_text(address: str) -> None:
    with pytest.raises(ValueError, match="must"):
        make(base_url=address)


def test_timeouts_by_action() -> None:
    usual, set_by_hand = default_timeout(), default_timeout(7)
    assert [usual("AcceptOrder"), usual("GetOrders"), set_by_hand("AcceptOrder")] == [120, 30, 7]


@respx.mock
async def test_calls_go_to_the_pool_with_the_fewest_under_way() -> None:
    used: list[int] = []
    release = asyncio.Event()

    class Pool(httpx.AsyncBaseTransport):
        def __init__(self, number: int) -> None:
            self.number = number

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            used.append(self.number)
            await release.wait()
            return httpx.Response(200, json=OK)

    client = WhmcsClient(
        "https://billing.example",
        identifier=SecretStr("i"),
        secret=SecretStr("s"),
        timeout=lambda action: 5,
        limiter=RateLimiter(10_000),
        lines=[HttpxLine(Pool(number)) for number in range(2)],
    )
    calls = [asyncio.create_task(client.read("GetOrders")) for _ in range(4)]
    while len(used) < 4:
        await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*calls)
    assert sorted(used) == [0, 0, 1, 1]


@respx.mock
async def test_requests_are_counted_by_what_made_them_answered_or_not() -> None:
    respx.post(URL).mock(side_effect=[httpx.Response(200, json=OK), httpx.ReadTimeout("late"), httpx.Response(429)])
    counts = RequestCounts()
    made = make(requests=counts)
    with caused_by("send"):
        await made.write("AcceptOrder", {"orderid": 7})
        with pytest.raises(PanelOutcomeUnknown):
            await made.write("AcceptOrder", {"orderid": 7})
    with pytest.raises(PanelUnavailable):
        await made.read("GetOrders")
    assert counts.take() == {("AcceptOrder", "send"): 2, ("GetOrders", "other"): 1}
    assert counts.take() == {}
    await made.aclose()


@respx.mock
async def test_a_read_is_made_again_after_the_pause_that_the_panel_asks_for(client: WhmcsClient) -> None:
    busy, soon = httpx.Response(429), httpx.Response(429, headers={"retry-after": "0"})
    route = respx.post(URL).mock(side_effect=[soon, soon, httpx.Response(200, json=OK)])
    assert await client.read("GetOrders") == OK
    for urgent, answer in ((True, soon), (False, busy)):
        route.side_effect = [answer]
        with pytest.raises(PanelTooBusy):
            await client.read("GetOrders", urgent=urgent)


async def test_a_request_that_is_held_back_is_not_counted() -> None:
    async def refuse() -> None:
        raise LookupError

    counts = RequestCounts()
    made = make(requests=counts)
    with pytest.raises(LookupError):
        await made.write("AcceptOrder", {"orderid": 7}, before_send=refuse)
    assert counts.take() == {}
    await made.aclose()
