"""Policies in the database: publish, activate, and the rules of the one in force; `published` lists them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.policy.document import ActivePolicy, Policy, PolicyError, parse_policy, policy_hash
from app.core.policy.toml import MAX_DOCUMENT
from app.db import Database, insert_new
from app.errors import NotFound, WrongState
from app.installation.heavy import Turn
from app.policies.published import ACTIVE, LATEST, active_version, row_of
from app.policies.reading import read_published
from app.tables.policies import policies, policy_activations


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The version that publishing created or found."""

    version: int
    hash: str
    new: bool


#: The longest document in UTF-8.
_MAX_BYTES: Final = 4 * MAX_DOCUMENT
_parsed: dict[str, Policy] = {}


def default_document() -> str:
    """Return the document that a new installation starts with."""
    return (Path(__file__).parent.parent / "core" / "policy" / "default.toml").read_text(encoding="utf-8")


async def publish(tx: AsyncConnection, document: str, *, by: str, now: datetime) -> Published:
    """Read a document and store it. Raises PolicyError. See `store`."""
    return await store(tx, policy_hash(parse_policy(document)), document, by=by, now=now)


async def store(tx: AsyncConnection, digest: str, document: str, *, by: str, now: datetime) -> Published:
    """Store a parsed document, immutable from now on; the same rules published twice are one version.

    `digest`: the hash of its policy.
    """
    # compare the document too: an older Doorman knew fewer rules, so its hash of the same document differs
    same = sa.or_(policies.c.hash == digest, policies.c.document == document)
    newest = _newest(same)
    if (found := (await tx.execute(newest)).first()) is not None:
        return _known(found)
    row = insert_new(tx, policies).values(hash=digest, document=document, published_by=by, published_at=now)
    version = await tx.scalar(row.returning(policies.c.version))
    if version is not None:
        return Published(version=version, hash=digest, new=True)
    return _known((await tx.execute(newest)).one())  # stored by another request just now


def _newest(same: sa.ColumnElement[bool]) -> sa.Select[tuple[int, str]]:
    return sa.select(policies.c.version, policies.c.hash).where(same).order_by(policies.c.version.desc()).limit(1)


def _known(row: Any) -> Published:
    return Published(version=row.version, hash=row.hash, new=False)


async def get(connection: AsyncConnection, version: int) -> Policy:
    """Return a published policy. Raises NotFound, and WrongState for one that this program no longer accepts."""
    row = await row_of(connection, version)
    return _parse(version, row)


async def load(db: Database, version: int, turn: Turn) -> Policy:
    """Return a published policy as `get` does, and cache it for `get`, because a long document takes a second.

    For requests, before their transaction. Raises what `get` raises, and what `Turn.run` does.
    """
    async with db.read() as connection:
        row = await row_of(connection, version)
    if row.hash not in _parsed:
        _parsed[row.hash] = await turn.run(read_published, version, row.document)
    return _parsed[row.hash]


def _parse(version: int, row: Any) -> Policy:
    if row.hash not in _parsed:
        _parsed[row.hash] = read_published(version, row.document)
    return _parsed[row.hash]


async def activate(tx: AsyncConnection, version: int, *, by: str, now: datetime) -> None:
    """Make a published version the active one. Raises NotFound, WrongState."""
    await get(tx, version)
    await tx.execute(policy_activations.insert().values(version=version, activated_by=by, activated_at=now))


async def roll_back(tx: AsyncConnection, *, by: str, now: datetime) -> int:
    """Activate the version that was active before the one in force, and return it; doing it twice undoes it.

    Raises WrongState if no other version was ever active.
    """
    version = await previous_version(tx)
    await activate(tx, version, by=by, now=now)
    return version


async def previous_version(connection: AsyncConnection) -> int:
    """Return the version that was active before the one in force. Raises WrongState if there was none."""
    now_active = await active_version(connection)  # the number only, because the active policy may be invalid today
    before = LATEST.where(policy_activations.c.version != now_active)
    version: int | None = await connection.scalar(before)
    if version is None:
        raise WrongState(f"version {now_active} is the only policy that was ever active")
    return version


async def active(connection: AsyncConnection) -> ActivePolicy:
    """Return the policy in force.

    Raises NotFound if none was ever activated (`prepare` was not run), WrongState for one that is no longer accepted.
    """
    return await of_row(connection, (await connection.execute(ACTIVE)).first())


async def of_row(connection: AsyncConnection, row: Any) -> ActivePolicy:
    """Return the policy in force by a row of `ACTIVE`, which may have more columns. Raises as `active` does."""
    if row is None:
        raise NotFound(
            "no policy is active yet: run `doorman policy publish FILE`, or `doorman serve` for the default policy"
        )
    known = _parsed.get(row.hash)
    return ActivePolicy(version=row.version, policy=known or await get(connection, row.version))


def read_file(file: Path) -> str:
    """Return a policy document. Raises OSError, and PolicyError if it is too long or not UTF-8."""
    with file.open("rb") as opened:
        content = opened.read(_MAX_BYTES + 1)  # bounded, because the file may be endless
    if len(content) > _MAX_BYTES:
        raise PolicyError([("", f"{file.name} is longer than {MAX_DOCUMENT} characters")])
    try:
        return content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise PolicyError([("", f"{file.name} is not UTF-8 text")]) from error


async def _publish_operators(tx: AsyncConnection, file: Path, *, now: datetime) -> Published:
    """Publish the file that the settings name. Raises PolicyError, which also names the file."""
    try:
        document = read_file(file)
        known = (await tx.execute(_newest(policies.c.document == document))).first()
        if known is not None:  # an older Doorman may have accepted more
            return _known(known)
        return await publish(tx, document, by="DOORMAN_POLICY_FILE", now=now)
    except OSError as error:
        raise PolicyError([("DOORMAN_POLICY_FILE", f"can't read {file}: {error.strerror}")]) from error
    except PolicyError as error:
        named = [(f"{file}: {path}" if path else str(file), message) for path, message in error.errors]
        raise PolicyError(named) from error


async def prepare(tx: AsyncConnection, *, file: Path | None, now: datetime) -> None:
    """At start: make sure that a policy is active; publish the operator's file if its rules are new."""
    if file is not None:
        published = await _publish_operators(tx, file, now=now)
        if published.new:
            await activate(tx, published.version, by="DOORMAN_POLICY_FILE", now=now)
    any_active = (await tx.execute(sa.select(policy_activations.c.id).limit(1))).first()
    if any_active is None:
        digest = policy_hash(Policy())  # the document says no more than the defaults, and is long
        published = await store(tx, digest, default_document(), by="doorman", now=now)
        await activate(tx, published.version, by="doorman", now=now)
