"""Decisions of people, of the clock and of the panel; the policy's are recorded in `judging`."""

from __future__ import annotations

from app.core.consequences import questions
from app.core.consequences.draft import Draft
from app.core.consequences.effects import Decide
from app.core.judgement.decide import Outcome, Reason
from app.core.records import Mode


def record(
    draft: Draft, outcome: Outcome, reason: Reason, *, by: str, note: str | None = None, kept_back: Reason | None = None
) -> None:
    """Record what a person, or the clock, decided; it supersedes the policy.

    `kept_back`: why the policy's modes do not allow to carry it out.
    """
    questions.close(draft, outcome, reason)
    reasons = (reason,) if kept_back is None else (reason, kept_back)
    draft.decide(Decide(outcome=outcome, reasons=reasons, by=by, mode=mode_of(draft, kept_back is None), note=note))


def mode_of(draft: Draft, acted: bool) -> str:
    """Return the mode that a decision is stored with: shadow if it is only recorded."""
    return (Mode.ENFORCE if draft.acts and acted else Mode.SHADOW).value
