"""`doorman doctor` connects to the panel: each fault on a real server, reported with the panel's message and a fix."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.config import Settings
from app.doctor.findings import DoctorFinding, Level
from app.doctor.panel import check_access_key, check_clock, check_version, check_zone, knock, unreached, version_of
from app.panels.whmcs.probe import ProbeReply, RoleProbe, Trouble, Unreached
from tests.doctor.odd_panels import Scripted, answering, certificate, closed_port, said, silent
from tests.stories.house import settings_for

ADAPTER = Path(__file__).parents[2] / "app/panels/whmcs"
HTML = Scripted(body="<!doctype html><h1>Welcome</h1>", headers={"content-type": "text/html"})


def settings(url: str, **overrides: Any) -> Settings:
    return settings_for("sqlite:///none.db", panel_url=url, panel_timezone=None, **overrides)


async def at_the_door(url: str, *, http: httpx.AsyncClient | None = None, **overrides: Any) -> DoctorFinding:
    """Connect and return the obstacle, or the success."""
    given = settings(url, **overrides)
    probe = RoleProbe(given, http=http, seconds=1.0)
    try:
        [finding], _ = await knock(given, probe)
        return finding
    finally:
        await probe.aclose()


REFUSALS: list[tuple[Scripted, str, str, str]] = [
    (said("Invalid IP 203.0.113.9"), "ip-refused", "203.0.113.9", "Add exactly 203.0.113.9 under"),
    (said("Invalid IP 2001:db8::7"), "ip-refused", "2001:db8::7", "This is an IPv6 address"),
    (said("Invalid IP 10.1.2.3"), "ip-refused", "10.1.2.3", "Trusted Proxies"),
    (said("Invalid or missing credentials"), "credentials", "credential", "DOORMAN_PANEL_IDENTIFIER"),
    (said("Authentication Failed", 200), "credentials", "credential", "API Access"),
    (said("Access Denied", 200), "refused-by-whmcs", "an error", "activity log"),
    (HTML, "not-whmcs", "no WHMCS API at", "folder"),
    (Scripted(status=404), "not-whmcs", "no WHMCS API at", "includes/api.php must exist"),
    (Scripted(status=401), "http-password", "password", "htpasswd"),
    (Scripted(status=403, body="<h1>Just a moment"), "blocked", "in front of WHMCS", "ModSecurity"),
    (Scripted(status=429), "too-fast", "slow down", "DOORMAN_PANEL_RATE"),
    (Scripted(status=500, body="<h1>Oops!</h1>"), "panel-broken", "error", "error log"),
    (
        Scripted(status=301, headers={"location": "https://www.example.com/billing/includes/api.php"}),
        "redirect", "redirects", "Set DOORMAN_PANEL_URL=https://www.example.com/billing",
    ),
    (Scripted(status=302, headers={"location": "/login"}), "redirect", "redirects", "final address"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "code", "text", "cure"), REFUSALS, ids=lambda value: str(value)[:24])
async def test_each_refusal_is_named_with_a_cure(answer: Scripted, code: str, text: str, cure: str) -> None:
    with answering(lambda _: answer) as url:
        finding = await at_the_door(url)
    assert (finding.code, finding.level) == (code, Level.FAULT)
    assert text in finding.text
    assert cure in finding.cure
    if answer.body.startswith("{"):
        assert finding.said == json.loads(answer.body)["message"]
    else:
        assert str(answer.status) in finding.said


async def test_a_role_without_the_first_action_is_let_in_all_the_same() -> None:
    with answering(lambda _: said('Invalid Permissions: API action "getadmindetails" is not allowed')) as url:
        assert (await at_the_door(url)).code == "reached"


async def test_an_access_key_that_does_not_help_is_said_to_be_wrong() -> None:
    with answering(lambda _: said("Invalid IP 203.0.113.9")) as url:
        finding = await at_the_door(url, panel_access_key=SecretStr("abc"))
    assert "not the one in configuration.php" in finding.cure


@pytest.mark.parametrize(("key", "codes"), [("Ab1!@#$%.()*[]-_", []), ("a b", ["access-key-characters"]),
                                            ("a&b", ["access-key-characters"])])  # fmt: skip
def test_access_keys_that_whmcs_does_not_take(key: str, codes: list[str]) -> None:
    given = settings("http://127.0.0.1:9", panel_access_key=SecretStr(key))
    assert [finding.code for finding in check_access_key(given)] == codes


async def test_a_panel_that_repeats_our_credentials_does_not_get_them_printed() -> None:
    with answering(lambda fields: said(f"Authentication Failed for {fields['identifier']} {fields['secret']}")) as url:
        finding = await at_the_door(url)
    assert finding.said == "Authentication Failed for *** ***"


async def test_no_answer_at_all() -> None:
    assert (await at_the_door(closed_port())).code == "refused"
    assert (await at_the_door(closed_port().replace("127.0.0.1", "localhost"))).code == "refused"
    with silent() as url:
        assert (await at_the_door(url)).code == "silent"
    unknown = await at_the_door("https://panel.invalid")
    assert unknown.code == "dns"
    assert "panel.invalid" in unknown.text


async def test_certificates(tmp_path: Path) -> None:
    file, server = certificate(tmp_path, "billing.example.com")
    with answering(lambda _: HTML, server) as url:
        alone = await at_the_door(url)
        trusting = ssl.create_default_context(cafile=str(file))
        wrong_host = await at_the_door(url, http=httpx.AsyncClient(verify=trusting, trust_env=False))
        no_tls = await at_the_door(url.replace("https", "http"))
    assert (alone.code, alone.level) == ("tls-self-signed", Level.FAULT)
    assert alone.said.startswith("self")
    assert wrong_host.code == "tls-wrong-host"
    assert no_tls.code == "broken"
    with answering(lambda _: HTML) as url:
        assert (await at_the_door(url.replace("http", "https"))).code == "tls"


@pytest.mark.parametrize(
    ("number", "code"),
    [(9, "tls-not-yet"), (10, "tls-expired"), (18, "tls-self-signed"), (20, "tls-chain"), (62, "tls-wrong-host"),
     (64, "tls-wrong-host"), (1, "tls-other"), (None, "tls-other")],
)  # fmt: skip
def test_what_is_wrong_with_a_certificate(number: int | None, code: str) -> None:
    finding = unreached(Unreached(Trouble.CERTIFICATE, "as OpenSSL says", certificate=number), settings("https://a.b"))
    assert (finding.code, finding.level, finding.said) == (code, Level.FAULT, "as OpenSSL says")
    assert finding.cure


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_words_and_a_cure(trouble: Trouble) -> None:
    finding = unreached(Unreached(trouble, "x"), settings("https://billing.example.com"))
    assert finding.level is Level.FAULT
    assert "billing.example.com" in finding.text
    assert finding.cure


# --- version, clock, zone -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "level"),
    [("7.10.3", Level.FAULT), ("8.0.0", Level.WARNING), ("8.9.1", Level.WARNING), ("8.13.3-release.1", Level.WARNING),
     ("9.0.1", Level.OK), ("10.1.0", Level.OK), ("", Level.UNCHECKED), ("unknown", Level.UNCHECKED)],
)  # fmt: skip
def test_versions(version: str, level: Level) -> None:
    assert check_version(version).level is level


NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def reply(local: datetime | None, date: datetime | None = None) -> ProbeReply:
    answer = {"result": "success", "whmcs": {"version": "9.0.1"}}
    if local is not None:
        answer["requesttime"] = local.strftime("%Y-%m-%d %H:%M:%S")
    return ProbeReply(status=200, answer=answer, date=date, at=NOW)


def after(**by: float) -> datetime:
    return NOW + timedelta(**by)


@pytest.mark.parametrize(
    ("local", "date", "zone", "expected"),
    [
        (after(hours=2), NOW, "Europe/Berlin", [("clock", Level.OK), ("zone", Level.OK)]),
        (after(hours=2), None, None, [("clock", Level.OK), ("zone", Level.OK)]),
        (after(hours=2), NOW, "America/New_York", [("clock", Level.OK), ("zone", Level.FAULT)]),
        (after(hours=1), NOW, "Europe/Berlin", [("clock", Level.OK), ("zone", Level.FAULT)]),
        (after(hours=2, seconds=90), after(seconds=90), None, [("clock", Level.WARNING), ("zone", Level.OK)]),
        (after(hours=2, seconds=-290), None, None, [("clock", Level.FAULT), ("zone", Level.OK)]),
        # a clock that is 15 minutes off must not look like another time zone
        (after(hours=2, minutes=15), after(minutes=15), "Europe/Berlin", [("clock", Level.FAULT), ("zone", Level.OK)]),
        (None, after(minutes=20), None, [("clock", Level.FAULT), ("zone", Level.UNCHECKED)]),
        (None, None, None, [("zone", Level.UNCHECKED)]),
    ],
)
def test_clocks_and_zones(
    local: datetime | None, date: datetime | None, zone: str | None, expected: list[tuple[str, Level]]
) -> None:
    given = settings("http://127.0.0.1:9")
    given = given.model_copy(update={"panel_timezone": zone})
    found = check_clock(reply(local, date), given)
    assert [(finding.code, finding.level) for finding in found] == expected


def test_a_wrong_zone_is_answered_with_zones_that_fit() -> None:
    from zoneinfo import ZoneInfo

    finding = check_zone(timedelta(hours=-4), ZoneInfo("Europe/Berlin"), now=NOW)
    assert "UTC-04:00" in finding.text
    assert "DOORMAN_PANEL_TIMEZONE=Europe/Berlin is UTC+02:00" in finding.text
    assert "America/New_York" in finding.cure
    assert "America/Chicago" not in finding.cure


async def test_skew_and_version_of_a_panel_on_the_wire() -> None:
    wrong = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=100)

    def script(_: dict[str, str]) -> Scripted:
        answer = {"result": "success", "adminid": 1, "requesttime": f"{wrong:%Y-%m-%d %H:%M:%S}",
                  "whmcs": {"version": "7.9.2"}}  # fmt: skip
        return Scripted(body=json.dumps(answer), date=format_datetime(wrong, usegmt=True))

    with answering(script) as url:
        given = settings(url)
        probe = RoleProbe(given)
        [finding], answer = await knock(given, probe)
        await probe.aclose()
    assert finding.code == "reached"
    assert answer is not None
    assert check_version(version_of(answer)).level is Level.FAULT
    [clock, _] = check_clock(answer, given)
    assert clock.level is Level.WARNING
    assert "ahead of ours" in clock.text
