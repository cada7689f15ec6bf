"""Why a person's action is refused; nothing is changed then."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any


class Refusal(Enum):
    """The kind of a refusal."""

    INVALID = auto()  # the request makes no sense
    WRONG_STATE = auto()
    SHADOW = auto()  # the mode or the policy doesn't let us act
    DUPLICATE = auto()  # the same was asked for already
    IN_PANEL = auto()  # only staff can do it now, in the panel
    WORK_UNPAID = auto()  # approving needs a word on the work that nobody pays for


class Refused(Exception):
    """A person's action can't be carried out.

    `details` names the fields of an invalid request, `members` what else programs are told.
    """

    def __init__(
        self,
        kind: Refusal,
        text: str,
        details: list[dict[str, Any]] | None = None,
        *,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.details = details or []
        self.members = members or {}


class CallUnderWay(Exception):
    """A panel call about the order is being sent that the plan would have to cancel."""
