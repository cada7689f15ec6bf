"""The lean connections for reads, as they are and under httpx: what a server may send, and how failures are told."""

import asyncio
import gzip
from collections.abc import Callable
from contextlib import aclosing

import httpx
import pytest

from app.panels.whmcs.answers import Reply
from app.panels.whmcs.bulk import BulkLine, LeanTransport
from app.panels.whmcs.lines import ANSWER_CAP, AnswerTooLargeError, HttpxLine, Line
from tests.panels.whmcs.server import answer, serving

Made = Callable[..., Line]


def over_httpx(answer_cap: int = ANSWER_CAP) -> Line:
    return HttpxLine(LeanTransport(answer_cap=answer_cap), answer_cap=answer_cap)


@pytest.fixture(params=[BulkLine, over_httpx], ids=["as it is", "as httpx's transport"])
def make(request: pytest.FixtureRequest) -> Made:
    made: Made = request.param
    return made


async def ask(line: Line, url: str) -> Reply:
    return await line.post(httpx.URL(url), b"a=1", seconds=30)


WHOLE = {
    "by length": answer(b"hello"),
    "in chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    "to the end": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "after a hint": b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(b"hello"),
}


@pytest.mark.parametrize("form", WHOLE)
async def test_an_answer_is_read_whole(make: Made, form: str) -> None:
    async with serving([WHOLE[form]]) as (url, _), aclosing(make()) as line:
        found = await ask(line, url)
    assert (found.status, found.body) == (200, b"hello")


async def test_a_connection_is_used_again_unless_the_server_closes_it(make: Made) -> None:
    script = [answer(b"1"), answer(b"2", more=b"connection: close\r\n"), answer(b"3")]
    async with serving(script) as (url, seen), aclosing(make()) as line:
        assert [(await ask(line, url)).body for _ in range(3)] == [b"1", b"2", b"3"]
    assert seen == [1, 1, 2]


@pytest.mark.parametrize("broken", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel", b"SSH-2.0-OpenSSH\r\n"])
async def test_a_broken_answer_is_an_error_of_the_transport(make: Made, broken: bytes) -> None:
    if b"content-length" in broken:
        broken = broken.replace(b"content-length", b"Content-Length")
    async with serving([broken, answer(b"fine")]) as (url, _), aclosing(make()) as line:
        with pytest.raises(httpx.TransportError):
            await ask(line, url)
        assert (await ask(line, url)).body == b"fine"


async def test_nobody_there_is_a_connect_error(make: Made) -> None:
    async with serving([]) as (url, _):
        pass
    async with aclosing(make()) as line:
        with pytest.raises(httpx.ConnectError):
            await ask(line, url)


async def test_an_endless_answer_is_cut_off(make: Made) -> None:
    async with serving([answer(b"x" * 1000)]) as (url, _), aclosing(make(answer_cap=100)) as line:
        with pytest.raises(AnswerTooLargeError):
            await ask(line, url)


async def test_an_answer_that_nobody_waits_for_any_more_is_nobody_elses(make: Made) -> None:
    async with serving([answer(b"late"), answer(b"mine")]) as (url, seen), aclosing(make()) as line:
        first = asyncio.create_task(ask(line, url))
        while not seen:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert (await ask(line, url)).body == b"mine"


async def test_what_is_compressed_though_we_asked_for_nothing_such_is_read_all_the_same(make: Made) -> None:
    packed, broken = (answer(body, more=b"content-encoding: gzip\r\n") for body in (gzip.compress(b"hello"), b"hello"))
    async with serving([packed, broken]) as (url, _), aclosing(make()) as line:
        assert (await ask(line, url)).body == b"hello"
        with pytest.raises(httpx.DecodingError):
            await ask(line, url)


async def test_what_grows_beyond_all_measure_when_unpacked_is_refused(make: Made) -> None:
    packed = answer(gzip.compress(bytes(1_000_000)), more=b"content-encoding: gzip\r\n")
    async with serving([packed]) as (url, _), aclosing(make(answer_cap=100_000)) as line:
        with pytest.raises(AnswerTooLargeError):
            await ask(line, url)


async def test_how_long_to_wait_is_passed_on(make: Made) -> None:
    async with serving([answer(b"", more=b"Retry-After: 7\r\n")]) as (url, _), aclosing(make()) as line:
        assert (await ask(line, url)).retry_after == "7"


async def test_what_must_be_asked_before_its_first_byte_goes_another_way(make: Made) -> None:
    async def never() -> None:
        raise AssertionError

    async with serving([]) as (url, seen), aclosing(make()) as line:
        with pytest.raises(ValueError, match="reads only"):
            await line.post(httpx.URL(url), b"a=1", seconds=30, before_send=never)
    assert seen == []
