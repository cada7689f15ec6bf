"""Checks that the database is at this program's schema version."""

from __future__ import annotations

import asyncio
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from app.db import Database

if TYPE_CHECKING:
    from alembic.config import Config

#: The start of a migration's file name is its revision; revisions follow each other by number.
_FILE: Final = re.compile(r"(\d{4})_\w+\.py")
#: Alembic's own table.
_VERSION: Final = sa.table("alembic_version", sa.column("version_num", sa.String))


def _scripts() -> Path:
    """Migrations are next to the package in a checkout and inside it in a wheel."""
    package = Path(__file__).parent.parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def configuration(url: str | None = None) -> Config:
    """Return Alembic's configuration, built in code so that it works from any folder."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["url"] = url
    return config


@cache
def _known() -> tuple[str, ...]:
    """Return this program's revisions, newest first, by the names of the files: Alembic would import them all."""
    names = (_FILE.fullmatch(file.name) for file in (_scripts() / "versions").iterdir())
    return tuple(sorted((found[1] for found in names if found), reverse=True))


def head() -> str:
    """Return the newest revision that this program knows."""
    return _known()[0]


async def current(db: Database) -> str | None:
    """Return the database's revision; None if it is empty."""
    async with db.reader.connect() as connection:
        if not await connection.run_sync(lambda sync: sa.inspect(sync).has_table(_VERSION.name)):
            return None
        return await connection.scalar(sa.select(_VERSION.c.version_num))


async def is_current(db: Database) -> bool:
    """Return whether the database is at the newest revision."""
    return await current(db) == head()


async def is_empty(db: Database) -> bool:
    """Return whether the database has no tables."""
    async with db.reader.connect() as connection:
        return not await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())


def migrate(url: str) -> None:
    """Upgrade the database to the newest revision; call it outside of a running event loop.

    Raises OldSchema if a newer version of this program has already upgraded the database.
    """
    if asyncio.run(_is_migrated(url)):
        return
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(configuration(url), "head")
    except CommandError as error:
        raise OldSchema(f"{error}: {_NEWER}") from None


async def _is_migrated(url: str) -> bool:
    db = Database.open(url)
    try:
        return await is_current(db)
    finally:
        await db.close()


_NEWER = (
    "a newer version of Doorman has upgraded this database: install that version again, or restore the backup "
    "from before the upgrade"
)


class OldSchema(Exception):
    """The database is not at this program's version; the text names the command that upgrades it."""


async def require_current(db: Database) -> None:
    """Raise OldSchema unless the database is at the newest revision."""
    found, wanted = await current(db), head()
    if found is not None and found not in _known():
        raise OldSchema(f"the database is at revision {found}, which this version does not know: {_NEWER}")
    if found != wanted:
        state = "is empty" if found is None else f"is at revision {found}"
        raise OldSchema(f"the database {state}, but this version needs {wanted}: run `doorman migrate` first")
