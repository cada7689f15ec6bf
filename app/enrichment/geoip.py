"""Country, network and anonymisers of an IP address, from local files in the MMDB format (GeoLite2, GeoIP2, DB-IP …).

A file is read into memory as a whole (overwriting a memory-mapped file in place would crash the process), and again
when it is replaced. If the new file can't be read, that is logged and the last good one is kept. Files are read in a
thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import maxminddb
import structlog

from app.core.facts import EnrichmentReport
from app.core.judgement.signals.enrichment import ANONYMOUS_IP, GEOIP, HOSTING_IP

log = structlog.get_logger(__name__)

NAME: Final = GEOIP
_LOOK_SECONDS: Final = 10.0  # between checks for a replaced file
_PATIENCE_SECONDS: Final = 0.5  # how long an order waits for a new file; then it uses the old one
#: The fields of MaxMind's Anonymous IP databases (dev.maxmind.com/geoip/docs/databases/anonymous-ip/binary/), as marks.
_ANONYMISERS: Final = {
    "is_anonymous_vpn": "vpn",
    "is_public_proxy": "public_proxy",
    "is_residential_proxy": "residential_proxy",
    "is_tor_exit_node": "tor_exit_node",
}
_ANONYMOUS: Final = "is_anonymous"
_HOSTING: Final = "is_hosting_provider"
_TELLING: Final = frozenset({_ANONYMOUS, _HOSTING, *_ANONYMISERS})


class GeoFileError(Exception):
    """The file is unusable; the text says which file and why."""


@dataclass(frozen=True, slots=True)
class IpPlace:
    """The files' data about an address; None where they have none."""

    country: str | None = None  # ISO 3166-1 alpha-2
    asn: int | None = None
    marks: tuple[str, ...] | None = None  # of anonymisers, sorted; None: no file covers anonymisers
    damaged: bool = False  # a file is damaged at this address

    def reports(self) -> tuple[EnrichmentReport, ...]:
        """Return the reports to keep in the facts, as well as country and network."""
        marks = () if self.marks is None else (EnrichmentReport(provider=NAME, marks=self.marks),)
        return (*marks, EnrichmentReport(provider=NAME, degraded=True)) if self.damaged else marks


NOWHERE: Final = IpPlace()


@dataclass(frozen=True, slots=True)
class About:
    """A file's metadata."""

    path: Path
    kind: str  # GeoLite2-Country, GeoLite2-ASN …
    built_at: datetime


@dataclass(slots=True)
class _File:
    path: Path
    reader: maxminddb.Reader
    stamp: tuple[int, int, int]
    tells_of_anonymisers: bool  # by its name; an address missing from such a file is not an anonymiser
    version: int  # IP version; 4: it has no IPv6 addresses


@dataclass(slots=True)
class GeoFiles:
    """One or more files; each fills the gaps of the earlier ones."""

    _files: list[_File]
    _clock: Callable[[], float] = time.monotonic
    _looked_at: float = field(init=False)
    _reading: asyncio.Task[None] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._looked_at = self._clock()

    @classmethod
    def open(cls, paths: Sequence[Path], *, clock: Callable[[], float] = time.monotonic) -> GeoFiles:
        """Read all files. Raises GeoFileError for the first unusable one."""
        return cls([_read(path) for path in paths], clock)

    def about(self) -> tuple[About, ...]:
        """Return each file's metadata."""
        return tuple(about(each.path, each.reader) for each in self._files)

    async def find(self, ip: str | None) -> IpPlace:
        """Return the place of an address; empty for a private or invalid address. Never raises."""
        try:
            address = ip_address((ip or "").strip())
        except ValueError:
            return NOWHERE
        if not address.is_global:
            return NOWHERE
        await self._look_for_new()
        return self._look_up(str(address), address.version)

    async def _look_for_new(self) -> None:
        """Read replaced files; a large file or a hanging disk never delays an order for long."""
        if self._reading is None or self._reading.done():
            if self._clock() - self._looked_at < _LOOK_SECONDS:
                return
            self._looked_at = self._clock()
            self._reading = asyncio.create_task(asyncio.to_thread(self._refresh))
        await asyncio.wait({self._reading}, timeout=_PATIENCE_SECONDS)

    def _look_up(self, ip: str, version: int) -> IpPlace:
        country: str | None = None
        asn: int | None = None
        marks: set[str] | None = None
        damaged = False
        for each in self._files:
            if version > each.version:
                continue
            row = _row(each, ip)
            if row is None:
                damaged = True
                continue
            country = country or _country(row)
            asn = asn or _asn(row)
            if each.tells_of_anonymisers or _TELLING.intersection(row):
                marks = (marks or set()) | _marks(row)
        return IpPlace(country, asn, None if marks is None else tuple(sorted(marks)), damaged)

    def _refresh(self) -> None:
        for index, old in enumerate(self._files):
            try:
                if _stamp(old.path) == old.stamp:
                    continue
                self._files[index] = _read(old.path)
                log.info("geoip.reloaded", file=str(old.path))
            except (GeoFileError, OSError) as error:
                log.warning("geoip.reload_failed", file=str(old.path), error=str(error))


def about(path: Path, reader: maxminddb.Reader) -> About:
    """Return the file's metadata."""
    metadata = reader.metadata()
    return About(path, str(metadata.database_type), datetime.fromtimestamp(metadata.build_epoch, UTC))


def _stamp(path: Path) -> tuple[int, int, int]:
    seen = path.stat()
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def _read(path: Path) -> _File:
    try:
        stamp = _stamp(path)
        reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
        about(path, reader)
        reader.get("8.8.8.8")  # fails here if the file is truncated
    except OSError as error:
        raise GeoFileError(f"{path} can't be read: {error.strerror or type(error).__name__}") from None
    except Exception as error:  # noqa: BLE001 - a broken file can make the reader raise anything
        raise GeoFileError(f"{path} is not a usable MMDB file: {type(error).__name__}") from None
    metadata = reader.metadata()
    return _File(path, reader, stamp, "anonymous" in str(metadata.database_type).lower(), metadata.ip_version)


def _row(file: _File, ip: str) -> dict[str, Any] | None:
    """Return a file's row for an address, empty if it has none; None if the file is damaged there."""
    try:
        row = file.reader.get(ip)
    except Exception as error:  # noqa: BLE001 - a damaged part of a file must not stop an order
        log.warning("geoip.lookup_failed", file=str(file.path), error=type(error).__name__)
        return None
    return row if isinstance(row, dict) else {}


def _country(row: dict[str, Any]) -> str | None:
    country = row.get("country")
    code = country.get("iso_code") if isinstance(country, dict) else None
    return code.upper() if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha() else None


def _asn(row: dict[str, Any]) -> int | None:
    number = row.get("autonomous_system_number")
    return number if isinstance(number, int) and 0 < number < 2**32 else None


def _marks(row: dict[str, Any]) -> set[str]:
    """A hosting provider's address alone doesn't count as an anonymiser, though MaxMind calls it anonymous."""
    found = {mark for name, mark in _ANONYMISERS.items() if row.get(name) is True}
    hosting = {HOSTING_IP} if row.get(_HOSTING) is True else set()
    anonymous = found or (row.get(_ANONYMOUS) is True and not hosting)
    return found | hosting | ({ANONYMOUS_IP} if anonymous else set())
