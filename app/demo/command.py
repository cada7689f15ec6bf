"""`doorman demo`: the sandbox panel, the service and a stream of orders in one command, shown in the terminal.

Everything lives in a temporary folder and in two child processes; both are removed when the demo ends, however it ends.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import secrets
import signal
import tempfile
from base64 import b64encode
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

import app
from app.config import PREFIX, Settings
from app.core.records import Role
from app.demo.news import Ledger, NewsLine, Tone
from app.demo.processes import Child, DemoEnded, child, first_of, free_ports
from app.demo.screen import LiveScreen, PlainScreen, Screen
from app.installation import schema
from app.installation.administration import create_key

_HOST = "127.0.0.1"
_START_SECONDS = 120.0
_LOOK_SECONDS = 0.5
_CAUSE_FIRST_SECONDS = 1.0
_TURNS_TO_LOOK_AT_ALL = 10
_PAGE = 50

#: A day of orders passes in six minutes here, so one customer orders as often within an hour as elsewhere in ten days.
_FASTER = 24 * 60 // 6
_DAY, _HOUR = 15 * _FASTER, 5 * _FASTER
#: The default policy, adapted to the sandbox: a ticket department and an order page. The sandbox's fraud check gives
#: medium scores, so the score threshold is lower than the default.
_POLICY = f"""\
[thresholds]
fraud_score_from = 50
customer_orders_per_hour = {_HOUR}
customer_orders_per_day = {_DAY}
ip_orders_per_hour = {_HOUR}
ip_orders_per_day = {_DAY}

[messages]
department_id = 1

[limits.hour]
fees = 0

[limits.day]
fees = 0
"""


def policy_document(cart_url: str) -> str:
    """Return the demo's policy as TOML, with the address of the order page."""
    return f'{_POLICY}\n[cart]\nurl = "{cart_url}"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Paths, ports and shared secrets of one demo."""

    folder: Path
    database_url: str
    service_port: int
    panel_port: int
    admin_key: str
    ops_key: str
    shared: Mapping[str, str]
    """The secrets that the panel needs, too."""

    @property
    def service(self) -> str:
        return f"http://{_HOST}:{self.service_port}"

    @property
    def panel(self) -> str:
        return f"http://{_HOST}:{self.panel_port}"


def run_demo(*, port: int, panel_port: int, seconds: float | None) -> int:
    """Run until Ctrl-C, SIGTERM or `seconds` are over; return the exit code."""
    console = Console()
    screen: Screen = LiveScreen(console) if console.is_terminal else PlainScreen(console)
    ledger = Ledger()
    trouble = ""
    with tempfile.TemporaryDirectory(prefix="doorman-demo-", ignore_cleanup_errors=True) as folder:
        try:
            screen.start()
            screen.wait("preparing a database, keys and a policy")
            plan = _prepare(Path(folder), port=port, panel_port=panel_port)
            asyncio.run(_until_stopped(_play(plan, screen, ledger, seconds=seconds)))
        except DemoEnded as error:
            trouble = str(error)
        except KeyboardInterrupt:
            pass  # before the loop installed its handler
        finally:
            screen.stop()
    if trouble:
        console.print(f"doorman demo: {trouble}", style="red", markup=False, highlight=False, soft_wrap=True)
    else:
        _farewell(console, ledger)
    return 1 if trouble else 0


def _farewell(console: Console, ledger: Ledger) -> None:
    asked, paid, amount = ledger.fees()
    states = ledger.states()
    held = sum(count for state, count in states.items() if state.startswith("held"))
    fees = f"{asked} fees asked, {paid} paid" + (f" ({amount})" if amount else "")
    text = f"The demo has ended: {len(ledger.orders)} orders, {states['released']} released, {held} held; {fees}."
    console.print(f"{text}\nNothing is left running, and its data is gone.", highlight=False, soft_wrap=True)


# --- preparation ----------------------------------------------------------------------------------------------------


def _prepare(folder: Path, *, port: int, panel_port: int) -> _Plan:
    """Create the database, the keys and the policy in the folder."""
    service_port, free_panel_port = free_ports(_HOST, port, panel_port)
    url = f"sqlite+aiosqlite:///{folder / 'doorman.db'}"
    schema.migrate(url)
    settings = Settings.model_construct(database_url=url)
    cart_url = f"http://{_HOST}:{free_panel_port}/"
    (folder / "policy.toml").write_text(policy_document(cart_url), encoding="utf-8")
    return _Plan(
        folder=folder,
        database_url=url,
        service_port=service_port,
        panel_port=free_panel_port,
        admin_key=secrets.token_urlsafe(32),
        ops_key=asyncio.run(create_key(settings, "demo ops", Role.OPS)),
        shared={
            "panel_key": asyncio.run(create_key(settings, "demo panel", Role.PANEL)),
            "webhook_secret": "whsec_" + b64encode(secrets.token_bytes(32)).decode(),
            "identifier": secrets.token_urlsafe(16),
            "secret": secrets.token_urlsafe(24),
        },
    )


def _service_settings(plan: _Plan) -> dict[str, str]:
    """Return the settings of `doorman serve`, with timers short enough to show results within seconds."""
    ours = {
        "database_url": plan.database_url,
        "mode": "enforce",
        "panel_url": plan.panel,
        "panel_identifier": plan.shared["identifier"],
        "panel_secret": plan.shared["secret"],
        "webhook_secret": plan.shared["webhook_secret"],
        "admin_key": plan.admin_key,
        "policy_file": str(plan.folder / "policy.toml"),
        "public_url": plan.service,
        "panel_rate": "100",
        "settle_seconds": "6",
        "panel_settle_seconds": "10",
        "reconcile_seconds": "30",
        "log_format": "json",
    }
    return {f"{PREFIX}{name.upper()}": value for name, value in ours.items()}


def _environment() -> dict[str, str]:
    """Return our environment without the caller's settings. Children run elsewhere, so they need the package's path."""
    clean = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    root = str(Path(app.__file__).parent.parent)
    return clean | {"PYTHONPATH": os.pathsep.join(filter(None, (root, clean.get("PYTHONPATH"))))}


# --- running --------------------------------------------------------------------------------------------------------


async def _until_stopped(work: Awaitable[None]) -> None:
    """Run the work until it is done or a signal arrives. Raises DemoEnded."""
    task = asyncio.ensure_future(work)
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


async def _play(plan: _Plan, screen: Screen, ledger: Ledger, *, seconds: float | None) -> None:
    """Start everything, then report what happens for this many seconds, or without end."""
    screen.wait("starting the panel and the service")
    environment = _environment()
    stage = ("-m", "app.demo.panel", "--port", str(plan.panel_port), "--doorman-url", plan.service)
    serve = ("-m", "app", "serve", "--host", _HOST, "--port", str(plan.service_port))
    async with (
        child("the panel", *stage, folder=plan.folder, environment=environment, talks=True) as panel,
        child(
            "the service", *serve, folder=plan.folder, environment=environment | _service_settings(plan)
        ) as service,
        httpx.AsyncClient(
            base_url=plan.service, headers={"Authorization": f"Bearer {plan.admin_key}"}, trust_env=False, timeout=10
        ) as client,
    ):  # fmt: skip
        await panel.write(json.dumps(plan.shared))
        try:
            await first_of(_ready(client), panel.ended(), service.ended(), within=_START_SECONDS)
        except TimeoutError:
            text = f"the service was not ready within {_START_SECONDS:.0f} seconds. {service.last_words()}"
            raise DemoEnded(text) from None
        screen.welcome(_addresses(plan))
        await panel.write("begin")
        try:
            await first_of(
                _listen(panel, screen, ledger), _watch(client, screen, ledger), panel.ended(), service.ended(),
                within=seconds,
            )  # fmt: skip
        except TimeoutError:
            pass  # the requested time is over
        finally:
            screen.wait("ending the service and the panel")


def _addresses(plan: _Plan) -> dict[str, str]:
    """Return the addresses to open, and the keys to log in: first the one for daily work."""
    return {
        "Swagger UI": f"{plan.service}/docs",
        "ops key": plan.ops_key,
        "admin key (only for policies)": plan.admin_key,
        "sandbox page": f"{plan.panel}/",
    }


async def _ready(client: httpx.AsyncClient) -> None:
    """Return when API, database and worker are ready."""
    while True:
        with suppress(httpx.TransportError):
            if (await client.get("/readyz")).is_success:
                return
        await asyncio.sleep(0.1)


async def _listen(panel: Child, screen: Screen, ledger: Ledger) -> None:
    """Report what happens in the panel."""
    async for text in panel.lines():
        said = json.loads(text)
        ledger.names |= {int(order_id): name for order_id, name in said.get("orders", {}).items()}
        if story := said.get("story"):
            screen.tell(NewsLine(Tone.PANEL, story))
        if "webhooks" in said:
            ledger.webhooks, ledger.reads, ledger.changes = said["webhooks"], said["reads"], said["changes"]
    await asyncio.Event().wait()  # the panel has ended: `Child.ended` reports it


async def _watch(client: httpx.AsyncClient, screen: Screen, ledger: Ledger) -> None:
    """Report what Doorman decides, using only its public API."""
    clock = asyncio.get_running_loop().time
    started = clock()
    first_seen: dict[int, float] = {}
    for turn in itertools.count():
        with suppress(httpx.TransportError):
            for order in reversed(await _orders(client, every=turn % _TURNS_TO_LOOK_AT_ALL == 0)):
                settled = first_seen.setdefault(order["order_id"], clock()) + _CAUSE_FIRST_SECONDS <= clock()
                if settled and ledger.is_news(order):
                    whole = await client.get(f"/v1/orders/{order['order_id']}")
                    line = ledger.news(whole.json()) if whole.is_success else None
                    if line is not None:
                        screen.tell(line)
        screen.refresh(ledger, clock() - started)
        await asyncio.sleep(_LOOK_SECONDS)


async def _orders(client: httpx.AsyncClient, *, every: bool) -> list[dict[str, Any]]:
    """Return the newest orders, or all of them."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        answer = await client.get("/v1/orders", params={"limit": _PAGE} | ({"cursor": cursor} if cursor else {}))
        page = answer.raise_for_status().json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None or not every:
            return found
