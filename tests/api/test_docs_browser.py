"""The Swagger UI in a real browser that can reach only us, as in a closed network."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import ConsoleMessage, Page, Route, async_playwright

from app.api.application import create_app
from app.config import Settings
from app.context import Context
from app.core.records import Mode, Role
from app.db import Database
from app.handbook import NAMES
from tests.api.api_support import NOW, ORDER, add_world, make_keys
from tests.asked import ASKED, missing

pytestmark = pytest.mark.slow("starts a browser")

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_HOW = "Chromium is not installed (Debian: apt-get install chromium)"


@pytest.fixture
def chromium() -> str:
    """Return where Chromium is."""
    found = ASKED.get("DOORMAN_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing(_HOW, "DOORMAN_TEST_REQUIRE_BROWSER")
    return str(found)


@pytest.fixture
async def served(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """Serve an application with one row of each kind; yield its address and a key of role ops."""
    shutil.copyfile(sqlite_template, tmp_path / "doorman.db")
    settings = Settings(mode=Mode.ENFORCE, database_url=f"sqlite:///{tmp_path / 'doorman.db'}")
    db = Database.open(settings.database_url)
    keys = await make_keys(db)
    await add_world(db)
    app = create_app(settings, context=Context(db=db, settings=settings, clock=lambda: NOW), freeze=False)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", keys[Role.OPS]
        server.should_exit = True
        await running
    await db.close()


async def _only_us(route: Route, base: str, outside: list[str]) -> None:
    if route.request.url.startswith((base, "data:")):
        await route.continue_()
    else:
        outside.append(route.request.url)
        await route.abort()


async def _authorize(page: Page, key: str) -> None:
    await page.click("button.authorize")
    await page.fill(".modal-ux input", key)
    await page.click(".modal-ux button.authorize")
    await page.click(".modal-ux button.btn-done")


async def _execute(page: Page, operation: str) -> None:
    block = page.locator(f"#{operation}")
    await block.locator(".opblock-summary-control").click()
    await block.locator("button.execute").click()
    await block.locator(".live-responses-table tbody .response-col_status").first.wait_for()


@asynccontextmanager
async def _browsing(chromium: str, base: str) -> AsyncIterator[Page]:
    """Yield a page that can reach only us; at the end, check that it had no errors and made no requests to others."""
    errors: list[str] = []
    outside: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        page = await browser.new_page(viewport={"width": 1280, "height": 1600})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", on_console)
        await page.route("**/*", lambda route: _only_us(route, base, outside))
        yield page
        await browser.close()
    assert errors == []
    assert outside == []


async def test_the_swagger_ui_works_without_a_network(chromium: str, served: tuple[str, str], tmp_path: Path) -> None:
    base, key = served
    async with _browsing(chromium, base) as page:
        await page.goto(f"{base}/docs")
        await page.wait_for_selector(".opblock")
        titles = await page.locator(".opblock-tag").all_inner_texts()
        assert titles[0].startswith("queue")
        await _authorize(page, key)
        await _execute(page, "operations-orders-orders_list_all")
        answer = page.locator("#operations-orders-orders_list_all .live-responses-table")
        assert (await answer.locator("tbody .response-col_status").first.inner_text()).strip().startswith("200")
        assert str(ORDER) in await answer.locator(".highlight-code").first.inner_text()
        await page.screenshot(path=str(_screenshot(tmp_path, "docs")))
        await page.reload()  # the key is remembered
        await page.wait_for_selector(".opblock")
        await _execute(page, "operations-queue-queue_list_waiting")
        assert await page.locator("#operations-queue-queue_list_waiting .live-responses-table").is_visible()


async def test_the_handbook_is_read_from_the_swagger_ui(chromium: str, served: tuple[str, str], tmp_path: Path) -> None:
    base, _ = served
    async with _browsing(chromium, base) as page:
        await page.goto(f"{base}/docs")
        await page.wait_for_selector(".opblock")
        where = await page.locator(".info a", has_text="handbook").evaluate("link => link.href")
        assert where == f"{base}/docs/handbook/index"
        await page.goto(where)
        for name in NAMES:
            await page.click(f"nav a[href='{name}']")
            await page.wait_for_url(f"{base}/docs/handbook/{name}")
            assert await page.locator("h1").count() == 1
            assert await page.locator("body").evaluate("body => getComputedStyle(body).maxWidth") == "992px"
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert await page.evaluate(wide) == 0, f"{name} is wider than the screen"
            await page.screenshot(path=str(_screenshot(tmp_path, name)))


def _screenshot(tmp_path: Path, name: str) -> Path:
    """Save a screenshot for inspection, if DOORMAN_TEST_SCREENSHOTS names a folder."""
    folder: Any = ASKED.get("DOORMAN_TEST_SCREENSHOTS")
    return (Path(folder) if folder else tmp_path) / f"{name}.png"
