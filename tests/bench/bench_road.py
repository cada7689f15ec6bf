# ruff: noqa: T201
"""How many plain paid orders a second go all the way from webhook to accept, against a floor: ``make bench``.

The panel answers at once, in a process of its own. Ours is `doorman serve` on an empty database, which gets 150 signed
webhooks at once; it is measured from the first webhook to the last accept, and its processor time and its calls until
every order is read back as provisioned. The floor makes eight of the calls and commits one row for each order, in turn
with ours; with httpx, as ours, and for comparison over bare sockets.
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
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import uvloop
from client import send, signed
from road_panel import customer_id, invoice_id, ip_of
from secret import SECRET

from app.installation.schema import migrate

WANTED_RATIO = 0.35  # of the floor's orders a second, at least
WANTED_CPU = 15.0  # ms of our processes for each order, at most
WANTED_CALLS = 9.0  # for each order, at most
SENDERS = 8
PATIENCE = 300.0  # seconds
FLOOR_ORDERS = 4  # times as many as ours, as they take so short
ADMIN = "an admin key for measuring, and nothing else"
POSTGRES = "postgresql://postgres@127.0.0.1:5432"
HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")


class Round(NamedTuple):
    """Orders a second, and the processor time of each."""

    rate: float
    cpu_ms: float


@dataclass(slots=True)
class Seen:
    """The results of all rounds on one database."""

    orders: int
    bare: list[Round] = field(default_factory=list)
    floor: list[Round] = field(default_factory=list)
    ours: list[Round] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def ratio(self) -> float:
        """Our orders a second as a fraction of the floor's: the median over the rounds, each of which has both."""
        return statistics.median(ours.rate / floor.rate for ours, floor in zip(self.ours, self.floor, strict=True))

    @property
    def calls_per_order(self) -> float:
        """All panel calls, whatever they were for."""
        return self.calls.total() / (self.orders * len(self.ours))

    @property
    def is_good(self) -> bool:
        """True if all targets are met."""
        return (
            self.ratio >= WANTED_RATIO
            and _median(self.ours).cpu_ms <= WANTED_CPU
            and self.calls_per_order <= WANTED_CALLS
        )


def _median(rounds: list[Round]) -> Round:
    return Round(*(statistics.median(values) for values in zip(*rounds, strict=True)))


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """Make an empty database, and remove it."""
    name = f"doorman_bench_{uuid.uuid4().hex[:12]}"
    if kind == "sqlite":
        yield f"sqlite:///{folder / name}.db"
        return
    asyncio.run(_on_server(f'CREATE DATABASE "{name}"'))
    try:
        yield f"{POSTGRES}/{name}"
    finally:
        asyncio.run(_on_server(f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _on_server(statement: str) -> None:
    connection = await asyncpg.connect(f"{POSTGRES}/postgres", timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def panel(customers: int, *options: str) -> Iterator[int]:
    """Run the panel, and return its port."""
    command = [sys.executable, str(HERE / "road_panel.py"), str(customers), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.terminate()


@contextmanager
def doorman(folder: Path, url: str, panel_port: int, **more: str) -> Iterator[tuple[int, int]]:
    """Run `doorman serve`, and return its port and its process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "DATABASE_URL": url, "MODE": "enforce", "WEBHOOK_SECRET": SECRET, "ADMIN_KEY": ADMIN, "LOG_FORMAT": "json",
        "PANEL_URL": f"http://127.0.0.1:{panel_port}", "PANEL_IDENTIFIER": "plain-identifier",
        "PANEL_SECRET": "plain-secret", "PANEL_TIMEZONE": "UTC", "PANEL_RATE": "10000",
        **{name.upper(): value for name, value in more.items()},
    }  # fmt: skip
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())}
    environment |= {f"DOORMAN_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    with (folder / "serve.log").open("ab") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_ready(port, server)
            yield port, server.pid
        finally:
            server.terminate()
            server.wait()


def _wait_until_ready(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("doorman serve did not start")
        time.sleep(0.1)


def webhooks(numbers: Iterable[int]) -> list[bytes]:
    """Return the webhooks that the panel's addon would send for the orders; they are sent from the end."""

    def body(number: int) -> bytes:
        data = {
            "order_id": number, "customer_id": customer_id(number), "invoice_id": invoice_id(number),
            "placed_by": "customer", "ip": ip_of(number),
        }  # fmt: skip
        envelope = {"type": "order.created", "timestamp": datetime.now(UTC).isoformat(), "data": data}
        return json.dumps(envelope).encode()

    return signed(body(number) for number in reversed(list(numbers)))


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and all below it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(map(int, fields[11:15])) / TICKS + sum(cpu_seconds(int(child)) for child in children)


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and all below it."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _tree(int(child))


def megabytes(pid: int) -> float:
    """Return the memory of a process and all below it; what they share counts once."""
    shares = (Path(f"/proc/{one}/smaps_rollup").read_text() for one in _tree(pid))
    return sum(int(share.partition("\nPss:")[2].split()[0]) for share in shares) / 1024


def drive(seen: Seen, folder: Path, url: str, panel_port: int) -> None:
    """Measure one round of ours."""
    migrate(url)
    with doorman(folder, url, panel_port) as (port, pid):
        time.sleep(2)  # it compares itself with the panel first; and its orders must be younger than it
        tell(panel_port, "begin")
        requests = webhooks(range(1, 1 + seen.orders))
        used = cpu_seconds(pid)
        started, _, _ = uvloop.run(send(port, requests, connections=SENDERS, patient=True))
        deadline = started + PATIENCE
        while tell(panel_port, "seen")["read_back"] < seen.orders:
            if time.monotonic() > deadline:
                raise RuntimeError(f"not all orders were accepted and read back: {tell(panel_port, 'seen')}")
            time.sleep(0.1)
        time.sleep(0.3)  # what was read last is still being written
        used = cpu_seconds(pid) - used
        told = tell(panel_port, "seen")
        _require_all_provisioned(port, seen.orders)
    assert told["accepted"] == told["calls"]["AcceptOrder"] == seen.orders
    seen.ours.append(Round(seen.orders / (told["accepted_at"] - started), used / seen.orders * 1000))
    seen.calls.update(told["calls"])


def tell(panel_port: int, what: str) -> dict[str, Any]:
    """Tell the panel to begin anew, which takes seconds with very many customers, or ask what it has seen."""
    url = f"http://127.0.0.1:{panel_port}/{what}"
    answer: dict[str, Any] = httpx.post(url, trust_env=False, timeout=60).json()
    return answer


def _require_all_provisioned(port: int, orders: int) -> None:
    """Ask the API, after the measurement."""
    deadline = time.monotonic() + 10
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {ADMIN}"}, trust_env=False, timeout=30
    ) as client:
        while True:
            found = Counter(f"{order['state']} {order['provisioning']}" for order in _all_orders(client))
            if found == {"released done": orders}:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"not all orders are released and provisioned: {found}")
            time.sleep(0.5)


def _all_orders(client: httpx.Client) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/v1/orders", params={"limit": 100, **cursor}).raise_for_status().json()
        yield from page["items"]
        if not page["next_cursor"]:
            return
        cursor = {"cursor": page["next_cursor"]}


def floor(client: str, panel_port: int, orders: int, url: str) -> Round:
    """Measure one round of the floor."""
    tell(panel_port, "begin")
    command = [sys.executable, str(HERE / "road_floor.py"), client, str(panel_port), str(orders), url]
    return Round(**json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def measure(kind: str, folder: Path, *, rounds: int, orders: int) -> Seen:
    """Measure the floor and ours in turn."""
    seen, many = Seen(orders), orders * FLOOR_ORDERS
    with panel(many) as panel_port:
        for number in range(1, rounds + 1):
            with database(kind, folder) as url:
                seen.bare.append(floor("bare", panel_port, many, url))
                seen.floor.append(floor("httpx", panel_port, many, url))
            with database(kind, folder) as url:
                drive(seen, folder, url, panel_port)
            each = {"bare": seen.bare[-1], "floor": seen.floor[-1], "ours": seen.ours[-1]}
            said = "".join(f"{name} {_line(one)}   " for name, one in each.items())
            load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
            print(f"{kind:10} round {number}  {said}{load}", flush=True)
    return seen


def _line(one: Round) -> str:
    return f"{one.rate:6.1f} orders/s {one.cpu_ms:6.1f} ms CPU"


def show(kind: str, seen: Seen) -> None:
    """Print the medians."""
    bare, made, ours = map(_median, (seen.bare, seen.floor, seen.ours))
    print(f"\n{kind}: floor {_line(made)}, ours {_line(ours)}")
    print(f"orders/s   {seen.ratio:5.2f} of the floor (wanted: at least {WANTED_RATIO:.2f})")
    print(f"           {ours.rate / bare.rate:5.2f} of the floor over bare sockets, which makes {bare.rate:.1f}")
    print(f"CPU        {ours.cpu_ms:5.1f} ms an order (wanted: at most {WANTED_CPU:.0f})")
    print(f"           {ours.cpu_ms / made.cpu_ms:5.1f} times the floor's, which says more where the machine is shared")
    print(f"calls      {seen.calls_per_order:5.2f} an order (wanted: at most {WANTED_CALLS:.0f})")
    each = seen.orders * len(seen.ours)
    for action, calls in seen.calls.most_common():
        print(f"           {calls / each:5.2f} {action}")
    print(flush=True)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--orders", type=int, default=150, help="sent at once in each round")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    options, _ = parser.parse_known_args()  # `make bench ARGS=…` passes options to all benches
    kinds = ["sqlite", "postgresql"] if options.database == "both" else [options.database]
    is_good = True
    # not in /tmp, which may be memory: a commit must reach a disk
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        for kind in kinds:
            try:
                seen = measure(kind, Path(folder), rounds=options.rounds, orders=options.orders)
            except OSError as error:
                if kind == "sqlite":
                    raise
                print(f"{kind}: not measured, as there is none at {POSTGRES} ({error})")
                continue
            show(kind, seen)
            is_good = is_good and seen.is_good
    return 1 if options.check and not is_good else 0


if __name__ == "__main__":
    sys.exit(main())
