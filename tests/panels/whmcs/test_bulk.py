"""The lean client for bulk reads: what a server may send, and how each failure is reported."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import httpx
import pytest

from app.panels.whmcs.answers import Reply
from app.panels.whmcs.bulk import BulkLine
from app.panels.whmcs.lines import AnswerTooLargeError

Script = list[bytes]  # the answer to each request in turn; an empty one closes the connection


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[tuple[str, list[int]]]:
    """Serve the script; yields the address, and for each request the number of its connection."""
    seen: list[int] = []
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        number = connections
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
                seen.append(number)
                answer = script.pop(0)
                for letter in range(0, len(answer), 7):
                    writer.write(answer[letter : letter + 7])
                    await writer.drain()
                if b"content-length" not in answer and b"chunked" not in answer:
                    return
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api", seen


def answer(body: bytes, *, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%b\r\n%b" % (len(body), more, body)


async def ask(line: BulkLine, url: str) -> Reply:
    return await line.post(httpx.URL(url), b"a=1", seconds=30)


WHOLE = {
    "by length": answer(b"hello"),
    "in chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    "to the end": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "after a hint": b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(b"hello"),
}


@pytest.mark.parametrize("form", WHOLE)
async def test_an_answer_is_read_whole(form: str) -> None:
    async with serving([WHOLE[form]]) as (url, _), aclosing(BulkLine()) as line:
        found = await ask(line, url)
    assert (found.status, found.body) == (200, b"hello")


async def test_a_connection_is_used_again_unless_the_server_closes_it() -> None:
    script = [answer(b"1"), answer(b"2", more=b"connection: close\r\n"), answer(b"3")]
    async with serving(script) as (url, seen), aclosing(BulkLine()) as line:
        assert [(await ask(line, url)).body for _ in range(3)] == [b"1", b"2", b"3"]
    assert seen == [1, 1, 2]


@pytest.mark.parametrize("broken", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel", b"SSH-2.0-OpenSSH\r\n"])
async def test_a_broken_answer_is_an_error_of_the_transport(broken: bytes) -> None:
    if b"content-length" in broken:
        broken = broken.replace(b"content-length", b"Content-Length")
    async with serving([broken, answer(b"fine")]) as (url, _), aclosing(BulkLine()) as line:
        with pytest.raises(httpx.TransportError):
            await ask(line, url)
        assert (await ask(line, url)).body == b"fine"


async def test_nobody_there_is_a_connect_error() -> None:
    async with serving([]) as (url, _):
        pass
    async with aclosing(BulkLine()) as line:
        with pytest.raises(httpx.ConnectError):
            await ask(line, url)


async def test_an_endless_answer_is_cut_off() -> None:
    async with serving([answer(b"x" * 1000)]) as (url, _), aclosing(BulkLine(answer_cap=100)) as line:
        with pytest.raises(AnswerTooLargeError):
            await ask(line, url)


async def test_an_answer_that_nobody_waits_for_any_more_is_nobody_elses() -> None:
    async with serving([answer(b"late"), answer(b"mine")]) as (url, seen), aclosing(BulkLine()) as line:
        first = asyncio.create_task(ask(line, url))
        while not seen:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert (await ask(line, url)).body == b"mine"


async def test_what_is_compressed_though_we_asked_for_nothing_such_is_read_all_the_same() -> None:
    packed, broken = (answer(body, more=b"content-encoding: gzip\r\n") for body in (gzip.compress(b"hello"), b"hello"))
    async with serving([packed, broken]) as (url, _), aclosing(BulkLine()) as line:
        assert (await ask(line, url)).body == b"hello"
        with pytest.raises(httpx.DecodingError):
            await ask(line, url)


async def test_what_grows_beyond_all_measure_when_unpacked_is_refused() -> None:
    packed = answer(gzip.compress(bytes(1_000_000)), more=b"content-encoding: gzip\r\n")
    async with serving([packed]) as (url, _), aclosing(BulkLine(answer_cap=100_000)) as line:
        with pytest.raises(AnswerTooLargeError):
            await ask(line, url)


async def test_how_long_to_wait_is_passed_on() -> None:
    async with serving([answer(b"", more=b"Retry-After: 7\r\n")]) as (url, _), aclosing(BulkLine()) as line:
        assert (await ask(line, url)).retry_after == "7"


async def test_what_must_be_asked_before_its_first_byte_goes_another_way() -> None:
    async def never() -> None:
        raise AssertionError

    async with serving([]) as (url, seen), aclosing(BulkLine()) as line:
        with pytest.raises(ValueError, match="reads only"):
            await line.post(httpx.URL(url), b"a=1", seconds=30, before_send=never)
    assert seen == []
