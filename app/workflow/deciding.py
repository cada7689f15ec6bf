"""What staff see of a waiting order to decide about it: who, what, how much, how risky, and why in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.core.consequences.desk.unpaid import UnpaidWork, unpaid_work
from app.core.judgement.course import TEXTS
from app.core.judgement.decide import Judgement
from app.core.judgement.reasons import ReasonCode
from app.core.states import OPEN_FEE_STATES, HoldKind, Trigger
from app.shown import ReasonView, amount, cut

#: Reasons that say what was done about an order, not why it waits; the next one says that.
_NOT_WHY: Final = frozenset({*TEXTS, ReasonCode.WOULD_REJECT, ReasonCode.LIMIT_FEES})
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One waiting order: its row, the customer's name, its newest fee, and the policy's newest judgement.

    `said` are what happened to it, `decided` the reasons of the decision in force; `answered`: the customer has
    answered what we asked.
    """

    order: Any
    customer_name: str | None
    fee: Any
    judged: Judgement | None
    said: Sequence[ReasonView]
    decided: Sequence[Any]
    answered: bool
    actions: tuple[str, ...]

    def fields(self) -> dict[str, Any]:
        """Return the fields of a queue row that staff decide from."""
        order, judged, unpaid = self.order, self.judged, self._unpaid()
        asked = self.fee if self.fee is not None and self.fee.state in OPEN_FEE_STATES else None
        fee = None if unpaid is None or unpaid.fee is None else unpaid.fee.to_text()
        minutes = None if judged is None else judged.labour.minutes
        if asked is not None:
            fee = amount(asked.amount_minor, asked.currency)
            minutes = minutes if asked.minutes is None else asked.minutes
        return {
            "customer_name": self.customer_name or None,
            "product": _product(order.items),
            "amount": amount(order.amount_minor, order.currency),
            "currency": order.currency,
            "fee": fee,
            "minutes": minutes,
            "risk": None if judged is None else judged.scores.risk,
            "sentence": cut(self._sentence(fee), _LONGEST),
            "work_unpaid": unpaid is not None,
        }

    def _unpaid(self) -> UnpaidWork | None:
        """Return the work that `approve` would give away; None where it is not offered."""
        return unpaid_work(self.order, self.judged) if Trigger.APPROVE.value in self.actions else None

    def _sentence(self, fee: str | None) -> str:
        if self.said:
            return self.said[0].text
        if self.order.hold_kind == HoldKind.ANSWER:
            if self.answered:
                return "The customer answered: read the ticket, then decide."
            return "We asked the customer and wait for the answer."
        if self.order.hold_kind == HoldKind.FEE:
            wanted = "the fee" if fee is None else f"the fee of {fee} {self.order.currency}"
            return f"Waits for the customer to pay {wanted}, take the order as sold, or cancel it."
        return _why(self.decided)


def _product(items: Sequence[Any]) -> str | None:
    """Return what was ordered in a few words: the first line, and how many more there are."""
    if not items:
        return None
    more = max(len(items), items[0].get("total") or 0) - 1
    return str(items[0]["product"]) + (f" and {more} more" if more else "")


def _why(reasons: Sequence[Any]) -> str:
    """Return the sentence of the first reason that says why an order waits."""
    own = [reason["text"] for reason in reasons if reason["code"] not in _NOT_WHY]
    return str((own or [reason["text"] for reason in reasons] or ["Not decided yet: a person must look."])[0])
