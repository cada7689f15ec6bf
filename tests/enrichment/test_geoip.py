"""GeoIP files: what is looked up, what is refused at start, and what happens when a file is replaced."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from app.core.facts import EnrichmentReport
from app.enrichment.geoip import GeoFileError, GeoFiles, IpPlace
from tests.enrichment.samples import FAR, HOME, SIX, anonymisers, countries, mmdb, networks


@pytest.mark.parametrize(
    ("ip", "country", "asn"),
    [
        (HOME, "GB", 64500),
        (f" {HOME} ", "GB", 64500),
        (FAR, "PH", None),
        (SIX, "SE", None),
        ("8.8.8.8", None, None),  # public, and in no file
        ("10.1.2.3", None, None),
        ("192.168.1.4", None, None),
        ("127.0.0.1", None, None),
        ("::1", None, None),
        ("fe80::1", None, None),
        ("not an address", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
async def test_country_and_network(tmp_path: Path, ip: str | None, country: str | None, asn: int | None) -> None:
    files = GeoFiles.open([countries(tmp_path / "country.mmdb"), networks(tmp_path / "asn.mmdb")])
    assert await files.find(ip) == IpPlace(country, asn)


async def test_odd_rows_say_nothing(tmp_path: Path) -> None:
    rows = {
        "81.2.69.0/28": {"country": "GB"},
        "81.2.69.16/28": {"country": {"iso_code": "GBR"}, "autonomous_system_number": "64500"},
        "81.2.69.32/28": {"country": {"names": {"en": "Anywhere"}}},
    }
    files = GeoFiles.open([mmdb(tmp_path / "odd.mmdb", "Custom", rows)])
    found = [await files.find(ip) for ip in ("81.2.69.1", "81.2.69.17", "81.2.69.33")]
    assert found == [IpPlace(), IpPlace(), IpPlace()]


@pytest.mark.parametrize(
    ("row", "marks"),
    [
        ({"is_anonymous": True, "is_anonymous_vpn": True}, ("anonymous_ip", "vpn")),
        ({"is_anonymous": True, "is_public_proxy": True}, ("anonymous_ip", "public_proxy")),
        ({"is_anonymous": True, "is_residential_proxy": True}, ("anonymous_ip", "residential_proxy")),
        ({"is_anonymous": True, "is_tor_exit_node": True}, ("anonymous_ip", "tor_exit_node")),
        ({"is_tor_exit_node": True}, ("anonymous_ip", "tor_exit_node")),
        ({"is_anonymous": True}, ("anonymous_ip",)),
        # a hosting address, not a hidden person: MaxMind calls both anonymous
        ({"is_anonymous": True, "is_hosting_provider": True}, ("hosting_ip",)),
        (
            {"is_anonymous": True, "is_anonymous_vpn": True, "is_hosting_provider": True},
            ("anonymous_ip", "hosting_ip", "vpn"),
        ),
        ({"is_anonymous": False, "is_anonymous_vpn": False}, ()),
        ({"is_anonymous": "yes", "is_anonymous_vpn": 1, "is_tor_exit_node": ["true"]}, ()),
        ({}, ()),
    ],
)
async def test_anonymisers_are_marked_by_kind(tmp_path: Path, row: dict[str, Any], marks: tuple[str, ...]) -> None:
    files = GeoFiles.open([anonymisers(tmp_path / "anonymous.mmdb", **{"81.2.69.0/24": row})])
    assert (await files.find(HOME)).reports() == (EnrichmentReport(provider="geoip", marks=marks),)


async def test_an_address_that_a_file_of_anonymisers_leaves_out_is_of_none(tmp_path: Path) -> None:
    files = GeoFiles.open([countries(tmp_path / "country.mmdb"), anonymisers(tmp_path / "anonymous.mmdb")])
    assert await files.find(FAR) == IpPlace("PH", None, ())
    assert (await files.find("10.1.2.3")).reports() == ()  # no address to look up


@pytest.mark.parametrize("kind", ["GeoIP-Anonymous-Plus", "Made By Ourselves"])
async def test_a_file_of_anonymisers_is_known_by_its_name_or_by_its_fields(tmp_path: Path, kind: str) -> None:
    files = GeoFiles.open([anonymisers(tmp_path / "any.mmdb", kind)])
    assert (await files.find(HOME)).marks == ("anonymous_ip", "vpn")
    assert (await files.find(FAR)).marks == (() if "Anonymous" in kind else None)


async def test_files_that_tell_nothing_of_anonymisers_leave_no_report(tmp_path: Path) -> None:
    files = GeoFiles.open([countries(tmp_path / "country.mmdb"), networks(tmp_path / "asn.mmdb")])
    assert (await files.find(HOME)).reports() == ()


def damaged(path: Path) -> Path:
    """Give a value of the only row an invalid type: the file opens, but the row can't be read."""
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"is_anonymous_vpn") - 2] = 0x1F
    path.write_bytes(raw)
    return path


async def test_what_a_damaged_file_keeps_back_is_degraded(tmp_path: Path) -> None:
    files = GeoFiles.open([countries(tmp_path / "country.mmdb"), damaged(anonymisers(tmp_path / "damaged.mmdb"))])
    found = await files.find(HOME)
    assert found == IpPlace("GB", damaged=True)
    assert found.reports() == (EnrichmentReport(provider="geoip", degraded=True),)


async def test_a_file_of_the_old_protocol_says_nothing_about_the_new_one(tmp_path: Path) -> None:
    writer = MMDBWriter(ip_version=4, database_type="GeoIP2-Anonymous-IP", description="made for a test")
    writer.insert_network(IPSet(["81.2.69.0/24"]), {"is_anonymous": True})
    writer.to_db_file(str(tmp_path / "four.mmdb"))
    files = GeoFiles.open([tmp_path / "four.mmdb"])
    assert (await files.find(HOME)).marks == ("anonymous_ip",)
    assert await files.find(SIX) == IpPlace()


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    [told] = GeoFiles.open([countries(tmp_path / "country.mmdb")]).about()
    assert told.kind == "GeoLite2-Country"
    assert abs(datetime.now(UTC) - told.built_at) < timedelta(hours=1)


def _cut(path: Path, keep: int) -> Path:
    path.write_bytes(path.read_bytes()[:keep])
    return path


@pytest.mark.parametrize("content", [b"", b"not a database", b"\xab\xcd\xefMaxMind.com", os.urandom(5000)])
def test_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.mmdb").write_bytes(content)
    with pytest.raises(GeoFileError, match=r"bad\.mmdb is not a usable MMDB file"):
        GeoFiles.open([tmp_path / "bad.mmdb"])


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GeoFileError, match="not a usable MMDB file"):
        GeoFiles.open([_cut(countries(tmp_path / "cut.mmdb"), 200)])


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GeoFileError, match="No such file"):
        GeoFiles.open([tmp_path / "none.mmdb"])
    with pytest.raises(GeoFileError, match="Is a directory"):
        GeoFiles.open([tmp_path])


class Hours:
    """A clock that is moved by hand, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    clock, path = Hours(), countries(tmp_path / "country.mmdb")
    files = GeoFiles.open([path], clock=clock)
    countries(tmp_path / "new.mmdb", **{"81.2.69.0/24": "IE"}).replace(path)
    assert (await files.find(HOME)).country == "GB"  # not checked for each order
    clock.now += 11
    assert (await files.find(HOME)).country == "IE"


async def test_a_disk_that_hangs_holds_no_look_up_for_long(tmp_path: Path) -> None:
    """A pipe without a writer: opening it blocks."""
    clock, path = Hours(), countries(tmp_path / "country.mmdb")
    files = GeoFiles.open([path], clock=clock)
    path.unlink()
    os.mkfifo(path)
    clock.now += 11
    try:
        for _ in range(2):
            async with asyncio.timeout(5):
                assert (await files.find(HOME)).country == "GB"
    finally:
        path.write_bytes(b"")  # unblocks the reader


@pytest.mark.parametrize("damage", ["gone", "overwritten"])
async def test_a_file_that_breaks_later_leaves_the_last_good_one(tmp_path: Path, damage: str) -> None:
    clock, path = Hours(), countries(tmp_path / "country.mmdb")
    files = GeoFiles.open([path], clock=clock)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"half a download")
    clock.now += 11
    assert (await files.find(HOME)).country == "GB"
    countries(path, **{"81.2.69.0/24": "IE"})
    clock.now += 11
    assert (await files.find(HOME)).country == "IE"
