"""One web request of a pretend WHMCS with the addon inside, in real `php-cli` (`whmcs/request.php`)."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.sandbox import SandboxPanel
from app.sandbox.models import Order

ROOT = Path(__file__).parents[2] / "app" / "panels" / "whmcs" / "addon"
ADDON = ROOT / "modules" / "addons" / "doorman"
HARNESS = Path(__file__).with_name("whmcs")
HOW = "php is missing or lacks curl or pdo_sqlite: apt-get install php-cli php-curl php-sqlite3 php-mysql"
DEADLINE = 60.0

Step = dict[str, Any]


def php_command() -> str | None:
    """Return the path of a php with the extensions that the harness needs, or None."""
    php = shutil.which("php")
    if php is None:
        return None
    found = subprocess.run([php, "-m"], capture_output=True, text=True, check=False, timeout=DEADLINE).stdout.split()
    return php if {"curl", "pdo_sqlite"} <= set(found) else None


def hook(point: str, **fields: Any) -> Step:
    """A step: WHMCS runs a hook."""
    return {"do": "hook", "point": point, "vars": fields}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of one request."""

    steps: list[dict[str, Any]]
    seconds: float
    activity: list[str]
    module_log: list[str]
    local_calls: list[Any]
    errors: list[str]
    session: dict[str, Any] | list[Any]
    fatal: str | None
    finished: bool
    hooks: list[str]
    files: list[str]
    memory: int

    def returned(self, step: int = -1) -> Any:
        """Return a step's result; for a hook, the list of its callbacks' results."""
        return self.steps[step]["returned"]

    @property
    def printed(self) -> str:
        """Everything that the request printed."""
        return "".join(step["printed"] for step in self.steps)

    def clean(self) -> None:
        """Fail if there was an exception or a warning, or if the request was aborted."""
        assert self.fatal is None
        assert self.errors == []
        assert [step["thrown"] for step in self.steps if step["thrown"]] == []
        assert self.finished


@dataclass(slots=True, kw_only=True)
class Whmcs:
    """A pretend WHMCS on one database; each `request` is a separate PHP process."""

    dsn: str
    php: str
    root: Path = ROOT
    stringify: bool = False
    php_options: tuple[str, ...] = ()

    def start(self, *steps: Step, script: str = "/cart.php", **scenario: Any) -> subprocess.Popen[str]:
        """Start a request; `finish` returns its answer."""
        given = {
            "root": str(self.root), "database": self.dsn, "stringify": self.stringify, "script": script,
            **scenario, "steps": steps,
        }  # fmt: skip
        options = ["display_errors=stderr", "memory_limit=128M", *self.php_options]
        command = [self.php, *(part for option in options for part in ("-d", option)), str(HARNESS / "request.php")]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert process.stdin is not None
        process.stdin.write(json.dumps(given))
        process.stdin.close()
        process.stdin = None
        return process

    def finish(self, process: subprocess.Popen[str], *, clean: bool = True) -> Answer:
        """Wait for a request and return its answer."""
        out, err = process.communicate(timeout=DEADLINE)
        assert out.startswith("{"), out + err
        answer = Answer(**json.loads(out))
        if clean:
            answer.clean()
            assert err == ""
        return answer

    def request(self, *steps: Step, clean: bool = True, **scenario: Any) -> Answer:
        """Run one request; by default, exceptions and warnings fail the test."""
        return self.finish(self.start(*steps, **scenario), clean=clean)

    def hook(self, point: str, *, scenario: dict[str, Any] | None = None, **fields: Any) -> Any:
        """One request with one hook; returns what the callbacks returned, empty answers left out."""
        answer = self.request(hook(point, **fields), **(scenario or {}))
        return [value for value in answer.returned() if value not in (None, "", [])]

    def cron(self, **scenario: Any) -> Answer:
        """The five-minute cron."""
        return self.request(hook("AfterCronJob"), **CRON, **scenario)

    def sql(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Query or change the panel's database; directly for a SQLite file, otherwise through PHP."""
        kind, _, place = self.dsn.partition(":")
        if kind == "sqlite":
            with closing(sqlite3.connect(place, timeout=10)) as connection, connection:
                connection.execute("PRAGMA synchronous=OFF")
                found = connection.execute(statement, values)
                names = [column[0] for column in found.description or ()]
                return [dict(zip(names, row, strict=True)) for row in found]
        do = "rows" if statement.lstrip().upper().startswith("SELECT") else "sql"
        found = self.request({"do": do, "sql": statement, "values": values}, loads_hooks=False).returned()
        return [dict(row) for row in found] if do == "rows" else []

    def insert(self, table: str, **row: Any) -> None:
        """Insert a row that WHMCS itself would write."""
        marks = ", ".join("?" * len(row))
        self.sql(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())

    def events(self) -> list[dict[str, Any]]:
        """The addon's outbox, oldest first."""
        return self.sql("SELECT * FROM mod_doorman_events ORDER BY id")

    def waiting(self) -> list[dict[str, Any]]:
        """The events that are not delivered yet."""
        return [row for row in self.events() if row["delivered_at"] is None]

    def make_due(self) -> None:
        """Make the next attempt of every waiting event due."""
        self.sql("UPDATE mod_doorman_events SET next_at = 1 WHERE delivered_at IS NULL")

    def set(self, **settings: str) -> None:
        """Store settings as WHMCS does when staff save them."""
        if not self.dsn.startswith("sqlite:"):
            self.request({"do": "save_settings", "arguments": [settings]}, loads_hooks=False)
            return
        for name, value in settings.items():
            self.sql("DELETE FROM tbladdonmodules WHERE module = 'doorman' AND setting = ?", name)
            self.insert("tbladdonmodules", module="doorman", setting=name, value=value)

    def setting(self, name: str) -> str:
        """Return the stored value of one setting."""
        [row] = self.sql("SELECT value FROM tbladdonmodules WHERE module = 'doorman' AND setting = ?", name)
        return str(row["value"])

    def activate(self, **settings: str) -> None:
        """Install the addon as staff would: Activate, then Save Changes."""
        answer = self.request({"do": "activate_addon"}, {"do": "save_settings", "arguments": [settings]}, **STAFF)
        assert answer.returned(0)["status"] == "success"

    def add_order(self, order_id: int = 41, *, customer_id: int = 101, ip: str = "192.0.2.9", **more: Any) -> None:
        """Add an order with the row that the checkout leaves."""
        row = {"ordernum": 4471920385 + order_id, "date": "2026-11-22 10:00:00", "notes": "", "amount": "5.00", **more}
        self.insert("tblorders", id=order_id, userid=customer_id, ipaddress=ip, **row)

    def copy_order(self, panel: SandboxPanel, order: Order) -> None:
        """Copy an order of the sandbox into WHMCS's own tables, which the addon reads."""
        self.add_order(order.id, customer_id=order.client_id, ip=order.ip, invoiceid=order.invoice_id)
        owner = {"userid": order.client_id, "orderid": order.id}
        for service_id in order.service_ids:
            self.insert("tblhosting", id=service_id, **owner)
        for addon_id in order.addon_ids:
            self.insert("tblhostingaddons", id=addon_id, hostingid=panel.state.addons[addon_id].parent_id, **owner)
        for domain_id in order.domain_ids:
            self.insert("tbldomains", id=domain_id, **owner)


#: Alice, working in the admin area.
STAFF: dict[str, Any] = {"script": "/admin/orders.php", "adminarea": True, "admin": 1, "session": {"adminid": 1}}
#: A script of ours or of others that uses the external API.
API: dict[str, Any] = {"script": "/includes/api.php"}
#: The five-minute cron on the command line.
CRON: dict[str, Any] = {"script": "/home/whmcs/crons/cron.php", "cli": True}
#: A payment gateway calls back: nobody is logged in.
CALLBACK: dict[str, Any] = {"script": "/modules/gateways/callback/stripe.php"}
#: A customer in the cart.
CUSTOMER: dict[str, Any] = {"script": "/cart.php", "user": 50001, "client": 101, "session": {"uid": 101}}
#: Staff by "Login as Owner".
MASQUERADE: dict[str, Any] = {**CUSTOMER, "admin": 1, "masquerade": True, "session": {"uid": 101, "adminid": 1}}
