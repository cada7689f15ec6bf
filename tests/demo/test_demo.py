"""`doorman demo` shows orders of each outcome, and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.core.policy.document import Policy
from app.db import Database
from app.demo.command import policy_document
from app.demo.news import Ledger, Tone
from app.demo.processes import free_ports
from app.sandbox.town.people import populate
from app.sandbox.town.stories import stories
from tests.stories.house import open_house

WITHIN = 180

patient = pytest.mark.timeout(400)


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start it with `folder` as the temporary directory, by which its children are found."""
    output = (folder / "output").open("w")
    with output:
        return subprocess.Popen(
            [sys.executable, "-m", "app", "demo", "--port", "0", "--panel-port", "0", *arguments],
            stdout=output, stderr=subprocess.STDOUT, text=True,
            env=os.environ | {"TMPDIR": str(folder), "DOORMAN_MODE": "no such mode", "COLUMNS": "120"},
        )  # fmt: skip


def _wait_for(folder: Path, process: subprocess.Popen[str], text: str, *more: str) -> None:
    until = time.monotonic() + WITHIN
    while any(one not in (folder / "output").read_text() for one in (text, *more)):
        assert process.poll() is None, (folder / "output").read_text()
        assert time.monotonic() < until, (folder / "output").read_text()
        time.sleep(0.2)


def _children(folder: Path) -> list[str]:
    """Return processes that run in a folder of this demo or were started with one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            marks = (str((process / "cwd").readlink()), (process / "environ").read_bytes().decode(errors="replace"))
            if any(f"{folder}/doorman-demo-" in mark for mark in marks):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def _left(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name != "output"]


@patient
@pytest.mark.slow("the demo takes its time to be watched")
def test_demo_shows_every_outcome_and_ends_clean_when_told_to(tmp_path: Path) -> None:
    process = _start(tmp_path)
    _wait_for(tmp_path, process, "approved", "held for a fee of", "is paid; the order is", "sent to review")
    assert _children(tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    said = (tmp_path / "output").read_text()
    assert "Traceback" not in said
    assert "The demo has ended" in said
    assert re.search(r"Swagger UI: +http://127\.0\.0\.1:\d+/docs", said)
    keys = re.findall(r"^(ops key|admin key \(only for policies\)): +\S{32,}$", said, re.MULTILINE)
    assert keys == ["ops key", "admin key (only for policies)"]
    assert _children(tmp_path) == []
    assert _left(tmp_path) == []


@patient
@pytest.mark.slow("the demo takes its time to be watched")
def test_demo_ends_by_itself(tmp_path: Path) -> None:
    process = _start(tmp_path, "--seconds", "1")
    assert process.wait(WITHIN) == 0, (tmp_path / "output").read_text()
    assert "The demo has ended" in (tmp_path / "output").read_text()
    assert _children(tmp_path) == []
    assert _left(tmp_path) == []


@patient
@pytest.mark.slow("starts the demo with its processes")
def test_a_child_that_dies_is_told_in_one_message(tmp_path: Path) -> None:
    process = _start(tmp_path)
    _wait_for(tmp_path, process, "Swagger UI")
    [panel] = [
        int(path.name)
        for path in Path("/proc").glob("[0-9]*")
        if _is_panel_of(path, tmp_path)
    ]  # fmt: skip
    os.kill(panel, signal.SIGKILL)
    assert process.wait(60) == 1
    said = (tmp_path / "output").read_text()
    assert "doorman demo: the panel exited unexpectedly" in said
    assert "Traceback" not in said
    assert _children(tmp_path) == []
    assert _left(tmp_path) == []


def _is_panel_of(process: Path, folder: Path) -> bool:
    try:
        started = (process / "cmdline").read_text()
        return "app.demo.panel" in started and str(folder) in str((process / "cwd").readlink())
    except OSError:
        return False


def test_free_ports_takes_another_for_one_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        first, second = free_ports("127.0.0.1", port, 0)
    assert port not in {first, second}
    assert first != second


def _order(**fields: Any) -> dict[str, Any]:
    decision = {"outcome": "approve", "at": "1", "by": "policy", "reasons": [{"code": "x", "text": "No work."}]}
    order = {
        "order_id": 17, "state": "released", "panel_status": "Active", "decision": decision, "fee": None, "hold": None,
        "refund_due": None, "flags": [], "scores": {"self_service": 100, "risk": 0}, "signals": [],
        "payment": {"state": "paid"}, "currency": "USD",
    }  # fmt: skip
    return order | fields


def test_an_order_is_told_once_with_name_and_reason() -> None:
    ledger = Ledger(names={17: "Bea Quiet"})
    line = ledger.news(_order())
    assert line is not None
    assert line.text == "order 17 by Bea Quiet: approved, paid, and accepted in the panel"
    assert line.why == "No work"
    assert ledger.news(_order()) is None


def test_what_is_on_its_way_is_told_when_it_is_done() -> None:
    ledger = Ledger()
    assert ledger.news(_order(state="releasing")) is None
    assert ledger.news(_order(decision=None, state="received")) is None
    assert ledger.news(_order()) is not None


def test_a_fee_hold_names_the_amount_and_the_work() -> None:
    decision = {"outcome": "hold_for_fee", "at": "1", "by": "policy", "reasons": []}
    signal_ = {"code": "request_os_old", "score": "self_service", "points": -30, "detail": "Asks for ubuntu 8.04."}
    fee = {"amount": "50.00", "currency": "USD", "state": "unpaid"}
    ledger = Ledger()
    line = ledger.news(
        _order(
            state="held", decision=decision, signals=[signal_], fee=fee, hold={"kind": "fee"}, panel_status="Pending"
        )
    )
    assert line is not None
    assert (line.tone, line.text, line.why) == (
        Tone.FEE, "order 17: held for a fee of 50.00 USD", "Asks for ubuntu 8.04",
    )  # fmt: skip
    assert ledger.fees() == (1, 0, "")
    paid = ledger.news(_order(decision={**_order()["decision"], "at": "2"}, fee=fee | {"state": "paid"}))
    assert paid is not None
    assert paid.text.startswith("order 17: the fee of 50.00 USD is paid; the order is paid")
    assert ledger.fees() == (1, 1, "50.00 USD")


@pytest.mark.slow("plays some minutes of the demo's stream")
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_regulars_who_order_again_and_again_stay_regulars(db: Database) -> None:
    """A day passes in minutes, so everybody orders faster than people do."""
    async with open_house(db, policy=policy_document("http://127.0.0.1:9/")) as house:
        cast = populate(house.panel)
        before = set(house.panel.state.orders)
        regulars = {client.id for client in cast.clients["regular"]}

        def most_orders() -> int:
            """Return how many orders the busiest of the regulars has placed."""
            placed = set(house.panel.state.orders) - before
            by_customer = Counter(house.panel.state.orders[order_id].client_id for order_id in placed)
            return max(by_customer[one] for one in regulars)

        async for _ in stories(house.panel, random.Random(7), cast, pace=0, until=500):
            if most_orders() > Policy().thresholds.customer_orders_per_hour:
                break  # by the policy's words this one would stand out
        else:
            pytest.fail("nobody orders often enough to stand out")
        await house.settle(seconds=10)
        for order_id in set(house.panel.state.orders) - before:
            order = await house.order(order_id)
            assert {"customer_velocity", "ip_velocity"} & {one["code"] for one in order["signals"]} == set()
            if order["customer_id"] in regulars:
                assert order["decision"]["outcome"] == "approve", order["decision"]
