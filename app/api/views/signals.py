"""The catalogue of signals as the API returns it, with the points of each under the active policy."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.signals.base import Family, ScoreKind
from app.core.judgement.signals.catalogue import CATALOGUE, SignalEntry
from app.core.policy.document import Policy
from app.policies import versions
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
    can_be_muted: Annotated[bool, Field(description="Adds no points if it fires on too many orders.")]
    needs: Annotated[tuple[str, ...], Field(description="Facts without which it can't fire, or only in part.")]


class SignalList(View):
    """Every signal that a decision may hold, in the order of a decision."""

    policy_version: int
    signals: tuple[SignalMeaning, ...]


async def list_signals(connection: AsyncConnection) -> SignalList:
    """Return the whole catalogue. Raises NotFound if no policy is active."""
    active, default = await versions.active(connection), Policy()
    caps: dict[str, int] = active.policy.families.model_dump()
    return SignalList(
        policy_version=active.version,
        signals=tuple(_meaning(entry, active.policy, default, caps) for entry in CATALOGUE),
    )


def _meaning(entry: SignalEntry, policy: Policy, default: Policy, caps: dict[str, int]) -> SignalMeaning:
    return SignalMeaning.of(
        entry,
        family_cap=caps.get(entry.family.value) if entry.family else None,
        points=entry.points(policy),
        default_points=entry.points(default),
    )
