"""A server that answers from a script, byte by byte if need be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
