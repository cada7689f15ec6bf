# ruff: noqa: T201
"""The floor of `bench_road`: ``road_floor.py httpx|bare PORT ORDERS DATABASE`` prints one JSON line.

Eight kept-alive connections share the orders. For each order eight calls are made, one after the other, and one row is
committed; nothing is done with the answers. The calls are made with httpx, as ours are, or over bare sockets.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import asyncpg
import httpx
import uvloop
from road_panel import NAMED_BY, names

Call = Callable[[bytes], Awaitable[bytes]]
Order = tuple[int, list[bytes]]
CONNECTIONS = 8
#: What an order needs at least: its decision's reads, the accept, and the order read back.
ACTIONS = (
    "GetOrders", "GetClientsDetails", "GetClients", "GetClientsProducts", "GetInvoice", "GetPayMethods", "AcceptOrder",
    "GetOrders",
)  # fmt: skip


class Store(Protocol):
    """Commits rows, each by itself."""

    async def add(self, number: int, answer: bytes) -> None:
        """Return when the row is on the disk."""


class SqliteStore:
    """One file, written by one thread."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE IF NOT EXISTS road (number INTEGER NOT NULL, answer BLOB NOT NULL)",
        ):
            self._db.execute(statement)

    async def add(self, number: int, answer: bytes) -> None:
        """See `Store`."""
        insert = partial(self._db.execute, "INSERT INTO road VALUES (?, ?)", (number, answer))
        await asyncio.get_running_loop().run_in_executor(self._thread, insert)


class PostgresStore:
    """A pool with one connection for each of ours."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def add(self, number: int, answer: bytes) -> None:
        """See `Store`."""
        await self._pool.execute("INSERT INTO road VALUES ($1, $2)", number, answer)


async def opened(url: str, stack: AsyncExitStack) -> Store:
    """Return the store at an address."""
    if url.startswith("sqlite:///"):
        return SqliteStore(Path(url.removeprefix("sqlite:///")))
    pool = await stack.enter_async_context(asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS))
    await pool.execute("CREATE TABLE IF NOT EXISTS road (number bigint NOT NULL, answer bytea NOT NULL)")
    return PostgresStore(pool)


def bodies_of(number: int) -> list[bytes]:
    """Return the bodies of an order's eight calls."""
    key = {"identifier": "plain-identifier", "secret": "plain-secret", "responsetype": "json"}
    return [urlencode({**key, "action": one, NAMED_BY[one]: names(number)[one]}).encode() for one in ACTIONS]


@asynccontextmanager
async def bare(port: int) -> AsyncIterator[Call]:
    """Call over a socket of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def call(body: bytes) -> bytes:
        writer.write(
            b"POST /includes/api.php HTTP/1.1\r\nhost: panel\r\ncontent-type: application/x-www-form-urlencoded\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        return await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))

    try:
        yield call
    finally:
        writer.close()


@asynccontextmanager
async def with_httpx(port: int) -> AsyncIterator[Call]:
    """Call with a client that has one connection."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, limits=httpx.Limits(max_connections=1), trust_env=False
    ) as client:

        async def call(body: bytes) -> bytes:
            return (await client.post("/includes/api.php", content=body)).content

        yield call


async def walk(connect: AbstractAsyncContextManager[Call], orders: Iterator[Order], store: Store) -> None:
    """Take the next order until none is left."""
    async with connect as call:
        for number, bodies in orders:
            answer = b""
            for body in bodies:
                answer = await call(body)
            await store.add(number, answer)


async def measure(client: str, port: int, count: int, url: str) -> dict[str, float]:
    """Return the orders a second, and the processor time of each."""
    connect = with_httpx if client == "httpx" else bare
    async with AsyncExitStack() as stack:
        store = await opened(url, stack)
        orders = iter([(number, bodies_of(number)) for number in range(1, count + 1)])
        gc.collect()
        gc.freeze()
        began, used = time.perf_counter(), time.process_time()
        await asyncio.gather(*(walk(connect(port), orders, store) for _ in range(CONNECTIONS)))
        elapsed, used = time.perf_counter() - began, time.process_time() - used
        return {"rate": count / elapsed, "cpu_ms": used / count * 1000}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))))
