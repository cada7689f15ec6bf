"""Checks that the database is at this program's schema version."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from app.db import Database


def _scripts() -> Path:
    """Migrations are next to the package in a checkout and inside it in a wheel."""
    package = Path(__file__).parent.parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def configuration(url: str | None = None) -> Config:
    """Return Alembic's configuration, built in code so that it works from any folder."""
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["url"] = url
    return config


@cache
def _known() -> tuple[str, ...]:
    """Return this program's revisions, newest first; cached, because reading them imports every migration."""
    return tuple(script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions())


def head() -> str:
    """Return the newest revision that this program knows."""
    return _known()[0]


async def current(db: Database) -> str | None:
    """Return the database's revision; None if it is empty."""
    async with db.reader.connect() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


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
    try:
        command.upgrade(configuration(url), "head")
    except CommandError as error:
        raise OldSchema(f"{error}: {_NEWER}") from None


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
