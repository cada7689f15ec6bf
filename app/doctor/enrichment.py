"""Enrichment sources: GeoIP files and recent answers of services. No service is called, because calls cost money."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from app.clock import utc_now
from app.config import Settings
from app.doctor.findings import DoctorFinding, fault, ok, unchecked, warning
from app.doctor.records import EnrichmentDay
from app.enrichment import fraudrecord, minfraud
from app.enrichment.geoip import About, GeoFileError, GeoFiles

_OLD: Final = timedelta(days=90)


def check_enrichment(settings: Settings, days: Mapping[str, EnrichmentDay]) -> list[DoctorFinding]:
    """Check the configured sources; all of them are optional."""
    found = _geoip(settings)
    if settings.minfraud_key is not None:
        found.append(_service("minfraud", "MaxMind minFraud", days.get(minfraud.NAME)))
    if settings.fraudrecord_key is not None:
        found.append(_service("fraudrecord", "FraudRecord", days.get(fraudrecord.NAME)))
    return found or [ok("outside", "no enrichment is configured; it is optional")]


def _geoip(settings: Settings) -> list[DoctorFinding]:
    if not settings.geoip_file:
        return []
    try:
        files = GeoFiles.open(settings.geoip_file)
    except GeoFileError as error:
        cure = "Correct DOORMAN_GEOIP_FILE, or download the file again (geoipupdate for GeoLite2)."
        return [fault("geoip", "a GeoIP file can't be used: the service won't start", cure, said=str(error))]
    return [_file(each) for each in files.about()]


def _file(about: About) -> DoctorFinding:
    text = f"{about.path.name} is a {about.kind} database, built on {about.built_at.date()}"
    if utc_now() - about.built_at > _OLD:
        return warning("geoip", text, "Addresses change hands: get a newer file. It is reloaded when it is replaced.")
    return ok("geoip", text)


def _service(code: str, name: str, day: EnrichmentDay | None) -> DoctorFinding:
    if day is None:
        return unchecked(code, f"whether {name} answers: it is configured but was not asked in the last 24 hours")
    text = f"{name}: {day.asked} orders asked about in the last 24 hours, {day.degraded} without an answer"
    if day.degraded:
        cure = "Check the key, the account's funds and this machine's outbound access; orders are decided all the same."
        return warning(code, text, cure, said=day.reason)
    return ok(code, text)
