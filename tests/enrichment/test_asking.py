"""All sources together: within one time limit, whatever they do. Also which sources the settings enable."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings, SettingsError, load_settings
from app.core.facts import EnrichmentReport
from app.enrichment.asking import TOO_LATE, AskedSource, Enrichment, open_enrichment
from app.enrichment.base import EnrichmentQuestion, NoAnswer
from tests.enrichment.samples import countries, networks, question


class Speaks:
    """Answers at once."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def ask(self, question: EnrichmentQuestion) -> EnrichmentReport:
        return EnrichmentReport(provider=self.name, score=12.0)

    async def aclose(self) -> None:
        return


class Hangs(Speaks):
    """Never answers; `ended` is set when it is cancelled."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ended = asyncio.Event()

    async def ask(self, question: EnrichmentQuestion) -> EnrichmentReport:
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError


class Fails(Speaks):
    """Raises what it is given."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(name)
        self.error = error

    async def ask(self, question: EnrichmentQuestion) -> EnrichmentReport:
        raise self.error


def outside(*sources: Speaks) -> Enrichment:
    return Enrichment({source.name: source for source in sources})


def late(name: str, reason: str = TOO_LATE) -> AskedSource:
    return AskedSource(EnrichmentReport(provider=name, degraded=True), reason)


async def test_one_that_hangs_delays_the_others_no_longer_than_the_limit() -> None:
    hangs = Hangs("fraudrecord")
    began = time.monotonic()
    asked = await outside(Speaks("minfraud"), hangs).ask(["minfraud", "fraudrecord"], question(), seconds=0.05)
    assert time.monotonic() - began < 1.0
    assert asked == (late("fraudrecord"), AskedSource(EnrichmentReport(provider="minfraud", score=12.0)))
    await asyncio.wait_for(hangs.ended.wait(), 1)


async def test_both_are_asked_at_once() -> None:
    """Each waits until the other was asked, so asking one after the other would never end."""
    both = asyncio.Barrier(2)

    class Meets(Speaks):
        async def ask(self, question: EnrichmentQuestion) -> EnrichmentReport:
            await both.wait()
            return EnrichmentReport(provider=self.name, score=1.0)

    asked = await outside(Meets("a"), Meets("b")).ask(["a", "b"], question(), seconds=10)
    assert [one.reason for one in asked] == [None, None]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(NoAnswer("HTTP 402: INSUFFICIENT_FUNDS"), "HTTP 402: INSUFFICIENT_FUNDS"), (KeyError("rita"), "bug: KeyError")],
)
async def test_failures_are_a_mark_and_a_line_in_the_log_without_personal_data(
    error: Exception, reason: str, logs: list[Any]
) -> None:
    asked = await outside(Fails("minfraud", error)).ask(["minfraud"], question(), seconds=1)
    assert asked == (late("minfraud", reason),)
    assert [(entry["event"], entry["provider"], entry["reason"]) for entry in logs] == [
        ("enrichment.no_answer", "minfraud", reason)
    ]
    assert "rita" not in str(logs)


async def test_asking_nobody_takes_no_time() -> None:
    assert await outside(Speaks("minfraud")).ask([], question(), seconds=1) == ()


async def test_a_look_that_is_stopped_stops_the_asking() -> None:
    hangs = Hangs("minfraud")
    look = asyncio.create_task(outside(hangs).ask(["minfraud"], question(), seconds=60))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look
    await asyncio.wait_for(hangs.ended.wait(), 1)


# --- settings -------------------------------------------------------------------------------------------------------


def settings(**values: Any) -> Settings:
    return Settings(**values)


def test_all_of_it_is_off_by_default() -> None:
    assert open_enrichment(settings()) is None


async def test_settings_open_what_they_name(tmp_path: Path) -> None:
    files = f"{countries(tmp_path / 'c.mmdb')}, {networks(tmp_path / 'n.mmdb')}"
    given = {"minfraud_account": 7, "minfraud_key": "abc", "fraudrecord_key": "def", "geoip_file": files}
    opened = open_enrichment(settings(**given))
    assert opened is not None
    assert set(opened.sources) == {"minfraud", "fraudrecord"}
    assert opened.geo is not None
    assert [told.kind for told in opened.geo.about()] == ["GeoLite2-Country", "GeoLite2-ASN"]
    await opened.aclose()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"MINFRAUD_ACCOUNT": "7"}, "DOORMAN_MINFRAUD_ACCOUNT and DOORMAN_MINFRAUD_KEY must be set together"),
        ({"MINFRAUD_KEY": "abc"}, "DOORMAN_MINFRAUD_ACCOUNT and DOORMAN_MINFRAUD_KEY must be set together"),
        ({"MINFRAUD_ACCOUNT": "0", "MINFRAUD_KEY": "abc"}, "DOORMAN_MINFRAUD_ACCOUNT: "),
        ({"MINFRAUD_ACCOUNT": "seven", "MINFRAUD_KEY": "abc"}, "DOORMAN_MINFRAUD_ACCOUNT: "),
        ({"FRAUDRECORD_KEY": "schlüssel"}, "DOORMAN_FRAUDRECORD_KEY: contains characters that no key has"),
        ({"GEOIP_FILE": "a,b,c,d"}, "DOORMAN_GEOIP_FILE: at most 3 files"),
    ],
)
def test_half_a_setting_is_refused_without_showing_a_secret(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"DOORMAN_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert words in str(caught.value)
    assert not any(value in str(caught.value) for name, value in variables.items() if name.endswith("KEY"))


def test_a_file_that_is_not_there_stops_the_start_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"DOORMAN_GEOIP_FILE: .*none\.mmdb can't be read"):
        open_enrichment(settings(geoip_file=str(tmp_path / "none.mmdb")))
