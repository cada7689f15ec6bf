"""Checking, publishing, activating, comparing and rolling back policies over the API and the command line."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import structlog
from pydantic import Field
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.policy import Policy, PolicyError, policy_hash
from app.core.policy_check import find_warnings
from app.core.policy_diff import Change, differences
from app.core.policy_fairness import unfair
from app.errors import ConfirmationNeeded, NotFound, WrongState
from app.services import gate_calls, policies
from app.services.idempotency import Answer
from app.services.policy_share import HeldShare, held_share
from app.services.views_lists import get_policy
from app.services.views_records import PublishedPolicy

log = structlog.get_logger()

_REFUSED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPolicy:
    """What is found about a document that is not published."""

    hash: Annotated[str, Field(description="SHA-256 of its full form: the same rules have the same hash.")]
    warnings: Annotated[tuple[str, ...], Field(description="What is allowed but rarely meant.")]
    share: HeldShare


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """One difference between two policies."""

    section: Annotated[str, Field(examples=["Points"])]
    path: Annotated[str, Field(examples=["points.risk.shared_phone"])]
    sentence: Annotated[str, Field(examples=["A shared phone number now adds 20 risk points instead of 30."])]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDiff:
    """What is different in a policy, compared with another one."""

    version: int
    compared_with: int
    changes: tuple[ChangeView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPolicy:
    """A document that was read, and what is odd about it by itself."""

    document: str
    policy: Policy
    warnings: tuple[str, ...]


async def read_document(document: str) -> ReadPolicy:
    """Read a document, and see what is odd about it. Raises Invalid. See `policies.read_document`."""
    policy = await policies.read_document(document)
    return ReadPolicy(document=document, policy=policy, warnings=await asyncio.to_thread(find_warnings, policy))


async def check(connection: AsyncConnection, new: ReadPolicy) -> CheckedPolicy:
    """Say what is odd about a policy and how many orders it would hold."""
    share = await held_share(connection, new.policy)
    found = (*await gate_calls.warnings(connection, new.policy), *new.warnings)
    return CheckedPolicy(hash=policy_hash(new.policy), warnings=found, share=share)


async def publish(tx: AsyncConnection, new: ReadPolicy, *, by: str, now: datetime) -> Answer:
    """Publish a policy: 201 for new rules, 200 for those that were published before."""
    found = (*await gate_calls.warnings(tx, new.policy), *new.warnings)
    published = await policies.store(tx, new.policy, new.document, by=by, now=now)
    log.info("policy.published", version=published.version, new=published.new, by=by)
    view = PublishedPolicy(
        version=published.version,
        hash=published.hash,
        active=await policies.active_version(tx) == published.version,
        warnings=found,
    )
    return Answer(status=201 if published.new else 200, body=to_json(view).decode())


async def activate(
    tx: AsyncConnection, version: int, *, by: str, now: datetime, confirmed: bool = False
) -> PublishedPolicy:
    """Make a version the active one.

    Raises NotFound, WrongState for one that is refused by now, and ConfirmationNeeded where it would hold many of the
    last orders and nobody has said that this is meant.
    """
    policy = await policies.get(tx, version)
    if refused := unfair(policy):
        raise WrongState(f"policy version {version} would be refused today: {PolicyError(refused)}"[:_REFUSED])
    share = await held_share(tx, policy)
    if share.asks and not confirmed:
        raise ConfirmationNeeded(
            f"{share.text} That is more than {share.at_most} % (limits.confirm_hold_percent); "
            "activate it with confirm=true if it is meant.",
            cases=share.cases,
            held=share.held,
            percent=share.percent,
        )
    await policies.activate(tx, version, by=by, now=now)
    log.info("policy.activated", version=version, by=by, confirmed=confirmed)
    return await _view(tx, version)


async def roll_back(tx: AsyncConnection, *, by: str, now: datetime) -> PublishedPolicy:
    """Go back to the version that was active before; never asks. Raises WrongState."""
    version = await policies.roll_back(tx, by=by, now=now)
    log.info("policy.rolled_back", version=version, by=by)
    return await _view(tx, version)


async def _view(tx: AsyncConnection, version: int) -> PublishedPolicy:
    row = await get_policy(tx, version)
    found = (*await gate_calls.warnings(tx, await policies.get(tx, version)), *row.warnings)
    return PublishedPolicy(version=row.version, hash=row.hash, active=row.active, warnings=found)


async def compare(connection: AsyncConnection, version: int, other: int | None) -> PolicyDiff:
    """Say in words what is different in a version from another one, by default the active.

    Raises NotFound, and WrongState for one that is refused by now.
    """
    if other is None:
        other = await policies.active_version(connection)
    if other is None:
        raise NotFound("no policy is active yet")
    before, after = await policies.get(connection, other), await policies.get(connection, version)
    found = tuple(_change(one) for one in differences(before, after))
    return PolicyDiff(version=version, compared_with=other, changes=found)


def _change(found: Change) -> ChangeView:
    return ChangeView(section=found.section, path=found.path, sentence=found.sentence)
