"""Checking, publishing, activating, comparing and rolling back policies, for the API and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import structlog
from pydantic import Field
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.views.policies import PolicyDocument, PublishedPolicy, get_policy
from app.core.policy.diff import PolicyChange, differences
from app.core.policy.document import Policy
from app.db import Database
from app.errors import ConfirmationNeeded, NotFound, WrongState
from app.evaluation.share import HeldShare, last_orders, weigh
from app.installation.heavy import Turn
from app.installation.idempotency import Answer
from app.policies import published as listed
from app.policies import versions
from app.policies.reading import ReadPolicy, oddities, read_document, still_wanted
from app.workflow.gate import presence

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPolicy:
    """The result of checking a document that is not published."""

    hash: Annotated[str, Field(description="SHA-256 of its full form; the same rules have the same hash.")]
    warnings: Annotated[tuple[str, ...], Field(description="Settings that are allowed but rarely intended.")]
    share: HeldShare


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """One difference between two policies."""

    section: Annotated[str, Field(examples=["Points"])]
    path: Annotated[str, Field(examples=["points.risk.shared_phone"])]
    sentence: Annotated[str, Field(examples=["A shared phone number now adds 20 risk points instead of 30."])]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDiff:
    """The differences of a policy from another one."""

    version: int
    compared_with: int
    changes: tuple[ChangeView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeighedPolicy:
    """A published policy to be activated, and what that would do."""

    version: int
    policy: Policy
    warnings: tuple[str, ...]
    share: HeldShare


async def check(db: Database, document: str, turn: Turn) -> CheckedPolicy:
    """Return a document's warnings and how many orders it would hold. Raises Invalid, and what `Turn.run` raises."""
    new = await turn.run(read_document, document)
    share = await _share(db, new.policy, turn)
    async with db.read() as connection:
        found = await presence.warnings(connection, new.policy)
    return CheckedPolicy(hash=new.hash, warnings=(*found, *new.warnings), share=share)


async def _share(db: Database, policy: Policy, turn: Turn) -> HeldShare:
    async with db.read() as connection:
        last = await last_orders(connection)
    return await turn.run(weigh, policy, last)


async def publish(tx: AsyncConnection, new: ReadPolicy, *, by: str, now: datetime) -> Answer:
    """Publish a policy: 201 for new rules, 200 for rules published before."""
    found = (*await presence.warnings(tx, new.policy), *new.warnings)
    published = await versions.store(tx, new.hash, new.document, by=by, now=now)
    log.info("policy.published", version=published.version, new=published.new, by=by)
    view = PublishedPolicy(
        version=published.version,
        hash=published.hash,
        active=await listed.active_version(tx) == published.version,
        warnings=found,
    )
    return Answer(status=201 if published.new else 200, body=to_json(view).decode())


async def weigh_version(db: Database, version: int, turn: Turn) -> WeighedPolicy:
    """Return what activating a version would do.

    Raises NotFound, WrongState for a version that is no longer valid, and what `Turn.run` raises.
    """
    policy = await versions.load(db, version, turn)
    odd = await turn.run(still_wanted, version, policy)
    return WeighedPolicy(version=version, policy=policy, warnings=odd, share=await _share(db, policy, turn))


async def activate(
    tx: AsyncConnection, weighed: WeighedPolicy, *, by: str, now: datetime, confirmed: bool = False
) -> PublishedPolicy:
    """Make a version the active one.

    Raises ConfirmationNeeded if it would hold many of the last orders and the caller has not confirmed that.
    """
    version, share = weighed.version, weighed.share
    if share.asks and not confirmed:
        raise ConfirmationNeeded(
            f"{share.text} That is more than {share.at_most} % (limits.confirm_hold_percent); "
            "activate it with confirm=true if this is intended.",
            cases=share.cases,
            held=share.held,
            percent=share.percent,
        )
    await versions.activate(tx, version, by=by, now=now)
    log.info("policy.activated", version=version, by=by, confirmed=confirmed)
    return await _view(tx, version, weighed.warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """The version to go back to, and its warnings."""

    version: int
    warnings: tuple[str, ...]


async def look_back(db: Database, turn: Turn) -> WayBack:
    """Return where a roll-back would go. Raises WrongState, and what `Turn.run` raises."""
    async with db.read() as connection:
        version = await versions.previous_version(connection)
    await versions.load(db, version, turn)
    return WayBack(version=version, warnings=(await show(db, version, turn)).warnings)


async def roll_back(tx: AsyncConnection, back: WayBack, *, by: str, now: datetime) -> PublishedPolicy:
    """Go back to the version that was active before; needs no confirmation. Raises WrongState."""
    version = await versions.roll_back(tx, by=by, now=now)
    if version != back.version:
        raise WrongState("another policy was activated at the same time; reload, then try again")
    log.info("policy.rolled_back", version=version, by=by)
    return await _view(tx, version, back.warnings)


async def show(db: Database, version: int, turn: Turn) -> PolicyDocument:
    """Return a policy with its document and its warnings. Raises NotFound, and what `Turn.run` raises."""
    async with db.read() as connection:
        found = await get_policy(connection, version)
    return found.model_copy(update={"warnings": await turn.run(oddities, found.document)})


async def _view(tx: AsyncConnection, version: int, odd: tuple[str, ...]) -> PublishedPolicy:
    row = await get_policy(tx, version)
    found = (*await presence.warnings(tx, await versions.get(tx, version)), *odd)
    return PublishedPolicy(version=row.version, hash=row.hash, active=row.active, warnings=found)


async def compare(db: Database, version: int, other: int | None, turn: Turn) -> PolicyDiff:
    """Describe how a version differs from another one, by default the active version.

    Raises NotFound, WrongState for a version that is no longer valid, and what `Turn.run` raises.
    """
    if other is None:
        async with db.read() as connection:
            other = await listed.active_version(connection)
    if other is None:
        raise NotFound("no policy is active yet")
    before, after = await versions.load(db, other, turn), await versions.load(db, version, turn)
    found = tuple(_change(one) for one in await turn.run(differences, before, after))
    return PolicyDiff(version=version, compared_with=other, changes=found)


def _change(found: PolicyChange) -> ChangeView:
    return ChangeView(section=found.section, path=found.path, sentence=found.sentence)
