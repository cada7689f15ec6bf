"""GeoIP files: what is looked up, what is refused at start, and what happens when a file is replaced."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.outside.geoip import GeoFileError, GeoFiles, Place
from tests.outside.samples import FAR, HOME, SIX, countries, mmdb, networks


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
    assert await files.find(ip) == Place(country, asn)


async def test_odd_rows_say_nothing(tmp_path: Path) -> None:
    rows = {
        "81.2.69.0/28": {"country": "GB"},
        "81.2.69.16/28": {"country": {"iso_code": "GBR"}, "autonomous_system_number": "64500"},
        "81.2.69.32/28": {"country": {"names": {"en": "Anywhere"}}},
    }
    files = GeoFiles.open([mmdb(tmp_path / "odd.mmdb", "Custom", rows)])
    found = [await files.find(ip) for ip in ("81.2.69.1", "81.2.69.17", "81.2.69.33")]
    assert found == [Place(), Place(), Place()]


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
    with pytest.raises(GeoFileError, match=r"bad\.mmdb is no usable MMDB file"):
        GeoFiles.open([tmp_path / "bad.mmdb"])


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GeoFileError, match="no usable MMDB file"):
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
    assert (await files.find(HOME)).country == "GB"  # not looked at with each order
    clock.now += 11
    assert (await files.find(HOME)).country == "IE"


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
