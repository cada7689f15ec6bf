"""Work that an order asks for and that nobody pays for: approving the order must not give it away unseen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.core.facts import Agreement
from app.core.judgement.decide import Judgement
from app.core.money import Money
from app.core.states import HoldKind


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpaidWork:
    """Work that approving would give away: staff minutes, and the fee for them; None if the policy names no amount."""

    minutes: int
    fee: Money | None


class Held(Protocol):
    """What is asked of an order: by which agreement its work is done, and what it waits for."""

    @property
    def agreement(self) -> str: ...
    @property
    def hold_kind(self) -> str | None: ...


def unpaid_work(order: Held, judged: Judgement | None) -> UnpaidWork | None:
    """Return the work that approving this order would give away, by the policy's newest judgement; None if none.

    An order that is held for its fee shows the fee already: approving it waives nothing that is unseen.
    """
    if judged is None or order.agreement != Agreement.NONE or order.hold_kind == HoldKind.FEE:
        return None
    if not judged.gives_work_away:
        return None
    return UnpaidWork(minutes=judged.labour.minutes, fee=judged.labour.estimate)
