"""The panel stops answering at a bad moment: callers that wait for a turn, and the doctor, must not wait forever."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import respx
from pydantic import SecretStr

from app.config import Settings
from app.doctor.findings import Level
from app.doctor.ingress import check_door
from app.doctor.role import RoleStanding, try_actions
from app.panels.base import PanelDown
from app.panels.brakes.breaker import UNREACHED_LIMIT, Breaker
from app.panels.brakes.limiter import RateLimiter
from app.panels.whmcs.client import WhmcsClient
from app.panels.whmcs.lines import HttpxLine
from app.panels.whmcs.permissions import PERMISSIONS
from app.panels.whmcs.probe import RoleProbe

PANEL = "https://billing.example"
API = f"{PANEL}/includes/api.php"


async def never(_seconds: float) -> None:
    await asyncio.Event().wait()


@respx.mock
async def test_those_who_wait_for_a_turn_when_the_breaker_opens_are_told_at_once() -> None:
    """One turn an hour: otherwise the second caller would learn of it after an hour, the last after a day."""
    respx.post(API).respond(json={"result": "success"})
    breaker = Breaker(sleep=never)
    limiter = RateLimiter(1 / 3600, slots=2)
    client = WhmcsClient(
        PANEL, identifier=SecretStr("id"), secret=SecretStr("secret"), timeout=lambda _action: 30, breaker=breaker,
        limiter=limiter, lines=[HttpxLine()],
    )  # fmt: skip
    await client.read("GetOrders")
    waiting = [asyncio.create_task(client.read("GetOrders")) for _ in range(24)]
    await asyncio.sleep(0)
    for _ in range(UNREACHED_LIMIT):
        breaker.missed(began=breaker.now(), reached=False)
    limiter.give_back()  # the hour is over
    async with asyncio.timeout(10):
        told = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in told] == [PanelDown] * 24
    await client.aclose()


def settings(**given: Any) -> Settings:
    held = {"panel_url": PANEL, "panel_identifier": SecretStr("id"), "panel_secret": SecretStr("secret")}
    return Settings(**{**held, **given})


async def test_the_doctor_does_not_wait_for_each_action_of_a_panel_that_stopped_answering() -> None:
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise httpx.ReadTimeout("too slow")
        return httpx.Response(200, json={"result": "success"})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    probe = RoleProbe(settings(panel_rate=10_000), http=http)
    tried = await try_actions(probe)
    await probe.aclose()
    assert asked == 5
    assert set(tried) == {one.action for one in PERMISSIONS}
    assert {one.standing for one in list(tried.values())[5:]} == {RoleStanding.NOT_TRIED}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"public_url": "https://[::1/"}, "public-url"),
        ({"public_url": f"https://ä{'b' * 70}/"}, "public-url"),
        ({"admin_key": SecretStr("schlüssel" * 5), "webhook_secret": SecretStr("whsec_" + "QUJD" * 8)}, "admin-key"),
    ],
)
async def test_settings_that_no_request_can_be_made_of_are_a_finding(given: dict[str, Any], code: str) -> None:
    service = httpx.MockTransport(lambda _request: httpx.Response(200, json={"status": "ok"}))
    async with httpx.AsyncClient(transport=service) as http:
        (found,) = await check_door(settings(**given), http)
    assert (found.level, found.code) == (Level.FAULT, code)
    assert "schlüssel" not in f"{found.text}{found.said}{found.cure}"
