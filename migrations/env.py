"""Alembic's environment: runs with the URL given in code (`doorman migrate`) or by DOORMAN_DATABASE_URL."""

from __future__ import annotations

import asyncio
from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import async_url, keep_private
from app.tables import columns
from app.tables.everything import metadata

LOCK_TIMEOUT = "5s"


def _url() -> str:
    url = context.config.attributes.get("url")
    if url is None:
        from app.config import load_settings

        url = load_settings().database_url
    return str(url)


def _render(kind: str, item: object, context: AutogenContext) -> str | Literal[False]:
    """Render our own column types by their names."""
    if kind != "type":
        return False
    for name in ("UtcDateTime", "Json", "BigId"):
        known = getattr(columns, name)
        if item is known or (isinstance(known, type) and isinstance(item, known)):
            context.imports.add(f"from app.tables.columns import {name}")
            return f"{name}()" if isinstance(known, type) else name
    return False


def _run(connection: Connection) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection, target_metadata=metadata, compare_type=True, render_as_batch=is_sqlite,
        transaction_per_migration=True, render_item=_render,
    )  # fmt: skip
    with context.begin_transaction():
        if not is_sqlite:
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        context.run_migrations()


async def _online() -> None:
    url = async_url(_url())
    engine = create_async_engine(url)
    if url.get_backend_name() == "sqlite":
        keep_private(engine)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run)
            await connection.commit()
    finally:
        await engine.dispose()


asyncio.run(_online())
