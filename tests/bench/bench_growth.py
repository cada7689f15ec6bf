# ruff: noqa: T201
"""Whether it stays quick as things grow: ``make bench``.

The orders of `bench_road`, with a past of 10,000 and with one of 1,000,000 customers and orders in the database: orders
a second from the first webhook to the last accept, and the memory of `doorman serve` at the end. Half of the customers
are known, and a tenth of the orders come from where a thousandth of all customers live. Filling takes minutes, and the
large past some eight gigabytes: `--sizes 10000,100000` is quicker.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import uvloop
from bench_road import PATIENCE, SENDERS, cpu_seconds, database, doorman, megabytes, panel, tell, webhooks
from client import send
from growth_fill import fill

from app.installation.schema import migrate

WANTED_RATIO = 1.2  # between the sizes, of orders a second and of memory, at most


class Round(NamedTuple):
    """Orders a second, processor time of each, and the memory of all our processes at the end."""

    rate: float
    cpu_ms: float
    megabytes: float


def drive(folder: Path, url: str, panel_port: int, numbers: range) -> Round:
    """Measure one round; the panel keeps what was accepted in those before."""
    with doorman(folder, url, panel_port) as (port, pid):
        time.sleep(2)  # it compares itself with the panel first; and its orders must be younger than it
        if numbers.start == 1:
            tell(panel_port, "begin")
        used = cpu_seconds(pid)
        started, _, _ = uvloop.run(send(port, webhooks(numbers), connections=SENDERS, patient=True))
        while tell(panel_port, "seen")["read_back"] < numbers.stop - 1:
            if time.monotonic() > started + PATIENCE:
                raise RuntimeError(f"not all orders were accepted and read back: {tell(panel_port, 'seen')}")
            time.sleep(0.1)
        used = cpu_seconds(pid) - used
        ended = tell(panel_port, "seen")["accepted_at"]
        return Round(len(numbers) / (ended - started), used / len(numbers) * 1000, megabytes(pid))


def measure(kind: str, folder: Path, sizes: list[int], *, rounds: int, orders: int) -> dict[int, Round]:
    """Measure the sizes in turn, each order once; return the medians."""
    seen: dict[int, list[Round]] = {size: [] for size in sizes}
    with ExitStack() as stack:
        places = {}
        for size in sizes:
            began, url = time.monotonic(), stack.enter_context(database(kind, folder))
            migrate(url)
            fill(url, size, orders=rounds * orders)
            print(f"{kind:10} {size:9,} filled in {time.monotonic() - began:.0f} s", flush=True)
            places[size] = url, stack.enter_context(panel(rounds * orders))
        for number in range(rounds):
            some = range(1 + number * orders, 1 + (number + 1) * orders)
            for size, (url, panel_port) in places.items():
                seen[size].append(drive(folder, url, panel_port, some))
                print(f"{kind:10} {size:9,} round {number + 1}  {_line(seen[size][-1])}", flush=True)
    return {size: Round(*map(statistics.median, zip(*found, strict=True))) for size, found in seen.items()}


def _line(one: Round) -> str:
    return f"{one.rate:6.1f} orders/s {one.cpu_ms:6.1f} ms CPU {one.megabytes:6.0f} MB"


def ratios(found: dict[int, Round]) -> Round:
    """Return by how much the largest is slower, and takes more of the processor and of memory, than the smallest."""
    small, large = found[min(found)], found[max(found)]
    return Round(small.rate / large.rate, large.cpu_ms / small.cpu_ms, large.megabytes / small.megabytes)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--orders", type=int, default=150, help="sent at once in each round")
    parser.add_argument("--sizes", default="10000,1000000", help="customers and orders in the database")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    options, _ = parser.parse_known_args()  # `make bench ARGS=…` passes options to all benches
    kinds = ["sqlite", "postgresql"] if options.database == "both" else [options.database]
    sizes = [int(size) for size in options.sizes.split(",")]
    is_good = True
    # not in /tmp, which may be memory: a commit must reach a disk
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        for kind in kinds:
            found = measure(kind, Path(folder), sizes, rounds=options.rounds, orders=options.orders)
            for size, one in found.items():
                print(f"{kind:10} {size:9,} {_line(one)}")
            slower, dearer, larger = ratios(found)
            print(
                f"{kind:10} {slower:.2f} times slower, {dearer:.2f} times the CPU, {larger:.2f} times the memory "
                f"(wanted: {WANTED_RATIO} at most)\n"
            )
            is_good = is_good and slower <= WANTED_RATIO and larger <= WANTED_RATIO
    return 1 if options.check and not is_good else 0


if __name__ == "__main__":
    sys.exit(main())
