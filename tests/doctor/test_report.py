"""`doorman doctor` on our side: settings, database, worker, connection, output and exit status."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from rich.console import Console

from app.clock import utc_now
from app.core.records import Mode, Role
from app.db import Database
from app.doctor import records as doctor
from app.doctor.findings import DoctorFinding, Level, fault, ok, unchecked
from app.doctor.ingress import check_door
from app.doctor.installation import check_records, check_settings, check_signs, check_webhooks
from app.doctor.report import Section, secrets_of, show, summary
from app.installation import facts as installation
from app.installation.keys import create_key
from app.tables.inbox import events, workers
from app.tables.orders import decisions, orders, timeline
from app.upkeep.startup import prepare
from tests.processes.test_processes import LOCAL, ROOT, free_port, until
from tests.stories.house import ADMIN_KEY, SECRET, House, settings_for

SQLITE_ONLY = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def codes(findings: list[DoctorFinding]) -> dict[str, Level]:
    return {finding.code: finding.level for finding in findings}


def by_code(findings: list[DoctorFinding], code: str) -> DoctorFinding:
    [found] = [finding for finding in findings if finding.code == code]
    return found


# --- settings -------------------------------------------------------------------------------------------------------


def test_settings_that_are_whole() -> None:
    assert set(codes(check_settings(settings_for("sqlite:///none.db"))).values()) == {Level.OK}


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"panel_url": None}, "panel-settings", "DOORMAN_PANEL_URL"),
        ({"panel_secret": None}, "panel-settings", "DOORMAN_PANEL_SECRET"),
        ({"webhook_secret": None}, "webhook-secret", "404"),
        ({"webhook_secret": SecretStr("abc")}, "webhook-secret", "can't be used"),
        ({"webhook_secret": SecretStr("whsec_äöü")}, "webhook-secret", "can't be used"),
        ({"policy_file": Path("no-such-file.toml")}, "policy-file", "can't be read"),
        ({"policy_file": Path(__file__)}, "policy-file", "not valid"),
    ],
)
def test_settings_that_are_not(changed: dict[str, Any], code: str, words: str) -> None:
    finding = by_code(check_settings(settings_for("sqlite:///none.db", **changed)), code)
    assert finding.level is Level.FAULT
    assert words in finding.text
    assert finding.cure


# --- the database ---------------------------------------------------------------------------------------------------


async def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "doorman.db"
    records = await check_records(settings_for(f"sqlite:///{file}"))
    assert codes(records.findings) == {"database": Level.FAULT}
    assert "doorman migrate" in records.findings[0].cure
    assert list(tmp_path.iterdir()) == []


async def test_a_database_server_that_does_not_answer() -> None:
    url = f"postgresql://doorman:swordfish@127.0.0.1:{free_port()}/doorman"
    records = await check_records(settings_for(url))
    assert codes(records.findings) == {"database": Level.FAULT}
    assert "swordfish" not in str(records)


async def test_an_old_schema(db: Database) -> None:
    async with db.begin() as tx:
        await tx.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    records = await check_records(settings_for(url_of(db)))
    assert codes(records.findings) == {"schema": Level.FAULT}
    assert "0001" in records.findings[0].text


def url_of(db: Database) -> str:
    return db.url.render_as_string(hide_password=False)


async def test_what_an_installation_lacks_and_what_it_has(db: Database) -> None:
    settings = settings_for(url_of(db))
    await prepare(db, settings, now=utc_now())
    found = (await check_records(settings)).findings
    assert by_code(found, "panel-key").level is Level.FAULT
    assert by_code(found, "not-ready").level is Level.FAULT
    assert "doorman serve" in by_code(found, "not-ready").cure
    shadow = (await check_records(settings_for(url_of(db), mode="shadow", admin_key=None))).findings
    assert by_code(shadow, "panel-key").level is Level.WARNING
    assert by_code(shadow, "people-keys").level is Level.FAULT
    now = utc_now()
    async with db.begin() as tx:
        await create_key(tx, "whmcs", Role.PANEL, now=now)
        await create_key(tx, "anna", Role.OPS, now=now)
        alive = {"id": uuid.uuid4(), "host": "here", "pid": 1, "started_at": now}
        await tx.execute(workers.insert().values(**alive, heartbeat_at=now, progress_at=now))
        await installation.put(tx, installation.PAUSED, value=True, now=now)
    records = await check_records(settings_for(url_of(db), admin_key=None))
    levels = codes(records.findings)
    assert levels.pop("paused") is Level.WARNING
    assert set(levels.values()) == {Level.OK}
    assert ("database-clock" in levels) is not db.is_sqlite
    assert records.policy is not None
    async with db.begin() as tx:
        await tx.execute(workers.update().values(panel="open"))
    breaker = by_code((await check_records(settings)).findings, "breaker")
    assert breaker.level is Level.FAULT
    assert "here" in breaker.text


# --- what the panel sent --------------------------------------------------------------------------------------------


async def test_the_addon_is_known_by_what_it_sends(house: House) -> None:
    now = utc_now()

    async def seen() -> Level:
        async with house.db.read() as connection:
            return check_webhooks(await doctor.webhooks(connection, now=now), Mode.ENFORCE).level

    async def came(kind: str, ago: timedelta, source: str = "webhook") -> None:
        at = now - ago
        async with house.db.begin() as tx:
            await tx.execute(
                events.insert().values(
                    webhook_id=f"{kind}-{ago}-{source}", type=kind, source=source, body=b"{}", occurred_at=at,
                    received_at=at, due_at=at, state="ignored",
                )
            )  # fmt: skip

    await came("doctor.ping", timedelta(0))
    await came("hold.due", timedelta(0), "internal")
    assert await seen() is Level.FAULT
    await came("order.created", timedelta(days=3))
    assert await seen() is Level.WARNING
    await came("addon.test", timedelta(minutes=5))
    assert await seen() is Level.OK


async def test_signs_that_something_else_accepts(house: House) -> None:
    now = utc_now()
    async with house.db.begin() as tx:
        for order_id, flags, placed_by in (
            (1, ["accepted_by_automation"], "customer"), (2, ["hold_breached"], "customer"), (3, [], "customer"),
            (4, [], "customer"), (5, [], "staff"), (6, [], "customer"), (7, [], "customer"),
        ):  # fmt: skip
            await tx.execute(_order(order_id, flags, placed_by, placed_at=now - timedelta(hours=1)))
        for order_id, seconds in ((3, 20), (4, 900), (5, 20)):
            at = now - timedelta(hours=1) + timedelta(seconds=seconds)
            await tx.execute(
                timeline.insert().values(
                    order_id=order_id, at=at, what="the panel shows it Active", by="panel", code="shown_active"
                )
            )
        for order_id, by in ((6, "panel:cron"), (7, "panel:staff:3")):
            await tx.execute(_accepted(order_id, by, at=now - timedelta(hours=1) + timedelta(seconds=5)))
    async with house.db.read() as connection:
        signs = await doctor.signs(connection, now=now)
    assert signs.accepted_by_automation == (1,)
    assert signs.hold_breached == (2,)
    assert signs.accepted_at_once == (6, 3)
    found = check_signs(signs)
    assert {finding.level for finding in found} == {Level.WARNING}
    assert any("Katamaze" in finding.cure for finding in found)
    assert codes(check_signs(await _no_signs(house))) == {"auto-accept": Level.OK}


async def _no_signs(house: House) -> doctor.Signs:
    async with house.db.read() as connection:
        return await doctor.signs(connection, now=utc_now() + timedelta(days=60))


def _order(order_id: int, flags: list[str], placed_by: str, *, placed_at: Any) -> sa.Insert:
    return orders.insert().values(
        order_id=order_id, kind="new", state="released", provisioning="done", placed_by=placed_by, items=[],
        flags=flags, payment_state="paid", placed_at=placed_at, first_heard_at=placed_at,
    )  # fmt: skip


def _accepted(order_id: int, by: str, *, at: Any) -> sa.Insert:
    return decisions.insert().values(
        order_id=order_id, outcome="approve", reasons=[{"code": "accepted_in_panel", "text": "x"}], by=by,
        mode="enforce", engine_version="1", intended_calls=[], at=at,
    )  # fmt: skip


# --- connection -----------------------------------------------------------------------------------------------------


@SQLITE_ONLY
async def test_a_service_in_order_lets_the_doctor_through(house: House) -> None:
    settings = settings_for(url_of(house.db), public_url="http://doorman")
    found = await check_door(settings, house.api)
    assert {finding.level for finding in found} == {Level.OK}, found
    async with house.db.read() as connection:
        kept = (await connection.execute(sa.select(events.c.type, events.c.state, events.c.result))).all()
        known = (await connection.execute(sa.select(sa.func.count()).select_from(orders))).scalar_one()
    assert ("doctor.ping", "ignored", "unknown-type") in [tuple(row) for row in kept]
    assert known == 0


@SQLITE_ONLY
async def test_a_service_with_other_secrets_is_told_from_a_good_one(house: House) -> None:
    url = url_of(house.db)
    other = settings_for(
        url, public_url="http://doorman", admin_key=SecretStr("x" * 32), webhook_secret=SecretStr("whsec_" + "A" * 32)
    )
    found = await check_door(other, house.api)
    assert by_code(found, "webhook").level is Level.FAULT
    assert "DOORMAN_WEBHOOK_SECRET differs" in by_code(found, "webhook").cure
    assert "DOORMAN_ADMIN_KEY differs" in by_code(found, "gate").cure
    none = settings_for(url, public_url="http://doorman", admin_key=None, webhook_secret=None)
    found = await check_door(none, house.api)
    assert codes(found) == {"service": Level.OK, "webhook": Level.UNCHECKED, "gate": Level.UNCHECKED}


Handler = Callable[[httpx.Request], httpx.Response]


def _proxy(**answers: httpx.Response) -> Handler:
    good = {
        "healthz": httpx.Response(200, json={"status": "ok"}), "webhooks": httpx.Response(202, json={}),
        "gate": httpx.Response(200, json={"provision": True, "reason": "not_ours"}),
    }  # fmt: skip

    def handler(request: httpx.Request) -> httpx.Response:
        return (good | answers)[request.url.path.rsplit("/", 1)[-1]]

    return handler


@pytest.mark.parametrize(
    ("handler", "code", "words"),
    [
        (_proxy(healthz=httpx.Response(301, headers={"location": "https://x.example"})), "service-redirect", "url in"),
        (_proxy(healthz=httpx.Response(200, text="<h1>It works")), "not-doorman", "proxy"),
        (_proxy(healthz=httpx.Response(502)), "not-doorman", "proxy"),
        (_proxy(webhooks=httpx.Response(404, json={"detail": "off"})), "webhook", "no DOORMAN_WEBHOOK_SECRET"),
        (_proxy(webhooks=httpx.Response(413)), "webhook", "256"),
        (_proxy(webhooks=httpx.Response(503)), "webhook", "database"),
        (_proxy(webhooks=httpx.Response(401, json={"detail": "away from this server's clock"})), "webhook", "NTP"),
        (_proxy(), "webhook-forged", "forged"),
        (_proxy(gate=httpx.Response(403, text="nginx")), "gate", "/v1"),
    ],
)
async def test_faults_between_the_panel_and_the_service(handler: Handler, code: str, words: str) -> None:
    settings = settings_for("sqlite:///none.db", public_url="http://doorman.example.com")
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        finding = by_code(await check_door(settings, client), code)
    assert finding.level is Level.FAULT
    assert words in finding.cure


async def test_a_stopped_service_is_a_fault_only_where_people_should_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    [public] = await check_door(settings_for("sqlite:///none.db", public_url=nowhere))
    assert (public.code, public.level) == ("service-stopped", Level.FAULT)

    def refuse(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == "http://127.0.0.1:8000/healthz"
        raise httpx.ConnectError("refused")

    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as client:
        [local] = await check_door(settings_for("sqlite:///none.db"), client)
    assert (local.code, local.level) == ("service-stopped", Level.UNCHECKED)


# --- what is printed ------------------------------------------------------------------------------------------------


def printed(sections: list[Section], secrets: set[str]) -> str:
    out = io.StringIO()
    show(Console(file=out, width=80, color_system=None), sections, secrets=secrets)
    return out.getvalue()


def test_each_finding_is_a_line_and_no_secret_or_control_character_is_shown() -> None:
    settings = settings_for("postgresql://doorman:sword+fish@db/doorman")
    said = f"no \x1b[31m {ADMIN_KEY} {SECRET} sword+fish sword%2Bfish sandbox-secret [bold]"
    bad = fault("a", "x " * 60, "do this", said=said)
    listed = DoctorFinding(
        code="b", level=Level.FAULT, text="missing", cure="Tick:", list_of=("AddCredit", "GetOrders")
    )
    text = printed([Section(title="one", findings=[bad, listed, ok("c", "fine"), unchecked("d", "that")])],
                   secrets_of(settings))  # fmt: skip
    lines = text.splitlines()
    assert sum(line.startswith("  fault") for line in lines) == 2
    assert "          reported: no  [31m *** *** *** *** *** [bold]" in lines
    assert "              [ ] AddCredit" in lines
    assert "  ok      fine" in lines
    assert "  -       not checked: that" in lines
    assert lines[-1] == "2 faults, 0 warnings, 1 ok, 1 not checked"


def test_the_summary_counts() -> None:
    assert summary([Section(title="x", findings=[fault("a", "b", "c")])]) == "1 fault, 0 warnings, 0 ok, 0 not checked"


# --- the command ----------------------------------------------------------------------------------------------------


def environment(settings: dict[str, str]) -> dict[str, str]:
    """Return the environment variables that one of our programs needs, and its settings."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings}


def run_doctor(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", "doctor"]
    given = environment(settings)
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)


@contextmanager
def process(folder: Path, name: str, *arguments: str, **settings: str) -> Iterator[None]:
    """Run one of our programs until the end of the block."""
    command = [sys.executable, "-m", *arguments]
    with (folder / f"{name}.log").open("wb") as log:
        started = subprocess.Popen(command, cwd=folder, env=environment(settings), stdout=log, stderr=log)
        try:
            yield
        finally:
            started.terminate()
            started.wait(30)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, **LOCAL).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow("starts the service and the command as processes")
def test_the_command_on_a_whole_installation_and_on_a_stopped_one(tmp_path: Path, sqlite_template: Path) -> None:
    (tmp_path / "doorman.db").write_bytes(sqlite_template.read_bytes())
    panel_port, port = free_port(), free_port()
    settings = {
        "DOORMAN_DATABASE_URL": f"sqlite:///{tmp_path / 'doorman.db'}",
        "DOORMAN_PANEL_URL": f"http://127.0.0.1:{panel_port}",
        "DOORMAN_PANEL_IDENTIFIER": "sandbox-identifier",
        "DOORMAN_PANEL_SECRET": "sandbox-secret",
        "DOORMAN_WEBHOOK_SECRET": SECRET,
        "DOORMAN_ADMIN_KEY": ADMIN_KEY,
        "DOORMAN_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    with (
        process(tmp_path, "panel", "app.sandbox", "--port", str(panel_port)),
        process(tmp_path, "serve", "app", "serve", "--port", str(port), **settings),
    ):
        until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), "the service is ready")
        until(lambda: answers(f"http://127.0.0.1:{panel_port}/"), "the panel answers")
        good = run_doctor(tmp_path, **settings)
        assert good.returncode == 0, good.stdout + good.stderr
        assert "  fault" not in good.stdout
        assert "the gate answers in" in good.stdout
        assert good.stderr == ""
    stopped = run_doctor(tmp_path, **settings)
    assert stopped.returncode == 1
    assert "nothing listens on 127.0.0.1" in stopped.stdout
    assert "no worker heartbeat" in stopped.stdout
    for text in (good.stdout, stopped.stdout):
        assert not [secret for secret in ("sandbox-secret", SECRET, ADMIN_KEY) if secret in text]


def test_settings_that_cannot_be_read_end_with_status_2(tmp_path: Path) -> None:
    unknown = run_doctor(tmp_path, DOORMAN_PANEL_ULR="https://x.example")
    assert unknown.returncode == 2
    assert "unknown setting DOORMAN_PANEL_ULR" in unknown.stderr
