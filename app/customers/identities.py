"""Identities that customers may share: canonical values, hashed, found by index and never by a scan."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

import phonenumbers
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import Neighbours
from app.db import insert_new
from app.panels.records import PanelCustomer
from app.tables.customers import customers, identities, order_sightings

#: Maximum of customers counted per identity: a shared IP can have any number, and the cost must stay bounded.
MOST_COUNTED: Final = 1000
_DOTLESS = {"gmail.com", "googlemail.com"}
_KEPT = 16_384  # cached results, the latest: many orders ask for the same values


def email_domain(email: str) -> str | None:
    """Return the lower-case domain of an address, or None if there is none."""
    local, at, domain = email.strip().lower().rpartition("@")
    return domain.rstrip(".") if at and local and "." in domain else None


def canonical_email(email: str) -> str | None:
    """Return the mailbox behind an address: lower case, without ``+tag``, without dots that the provider ignores."""
    domain = email_domain(email)
    if domain is None:
        return None
    local = email.strip().lower().rpartition("@")[0].split("+", 1)[0]
    if domain in _DOTLESS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}" if local else None


@lru_cache(maxsize=_KEPT)
def canonical_phone(phone: str, calling_code: str, country: str | None) -> str | None:
    """Return the number in E.164, or None if it is not a possible number."""
    text = phone.strip()
    if text and not text.startswith("+") and calling_code.strip("+ ").isdigit():
        text = f"+{calling_code.strip('+ ')}{text}"
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=_KEPT)
def phone_country(e164: str | None, expected: str | None) -> str | None:
    """Return the country of a number; of several that share a calling code, the expected one if it is among them."""
    if e164 is None:
        return None
    codes = (int(e164[1 : 1 + digits]) for digits in range(1, 4))  # no calling code is a prefix of another
    regions = next((found for code in codes if (found := phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code))), None)
    if not regions or regions == ("001",):
        return None
    return expected if expected in regions else regions[0]


@lru_cache(maxsize=_KEPT)
def canonical_address(lines: tuple[str, ...], country: str | None) -> str | None:
    """Return letters and digits of the address, without case, accents and punctuation; None if too few are left."""
    plain = unicodedata.normalize("NFKD", " ".join(lines)).casefold()
    if not plain.isascii():
        plain = "".join(char for char in plain if not unicodedata.combining(char))
    kept = re.sub(r"[^0-9a-z]+", "", plain)
    return f"{kept}|{(country or '').upper()}" if len(kept) >= 12 else None


def public_ip(ip: str | None) -> str | None:
    """Return a public address in its canonical form; None for a private one, which identifies nobody.

    An IPv4 address that is written as IPv6 (`::ffff:81.2.69.142`) is the IPv4 address.
    """
    try:
        address = ip_address((ip or "").strip())
    except ValueError:
        return None
    address = (address.ipv4_mapped if address.version == 6 else None) or address
    return str(address) if address.is_global else None


@lru_cache(maxsize=_KEPT)
def canonical_ip(ip: str | None) -> str | None:
    """Return the identity of a public address: itself, or for IPv6 its /64."""
    public = public_ip(ip)
    if public is None or ":" not in public:
        return public
    return str(ip_address(int(ip_address(public)) >> 64 << 64))


def hashed(kind: str, value: str) -> str:
    """Return the stored hash of a canonical value."""
    return hashlib.sha256(f"{kind}:{value}".encode()).hexdigest()


def identities_of(customer: PanelCustomer, ip: str | None) -> dict[str, str]:
    """Return the hashed identities of a customer by kind; `ip` is the order's, if it is the customer's own."""
    values = {
        "email": canonical_email(customer.email),
        "phone": canonical_phone(customer.phone, customer.phone_cc, customer.country),
        "address": canonical_address(customer.address, customer.country),
        "ip": canonical_ip(ip),
    }
    return {kind: hashed(kind, value) for kind, value in values.items() if value is not None}


async def neighbours(
    connection: AsyncConnection, customer_id: int, known: dict[str, str], *, before: datetime
) -> tuple[Neighbours, ...]:
    """Return for each identity how many other customers had it before that moment, and how many of them were bad.

    Of the customers who share one identity, the `MOST_COUNTED` with the highest ids are counted.
    """
    if not known:
        return ()
    query = sa.union_all(*(others(kind, value, customer_id, before) for kind, value in sorted(known.items())))
    return tuple(
        Neighbours(kind=row.kind, customers=row.others, bad_customers=int(row.bad or 0))
        for row in await connection.execute(query)
        if row.others
    )


def others(kind: str, value: str, customer_id: int, before: datetime) -> sa.Select[str, int, Any]:
    """Return the query for one kind: `others` and `bad`.

    A correlated subquery, because PostgreSQL scans the whole table of customers for a join.
    """
    seen = (
        sa.select(identities.c.customer_id)
        .where(
            identities.c.kind == kind,
            identities.c.hash == value,
            identities.c.customer_id != customer_id,
            identities.c.first_seen_at < before,
        )
        .order_by(identities.c.customer_id.desc())
        .limit(MOST_COUNTED)
        .subquery()
    )
    is_bad = sa.select(sa.case((customers.c.bad, 1), else_=0)).where(customers.c.customer_id == seen.c.customer_id)
    others = sa.select(is_bad.scalar_subquery().label("bad")).select_from(seen).subquery()
    return sa.select(
        sa.literal(kind).label("kind"),
        sa.func.count(others.c.bad).label("others"),
        sa.func.sum(others.c.bad).label("bad"),
    )


async def remember(tx: AsyncConnection, customer_id: int, known: dict[str, str], *, now: datetime) -> None:
    """Record which identities a customer has; the first sighting stays."""
    rows = [
        {"kind": kind, "hash": value, "customer_id": customer_id, "first_seen_at": now}
        for kind, value in sorted(known.items())
    ]
    if rows:
        await tx.execute(insert_new(tx, identities).values(rows))


async def remember_order(
    tx: AsyncConnection, order_id: int, customer_id: int, ip_hash: str | None, *, placed_at: datetime
) -> None:
    """Record that an order was placed, for velocity; a repeat changes nothing."""
    row = {"order_id": order_id, "customer_id": customer_id, "ip_hash": ip_hash, "placed_at": placed_at}
    await tx.execute(insert_new(tx, order_sightings).values(row))


async def velocity(
    connection: AsyncConnection, order_id: int, *, customer_id: int | None, ip_hash: str | None, at: datetime
) -> tuple[int, int]:
    """Return how many other orders came from this customer, or this IP, in the hour and the day before `at`."""
    seen = order_sightings.c
    whose = seen.ip_hash == ip_hash if ip_hash is not None else seen.customer_id == customer_id
    query = sa.select(
        sa.func.sum(sa.case((seen.placed_at > at - timedelta(hours=1), 1), else_=0)),
        sa.func.count(),
    ).where(whose, seen.order_id != order_id, seen.placed_at > at - timedelta(days=1), seen.placed_at <= at)
    hour, day = (await connection.execute(query)).one()
    return int(hour or 0), int(day)
