"""The real processes: `doorman serve` with its worker, a WHMCS-like server that is not our sandbox, a public signer."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.processes.plain_whmcs import PlainWhmcs, serving
from tests.stories.house import ADMIN_KEY, SECRET

pytestmark = [pytest.mark.both_databases("workers of several processes"), pytest.mark.slow("starts serve")]

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
#: For requests by plain HTTP. Loading the certificates for each would take longer than all else.
LOCAL: dict[str, bool] = {"trust_env": False, "verify": False}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait for a condition; fail if it does not become true in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    pytest.fail(f"did not happen within {PATIENCE:.0f} s: {what}")


@contextmanager
def doorman(
    folder: Path, database_url: str, panel_url: str, *arguments: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run `doorman serve` in a separate process; yields its address and the process."""
    port = free_port()
    settings = {
        "DOORMAN_DATABASE_URL": database_url,
        "DOORMAN_MODE": "enforce",
        "DOORMAN_PANEL_URL": panel_url,
        "DOORMAN_PANEL_IDENTIFIER": "plain-identifier",
        "DOORMAN_PANEL_SECRET": "plain-secret",
        "DOORMAN_PANEL_TIMEZONE": "UTC",
        "DOORMAN_WEBHOOK_SECRET": SECRET,
        "DOORMAN_ADMIN_KEY": ADMIN_KEY,
    }
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings}
    log = (folder / "serve.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", str(port), *arguments],
        cwd=folder, env=environment, stdout=log, stderr=log,
    )  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _ready(base, process), "the service is ready")
        yield base, process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _ready(base: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "doorman serve ended by itself"
    try:
        return httpx.get(f"{base}/readyz", **LOCAL).status_code == 200
    except httpx.TransportError:
        return False


def send(base: str, kind: str, data: dict[str, Any]) -> httpx.Response:
    """Send a webhook as any client with the public library and the secret would."""
    now = datetime.now(UTC)
    body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": data})
    webhook_id = str(uuid.uuid4())
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(webhook_id, now, body),
    }
    return httpx.post(f"{base}/webhooks", content=body, headers=headers, **LOCAL)


def get_order(base: str, order_id: int) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    answer = httpx.get(f"{base}/v1/orders/{order_id}", headers=headers, **LOCAL)
    return dict(answer.json()) if answer.status_code == 200 else {}


def test_signed_webhook_leads_to_the_right_calls_at_a_foreign_panel(tmp_path: Path, migrated_url: str) -> None:
    with serving_with_orders() as (panel, url), doorman(tmp_path, migrated_url, url) as (base, process):
        for order in panel.orders.values():  # placed after the cut-over
            order["date"] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
            order["date"] = max(order["date"], _next_second())
        assert send(base, "order.created", {"order_id": 41}).json()["duplicate"] is False
        assert send(base, "order.created", {"order_id": 42}).status_code == 202
        until(lambda: get_order(base, 41).get("state") == "released", "the paid order is released")
        held = until(lambda: (get_order(base, 42).get("fee") or {}).get("invoice_id"), "the fee is invoiced")
        assert held == 9001
        wrote = [(action, fields) for action, fields in panel.calls if not action.startswith("Get")]
        accepted = [fields for action, fields in wrote if action == "AcceptOrder"]
        assert accepted == [
            {"orderid": "41", "autosetup": "1", "sendemail": "1", "sendregistrar": "1", "responsetype": "json"}
        ]
        invoices = [fields for action, fields in wrote if action == "CreateInvoice"]
        assert len(invoices) == 1
        assert invoices[0]["autoapplycredit"] == "0"
        assert "doorman:fee:" in invoices[0]["notes"]
        until(lambda: any(action == "SendEmail" for action, _ in panel.calls), "the customer is told")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert b"Traceback" not in (tmp_path / "serve.log").read_bytes()


def _next_second() -> str:
    time.sleep(1.0 - datetime.now(UTC).microsecond / 1e6)
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


@contextmanager
def serving_with_orders() -> Iterator[tuple[PlainWhmcs, str]]:
    panel = PlainWhmcs({41: "", 42: "Please install Ubuntu 8.04 for me and migrate my site"})
    with serving(panel) as url:
        yield panel, url


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_worker_on_a_file_is_one_is_replaced_when_killed_and_ends_with_its_parent(
    tmp_path: Path, migrated_url: str
) -> None:
    with serving_with_orders() as (panel, url), doorman(tmp_path, migrated_url, url) as (base, process):
        panel.orders[41]["date"] = _next_second()
        assert len(_children(process)) == 2
        second = subprocess.run(
            [sys.executable, "-m", "app", "worker"], cwd=tmp_path, capture_output=True, check=False,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DOORMAN_DATABASE_URL": migrated_url},
        )  # fmt: skip
        assert second.returncode == 2
        assert b"another worker" in second.stderr

        [worker] = [pid for pid in _children(process) if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(worker, signal.SIGKILL)
        assert send(base, "order.created", {"order_id": 41}).status_code == 202
        until(lambda: get_order(base, 41).get("state") == "released", "the order is released by the new worker")
        assert [action for action, _ in panel.calls].count("AcceptOrder") == 1

        children = _children(process)
        assert len(children) == 2
        assert worker not in children
        process.kill()
        process.wait()
        until(lambda: not any(_alive(pid) for pid in children), "the children are gone")


def _children(process: subprocess.Popen[bytes]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
