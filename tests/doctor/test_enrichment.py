"""`doorman doctor` on external signals: files by their metadata, services by their answers."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.clock import utc_now
from app.config import Settings
from app.db import Database
from app.doctor.enrichment import check_enrichment
from app.doctor.findings import DoctorFinding, Level
from app.doctor.installation import check_records
from app.doctor.records import EnrichmentDay
from app.doctor.report import secrets_of
from app.tables.orders import outside_answers
from app.upkeep.startup import prepare
from tests.enrichment.samples import countries, networks
from tests.processes.test_processes import ROOT
from tests.stories.house import settings_for

KEYS: dict[str, Any] = {
    "minfraud_account": 7, "minfraud_key": SecretStr("maxmind-secret"), "fraudrecord_key": SecretStr("record-secret"),
}  # fmt: skip


def settings(**overrides: Any) -> Settings:
    return settings_for("sqlite:///none.db", **overrides)


def by_code(findings: list[DoctorFinding]) -> dict[str, tuple[Level, str]]:
    return {finding.code: (finding.level, finding.text) for finding in findings}


def test_nothing_is_needed() -> None:
    [finding] = check_enrichment(settings(), {})
    assert (finding.level, finding.code) == (Level.OK, "outside")


def test_files_say_what_they_are_and_when_they_were_built(tmp_path: Path) -> None:
    paths = (countries(tmp_path / "country.mmdb"), networks(tmp_path / "asn.mmdb"))
    country, asn = check_enrichment(settings(geoip_file=paths), {})
    today = datetime.now(UTC).date()
    assert (country.level, country.text) == (
        Level.OK, f"country.mmdb is a GeoLite2-Country database, built on {today}",
    )  # fmt: skip
    assert "GeoLite2-ASN" in asn.text


def test_an_old_file_is_a_warning(tmp_path: Path) -> None:
    path = countries(tmp_path / "country.mmdb")
    at = path.read_bytes().index(b"build_epoch") + len(b"build_epoch")
    raw = bytearray(path.read_bytes())
    size = (raw[at] & 31) or raw[at]
    start = at + (2 if raw[at] >> 5 == 0 else 1)  # types above seven have a second byte
    old = int((datetime.now(UTC) - timedelta(days=100)).timestamp())
    raw[start : start + size] = old.to_bytes(size, "big")
    path.write_bytes(raw)
    [finding] = check_enrichment(settings(geoip_file=(path,)), {})
    assert finding.level is Level.WARNING
    assert "newer file" in finding.cure


@pytest.mark.parametrize("content", [None, b"", b"not a database"])
def test_a_file_that_can_not_be_used_is_a_fault(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "geo.mmdb"
    if content is not None:
        path.write_bytes(content)
    [finding] = check_enrichment(settings(geoip_file=(path,)), {})
    assert (finding.level, finding.code) == (Level.FAULT, "geoip")
    assert "geo.mmdb" in finding.said


def test_services_by_what_they_answered() -> None:
    days = {
        "minfraud": EnrichmentDay(asked=12, degraded=0, reason=""),
        "fraudrecord": EnrichmentDay(asked=12, degraded=3, reason="ERR:API"),
    }
    found = check_enrichment(settings(**KEYS), days)
    assert by_code(found) == {
        "minfraud": (Level.OK, "MaxMind minFraud: 12 orders asked about in the last 24 hours, 0 without an answer"),
        "fraudrecord": (Level.WARNING, "FraudRecord: 12 orders asked about in the last 24 hours, 3 without an answer"),
    }
    assert found[1].said == "ERR:API"
    assert {finding.level for finding in check_enrichment(settings(**KEYS), {})} == {Level.UNCHECKED}


async def test_what_they_answered_is_read_from_the_records(db: Database) -> None:
    given = settings_for(db.url.render_as_string(hide_password=False), **KEYS)
    now = utc_now()
    await prepare(db, given, now=now)
    rows = [
        (1, "minfraud", timedelta(hours=1), None),
        (2, "minfraud", timedelta(hours=2), "HTTP 401: AUTHORIZATION_INVALID"),
        (3, "minfraud", timedelta(hours=3), "no answer in time"), (4, "minfraud", timedelta(days=2), "too old"),
        (1, "fraudrecord", timedelta(hours=1), None),
    ]  # fmt: skip
    async with db.begin() as tx:
        for order_id, provider, age, reason in rows:
            row = {"order_id": order_id, "provider": provider, "asked_at": now - age, "tries": 1, "reason": reason}
            await tx.execute(outside_answers.insert().values(**row, degraded=reason is not None))
    assert (await check_records(given)).enrichment == {
        "minfraud": EnrichmentDay(asked=3, degraded=2, reason="HTTP 401: AUTHORIZATION_INVALID"),
        "fraudrecord": EnrichmentDay(asked=1, degraded=0, reason=""),
    }


def test_their_keys_are_secrets() -> None:
    assert {"maxmind-secret", "record-secret"} <= secrets_of(settings(**KEYS))


def test_serving_does_not_start_with_a_file_that_can_not_be_used(tmp_path: Path) -> None:
    environment = {
        "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT),
        "DOORMAN_DATABASE_URL": f"sqlite:///{tmp_path / 'doorman.db'}",
        "DOORMAN_GEOIP_FILE": str(tmp_path / "none.mmdb"),
    }  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "DOORMAN_GEOIP_FILE" in ended.stderr
    assert "none.mmdb can't be read" in ended.stderr
    assert "Traceback" not in ended.stderr
