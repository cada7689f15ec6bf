"""The part of the policy that says which kinds of action are computed only, proposed, or done (issue 4, point 3)."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import model_validator

from app.core.policy.base_types import PolicyPart


class ActionMode(StrEnum):
    """What becomes of one kind of action; DOORMAN_MODE=shadow is the ceiling for all of them."""

    SHADOW = "shadow"  # recorded, never done
    SUGGEST = "suggest"  # a person confirms by the usual action; until then the gate answers as in shadow
    ENFORCE = "enforce"


#: From weak to strong.
STRENGTH = {mode: place for place, mode in enumerate(ActionMode)}


class Modes(PolicyPart):
    """The mode of each kind of action. Nothing that rests on a hold can be stronger than holding."""

    accept: ActionMode = ActionMode.ENFORCE
    hold: ActionMode = ActionMode.ENFORCE
    fees: ActionMode = ActionMode.ENFORCE
    reject: ActionMode = ActionMode.ENFORCE
    messages: ActionMode = ActionMode.ENFORCE
    credits: ActionMode = ActionMode.ENFORCE

    @model_validator(mode="after")
    def _rest_on_holds(self) -> Self:
        kinds = {"fees": self.fees, "reject": self.reject}
        over = [name for name, mode in kinds.items() if STRENGTH[mode] > STRENGTH[self.hold]]
        if over:
            asked = ", ".join(f'{name} = "{kinds[name].value}"' for name in over)
            raise ValueError(
                f'{asked} {"needs" if len(over) == 1 else "need"} a hold, and hold is "{self.hold.value}": '
                f'set {" and ".join(over)} to "{self.hold.value}" or weaker'
            )
        return self
