"""The part of the policy that says for each kind of action if it is only computed, proposed, or carried out."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from app.core.policy.base_types import PolicyPart


class ActionMode(StrEnum):
    """How one kind of action is handled; DOORMAN_MODE=shadow overrides them all."""

    SHADOW = "shadow"  # recorded, never carried out
    SUGGEST = "suggest"  # a person confirms with the usual action; until then the gate answers as in shadow
    ENFORCE = "enforce"


#: From weak to strong.
STRENGTH = {mode: place for place, mode in enumerate(ActionMode)}


class Modes(PolicyPart):
    """The mode of each kind of action. Actions that depend on a hold can't be stronger than `hold`."""

    accept: ActionMode = Field(ActionMode.ENFORCE, title="Accepting approved orders")
    hold: ActionMode = Field(ActionMode.ENFORCE, title="Holding orders")
    fees: ActionMode = Field(ActionMode.ENFORCE, title="Charging fees")
    reject: ActionMode = Field(ActionMode.ENFORCE, title="Rejecting orders")
    messages: ActionMode = Field(ActionMode.ENFORCE, title="Sending messages to customers")
    credits: ActionMode = Field(ActionMode.ENFORCE, title="Granting credits")

    @model_validator(mode="after")
    def _rest_on_holds(self) -> Self:
        kinds = {"fees": self.fees, "reject": self.reject}
        over = [name for name, mode in kinds.items() if STRENGTH[mode] > STRENGTH[self.hold]]
        if over:
            asked = ", ".join(f'{name} = "{kinds[name].value}"' for name in over)
            raise ValueError(
                f'{asked} {"needs" if len(over) == 1 else "need"} a hold, but hold is "{self.hold.value}": '
                f'set {" and ".join(over)} to "{self.hold.value}" or weaker'
            )
        return self
