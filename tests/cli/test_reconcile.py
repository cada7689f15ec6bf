"""The command line while the house runs: output and effects of `doorman reconcile` and `doorman adopt`."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rich.console import Console
from rich.progress import Progress

from app.cli import reconcile
from app.config import Settings
from app.db import Database
from app.panels.base import PanelUnavailable
from app.sandbox import Behaviours
from app.sandbox.server import serving
from app.tables.columns import metadata
from app.upkeep.reconcile.differences import What, comparable
from tests.stories.deaf import abandon, credit, fed, held, open_deaf, placed
from tests.stories.house import POLICY, House, open_house, settings_for
from tests.stories.test_orders import WISH, shop

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def deaf(db: Database) -> AsyncIterator[House]:
    async with open_deaf(db) as house:
        yield house


@pytest.fixture
async def url(deaf: House) -> AsyncIterator[str]:
    """The house's panel on a real port."""
    async with serving(deaf.panel, cron=False) as address:
        yield address


def settings(house: House, url: str) -> Settings:
    return settings_for(house.db.url.render_as_string(hide_password=False), panel_url=url)


async def printed(house: House, url: str, *, fix: bool = False) -> tuple[int, str]:
    out = Console(file=io.StringIO(), width=140, highlight=False)
    status = await reconcile.run_reconcile(settings(house, url), out, fix=fix)
    return status, out.file.getvalue()  # type: ignore[attr-defined]


async def adopted(house: House, url: str, **changes: Any) -> str:
    out = Console(file=io.StringIO(), width=140, highlight=False)
    assert await reconcile.run_adopt(settings(house, url).model_copy(update=changes), out) == 0
    return out.file.getvalue()  # type: ignore[attr-defined,no-any-return]


async def everything(db: Database) -> dict[str, list[Any]]:
    """All rows of all tables."""
    async with db.read() as connection:
        return {
            table.name: sorted(map(repr, (await connection.execute(sa.select(table))).all()))
            for table in metadata.sorted_tables
        }


# --- reconcile ----------------------------------------------------------------------------------------------------


async def test_no_differences(deaf: House, url: str) -> None:
    await held(deaf)
    await placed(deaf, pay=True)
    assert await printed(deaf, url) == (0, "No differences: Doorman and the panel agree.\n")


async def test_differences_are_printed_and_nothing_is_written(deaf: House, url: str) -> None:
    one, two, three = [await held(deaf) for _ in range(3)]
    await deaf.panel.staff_accept(one)
    await deaf.panel.staff_cancel(two)
    await deaf.panel.staff_delete(two)
    await deaf.panel.pay_invoice((await deaf.order(three))["fee"]["invoice_id"])
    client, product = shop(deaf)
    unheard = await deaf.panel.place_order(client, [product])
    async with deaf.turn:  # the running worker writes, too
        before = await everything(deaf.db)
        status, text = await printed(deaf, url)
        assert status == 1
        assert await everything(deaf.db) == before
    for number, about in ((one, "status"), (two, "deleted"), (three, "fee"), (unheard.id, "missed")):
        (line,) = [line for line in text.splitlines() if str(number) in line]
        assert about in line
    assert "1 missed, 1 status, 1 deleted, 1 fee. Nothing was changed" in text


async def test_fix_sets_events_that_the_worker_follows(deaf: House, url: str) -> None:
    order_id = await held(deaf)
    await deaf.panel.staff_accept(order_id, admin_id=2)
    client, product = shop(deaf)
    unheard = await deaf.panel.place_order(client, [product], pay=True)
    status, text = await printed(deaf, url, fix=True)
    assert (status, "2 handed to the worker" in text) == (1, True)
    await deaf.wait(60)
    order = await deaf.order(order_id)
    assert (order["state"], order["decision"]["by"]) == ("released", "panel:staff:2")
    assert (await deaf.order(unheard.id))["state"] == "released"
    assert (await printed(deaf, url))[0] == 0


async def test_fix_twice_is_once(deaf: House, url: str) -> None:
    order_id = await held(deaf)
    await deaf.panel.staff_cancel(order_id)
    before = await fed(deaf)
    await asyncio.gather(*(printed(deaf, url, fix=True) for _ in range(2)))
    assert await fed(deaf) == before + 1


async def test_what_came_late_is_printed_each_time(deaf: House) -> None:
    client = (await placed(deaf)).client_id
    call = await credit(deaf, client, "late", seconds=1.0)
    await deaf.work()
    await abandon(deaf, call)
    await deaf.panel.settled()
    deaf.clock.forward(minutes=10)
    for fix, rings in ((False, 0), (True, 1), (True, 0)):
        found, events = await reconcile.find(deaf.context, comparable(deaf.context), Progress(disable=True), fix=fix)
        assert [one.what for one in found] == [What.LATE]
        assert events == rings
    out = Console(file=io.StringIO(), width=140)
    out.print(reconcile.differences_table(found))
    assert "applied late" in out.file.getvalue()  # type: ignore[attr-defined]


async def test_a_panel_that_does_not_answer(deaf: House, url: str) -> None:
    deaf.panel.faults.add("error_500_before", times=20)
    with pytest.raises(PanelUnavailable):
        await printed(deaf, url)


# --- the process --------------------------------------------------------------------------------------------------


async def doorman(folder: Path, *arguments: str, **settings: str) -> tuple[int | None, str, str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DOORMAN_PANEL_TIMEZONE": "Europe/Berlin"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", *arguments, cwd=folder, env=environment | settings,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, error = await process.communicate()
    return process.returncode, out.decode(), error.decode()


@pytest.mark.slow("starts the commands as processes")
async def test_the_commands_and_their_exit_status(deaf: House, url: str, tmp_path: Path) -> None:
    order_id = await held(deaf)
    database = deaf.db.url.set(drivername=deaf.db.url.get_backend_name()).render_as_string(hide_password=False)
    known = {
        "DOORMAN_DATABASE_URL": database, "DOORMAN_PANEL_URL": url, "DOORMAN_MODE": "enforce",
        "DOORMAN_PANEL_IDENTIFIER": deaf.panel.identifier, "DOORMAN_PANEL_SECRET": deaf.panel.secret,
    }  # fmt: skip
    assert (await doorman(tmp_path, "reconcile", **known))[0] == 0
    await deaf.panel.staff_cancel(order_id)
    status, out, error = await doorman(tmp_path, "reconcile", "--fix", **known)
    assert (status, error) == (1, "")
    assert str(order_id) in out
    assert (await doorman(tmp_path, "adopt", **known))[0] == 0
    nowhere = known | {"DOORMAN_PANEL_URL": "http://127.0.0.1:9"}
    without = {"DOORMAN_DATABASE_URL": database}
    for command, settings, said in (
        ("reconcile", nowhere, "doorman: "), ("adopt", without, "no panel is configured"),
    ):  # fmt: skip
        status, out, error = await doorman(tmp_path, command, **settings)
        assert (status, out) == (2, "")
        assert said in error
        assert error.count("\n") == 1


# --- adopt --------------------------------------------------------------------------------------------------------


async def test_adopt_lists_what_is_pending_from_before_the_cut_over(deaf: House, url: str) -> None:
    client, product = shop(deaf)
    running = deaf.panel.add_past_order(client, product, months_ago=14, status="Pending")
    waiting = deaf.panel.add_past_order(client, product, months_ago=3, status="Pending")
    for service in deaf.panel.state.services.values():
        if service.order_id == waiting.id:
            service.status = "Pending"
    accepted = deaf.panel.add_past_order(client, product, months_ago=3, status="Active")
    fresh = await deaf.panel.place_order(client, [product], notes=WISH)
    before = await everything(deaf.db)
    text = await adopted(deaf, url)
    assert await everything(deaf.db) == before
    rows = {line.split("│")[1].strip(): line for line in text.splitlines() if line.startswith("│")}
    assert set(rows) == {str(running.id), str(waiting.id)}
    assert "not running" in rows[str(waiting.id)]
    assert "not running" not in rows[str(running.id)]
    assert all(str(number) not in text for number in (accepted.id, fresh.id))
    assert "Orders listed: 2." in text
    assert "Paid but not (fully) running: 1." in text


async def test_adopt_reads_all_pages(deaf: House, url: str) -> None:
    client, product = shop(deaf)
    for n in range(350):
        deaf.panel.add_past_order(client, product, months_ago=1 + n % 40, status="Pending")
    assert "Orders listed: 350." in await adopted(deaf, url)


async def test_adopt_finds_nothing(deaf: House, url: str) -> None:
    assert "No order from before the cut-over" in await adopted(deaf, url)


async def test_adopt_without_a_cut_over(db: Database) -> None:
    async with (
        open_house(db, policy=POLICY, behaviours=Behaviours(), mode="shadow") as house,
        serving(house.panel, cron=False) as address,
    ):
        assert "no cut-over yet" in await adopted(house, address)
