"""Shared by the tests of external sources: a question, and generated MMDB files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

from app.core.money import Money
from app.enrichment.base import EnrichmentQuestion

HOME = "81.2.69.142"
FAR = "202.196.224.5"
SIX = "2a02:f500::7"


def question(**changes: Any) -> EnrichmentQuestion:
    values: dict[str, Any] = {
        "order_id": 4711, "customer_id": 12, "placed_at": datetime(2026, 8, 14, 12, 0, tzinfo=UTC),
        "email": "Rita.Regular+shop@GMail.com", "mailbox": "ritaregular@gmail.com", "name": "Rita  Regular",
        "phone": "+49.301234567", "ip": HOME, "city": "Berlin", "postcode": "10115", "country": "DE",
        "amount": Money(1250, "USD"),
    }  # fmt: skip
    return EnrichmentQuestion(**values | changes)


def mmdb(path: Path, kind: str, rows: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write a database of this type; `rows` by network."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type=kind, description="made for a test")
    for network, row in rows.items():
        writer.insert_network(IPSet([network]), dict(row))
    writer.to_db_file(str(path))
    return path


def countries(path: Path, **by_network: str) -> Path:
    rows = by_network or {"81.2.69.0/24": "GB", "202.196.224.0/20": "PH", "2a02:f500::/29": "SE"}
    return mmdb(path, "GeoLite2-Country", {net: {"country": {"iso_code": code}} for net, code in rows.items()})


def anonymisers(path: Path, kind: str = "GeoIP2-Anonymous-IP", **by_network: dict[str, Any]) -> Path:
    """Write a database in which HOME is a VPN's address, or with these rows by network."""
    return mmdb(path, kind, by_network or {"81.2.69.0/24": {"is_anonymous": True, "is_anonymous_vpn": True}})


def networks(path: Path) -> Path:
    row = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Hosting"}
    return mmdb(path, "GeoLite2-ASN", {"81.2.69.0/24": row})
