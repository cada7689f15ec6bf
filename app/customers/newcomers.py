"""New accounts that order together: what each has that others of one maker share, found by index."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import NewAccount, Regulars
from app.core.judgement.together import FARTHEST, Shares, Sighting, gather
from app.core.policy.document import Policy
from app.core.policy.matching import networks_of
from app.core.policy.places import is_public_mail
from app.core.policy.terms import MATURE_DAYS
from app.core.reading.mailboxes import is_numbered, own_domain, patterns, stem_anywhere
from app.core.states import OrderState
from app.customers.identities import canonical_email, canonical_ip, canonical_phone, hashed
from app.db import insert_new
from app.panels.records import PanelCustomer, PanelPayMethod
from app.tables.customers import customers, group_members, groups, identities, new_accounts
from app.tables.orders import orders

#: The most orders read of those that share one thing: points need fewer.
_MOST_READ: Final = 60
_MOST_COUNTED: Final = 1000
_MOST_PAY_METHODS: Final = 20
#: What many people of one place share, so that customers with a paid past speak for it.
_PLACES: Final = (Shares.IP, Shares.PHONE)
#: A pattern of this many accounts that were accepted in the month before is a habit here, and no burst.
HABIT_FROM: Final = 20
HABIT_SINCE, HABIT_UNTIL = timedelta(days=30), timedelta(hours=1)
MAIL: Final = (Shares.EMAIL, Shares.STEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What an account may share with others: (kind, hash) pairs, and the hash of a domain of its own."""

    shared: tuple[tuple[str, str], ...] = ()
    firm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Another order that shares one thing."""

    kind: str
    hash: str
    sighting: Sighting


def traits_of(customer: PanelCustomer, ip: str | None, pay_methods: Sequence[PanelPayMethod], policy: Policy) -> Traits:
    """Return what an account may share; `ip` is the order's, if it is the customer's own.

    An address in a network that many people share, by the policy, links nobody.
    """
    shared = [*mail_traits(customer.email, customer.customer_id), *_payments(pay_methods)]
    if (phone := canonical_phone(customer.phone, customer.phone_cc, customer.country)) is not None:
        shared.append((Shares.PHONE.value, hashed("phone", phone)))
    if ip is not None and (place := ip_trait(ip, policy)) is not None:
        shared.append(place)
    return Traits(shared=tuple(sorted(shared)), firm=firm_of(customer.email))


def ip_trait(ip: str, policy: Policy) -> tuple[str, str] | None:
    """Return the trait of a customer's own IP address; None for one that says nothing."""
    shared_by_many = networks_of(ip, policy.together.shared_networks) or networks_of(ip, policy.allow.networks)
    found = None if shared_by_many else canonical_ip(ip)
    return None if found is None else (Shares.IP.value, hashed("ip", found))


def mail_traits(email: str, customer_id: int) -> list[tuple[str, str]]:
    """Return the traits of an e-mail address; none of one that was made from the account's own number.

    Panels write such addresses for accounts that were anonymised or imported.
    """
    mailbox = canonical_email(email)
    if mailbox is None or is_numbered(mailbox, customer_id):
        return []
    public = is_public_mail(mailbox.rpartition("@")[2])
    found = [(Shares.EMAIL.value, _short(one)) for one in patterns(mailbox, public=public)]
    anywhere = stem_anywhere(mailbox)
    return [*found, (Shares.STEM.value, _short(anywhere))] if anywhere else found


def firm_of(email: str) -> str | None:
    """Return the hash of the domain that colleagues share, if the address reads like one of theirs."""
    mailbox = canonical_email(email)
    domain = own_domain(mailbox, public=is_public_mail(mailbox.rpartition("@")[2])) if mailbox else None
    return None if domain is None else _short(domain)


def _payments(pay_methods: Sequence[PanelPayMethod]) -> list[tuple[str, str]]:
    """Return the traits of means of payment: the gateway's token, and a card by last four digits and expiry.

    Without a name and a brand, which differ between accounts of one thief and between gateways. One in half a million
    cards is alike by chance, which is little among the new accounts of a day.
    """
    values = set()
    for one in pay_methods[:_MOST_PAY_METHODS]:
        if one.token_digest:
            values.add(f"token|{one.gateway}|{one.token_digest}")
        if one.expires and len(one.last_four) == 4:
            values.add(f"card|{one.last_four}|{one.expires[:2]}{one.expires[-2:]}")
    return [(Shares.PAYMENT.value, _short(value)) for value in sorted(values)]


def _short(value: str) -> str:
    """Return the stored hash of a trait."""
    return hashlib.sha256(value.encode()).hexdigest()


# --- reading --------------------------------------------------------------------------------------------------------


async def others(connection: AsyncConnection, own: Sighting, traits: Traits) -> list[Seen]:
    """Return the orders of other new accounts that share something, at most a day apart; the latest of many.

    Those of a group that a person approved as a whole count no more.
    """
    if not traits.shared:
        return []
    given: dict[str, Any] = {"customer": own.customer_id}
    given |= {"since": own.placed_at - FARTHEST, "until": own.placed_at + FARTHEST}
    for place, (kind, value) in enumerate(traits.shared):
        given |= {f"kind_{place}": kind, f"hash_{place}": value}
    rows = await connection.execute(_others(len(traits.shared)), given)
    return [Seen(kind=row.kind, hash=row.hash, sighting=_sighting(row)) for row in rows]


@cache
def _others(traits: int) -> Any:
    return sa.union_all(*(_sharing(place) for place in range(traits)))


def _sharing(place: int) -> sa.Select[Any]:
    """Return the query for those who share one trait; given are `kind_<place>` and `hash_<place>`."""
    seen = new_accounts.c
    approved = (
        sa.select(group_members.c.order_id)
        .join(groups, groups.c.id == group_members.c.group_id)
        .where(group_members.c.order_id == seen.order_id, groups.c.action == "approve")
        .exists()
    )
    some = (
        sa.select(seen.kind, seen.hash, seen.order_id, seen.customer_id, seen.placed_at, seen.signed_up_at, seen.firm)
        .where(
            seen.kind == sa.bindparam(f"kind_{place}"),
            seen.hash == sa.bindparam(f"hash_{place}"),
            seen.placed_at >= sa.bindparam("since"),
            seen.placed_at <= sa.bindparam("until"),
            seen.customer_id != sa.bindparam("customer"),
            ~approved,
        )
        .order_by(seen.placed_at.desc())
        .limit(_MOST_READ)
    )
    return sa.select(some.subquery())


def _sighting(row: Any) -> Sighting:
    return Sighting(
        order_id=row.order_id, customer_id=row.customer_id, placed_at=row.placed_at, signed_up_at=row.signed_up_at,
        firm=row.firm,
    )  # fmt: skip


def group_of(own: Sighting, found: Iterable[Seen], *, until: datetime) -> tuple[NewAccount, ...]:
    """Return the group of an order from what was found."""
    return gather(own, ((one.kind, one.sighting) for one in found), until=until)


async def regulars(connection: AsyncConnection, own: Sighting, traits: Traits) -> tuple[Regulars, ...]:
    """Return how many good customers have the same address on the network, the same phone, or such an e-mail address.

    For the first two they have a paid past and are known there for as long as it takes until fraud shows.
    """
    found: dict[str, int] = {}
    for kind, value in traits.shared:
        if kind in _PLACES:
            found[kind] = await _regulars(connection, own, kind, value)
        elif kind in MAIL:
            found[kind] = max(found.get(kind, 0), await _with_habit(connection, own, kind, value))
    return regulars_of(found)


def regulars_of(found: Mapping[str, int]) -> tuple[Regulars, ...]:
    """Return the counts that mean something; of a pattern only those that make it a habit."""
    return tuple(
        Regulars(kind=kind, customers=count)
        for kind, count in sorted(found.items())
        if count >= (HABIT_FROM if kind in MAIL else 1)
    )


_SEEN: Final = new_accounts.c
_ACCEPTED: Final = sa.exists().where(orders.c.order_id == _SEEN.order_id, orders.c.state == OrderState.RELEASED.value)
_BAD: Final = sa.exists().where(customers.c.customer_id == _SEEN.customer_id, customers.c.bad)
_WITH_HABIT: Final = sa.select(sa.func.count()).select_from(
    sa.select(_SEEN.customer_id)
    .where(
        _SEEN.kind == sa.bindparam("of_kind"),
        _SEEN.hash == sa.bindparam("of_hash"),
        _SEEN.placed_at > sa.bindparam("since"),
        _SEEN.placed_at < sa.bindparam("until"),
        _ACCEPTED,
        ~_BAD,
    )
    .distinct()
    .limit(_MOST_COUNTED)
    .subquery()
)


async def _with_habit(connection: AsyncConnection, own: Sighting, kind: str, value: str) -> int:
    given = {"of_kind": kind, "of_hash": value}
    within = {"since": own.placed_at - HABIT_SINCE, "until": own.placed_at - HABIT_UNTIL}
    return int(await connection.scalar(_WITH_HABIT, given | within) or 0)


_PAID: Final = sa.or_(customers.c.effortless_orders > 0, customers.c.paid_invoices > 0)
_GOOD: Final = sa.exists().where(customers.c.customer_id == identities.c.customer_id, _PAID, ~customers.c.bad)
_REGULARS: Final = sa.select(sa.func.count()).select_from(
    sa.select(sa.literal(1))
    .where(
        identities.c.kind == sa.bindparam("of_kind"),
        identities.c.hash == sa.bindparam("of_hash"),
        identities.c.customer_id != sa.bindparam("customer"),
        identities.c.first_seen_at <= sa.bindparam("at"),
        _GOOD,
    )
    .limit(_MOST_COUNTED)
    .subquery()
)


async def _regulars(connection: AsyncConnection, own: Sighting, kind: str, value: str) -> int:
    given = {"of_kind": kind, "of_hash": value, "customer": own.customer_id}
    return int(await connection.scalar(_REGULARS, given | {"at": own.placed_at - timedelta(days=MATURE_DAYS)}) or 0)


_OF_ORDER: Final = (
    sa.select(new_accounts)
    .where(new_accounts.c.order_id == sa.bindparam("of_order"))
    .order_by(new_accounts.c.kind, new_accounts.c.hash)
)


async def of_order(connection: AsyncConnection, order_id: int) -> tuple[Sighting, Traits] | None:
    """Return an order of a new account as it was remembered; None if it was not."""
    rows = (await connection.execute(_OF_ORDER, {"of_order": order_id})).all()
    if not rows:
        return None
    shared = tuple((row.kind, row.hash) for row in rows)
    return _sighting(rows[0]), Traits(shared=shared, firm=rows[0].firm)


# --- keeping --------------------------------------------------------------------------------------------------------


async def remember(tx: AsyncConnection, own: Sighting, traits: Traits) -> bool:
    """Record an order of a new account; return whether that was news.

    Until this transaction ends, nobody else records an order that shares something, so that of two at the same time
    the second sees the first.
    """
    rows = rows_of(own, traits)
    if not rows:
        return False
    for row in rows if tx.dialect.name != "sqlite" else ():
        lock = int(row["hash"][:15], 16)
        await tx.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
    added = await tx.execute(insert_new(tx, new_accounts).values(rows))
    return added.rowcount > 0


def rows_of(own: Sighting, traits: Traits) -> list[dict[str, Any]]:
    """Return the rows that an order of a new account is remembered by."""
    known = {
        "order_id": own.order_id, "customer_id": own.customer_id, "placed_at": own.placed_at,
        "signed_up_at": own.signed_up_at, "firm": own.firm,
    }  # fmt: skip
    return [
        {"kind": kind, "hash": value, **known} for kind, value in sorted(set(traits.shared), key=lambda one: one[1])
    ]
