"""`doorman policy list` and `show`: what is published, without reading the rules."""

from __future__ import annotations

from typing import Final

import typer

from app.config import Settings
from app.installation.administration import reading
from app.policies import published

_LISTED: Final = 100


async def show_all(settings: Settings) -> None:
    """Print the published policies, newest first. Raises schema.OldSchema."""
    async with reading(settings) as connection:
        found = await published.newest(connection, _LISTED)
        active, tried = await published.active_version(connection), (await published.candidate(connection)).version
    for row in found:
        word = "active" if row.version == active else "candidate" if row.version == tried else ""
        typer.echo(
            f"{row.version:>5}  {row.published_at:%Y-%m-%d %H:%M}  {word:<10} {row.hash[:12]}  {row.published_by}"
        )
    if not found:
        typer.echo("no policy yet: the first start of `doorman serve` publishes the default one")


async def show(settings: Settings, version: int) -> str:
    """Return the document of a version. Raises NotFound, schema.OldSchema."""
    async with reading(settings) as connection:
        return str((await published.row_of(connection, version)).document)
