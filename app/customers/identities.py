"""Identities that customers may share: canonical values, hashed, found by index and never by a scan."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from ipaddress import ip_address
from typing import Any, Final

import phonenumbers
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import BadNeighbour, Neighbours
from app.core.judgement.neighbours import bad_neighbour, latest
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
    given = {f"hash_{kind}": value for kind, value in known.items()} | {"customer": customer_id, "at": before}
    rows = (await connection.execute(_others_of(tuple(sorted(known))), given)).all()
    found = [
        Neighbours(kind=row.kind, customers=row.others, bad_customers=int(row.bad or 0)) for row in rows if row.others
    ]
    return tuple(
        [
            replace(one, bad=await _bad_by_identity(connection, one.kind, known[one.kind], customer_id, before))
            if one.bad_customers
            else one
            for one in found
        ]
    )


async def _bad_by_identity(
    connection: AsyncConnection, kind: str, value: str, customer_id: int, before: datetime
) -> tuple[BadNeighbour, ...]:
    given = {f"hash_{kind}": value, "customer": customer_id, "at": before}
    rows = await connection.execute(_sharing(kind), given)
    return await bad_among(connection, {row.customer_id: row.first_seen_at for row in rows}, before=before)


_BAD_AMONG: Final = sa.select(customers.c.customer_id, customers.c.bad_at).where(
    customers.c.customer_id.in_(sa.bindparam("some", expanding=True)), customers.c.bad
)


async def bad_among(
    connection: AsyncConnection, seen: Mapping[int, datetime], *, before: datetime
) -> tuple[BadNeighbour, ...]:
    """Return the bad customers among some, given when each was first seen with the shared identity."""
    return latest(
        bad_neighbour(seen_at=seen[row.customer_id], known_at=row.bad_at, before=before)
        for row in await connection.execute(_BAD_AMONG, {"some": sorted(seen)})
    )


@cache
def _others_of(kinds: tuple[str, ...]) -> Any:
    return sa.union_all(*(others(kind) for kind in kinds))


def others(kind: str) -> sa.Select[str, int, Any]:
    """Return the query for one kind: `others` and `bad`; given are `hash_<kind>`, `customer` and `at`.

    A correlated subquery, because PostgreSQL scans the whole table of customers for a join.
    """
    seen = _sharing(kind).subquery()
    is_bad = sa.select(sa.case((customers.c.bad, 1), else_=0)).where(customers.c.customer_id == seen.c.customer_id)
    others = sa.select(is_bad.scalar_subquery().label("bad")).select_from(seen).subquery()
    return sa.select(
        sa.literal(kind).label("kind"),
        sa.func.count(others.c.bad).label("others"),
        sa.func.sum(others.c.bad).label("bad"),
    )


@cache
def _sharing(kind: str) -> sa.Select[int, datetime]:
    """Return the query for the customers who share one identity, and since when; given is the same as for `others`."""
    columns = identities.c
    return (
        sa.select(columns.customer_id, columns.first_seen_at)
        .where(
            columns.kind == kind,
            columns.hash == sa.bindparam(f"hash_{kind}"),
            columns.customer_id != sa.bindparam("customer"),
            columns.first_seen_at < sa.bindparam("at"),
        )
        .order_by(columns.customer_id.desc())
        .limit(MOST_COUNTED)
    )


async def remember(tx: AsyncConnection, customer_id: int, known: Iterable[tuple[str, str]], *, now: datetime) -> None:
    """Record which identities a customer has, by kind and hash; the first sighting stays."""
    rows = [{"kind": kind, "hash": value, "customer_id": customer_id, "first_seen_at": now} for kind, value in known]
    if rows:
        await tx.execute(insert_new(tx, identities), rows)


async def remember_order(
    tx: AsyncConnection, order_id: int, customer_id: int, ip_hash: str | None, *, placed_at: datetime
) -> None:
    """Record that an order was placed, for velocity; a repeat changes nothing."""
    row = {"order_id": order_id, "customer_id": customer_id, "ip_hash": ip_hash, "placed_at": placed_at}
    await tx.execute(insert_new(tx, order_sightings), row)


_SEEN: Final = sa.select(
    sa.func.sum(sa.case((order_sightings.c.placed_at > sa.bindparam("hour_before"), 1), else_=0)).label("hour"),
    sa.func.count().label("day"),
).where(
    order_sightings.c.order_id != sa.bindparam("of_order"),
    order_sightings.c.placed_at > sa.bindparam("day_before"),
    order_sightings.c.placed_at <= sa.bindparam("at"),
)
_VELOCITY: Final = sa.union_all(
    _SEEN.add_columns(sa.literal("customer").label("whose")).where(
        order_sightings.c.customer_id == sa.bindparam("customer")
    ),
    _SEEN.add_columns(sa.literal("ip").label("whose")).where(order_sightings.c.ip_hash == sa.bindparam("ip")),
)


async def velocity(
    connection: AsyncConnection, order_id: int, *, customer_id: int | None, ip_hash: str | None, at: datetime
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return how many other orders came from this customer in the hour and the day before `at`, and from this IP."""
    given = {"customer": customer_id, "ip": ip_hash, "of_order": order_id, "at": at}
    since = {"hour_before": at - timedelta(hours=1), "day_before": at - timedelta(days=1)}
    rows = await connection.execute(_VELOCITY, given | since)
    found = {row.whose: (int(row.hour or 0), int(row.day)) for row in rows}
    return found["customer"], found["ip"]
