"""What the provider's own history suggests: points, then thresholds on top of them, and the document with both."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import sqlalchemy as sa
import tomlkit
from pydantic import Field
from tomlkit.items import InlineTable

from app.core.policy.document import Policy, PolicyError, parse_policy
from app.db import Database
from app.evaluation import learning
from app.evaluation.scorecard import PointChange
from app.evaluation.thresholds import Trial, Trials, best, changed
from app.policies import versions
from app.tables.history import cases
from app.tables.policies import policies

#: How many of the newest orders a request looks at; the command line looks at all.
LOOKED_AT: Final = 20_000
_Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsSuggested:
    """One key of [points.risk], and on how many labelled orders its signal fired."""

    key: str
    before: int
    after: int
    fired_bad: _Count
    fired_good: _Count


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdTried:
    """One threshold at one value, and what that changes on labelled orders, with the suggested points in force."""

    key: Annotated[str, Field(examples=["risk.review_from"])]
    before: str
    value: str
    bad_change: Annotated[int, Field(description="How many more bad orders would be held.")]
    good_change: Annotated[int, Field(description="How many more good orders would be held.")]
    bad_held: Annotated[int, Field(ge=0, description="Bad orders held in all, of `bad`.")]
    good_held: Annotated[int, Field(ge=0, description="Good orders held in all, of `good`.")]
    suggested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """What the history suggests; nothing has been changed."""

    version: Annotated[int, Field(description="The active policy, which the document changes.")]
    bad: Annotated[int, Field(ge=0, description="Orders known to be bad: fraud, disputed, rejected by a person.")]
    good: _Count
    by_outcome: Annotated[int, Field(ge=0, description="Known by what became of them.")]
    by_review: Annotated[int, Field(ge=0, description="Known by what a person decided.")]
    complete: Annotated[bool, Field(description="False if only the newest 20,000 orders were looked at.")]
    points: tuple[PointsSuggested, ...]
    why_no_points: str | None
    thresholds: Annotated[
        tuple[ThresholdTried, ...], Field(description="Every value tried; empty if too few orders have a known result.")
    ]
    document: Annotated[
        str | None, Field(description="The active policy with all of it; null if nothing is suggested.")
    ]


async def suggest_policy(db: Database, *, now: datetime, newest: int | None = None) -> Suggested:
    """Learn from the labelled history, or from its newest orders. Raises LearningMissing."""
    async with db.read() as connection:
        active = await versions.active(connection)
        document = await connection.scalar(sa.select(policies.c.document).where(policies.c.version == active.version))
        after = 0
        if newest is not None:
            last = sa.select(cases.c.order_id).order_by(cases.c.order_id.desc()).offset(newest).limit(1)
            after = await connection.scalar(last) or 0
    found = await learning.read_labelled(db, active.policy, now=now, after=after)
    learned = learning.suggest(found, active.policy)
    points = {f"points.risk.{change.key}": change.after for change in learned.changes}
    policy = changed(active.policy, points)
    tried = await _try(db, policy, now=now, after=after) if learned.enough else ()
    values = _together(policy, best(tried))
    changes: dict[str, str | int] = {**points, **values}
    return Suggested(
        version=active.version,
        bad=learned.bad,
        good=learned.good,
        by_outcome=learned.by_outcome,
        by_review=learned.by_review,
        complete=not after,
        points=tuple(_points(change) for change in learned.changes),
        why_no_points=learned.why_not,
        thresholds=tuple(_tried(trial, suggested=str(values.get(trial.key)) == trial.value) for trial in tried),
        document=with_values(document or "", changes) if changes else None,
    )


async def _try(db: Database, policy: Policy, *, now: datetime, after: int) -> tuple[Trial, ...]:
    trials = Trials(policy)
    async for case in learning.labelled_cases(db, policy, now=now, after=after):
        trials.add(case.facts, case.verdict, judged_at=case.judged_at, source=case.source, bad=case.bad)
    return trials.results()


def _together(policy: Policy, chosen: tuple[Trial, ...]) -> dict[str, str | int]:
    """Return the chosen values, the largest gain first, without those that make no valid policy with the others."""
    values: dict[str, str | int] = {}
    for trial in sorted(chosen, key=lambda one: (-one.gain, one.key)):
        more = values | {trial.key: int(trial.value) if trial.value.isdecimal() else trial.value}
        if trial.key.startswith("currencies."):
            more[trial.key] = trial.value
        try:
            changed(policy, more)
        except PolicyError:
            continue
        values = more
    return values


def _points(change: PointChange) -> PointsSuggested:
    return PointsSuggested(
        key=change.key, before=change.before, after=change.after, fired_bad=change.bad, fired_good=change.good
    )


def _tried(trial: Trial, *, suggested: bool) -> ThresholdTried:
    return ThresholdTried(
        key=trial.key,
        before=trial.before,
        value=trial.value,
        bad_change=trial.bad_change,
        good_change=trial.good_change,
        bad_held=trial.bad_held,
        good_held=trial.good_held,
        suggested=suggested,
    )


def with_values(document: str, values: dict[str, str | int]) -> str:
    """Return the document with other values, by key as in `risk.review_from`; comments and the rest stay as they are.

    Raises PolicyError if that is no valid policy.
    """
    toml = tomlkit.parse(document)
    for key, value in values.items():
        *path, last = key.split(".")
        part: MutableMapping[str, Any] = toml
        for name in path:
            part = _table_of(part, name)
        part[last] = value
    text = tomlkit.dumps(toml)
    parse_policy(text)
    return text


def _table_of(parent: MutableMapping[str, Any], name: str) -> MutableMapping[str, Any]:
    if name not in parent:
        parent[name] = tomlkit.inline_table() if isinstance(parent, InlineTable) else tomlkit.table()
    found: MutableMapping[str, Any] = parent[name]
    return found


def suggest_from(database_url: str, now: datetime) -> Suggested:
    """Do the same in a process of its own, from the newest orders. Raises LearningMissing."""

    async def run() -> Suggested:
        db = Database.open(database_url)
        try:
            return await suggest_policy(db, now=now, newest=LOOKED_AT)
        finally:
            await db.close()

    return asyncio.run(run())
