"""The catalogue of signals as the API returns it, with the points of each under the active policy."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.muting import Firings
from app.core.judgement.signals.base import Family, ScoreKind
from app.core.judgement.signals.catalogue import CATALOGUE, SignalEntry
from app.core.policy.document import Policy
from app.policies import muting, versions
from app.shown import View


class SignalMeaning(View):
    """One signal: what it means, and the points by which it changes its score."""

    code: str
    score: Annotated[ScoreKind | None, Field(description="The score that it affects; null for either.")]
    family: Annotated[Family | None, Field(description="Risk signals of one family share a cap.")]
    family_cap: Annotated[int | None, Field(description="The cap under the active policy; null if there is none.")]
    meaning: str
    evidence: Annotated[str, Field(description="What its evidence contains.")]
    points: Annotated[dict[str, int], Field(description="Points under the active policy, by policy key.")]
    default_points: Annotated[dict[str, int], Field(description="Points under the default policy.")]
    can_be_muted: Annotated[bool, Field(description="Adds no points if it fires on too many orders that ended well.")]
    muted: Annotated[bool, Field(description="Adds no points now.")]
    fired: Annotated[int, Field(description="On how many of the orders that ended well it fired (`ended_well`).")]
    needs: Annotated[tuple[str, ...], Field(description="Facts without which it can't fire, or only in part.")]


class SignalList(View):
    """Every signal that a decision may hold, in the order of a decision."""

    policy_version: int
    ended_well: Annotated[
        int,
        Field(
            description="Orders that ended well in the days that count for muting (`muting` in the policy): accepted "
            "and old enough for their outcome to be known, or approved by a person."
        ),
    ]
    signals: tuple[SignalMeaning, ...]


async def list_signals(connection: AsyncConnection, *, now: datetime) -> SignalList:
    """Return the whole catalogue. Raises NotFound if no policy is active."""
    active, default = await versions.active(connection), Policy()
    counted = await muting.firings(connection, active.policy.muting, now=now)
    return SignalList(
        policy_version=active.version,
        ended_well=counted.orders,
        signals=tuple(_meaning(entry, active.policy, default, counted) for entry in CATALOGUE),
    )


def _meaning(entry: SignalEntry, policy: Policy, default: Policy, counted: Firings) -> SignalMeaning:
    caps: dict[str, int] = policy.families.model_dump()
    return SignalMeaning.of(
        entry,
        family_cap=caps.get(entry.family.value) if entry.family else None,
        points=entry.points(policy),
        default_points=entry.points(default),
        muted=entry.code in counted.muted(policy.muting),
        fired=counted.fired.get(entry.code, 0),
    )
