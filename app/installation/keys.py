"""API keys: 256 random bits, shown once, stored as their SHA-256."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.records import Role
from app.errors import NotFound, WrongState
from app.tables.access import api_keys

BOOTSTRAP_NAME = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller of the API: the key's name is recorded as `by`, its id is the scope of its idempotency keys."""

    name: str
    role: Role
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key as listed, without the key itself."""

    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None


def digest(key: str) -> str:
    """Return the stored digest of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


async def create_key(tx: AsyncConnection, name: str, role: Role, *, now: datetime) -> str:
    """Create a key and return it, the only time it is shown. Raises WrongState if the name is taken."""
    key = f"doorman_{secrets.token_urlsafe(32)}"
    row = {"id": uuid.uuid4(), "name": name, "role": role, "sha256": digest(key), "created_at": now}
    try:
        async with tx.begin_nested():
            await tx.execute(api_keys.insert().values(row))
    except IntegrityError:
        raise WrongState(f"a key named {name} already exists; revoke it first") from None
    return key


async def revoke_key(tx: AsyncConnection, name: str, *, now: datetime) -> None:
    """Revoke the key of this name. Raises NotFound."""
    revoked = await tx.execute(
        api_keys.update().where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    if revoked.rowcount == 0:
        raise NotFound(f"there is no key named {name}")


async def list_keys(connection: AsyncConnection) -> list[KeyRow]:
    """Return all keys, newest first."""
    rows = await connection.execute(sa.select(api_keys).order_by(api_keys.c.created_at.desc()))
    return [
        KeyRow(name=row.name, role=Role(row.role), created_at=row.created_at, revoked_at=row.revoked_at) for row in rows
    ]


def bootstrap_caller(key: str, bootstrap: str) -> Caller | None:
    """Return the caller if `key` is the settings' key, else None; compared in constant time."""
    hashed = digest(key)
    if not secrets.compare_digest(hashed, digest(bootstrap)):
        return None
    return Caller(name=BOOTSTRAP_NAME, role=Role.ADMIN, key_id=hashed)


async def find_caller(connection: AsyncConnection, key: str) -> Caller | None:
    """Return the owner of a stored key, or None. The look-up is by hash, so its timing reveals nothing of the key."""
    row = (
        await connection.execute(
            sa.select(api_keys.c.id, api_keys.c.name, api_keys.c.role).where(
                api_keys.c.sha256 == digest(key), api_keys.c.revoked_at.is_(None)
            )
        )
    ).first()
    return None if row is None else Caller(name=row.name, role=Role(row.role), key_id=row.id.hex)
