"""`doorman policy …`: check, publish, compare and choose policies from the command line; `policy_list` shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import utc_now
from app.config import Settings
from app.core.policy.document import Policy, parse_policy, policy_hash
from app.db import Database
from app.installation import schema
from app.installation.administration import BY, reading, transaction
from app.policies import candidate, versions

if TYPE_CHECKING:
    from app.evaluation.share import HeldShare


def check(file: Path) -> Policy:
    """Print a document's warnings. Raises PolicyError, OSError."""
    from app.core.judgement.contradictions import find_warnings

    parsed = parse_policy(versions.read_file(file))
    _warn(find_warnings(parsed))
    return parsed


def _warn(found: Iterable[str]) -> None:
    for warning in found:
        typer.secho(f"warning: {warning}", fg=typer.colors.YELLOW)


async def share(settings: Settings, policy: Policy) -> HeldShare | None:
    """Return how many of the last orders a policy would hold, and warn if no gate would stop them.

    None without a usable database.
    """
    from app.evaluation.share import held_share
    from app.workflow.gate import presence

    db = Database.open(settings.database_url)
    try:
        if db.is_sqlite and not _is_there(db):
            return None  # opening would create the file, and a check changes nothing
        if not await schema.is_current(db):
            return None
        async with db.read() as connection:
            found = await held_share(connection, policy)
            _warn(await presence.warnings(connection, policy))
            return found
    except (sa.exc.SQLAlchemyError, OSError, ImportError):
        return None
    finally:
        await db.close()


def _is_there(db: Database) -> bool:
    return bool(db.url.database) and Path(db.url.database or "").is_file()


async def publish(settings: Settings, document: str, *, confirm: Callable[[HeldShare], bool]) -> None:
    """Publish a document and make it active once confirmed; prints what was done.

    Raises PolicyError, schema.OldSchema, and typer.Exit with status 1 if it is not confirmed.
    """
    from app.evaluation.share import held_share
    from app.workflow.gate import presence

    async with transaction(settings) as tx:
        made = await versions.publish(tx, document, by=BY, now=utc_now())
        policy = await versions.get(tx, made.version)
        found, ungated = await held_share(tx, policy), await presence.warnings(tx, policy)
    _warn(ungated)
    typer.echo(found.text)
    if found.asks and not confirm(found):
        typer.secho(f"version {made.version} is published but not active", fg=typer.colors.YELLOW)
        raise typer.Exit(1)
    async with transaction(settings) as tx:
        await versions.activate(tx, made.version, by=BY, now=utc_now())
    typer.echo(f"version {made.version} is active ({'new' if made.new else 'known'}; hash {made.hash})")


async def roll_back(settings: Settings) -> int:
    """Go back to the version that was active before, and return it. Raises WrongState, schema.OldSchema."""
    async with transaction(settings) as tx:
        return await versions.roll_back(tx, by=BY, now=utc_now())


async def compare(settings: Settings, one: str, other: str | None) -> None:
    """Print how `one` differs from `other` (else from the active policy), each a version or a file.

    Raises NotFound, WrongState, PolicyError, OSError, schema.OldSchema.
    """
    from app.core.policy.diff import differences

    if other is not None and not (one.isdecimal() or other.isdecimal()):
        after, before = _of_file(one), _of_file(other)
    else:
        async with reading(settings) as connection:
            after, before = await _read(connection, one), await _read(connection, other)
    found = differences(before, after)
    if not found:
        typer.echo("no difference")
    for section, changes in groupby(found, key=lambda change: change.section):
        typer.secho(section, bold=True)
        for change in changes:
            typer.echo(f"  {change.sentence}")


async def _read(connection: AsyncConnection, which: str | None) -> Policy:
    if which is None:
        return (await versions.active(connection)).policy
    if which.isdecimal():
        return await versions.get(connection, int(which[:9]))
    return _of_file(which)


def _of_file(name: str) -> Policy:
    return parse_policy(versions.read_file(Path(name)))


async def choose_candidate(settings: Settings, version: int | None) -> None:
    """Run a version, or none, in shadow next to the active one. Raises NotFound, WrongState, schema.OldSchema."""
    async with transaction(settings) as tx:
        await candidate.choose(tx, version, by=BY, now=utc_now())


def hash_of(policy: Policy) -> str:
    """Return the line that ends a check."""
    return f"valid; hash {policy_hash(policy)}"
