"""If the database is locked, full, read-only or down, every request is answered in time and has no later effect."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa

from app.api.auth import KeyCache
from app.core.records import Mode, Role
from app.core.webhooks import sign
from app.db import Database
from app.installation import keys
from app.tables.inbox import events
from tests.api.api_support import NOW, ORDER, add_decision, add_order, add_worker, check_problem
from tests.api.conftest import Api, Start
from tests.faults import Freezer, Stopwatch, full_disk, locked, read_only_server, refusing_server

pytestmark = pytest.mark.slow("waits for real locks of a database")

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED_WITH = b64decode(SECRET.removeprefix("whsec_"))
GATE_SECONDS = INTAKE_SECONDS = 1.5
ACTION_SECONDS = 5.0
HELD, APPROVED, UNKNOWN = ORDER, ORDER + 1, ORDER + 2

Fault = Callable[[Database], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def on_a_full_disk(_db: Database) -> AsyncIterator[None]:
    with full_disk():
        yield


FAULTS: dict[str, Fault] = {
    "locked": locked, "full": on_a_full_disk, "read-only": read_only_server, "refusing": refusing_server,
}  # fmt: skip
CASES = [("sqlite", "locked"), ("sqlite", "full"), ("postgres", "locked"), ("postgres", "read-only"),
         ("postgres", "refusing")]  # fmt: skip
UNDECIDED = {"provision": False, "reason": "undecided"}


async def furnish(api: Api) -> None:
    """Add a held order, an approved order, and a worker with a recent heartbeat."""
    await add_order(api.db, HELD)
    await add_decision(api.db, HELD)
    await add_order(api.db, APPROVED, state="awaiting_payment", outcome="approve")
    await add_decision(api.db, APPROVED, outcome="approve")
    await add_worker(api.db)
    assert (await ask_gate(api, HELD)).json()["reason"] == "held_for_review"


async def ask_gate(api: Api, order_id: int) -> httpx.Response:
    return await api.ask("GET", f"/v1/orders/{order_id}/gate", Role.PANEL)


async def deliver(api: Api, name: str) -> httpx.Response:
    body = b'{"type":"order.created","timestamp":"2026-05-04T12:00:00Z","data":{"order_id":7,"customer_id":3}}'
    return await api.client.post("/webhooks", content=body, headers=sign(name, body, SIGNED_WITH, now=NOW))


async def approve(api: Api, key: str) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    return await api.ask("POST", f"/v1/orders/{HELD}/approve", headers=headers, json={"work": "free"})


async def stored(db: Database) -> list[str]:
    query = sa.select(events.c.webhook_id).where(events.c.webhook_id.like("msg%")).order_by(events.c.webhook_id)
    async with db.read() as connection:
        return list((await connection.execute(query)).scalars())


def connections() -> int:
    """Count the threads of SQLite connections: one per connection."""
    return sum("_connection_worker_thread" in thread.name for thread in threading.enumerate())


class Watches:
    """One stopwatch for each promise."""

    def __init__(self) -> None:
        self.gate, self.intake, self.action = Stopwatch(), Stopwatch(), Stopwatch()

    async def timed(self, watch: Stopwatch, asked: Awaitable[httpx.Response]) -> httpx.Response:
        with watch.time():
            return await asked

    def check(self, lag: float) -> None:
        for watch, seconds in (
            (self.gate, GATE_SECONDS), (self.intake, INTAKE_SECONDS), (self.action, ACTION_SECONDS),
        ):  # fmt: skip
            watch.lag = lag
            watch.check(seconds)


async def one_round(api: Api, watches: Watches, number: int, *, readable: bool) -> None:
    """Send requests one by one, then all at once, and check them against the guarantees."""
    known = [await watches.timed(watches.gate, ask_gate(api, order)) for order in (HELD, APPROVED)]
    verdicts = ["held_for_review", "approved"] if readable else ["undecided"] * 2
    assert [answer.json()["reason"] for answer in known] == verdicts
    names = [f"msg_{number}_{n}" for n in range(10)]
    asked = (
        *(watches.timed(watches.gate, ask_gate(api, UNKNOWN)) for _ in range(10)),
        *(watches.timed(watches.intake, deliver(api, name)) for name in names),
        *(watches.timed(watches.action, approve(api, f"key-{number}-{n}")) for n in range(3)),
    )
    answers = await asyncio.gather(*asked)
    assert [(answer.status_code, answer.json()) for answer in answers[:10]] == [(200, UNDECIDED)] * 10
    for answer in answers[10:]:
        assert answer.headers["retry-after"] == "2"
        check_problem(answer, 503, "unavailable")


@pytest.mark.parametrize(("database_kind", "fault"), CASES, indirect=["database_kind"])
async def test_all_are_answered_in_time_and_nothing_happens_later(
    start: Start, fault: str, logs: list[MutableMapping[str, Any]]
) -> None:
    watches = Watches()
    async with start(webhook_secret=SECRET) as api, Stopwatch().minding() as machine:
        await furnish(api)
        async with FAULTS[fault](api.db):
            logs.clear()
            for number in range(2):  # the second round meets what the first has left behind
                await one_round(api, watches, number, readable=fault != "refusing")
            assert connections() <= 7  # five readers, one writer, and its replacement
            body = api.checked(await api.client.get("/readyz")).json()
            assert "the database can't be" in body["reasons"][0]
            said = [line for line in logs if line["log_level"] in {"warning", "error"}]
            assert [line["event"] for line in said] == ["database.unavailable"], said
        watches.check(machine.lag)
        assert (await healed(api)).json()["state"] == "awaiting_payment"
        left = await stored(api.db)
        assert len(left) <= 2  # what was refused during a commit
        assert [(await deliver(api, f"msg_{number}_0")).status_code for number in range(2)] == [202, 202]
        assert len(await stored(api.db)) >= 2


async def healed(api: Api) -> httpx.Response:
    """Check that refused requests had no effect, and succeed with the same key once the database is back."""
    for _ in range(200):
        order = await api.ask("GET", f"/v1/orders/{HELD}")
        if order.status_code == 200:
            assert (order.json()["state"], order.json()["decision"]["by"]) == ("held", "policy")
            answer = await approve(api, "key-0-0")
            if answer.status_code == 200:
                return answer
        await asyncio.sleep(0.1)
    raise AssertionError("it does not heal")


# --- no reads possible --------------------------------------------------------------------------------------------


async def fresh_key(api: Api) -> None:
    """Make the panel's key known from an earlier request, more than two seconds ago."""
    seconds = [0.0]
    api.app.state.keys = KeyCache(lambda: seconds[0])
    assert (await ask_gate(api, HELD)).status_code == 200
    seconds[0] = 3.0


async def test_where_nothing_can_be_read_the_gate_is_undecided(start: Start) -> None:
    watch = Stopwatch()
    async with start() as api, watch.minding():
        await furnish(api)
        await fresh_key(api)
        async with locked(api.db, reads_too=True):
            for _ in range(3):
                with watch.time():
                    answers = await asyncio.gather(*(ask_gate(api, order) for order in (HELD, APPROVED, UNKNOWN) * 3))
                assert [(answer.status_code, answer.json()) for answer in answers] == [(200, UNDECIDED)] * 9
            with watch.time():  # the key can't be checked: the addon itself keeps blocking known holds
                stranger = await api.ask("GET", f"/v1/orders/{HELD}/gate", Role.OPS)
            check_problem(stranger, 503, "unavailable")
        watch.check(GATE_SECONDS)
        assert (await ask_gate(api, HELD)).json()["reason"] == "held_for_review"


async def test_in_shadow_the_gate_stays_open(start: Start) -> None:
    async with start(Mode.SHADOW) as api:
        await fresh_key(api)
        async with locked(api.db, reads_too=True):
            assert (await ask_gate(api, UNKNOWN)).json() == {"provision": True, "reason": "shadow"}


async def test_a_key_that_was_refused_is_not_believed_later(start: Start) -> None:
    async with start() as api:
        await fresh_key(api)
        async with api.db.begin() as tx:
            await keys.revoke_key(tx, "panel-key", now=NOW)
        check_problem(await ask_gate(api, HELD), 401, "unauthenticated")
        async with locked(api.db, reads_too=True):
            check_problem(await ask_gate(api, HELD), 503, "unavailable")


class TestFrozenServer:
    """PostgreSQL behind a network that drops all packets: statements hang, and so does their cancellation."""

    @pytest.fixture
    def database_kind(self) -> str:
        return "postgres"

    @pytest.fixture
    def freezer(self, migrated_url: str) -> Freezer:
        server = urlsplit(migrated_url)
        return Freezer(server.hostname or "127.0.0.1", server.port or 5432)

    @pytest.fixture
    async def db(self, migrated_url: str, freezer: Freezer) -> AsyncIterator[Database]:
        async with freezer.serving() as port:
            url = migrated_url.replace(f":{urlsplit(migrated_url).port}/", f":{port}/")
            database = Database.open(url)
            yield database
            await database.close()

    async def test_all_are_answered_in_time(self, start: Start, freezer: Freezer) -> None:
        watches = Watches()
        async with start(webhook_secret=SECRET) as api, Stopwatch().minding() as machine:
            await furnish(api)
            async with freezer.frozen():
                for number in range(2):
                    await one_round(api, watches, number, readable=False)
            watches.check(machine.lag)
            await healed(api)


class TestReadOnlyFile:
    """A SQLite file that this user can only read, in a read-only folder."""

    @pytest.fixture
    def migrated_url(self, sqlite_template: Path) -> Iterator[str]:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copyfile(sqlite_template, Path(folder, "doorman.db"))
            yield f"sqlite:///{folder}/doorman.db"

    async def test_all_are_answered_in_time(self, start: Start) -> None:
        watches = Watches()
        async with start(webhook_secret=SECRET) as api, Stopwatch().minding() as machine:
            await furnish(api)
            async with read_only(api.db):
                await one_round(api, watches, 0, readable=False)
            watches.check(machine.lag)
            await healed(api)


@asynccontextmanager
async def read_only(db: Database) -> AsyncIterator[None]:
    """Remove write permission; if we are root, switch to another user meanwhile."""
    await db.reader.dispose()
    await db.writer.dispose()
    file = Path(str(db.url.database))
    file.chmod(0o444)
    file.parent.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        file.parent.chmod(0o755)
        file.chmod(0o644)


# --- a moment's lock ----------------------------------------------------------------------------------------------


async def test_a_moments_lock_is_waited_for(start: Start) -> None:
    async with start(webhook_secret=SECRET) as api:
        await furnish(api)
        async with locked(api.db):
            asked = [asyncio.create_task(one) for one in (deliver(api, "msg_1"), approve(api, "key"))]
            await asyncio.sleep(0.3)
            assert not any(task.done() for task in asked)
        assert [answer.status_code for answer in await asyncio.gather(*asked)] == [202, 200]
