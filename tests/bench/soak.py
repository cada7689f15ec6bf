# ruff: noqa: T201
"""Eight senders of webhooks on SQLite while the worker is busy: ``soak.py --seconds 600``, run by ``make chaos``.

The senders keep a hundred paid orders waiting, however quick the worker is, and send other webhooks in between. None
may be turned away, and no order may wait longer than 20 seconds from its turn (when the worker takes it up) to its
accept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import uvloop
from bench_road import SENDERS, database, doorman, megabytes, panel, tell, webhooks
from client import signed

from app.installation.schema import migrate

WITHIN = 20.0  # seconds
WAITING = 100  # orders
APART = 0.02  # seconds between two webhooks of a sender that are no orders
MOST = 60  # orders a second that the panel has
SHOWN = 10  # orders that were not accepted
LOOKED = 0.5  # seconds between two looks at what was accepted


@dataclass(slots=True)
class Seen:
    """What the senders saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    sent: int = 0
    accepted: dict[int, float] = field(default_factory=dict)  # by order: when, in seconds since the epoch


def others() -> Iterator[bytes]:
    """Yield webhooks that are stored and need no handling."""
    while True:
        body = {"type": "shop.visited", "timestamp": datetime.now(UTC).isoformat(), "data": {"page": "x" * 1000}}
        yield from signed([json.dumps(body).encode()])


async def post(port: int, seen: Seen, requests: Iterator[bytes], until: float) -> None:
    """Send orders while too few wait, and other webhooks in between."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    between = others()
    while time.monotonic() < until:
        order = seen.sent - len(seen.accepted) < WAITING
        seen.sent += order
        began = time.perf_counter()
        writer.write(next(requests) if order else next(between))
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        seen.seconds.append(time.perf_counter() - began)
        seen.statuses[int(head.split(b" ", 2)[1])] += 1
        if not order:
            await asyncio.sleep(APART)
    writer.close()


async def watch(panel_port: int, seen: Seen) -> None:
    """Follow what the panel accepted."""
    since = time.time() - time.monotonic()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{panel_port}", trust_env=False, timeout=30) as road:
        while True:
            told = (await road.post("/accepted")).json()
            seen.accepted = {int(number): at + since for number, at in told.items()}
            await asyncio.sleep(LOOKED)


def orders(most: int) -> Iterator[bytes]:
    """Yield the webhooks of one paid order after another."""
    for number in range(1, 1 + most):
        yield from webhooks([number])


async def drive(port: int, panel_port: int, seconds: float, most: int) -> Seen:
    """Send for so long, and wait for what was sent last."""
    seen, until = Seen(), time.monotonic() + seconds
    watching = asyncio.create_task(watch(panel_port, seen))
    requests = orders(most)
    await asyncio.gather(*(post(port, seen, requests, until) for _ in range(SENDERS)))
    patience = time.monotonic() + 10 * WITHIN
    while len(seen.accepted) < seen.sent and time.monotonic() < patience:
        await asyncio.sleep(LOOKED)
    watching.cancel()
    return seen


def waits(path: Path, accepted: dict[int, float]) -> list[float]:
    """Return how long each order waited from its turn to its accept, in seconds; 0 for one that was never sent."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT order_id, min(claimed_at) FROM events WHERE type = 'order.created' GROUP BY 1"
        )
        turns = {order_id: datetime.fromisoformat(at).timestamp() for order_id, at in rows}
    return [accepted[order_id] - turn for order_id, turn in turns.items() if order_id in accepted]


def left(path: Path, accepted: dict[int, float]) -> list[str]:
    """Return what became of orders that were not accepted, a few of them."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT orders.order_id, orders.state, decisions.reasons FROM orders"
            " LEFT JOIN decisions ON decisions.id = orders.decision_id"
        )
        return [f"order {row[0]} {row[1]}: {row[2]}" for row in rows if row[0] not in accepted][:SHOWN]


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    options = parser.parse_args()
    most = int(options.seconds * MOST) + WAITING
    # not in /tmp, which may be memory: a commit must reach a disk
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        folder = Path(name)
        with panel(most) as panel_port, database("sqlite", folder) as url:
            migrate(url)
            with doorman(folder, url, panel_port) as (port, pid):
                time.sleep(2)  # it compares itself with the panel first; and its orders must be younger than it
                tell(panel_port, "begin")
                before = megabytes(pid)
                seen = uvloop.run(drive(port, panel_port, options.seconds, most))
                after = megabytes(pid)
            file = Path(url.removeprefix("sqlite:///"))
            waited, lost = sorted(waits(file, seen.accepted)), left(file, seen.accepted)
    calls = sorted(seen.seconds)
    print(f"webhooks   {dict(seen.statuses)}, p99 {calls[len(calls) * 99 // 100]:.2f} s, longest {calls[-1]:.2f} s")
    print(f"orders     {seen.sent} sent, {len(seen.accepted)} accepted, {seen.sent / options.seconds:.1f} a second")
    print(f"waited     p50 {waited[len(waited) // 2]:.1f} s, longest {waited[-1]:.1f} s from its turn to its accept")
    for line in lost:
        print(f"not accepted: {line}")
    print(f"memory     {before:.0f} MB before, {after:.0f} MB after", flush=True)
    good = set(seen.statuses) == {202} and len(seen.accepted) == seen.sent == len(waited) and waited[-1] <= WITHIN
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
