"""Asks all configured services concurrently, within one time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from app.config import Settings, SettingsError
from app.core.facts import EnrichmentReport
from app.enrichment.base import EnrichmentQuestion, EnrichmentSource, NoAnswer
from app.enrichment.fraudrecord import FraudRecord
from app.enrichment.geoip import GeoFileError, GeoFiles
from app.enrichment.minfraud import MinFraud

log = structlog.get_logger(__name__)

TOO_LATE: Final = "no answer in time"
_CLOSING_SECONDS: Final = 0.1  # for connections of late services


@dataclass(frozen=True, slots=True)
class AskedSource:
    """The result of asking one service; `reason` says why the report is degraded."""

    report: EnrichmentReport
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Enrichment:
    """The sources of one process; call `aclose` when done."""

    sources: Mapping[str, EnrichmentSource]
    geo: GeoFiles | None = None

    async def ask(
        self, names: Collection[str], question: EnrichmentQuestion, *, seconds: float
    ) -> tuple[AskedSource, ...]:
        """Ask these services concurrently, within one time limit; their failures never raise."""
        tasks = {name: asyncio.create_task(_ask(self.sources[name], question)) for name in names}
        if not tasks:
            return ()
        try:
            await asyncio.wait(tasks.values(), timeout=max(0.0, seconds))
        finally:
            for task in tasks.values():
                task.cancel()
        await asyncio.wait(tasks.values(), timeout=_CLOSING_SECONDS)
        asked = tuple(_outcome(name, tasks[name]) for name in sorted(tasks))
        for one in asked:
            if one.reason is not None:
                log.warning("enrichment.no_answer", provider=one.report.provider, reason=one.reason)
        return asked

    async def aclose(self) -> None:
        """Close all connections."""
        for source in self.sources.values():
            await source.aclose()


async def _ask(source: EnrichmentSource, question: EnrichmentQuestion) -> AskedSource:
    try:
        return AskedSource(await source.ask(question))
    except NoAnswer as error:
        return no_answer(source.name, error.reason)
    except Exception as error:  # noqa: BLE001 - a bug of ours must not stop an order; a traceback would show secrets
        return no_answer(source.name, f"bug: {type(error).__name__}")


def _outcome(name: str, task: asyncio.Task[AskedSource]) -> AskedSource:
    finished = task.done() and not task.cancelled()
    return task.result() if finished else no_answer(name, TOO_LATE)


def no_answer(name: str, reason: str) -> AskedSource:
    """Return the result for a service without a usable answer."""
    return AskedSource(EnrichmentReport(provider=name, degraded=True), reason)


def open_enrichment(settings: Settings) -> Enrichment | None:
    """Open the sources named in the settings; None if there are none.

    Raises SettingsError for an unusable GeoIP file.
    """
    sources: list[EnrichmentSource] = []
    if settings.minfraud_account is not None and settings.minfraud_key is not None:
        sources.append(MinFraud(settings.minfraud_account, settings.minfraud_key))
    if settings.fraudrecord_key is not None:
        sources.append(FraudRecord(settings.fraudrecord_key))
    geo = open_geo(settings)
    if not sources and geo is None:
        return None
    return Enrichment({source.name: source for source in sources}, geo)


def open_geo(settings: Settings) -> GeoFiles | None:
    """Read the GeoIP files. Raises SettingsError for an unusable file."""
    if not settings.geoip_file:
        return None
    try:
        return GeoFiles.open(settings.geoip_file)
    except GeoFileError as error:
        raise SettingsError(f"DOORMAN_GEOIP_FILE: {error}") from None
