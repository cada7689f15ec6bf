# ruff: noqa: T201
"""How fast a panel's history is imported, against a floor: ``make bench``.

The panel is the sandbox with a made-up past, in a process of its own on a local socket. Ours is the whole of `doorman
import --rate 0` into an empty SQLite file: reading, and making the cases. The floor is the very same calls, as the
panel saw them, made anew over bare sockets by as many at once, and nothing done with the answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from urllib.parse import parse_qs

import uvloop
from pydantic import SecretStr

from app.cli.history import console, run_import
from app.config import Settings
from app.context import Context
from app.history.cases.build import Built, CaseBuilder
from app.history.writing import TOGETHER
from app.installation.children import collect_rarely
from app.installation.schema import migrate
from app.panels.whmcs.history import AHEAD
from app.sandbox.control import IDENTIFIER, SECRET

WANTED = 0.50  # of the floor's calls a second, at least
HERE = Path(__file__).parent
_HEAD = (
    b"POST /includes/api.php HTTP/1.1\r\nhost: panel\r\n"
    b"content-type: application/x-www-form-urlencoded\r\ncontent-length: %d\r\n\r\n%b"
)


async def replay(port: int, bodies: list[str]) -> float:
    """Make the calls, list by list as the import does, and return the seconds it took."""
    began = time.perf_counter()
    for action, group in groupby(bodies, key=lambda body: parse_qs(body)["action"][0]):
        calls = iter([body.encode("ascii") for body in group])
        together = (
            AHEAD
            if action in {"GetClients", "GetOrders", "GetClientsProducts", "GetInvoices", "GetTickets"}
            else TOGETHER
        )
        await asyncio.gather(*(_caller(port, calls) for _ in range(together)))
    return time.perf_counter() - began


async def _caller(port: int, calls: Iterator[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    for body in calls:
        writer.write(_HEAD % (len(body), body))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
    writer.close()


@dataclass(slots=True)
class Measured:
    """Seconds of the import, of building cases (included), and of the floor; the number of calls of each."""

    ours: float = 0.0
    building: float = 0.0
    floor: float = 0.0
    calls: int = 0

    def make_builder(self, context: Context) -> CaseBuilder:
        """Return a builder of cases as in the import, which measures the time after everything is read."""
        return _Timed(context, self)


class _Timed(CaseBuilder):
    def __init__(self, context: Context, found: Measured) -> None:
        super().__init__(context)
        self._found = found

    async def build(self, *, heard: Callable[[int, int], None]) -> Built:
        began = time.perf_counter()
        built = await super().build(heard=heard)
        self._found.building = time.perf_counter() - began
        return built


def measure(orders: int, folder: Path) -> Measured:
    """Import from a panel with this many orders, then repeat the same calls."""
    found = Measured()
    with subprocess.Popen(
        [sys.executable, str(HERE / "panel_server.py"), str(orders)], stdout=subprocess.PIPE
    ) as panel:
        try:
            assert panel.stdout is not None
            port = int(panel.stdout.readline())
            settings = Settings(
                database_url=f"sqlite:///{folder / 'import.db'}", panel_url=f"http://127.0.0.1:{port}",
                panel_identifier=SecretStr(IDENTIFIER), panel_secret=SecretStr(SECRET),
            )  # fmt: skip
            migrate(settings.database_url)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                began = time.perf_counter()
                runner.run(run_import(settings, console(), since=None, rate=0, make_builder=found.make_builder))
                found.ours = time.perf_counter() - began
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/recorded") as answer:
                    bodies = json.load(answer)
                found.calls = len(bodies)
                found.floor = runner.run(replay(port, bodies))
        finally:
            panel.terminate()
    return found


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000, help="fewer are quicker; starting a process weighs more")
    parser.add_argument("--check", action="store_true", help="exit with 1 when the target is missed")
    options = parser.parse_args()
    collect_rarely()  # as the command does
    # not in /tmp, which may be memory: a commit must reach a disk
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        found = measure(options.orders, Path(folder))
    share = found.floor / found.ours
    reading = found.ours - found.building
    parts = {"floor": found.floor, "reading": reading, "cases": found.building, "ours": found.ours}
    for name, seconds in parts.items():
        print(f"{name:8} {seconds:8.1f} s  {options.orders / seconds:8.0f} orders/s")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{found.calls} calls; at most {most:.0f} MB in the process that imports")
    print(f"the import runs at {share:.2f} of the panel's own speed (wanted: at least {WANTED:.2f})")
    return 1 if options.check and share < WANTED else 0


if __name__ == "__main__":
    sys.exit(main())
