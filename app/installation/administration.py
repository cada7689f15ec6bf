"""The command line's database operations, each in its own transaction: keys here, policies in `cli.policy`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import utc_now
from app.config import Settings
from app.core.records import Role
from app.db import Database
from app.errors import Invalid
from app.installation import keys, schema
from app.installation.keys import KeyRow

#: The name recorded as the actor.
BY = "command line"
_LONGEST_NAME = 80


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The settings' database, closed at the end. Raises schema.OldSchema."""
    db = Database.open(settings.database_url)
    try:
        await schema.require_current(db)
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def transaction(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """One unit of work on the settings' database. Raises schema.OldSchema."""
    async with opened(settings) as db, db.begin() as tx:
        yield tx


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """A read-only transaction on the settings' database. Raises schema.OldSchema."""
    async with opened(settings) as db, db.read() as connection:
        yield connection


async def create_key(settings: Settings, name: str, role: Role) -> str:
    """Make a key and return it. Raises Invalid, WrongState, schema.OldSchema."""
    name = name.strip()
    if not (name.isprintable() and 0 < len(name) <= _LONGEST_NAME) or name.casefold() == keys.BOOTSTRAP_NAME:
        raise Invalid(
            f"a key's name must be 1 to {_LONGEST_NAME} printable characters, other than {keys.BOOTSTRAP_NAME!r}"
        )
    async with transaction(settings) as tx:
        return await keys.create_key(tx, name, role, now=utc_now())


async def list_keys(settings: Settings) -> list[KeyRow]:
    """Return all keys. Raises schema.OldSchema."""
    async with reading(settings) as connection:
        return await keys.list_keys(connection)


async def revoke_key(settings: Settings, name: str) -> None:
    """Revoke a key. Raises NotFound, schema.OldSchema."""
    async with transaction(settings) as tx:
        await keys.revoke_key(tx, name, now=utc_now())
