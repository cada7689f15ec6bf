"""The demo's messages: orders from the API, turned into plain sentences and numbers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from app.core.judgement.signals.base import LIMITS

Order = Mapping[str, Any]


class Tone(StrEnum):
    """The kind of a line."""

    PANEL = "panel"
    GOOD = "good"
    FEE = "fee"
    REVIEW = "review"
    BAD = "bad"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class NewsLine:
    """One event; `why` is shown less prominently."""

    tone: Tone
    text: str
    why: str = ""


@dataclass(slots=True)
class Ledger:
    """Everything seen so far: the latest state of each order, names, and API calls."""

    orders: dict[int, Order] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    webhooks: int = 0
    reads: int = 0
    changes: int = 0

    def title(self, order: Order) -> str:
        """Return the display name of an order."""
        name = self.names.get(order["order_id"])
        return f"order {order['order_id']}" + (f" by {name}" if name else "")

    def is_news(self, order: Order) -> bool:
        """True if there is a change to report; actions in progress are reported when they are done."""
        if order["decision"] is None or order["state"] in {"releasing", "rejecting"}:
            return False
        before = self.orders.get(order["order_id"])
        return before is None or _shown_part(before) != _shown_part(order)

    def news(self, order: Order) -> NewsLine | None:
        """Return the change of an order since it was last reported, if any; remember it as reported."""
        if not self.is_news(order):
            return None
        before = self.orders.get(order["order_id"])
        self.orders[order["order_id"]] = order
        return _line(self.title(order), before, order)

    def of_state(self, *states: str, hold: str | None = None) -> list[int]:
        """Return the orders in these states, newest first."""
        return [
            order_id
            for order_id, order in sorted(self.orders.items(), reverse=True)
            if order["state"] in states and (hold is None or (order["hold"] or {}).get("kind") == hold)
        ]

    def states(self) -> Counter[str]:
        """Count the orders by state; held ones by the reason for waiting."""
        return Counter(
            f"held:{order['hold']['kind']}" if order["hold"] else str(order["state"]) for order in self.orders.values()
        )

    def fees(self) -> tuple[int, int, str]:
        """Return how many fees were requested and paid, and the amounts paid."""
        fees = [order["fee"] for order in self.orders.values() if order["fee"]]
        paid = [fee for fee in fees if fee["state"] == "paid"]
        sums: dict[str, Decimal] = {}
        for fee in paid:
            sums[fee["currency"]] = sums.get(fee["currency"], Decimal(0)) + Decimal(fee["amount"])
        return len(fees), len(paid), " + ".join(f"{amount} {currency}" for currency, amount in sorted(sums.items()))


def _shown_part(order: Order) -> tuple[object, ...]:
    fee = order["fee"] or {}
    return order["state"], order["decision"]["at"], fee.get("state"), order["refund_due"], tuple(order["flags"])


def _line(title: str, before: Order | None, order: Order) -> NewsLine | None:
    if "hold_breached" in order["flags"] and (before is None or "hold_breached" not in before["flags"]):
        return NewsLine(Tone.BAD, f"{title}: was provisioned despite the hold; a person must check it")
    decided_again = before is None or before["decision"]["at"] != order["decision"]["at"]
    return (_decided if decided_again else _moved)(title, before, order)


def _by(order: Order) -> str:
    by = order["decision"]["by"]
    return "" if by == "policy" else f" by {by}"


def _decided(title: str, before: Order | None, order: Order) -> NewsLine:
    """Describe an order by its new decision."""
    by, fee, why = _by(order), order["fee"], _reasons(order)
    match order["decision"]["outcome"]:
        case "approve" if fee and fee["state"] == "paid" and before is not None:
            text = f"{title}: the fee of {_amount(fee)} is paid; the order is {_outcome_words(order)}"
            return NewsLine(Tone.GOOD, text, why)
        case "approve":
            return NewsLine(Tone.GOOD, f"{title}: approved{by}, {_outcome_words(order)}", why)
        case "hold_for_fee":
            amount = f" of {_amount(fee)}" if fee else ""
            return NewsLine(Tone.FEE, f"{title}: held for a fee{amount}{by}", _signals(order, "self_service") or why)
        case "hold_for_review":
            risk = _signals(order, "risk") if (order["scores"] or {}).get("risk") else ""
            return NewsLine(Tone.REVIEW, f"{title}: sent to review{by}", "; ".join(filter(None, (why, risk))))
        case _:
            return NewsLine(Tone.BAD, f"{title}: rejected{by}", why)


def _outcome_words(order: Order) -> str:
    if order["state"] == "awaiting_payment":
        return "will be accepted as soon as it is paid"
    if order["state"] != "released":
        return str(order["state"])
    if order["panel_status"] != "Active":
        return "released; setting it up is left to staff"
    paid = order["payment"]["state"] == "paid"
    return "paid, and accepted in the panel" if paid else "accepted in the panel"


def _moved(title: str, before: Order | None, order: Order) -> NewsLine | None:
    """Describe a change that has no new decision."""
    if before is None or before["state"] == order["state"]:
        return _fee_moved(title, before, order)
    match order["state"]:
        case "released":
            return NewsLine(Tone.GOOD, f"{title}: {_outcome_words(order)}")
        case "cancelled" | "rejected" | "closed":
            owed = f"; {order['refund_due']} {order['currency']} to be refunded" if order["refund_due"] else ""
            return NewsLine(Tone.BAD, f"{title}: {order['state']}{owed}")
        case "held":
            return NewsLine(Tone.REVIEW, f"{title}: waits for a person again")
        case _:
            return None


def _fee_moved(title: str, before: Order | None, order: Order) -> NewsLine | None:
    fee, earlier = order["fee"], (before or {}).get("fee")
    if fee and earlier and fee["state"] != earlier["state"] and fee["state"] not in {"pending", "unpaid"}:
        return NewsLine(Tone.FEE, f"{title}: the fee of {_amount(fee)} is {fee['state'].replace('_', ' ')}")
    return None


def _amount(fee: Mapping[str, Any]) -> str:
    return f"{fee['amount']} {fee['currency']}"


def _reasons(order: Order) -> str:
    return _sentence(" ".join(reason["text"] for reason in order["decision"]["reasons"][:2]))


def _signals(order: Order, score: str) -> str:
    """Return the heaviest findings of one score, as worded by the API."""
    found = [one for one in order.get("signals", ()) if one["score"] == score and one["code"] not in LIMITS]
    bad = [one for one in found if (one["points"] < 0) == (score == "self_service") and one["points"]]
    bad.sort(key=lambda one: -abs(one["points"]))
    return "; ".join(_sentence(one["detail"]) for one in bad[:2])


def _sentence(text: str) -> str:
    return text.strip().rstrip(".")
