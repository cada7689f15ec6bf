# ruff: noqa: T201
"""How long others wait while many orders do: ``make bench``.

`doorman serve` gets 500 paid orders of one customer at once, and others order meanwhile: measured is how long they wait
from webhook to accept, next to how long they wait when nothing else does. Then as many orders of other customers are
added, and a checkout asks the gate for one order after another (never heard of, just told of, or far back in the
queue): measured are its answers, and that each is a verdict. The panel may take its time for each answer.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvloop
from bench_road import ADMIN, SENDERS, database, doorman, panel, tell, webhooks
from client import send
from road_panel import ONE, customer_id

from app.installation.schema import migrate

WANTED_P99 = 1.0  # seconds of the gate at most
WANTED_DELAY = 3.0  # seconds that the others may wait longer than alone, at p99
ORDERS = 1000
APART = 0.1  # seconds between two questions
OTHERS = 20
FEW = 10  # the gate is asked while more than this part of the orders waits
CHECKOUTS = 150
#: Every how manieth question is about an order far back in the queue; and about one that was told of just before.
QUEUED, TOLD = 3, 2


@dataclass(slots=True)
class Seen:
    """What was measured on one database."""

    gate: list[float] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    alone: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    passed_by: int = 0

    @property
    def gate_p99(self) -> float:
        """Seconds."""
        return at(self.gate, 0.99)

    @property
    def delay(self) -> float:
        """How many seconds the others wait longer than alone, at p99."""
        return at(self.others, 0.99) - at(self.alone, 0.99)

    @property
    def is_good(self) -> bool:
        """True if all targets are met."""
        undecided = self.verdicts.total() - self.verdicts["approved"]
        return self.gate_p99 <= WANTED_P99 and undecided == 0 and self.delay <= WANTED_DELAY


def at(values: list[float], share: float) -> float:
    """Return the value below which this share of them is."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Which of the panel's orders are for what."""

    one: range
    crowd: range
    alone: range
    others: range
    new: range

    @classmethod
    def of(cls, orders: int) -> Numbers:
        """Return them for a queue of so many orders, half of them by one customer."""
        sizes = (orders - orders // 2, OTHERS, OTHERS, CHECKOUTS)
        firsts = [1, *itertools.accumulate(sizes, initial=0)]
        parts = [range(1 + first, 1 + first + size) for first, size in zip(firsts[1:], sizes, strict=False)]
        return cls(range(ONE, ONE + orders // 2), *parts)


async def accepted(client: httpx.AsyncClient, numbers: range) -> dict[int, float]:
    """Return when each of these orders was accepted, once all are."""
    while True:
        told = (await client.post("/accepted")).json()
        found = {number: told[str(number)] for number in numbers if str(number) in told}
        if len(found) == len(numbers):
            return found
        await asyncio.sleep(0.1)


async def others_order(port: int, road: httpx.AsyncClient, numbers: range, apart: float) -> list[float]:
    """Send one order after another, and return how long each waited for its accept."""
    sent = {}
    for number in numbers:
        sent[number] = time.monotonic()
        await send(port, webhooks([number]), connections=1, patient=True)
        await asyncio.sleep(apart)
    return [when - sent[number] for number, when in (await accepted(road, numbers)).items()]


async def ask_gate(port: int, numbers: Numbers, seen: Seen, busy: asyncio.Event) -> None:
    """Ask about one order after another while the queue is long."""
    queued = iter(reversed(numbers.crowd))
    headers = {"Authorization": f"Bearer {ADMIN}"}
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=30) as client:
        for count, number in enumerate(numbers.new):
            if not busy.is_set():
                return
            asked = number
            if count % QUEUED == 0:
                asked = next(queued)
            elif count % TOLD == 0:
                await send(port, webhooks([number]), connections=1, patient=True)
            began = time.monotonic()
            answer = (await client.get(f"/v1/orders/{asked}/gate")).raise_for_status().json()
            seen.gate.append(time.monotonic() - began)
            seen.verdicts[answer["reason"]] += 1
            await asyncio.sleep(APART)


async def drive(port: int, panel_port: int, orders: int) -> Seen:
    """Measure one round: the others beside one customer's orders, then the gate while all orders wait."""
    seen, numbers, busy = Seen(), Numbers.of(orders), asyncio.Event()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{panel_port}", trust_env=False, timeout=30) as road:
        seen.alone = await others_order(port, road, numbers.alone, APART)
        await send(port, webhooks(numbers.one), connections=SENDERS, patient=True)
        seen.others = await others_order(port, road, numbers.others, APART)
        seen.passed_by = await waiting(road, numbers.one)
        await send(port, webhooks(numbers.crowd), connections=SENDERS, patient=True)
        busy.set()
        asking = asyncio.create_task(ask_gate(port, numbers, seen, busy))
        while not asking.done():
            left = await waiting(road, numbers.one) + await waiting(road, numbers.crowd)
            seen.waiting.append(left)
            if left < orders / FEW:
                busy.clear()
            await asyncio.sleep(0.5)
        await asking
    return seen


async def waiting(road: httpx.AsyncClient, numbers: range) -> int:
    """Return how many of these orders wait for their accept."""
    told = (await road.post("/accepted")).json()
    return sum(str(number) not in told for number in numbers)


def measure(kind: str, folder: Path, *, orders: int, slow: float) -> Seen:
    """Measure on one database."""
    numbers = Numbers.of(orders)
    options = ("--one-customer", str(len(numbers.one)), "--slow", str(slow))
    policy = folder / "policy.toml"
    policy.write_text(f"[allow]\ncustomer_ids = [{customer_id(ONE)}]\n")  # else many orders at once are a sign of fraud
    with panel(numbers.new.stop, *options) as panel_port, database(kind, folder) as url:
        migrate(url)
        with doorman(folder, url, panel_port, policy_file=str(policy)) as (port, _):
            time.sleep(2)  # it compares itself with the panel first; and its orders must be younger than it
            tell(panel_port, "begin")
            return uvloop.run(drive(port, panel_port, orders))


def show(kind: str, seen: Seen) -> None:
    """Print what was found."""
    gate = {name: at(seen.gate, share) for name, share in (("p50", 0.5), ("p99", 0.99), ("most", 1.0))}
    said = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in gate.items())
    print(f"{kind:10} waiting    {seen.waiting[0]} when the gate was first asked, {seen.waiting[-1]} when last")
    print(f"{'':10} gate       {said} of {len(seen.gate)} (wanted: p99 at most {WANTED_P99:.1f} s)")
    print(f"{'':10}            {dict(seen.verdicts)} (wanted: all approved)")
    for name, waited in (("others", seen.others), ("alone", seen.alone)):
        print(f"{'':10} {name:10} p50 {at(waited, 0.5):.2f} s, p99 {at(waited, 0.99):.2f} s to the accept")
    said = f"{seen.passed_by} orders of the one customer still waited"
    print(f"{'':10} delay      {seen.delay:.2f} s at p99 (wanted: at most {WANTED_DELAY:.1f} s); {said}", flush=True)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=ORDERS, help="orders that wait, half of them by one customer")
    parser.add_argument("--slow", type=float, default=0.0, help="seconds that the panel takes for each answer")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    options, _ = parser.parse_known_args()  # `make bench ARGS=…` passes options to all benches
    kinds = ["sqlite", "postgresql"] if options.database == "both" else [options.database]
    is_good = True
    # not in /tmp, which may be memory: a commit must reach a disk
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        for kind in kinds:
            seen = measure(kind, Path(folder), orders=options.waiting, slow=options.slow)
            show(kind, seen)
            is_good = is_good and seen.is_good
    return 1 if options.check and not is_good else 0


if __name__ == "__main__":
    sys.exit(main())
