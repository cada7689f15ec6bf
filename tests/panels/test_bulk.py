"""The lean transport for reading in bulk: what a server may send, and how each failure is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from app.panels.whmcs import bulk
from app.panels.whmcs.bulk import BulkTransport
from app.panels.whmcs.client import AnswerTooLargeError, http_client

Script = list[bytes]  # what is sent for each request in turn; an empty one hangs up


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


async def ask(client: httpx.AsyncClient, url: str) -> httpx.Response:
    return await client.post(url, content=b"a=1")


WHOLE = {
    "by length": answer(b"hello"),
    "in chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    "to the end": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "after a hint": b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(b"hello"),
}


@pytest.mark.parametrize("form", WHOLE)
async def test_an_answer_is_read_whole(form: str) -> None:
    async with serving([WHOLE[form]]) as (url, _), http_client(BulkTransport()) as client:
        found = await ask(client, url)
    assert (found.status_code, found.content) == (200, b"hello")


async def test_a_connection_is_used_again_unless_the_server_closes_it() -> None:
    script = [answer(b"1"), answer(b"2", more=b"connection: close\r\n"), answer(b"3")]
    async with serving(script) as (url, seen), http_client(BulkTransport()) as client:
        assert [(await ask(client, url)).content for _ in range(3)] == [b"1", b"2", b"3"]
    assert seen == [1, 1, 2]


@pytest.mark.parametrize("broken", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel", b"SSH-2.0-OpenSSH\r\n"])
async def test_a_broken_answer_is_an_error_of_the_transport(broken: bytes) -> None:
    if b"content-length" in broken:
        broken = broken.replace(b"content-length", b"Content-Length")
    async with serving([broken, answer(b"fine")]) as (url, _), http_client(BulkTransport()) as client:
        with pytest.raises(httpx.TransportError):
            await ask(client, url)
        assert (await ask(client, url)).content == b"fine"


async def test_nobody_there_is_a_connect_error() -> None:
    async with serving([]) as (url, _):
        pass
    async with http_client(BulkTransport()) as client:
        with pytest.raises(httpx.ConnectError):
            await ask(client, url)


async def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "ANSWER_CAP", 100)
    async with serving([answer(b"x" * 1000)]) as (url, _), http_client(BulkTransport()) as client:
        with pytest.raises(AnswerTooLargeError):
            await ask(client, url)


async def test_an_answer_that_nobody_waits_for_any_more_is_nobody_elses() -> None:
    async with serving([answer(b"late"), answer(b"mine")]) as (url, seen), http_client(BulkTransport()) as client:
        first = asyncio.create_task(ask(client, url))
        while not seen:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert (await ask(client, url)).content == b"mine"
