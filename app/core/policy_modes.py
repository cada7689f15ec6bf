"""The part of the policy that says which kinds of action are computed only, proposed, or done (issue 4, point 3)."""

from __future__ import annotations

from enum import StrEnum

from app.core.policy_types import Part


class ActionMode(StrEnum):
    """What becomes of one kind of action; DOORMAN_MODE=shadow is the ceiling for all of them."""

    SHADOW = "shadow"  # recorded, never done
    SUGGEST = "suggest"  # a person confirms by the usual action; until then the gate answers as in shadow
    ENFORCE = "enforce"


class Modes(Part):
    """The mode of each kind of action."""

    accept: ActionMode = ActionMode.ENFORCE
    hold: ActionMode = ActionMode.ENFORCE
    fees: ActionMode = ActionMode.ENFORCE
    reject: ActionMode = ActionMode.ENFORCE
    messages: ActionMode = ActionMode.ENFORCE
    credits: ActionMode = ActionMode.ENFORCE
