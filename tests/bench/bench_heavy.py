# ruff: noqa: T201
"""How long webhooks and gate questions take while 64 senders submit policies of 0.9 MB: ``make bench``.

`doorman serve` on SQLite, its worker off; a client in a process of its own sends signed webhooks and asks the gate in
turn, steadily, first alone and then next to 64 senders of policy checks and backtests in a third process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from client import signed_requests
from secret import SECRET

WANTED_P99 = 0.5  # seconds at most, next to the senders; the panel's addon gives up at two
SENDERS = 64
ADMIN = "an admin key for measuring, and nothing else"
KEYED = {"Authorization": f"Bearer {ADMIN}"}
APART = 0.02  # seconds between a webhook and the next
HERE = Path(__file__).parent


class Times(NamedTuple):
    """Response times of one kind of request, in seconds."""

    p50: float
    p99: float


class Seen(NamedTuple):
    """Response times of both kinds."""

    webhook: Times
    gate: Times


def document(number: int) -> str:
    """Return a policy of 0.9 MB, all of which has to be read and compared."""
    blocked = ", ".join(f'"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"' for n in range(number, number + 20_000))
    allowed = ", ".join(f'"2001:db8::{n:x}"' for n in range(19_999))
    text = f"[block]\nnetworks = [{blocked}]\n[allow]\nnetworks = [{allowed}]\n"
    return text + "#" * (900_000 - len(text))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Run the service, and return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "PATH": os.environ["PATH"],
        "DOORMAN_DATABASE_URL": f"sqlite:///{folder / 'doorman.db'}",
        "DOORMAN_WEBHOOK_SECRET": SECRET,
        "DOORMAN_ADMIN_KEY": ADMIN,
    }
    command = [sys.executable, "-m", "app", "serve", "--no-worker", "--port", str(port)]
    with (folder / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env={**settings, "PYTHONPATH": str(Path.cwd())}, stdout=log, stderr=log
        )
        try:
            _wait_until_up(f"http://127.0.0.1:{port}/healthz")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def _wait_until_up(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(address, trust_env=False)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def ask_steadily(base: str, seconds: float) -> Seen:
    """Send a webhook and ask the gate in turn, and return how long each took."""
    taken: dict[str, list[float]] = {"webhook": [], "gate": []}
    until = time.monotonic() + seconds
    with httpx.Client(base_url=base, trust_env=False, timeout=60) as client:
        for raw in signed_requests(int(seconds / APART) + 1):
            head, _, body = raw.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
            begun = time.perf_counter()
            answer = client.post("/webhooks", content=body, headers=headers)
            taken["webhook"].append(time.perf_counter() - begun)
            assert answer.status_code == 202, answer.text
            begun = time.perf_counter()
            answer = client.get("/v1/orders/1/gate", headers=KEYED)
            taken["gate"].append(time.perf_counter() - begun)
            assert answer.status_code == 200, answer.text
            if time.monotonic() > until:
                break
            time.sleep(APART)
    return Seen(*(_times(taken[kind]) for kind in ("webhook", "gate")))


def _times(taken: list[float]) -> Times:
    taken.sort()
    return Times(taken[len(taken) // 2], taken[len(taken) * 99 // 100])


async def press(base: str) -> None:
    """Send long policies until terminated, one at a time per sender; print the answers' statuses."""
    bodies = [json.dumps({"document": document(number)}).encode() for number in range(4)]
    headers = {**KEYED, "content-type": "application/json"}
    seen: Counter[int] = Counter()
    limits = httpx.Limits(max_connections=SENDERS)

    async def sender(number: int) -> None:
        path = "/v1/backtests" if number % 2 else "/v1/policies/check"
        while True:
            try:
                answer = await client.post(path, content=bodies[number % len(bodies)], headers=headers)
            except httpx.TransportError:  # a keep-alive connection that the server had just closed
                continue
            seen[answer.status_code] += 1
            print(json.dumps(seen), flush=True)
            if answer.status_code == 429:
                await asyncio.sleep(float(answer.headers["retry-after"]))

    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=600, limits=limits) as client:
        await asyncio.gather(*(sender(number) for number in range(SENDERS)))


@contextmanager
def pressed(base: str, log: Path) -> Iterator[None]:
    """Run the senders."""
    with log.open("wb") as out:
        senders = subprocess.Popen([sys.executable, __file__, "--press", base], stdout=out)
        try:
            yield
        finally:
            senders.kill()
            senders.wait()


def measure(folder: Path, *, rounds: int, seconds: float) -> tuple[Seen, Seen]:
    """Return the median times alone and next to the senders."""
    alone, beside = [], []
    with served(folder) as base:
        ask_steadily(base, 2)
        for number in range(1, rounds + 1):
            alone.append(ask_steadily(base, seconds))
            print(f"round {number}  alone   {_line(alone[-1])}", flush=True)
            with pressed(base, folder / "answers"):
                beside.append(ask_steadily(base, seconds))
            answered = (folder / "answers").read_text().splitlines()[-1:]
            print(f"round {number}  beside  {_line(beside[-1])}   answered {''.join(answered)}", flush=True)
    return _median(alone), _median(beside)


def _median(rounds: list[Seen]) -> Seen:
    return Seen(*(Times(*map(statistics.median, zip(*kind, strict=True))) for kind in zip(*rounds, strict=True)))


def _line(seen: Seen) -> str:
    return "   ".join(
        f"{name} p50 {times.p50 * 1000:6.1f} ms p99 {times.p99 * 1000:6.1f} ms"
        for name, times in zip(Seen._fields, seen, strict=True)
    )


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20, help="of each round, alone and beside")
    parser.add_argument("--check", action="store_true", help="exit with 1 when the target is missed")
    parser.add_argument("--press", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.press:
        asyncio.run(press(options.press))
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        alone, beside = measure(Path(folder), rounds=options.rounds, seconds=options.seconds)
    print(f"\nmedian   alone   {_line(alone)}\nmedian   beside  {_line(beside)}")
    worst = 0.0
    for name, one, other in zip(Seen._fields, alone, beside, strict=True):
        print(f"{name:8} p99 {other.p99:.3f} s, {other.p99 / one.p99:.1f} times alone (wanted: under {WANTED_P99} s)")
        worst = max(worst, other.p99)
    return 1 if options.check and worst >= WANTED_P99 else 0


if __name__ == "__main__":
    sys.exit(main())
