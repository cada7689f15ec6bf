# ruff: noqa: T201
"""How fast webhooks come in, against a floor: ``make bench``.

Both are served by uvicorn in a process of their own and loaded in turn by a client in a third, over 32 keep-alive
connections with signed bodies of 1.4 KB, signed before the clock starts. The floor is a bare ASGI callable: an HMAC
check and one durable SQLite row, group commit by one writer thread. Ours is the whole application, worker off.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

FLOOR, OURS = "floor", "ours"
WANTED_RATE = 0.70  # of the floor's requests a second, at least
WANTED_P99 = 2.0  # times the floor's, at most
HERE = Path(__file__).parent


class Round(NamedTuple):
    """The client's results of one round."""

    rate: float
    p50_ms: float
    p99_ms: float


class Result(NamedTuple):
    """The medians of both over all rounds."""

    floor: Round
    ours: Round

    @property
    def rate_ratio(self) -> float:
        """Our requests a second as a fraction of the floor's."""
        return self.ours.rate / self.floor.rate

    @property
    def p99_ratio(self) -> float:
        """Our p99 as a multiple of the floor's."""
        return self.ours.p99_ms / self.floor.p99_ms

    @property
    def is_good(self) -> bool:
        """True if both targets are met."""
        return self.rate_ratio >= WANTED_RATE and self.p99_ratio < WANTED_P99


def measure(folder: Path, *, rounds: int, requests: int) -> Result:
    """Serve both, load them in turn, and return the medians; the first round of each only warms up."""
    seen: dict[str, list[Round]] = {FLOOR: [], OURS: []}
    with _served(FLOOR, folder) as floor, _served(OURS, folder) as ours:
        for number in range(rounds + 1):
            for name, port in ((FLOOR, floor), (OURS, ours)):
                result = _load(port, requests)
                print(f"{'warm-up' if number == 0 else f'round {number}':8} {name:6} {_line(result)}", flush=True)
                if number:
                    seen[name].append(result)
    return Result(_median(seen[FLOOR]), _median(seen[OURS]))


@contextmanager
def _served(name: str, folder: Path) -> Iterator[int]:
    command = [sys.executable, str(HERE / "servers.py"), name, str(folder / f"{name}.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            _wait_until_up(port)
            yield port
        finally:
            server.terminate()


def _wait_until_up(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/webhooks")
            connection.getresponse().read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()


def _load(port: int, requests: int) -> Round:
    command = [sys.executable, str(HERE / "client.py"), str(port), str(requests)]
    return Round(**json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _median(rounds: list[Round]) -> Round:
    return Round(*(statistics.median(values) for values in zip(*rounds, strict=True)))


def _line(result: Round) -> str:
    return f"{result.rate:8.0f} requests/s   p50 {result.p50_ms:6.2f} ms   p99 {result.p99_ms:6.2f} ms"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=15_000, help="in each round")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    options = parser.parse_args()
    # not in /tmp, which may be memory: a commit must reach a disk
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        result = measure(Path(folder), rounds=options.rounds, requests=options.requests)
    print(f"\nmedian   floor  {_line(result.floor)}\nmedian   ours   {_line(result.ours)}")
    print(f"\nrequests/s {result.rate_ratio:.2f} of the floor (wanted: at least {WANTED_RATE:.2f})")
    print(f"p99        {result.p99_ratio:.2f} times the floor (wanted: under {WANTED_P99:.2f})")
    return 1 if options.check and not result.is_good else 0


if __name__ == "__main__":
    sys.exit(main())
