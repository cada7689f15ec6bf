"""The largest possible answers stay within their limits, and what is cut in them are their longest texts."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

import pytest
from pydantic_core import to_json

from app.api.views.explanation_staff import JudgedView, StaffExplanationView
from app.api.views.orders import OrderSummary, OrderView
from app.api.views.records import CreditView
from app.core.facts import OrderKind, PaymentState, PlacedBy
from app.core.judgement.decide import Outcome
from app.core.judgement.reasons import ReasonCode
from app.core.judgement.signals.base import ScoreKind
from app.core.judgement.signals.catalogue import CATALOGUE
from app.core.records import CallState, Mode
from app.core.states import STAFF_ACTIONS, FeeState, Flag, HoldKind, OrderState, Provisioning
from app.shown import MAX_BYTES, MAX_ROW_BYTES, View, within
from app.tables.customers import CreditState
from app.tables.orders import FeeForm
from app.workflow.queue import QueueRow, Why

_ID, _COUNT = 2**53, 1_000_000_000
_AT = datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
_AMOUNT = "-10000000000000.00"
_URL = "https://billing.hosting-provider.example.com/members/admin/orders.php?action=view&id=9007199254740992"
_KEY = uuid.UUID(int=2**128 - 1)
_SIGNAL_CODE = max((entry.code for entry in CATALOGUE), key=len)
_Member = TypeVar("_Member", bound=Enum)


def longest(members: type[_Member]) -> _Member:
    return max(members, key=lambda member: len(str(member.value)))


def reasons(glyph: str) -> list[dict[str, Any]]:
    return [{"code": longest(ReasonCode).value, "text": glyph * 5_000}] * 60


def signals(glyph: str) -> list[dict[str, Any]]:
    evidence = [(f"a_name_as_long_as_any_{number}", glyph * 500) for number in range(15)]
    signal = {"code": _SIGNAL_CODE, "score": longest(ScoreKind), "points": -100, "detail": glyph * 5_000}
    return [{**signal, "evidence": evidence, "minutes": 10_000}] * 120


def summary(glyph: str) -> dict[str, Any]:
    text = glyph * 20_000
    cost = {"amount_minor": -(10**15), "currency": "USD"}
    return {
        "order_id": _ID, "order_number": text, "panel_url": _URL, "customer_id": _ID, "kind": longest(OrderKind),
        "state": longest(OrderState), "panel_status": text, "provisioning": longest(Provisioning),
        "placed_by": longest(PlacedBy), "placed_at": _AT, "amount": _AMOUNT, "currency": "USD",
        "recurring_monthly": cost, "refund_due": _AMOUNT,
        "payment": {"invoice_id": _ID, "state": longest(PaymentState), "paid_at": _AT},
        "scores": {"self_service": 100, "risk": 100},
        "labour": {"minutes": _COUNT, "cost": cost, "margin_month": cost, "payback_months": "1234567.89"},
        "decision": {
            "outcome": longest(Outcome), "reasons": reasons(glyph), "by": text, "policy_version": _COUNT,
            "engine_version": "123", "mode": longest(Mode), "at": _AT,
        },
        "flags": list(Flag),
        "hold": {"kind": longest(HoldKind), "since": _AT, "due_at": _AT, "expires_at": _AT},
        "fee": {
            "amount": _AMOUNT, "total": _AMOUNT, "currency": "USD", "form": longest(FeeForm), "invoice_id": _ID,
            "quote_id": _ID, "state": longest(FeeState),
        },
        "actions": [action.value for action in STAFF_ACTIONS],
    }  # fmt: skip


def order(glyph: str) -> dict[str, Any]:
    text = glyph * 20_000
    call = {
        "id": _KEY, "action": "x" * 24, "state": longest(CallState), "attempts": _COUNT, "last_error": text,
        "uncertain": False,
    }  # fmt: skip
    return summary(glyph) | {
        "items": [{"product": text, "amount": _AMOUNT, "panel_status": text}] * 60,
        "items_total": _COUNT,
        "request_text": text,
        "ticket_ids": [_ID] * 50,
        "signals": signals(glyph),
        "panel_calls": [call] * 50,
        "panel_calls_total": _COUNT,
        "timeline": [{"at": _AT, "what": text, "by": text}] * 50,
        "timeline_total": _COUNT,
        "fraud": False,
        "work_unpaid": False,
        "panel_steps": [{"text": text, "url": _URL}] * 3,
        "prepared_question": text,
    }


def queue_row(glyph: str) -> dict[str, Any]:
    text = glyph * 20_000
    return {
        "order_id": _ID, "order_number": text, "panel_url": _URL, "customer_id": _ID, "why": longest(Why),
        "reasons": reasons(glyph)[:19], "since": _AT, "due_at": _AT,
        "actions": [action.value for action in STAFF_ACTIONS], "customer_name": text, "product": text,
        "amount": _AMOUNT, "currency": "USD", "fee": _AMOUNT, "minutes": _COUNT, "risk": 100, "sentence": text,
        "work_unpaid": False,
    }  # fmt: skip


def explanation(glyph: str) -> dict[str, Any]:
    text = glyph * 20_000
    line = {"code": _SIGNAL_CODE, "text": text, "minutes": _COUNT, "amount": _AMOUNT, "currency": "USD"}
    judged = JudgedView(
        policy_version=_COUNT, engine_version="123", at=_AT, outcome=longest(Outcome), reasons=reasons(glyph),
        scores=[{"score": kind, "start": 100, "points": -1_000, "value": 100} for kind in ScoreKind],
        signals=signals(glyph), work=[line] * 65, missing=[text] * 100, muted=[text] * 100, catalogue_gap=False,
        courtesy_used=False, candidate={"version": _COUNT, "outcome": longest(Outcome)},
    )  # type: ignore[arg-type] # fmt: skip
    return {
        "order_id": _ID, "order_number": text, "outcome": longest(Outcome), "reasons": reasons(glyph), "by": text,
        "mode": longest(Mode), "note": text, "judged": judged, "lines": [text] * 300,
    }  # fmt: skip


def credit(glyph: str) -> dict[str, Any]:
    return {
        "credit_id": _KEY, "customer_id": _ID, "amount": _AMOUNT, "currency": "USD", "reason": glyph * 5_000,
        "state": longest(CreditState), "panel_call_id": _KEY, "by": glyph * 200, "created_at": _AT,
    }  # fmt: skip


LARGEST = [
    (OrderView, order, MAX_BYTES, 36_000),
    (StaffExplanationView, explanation, MAX_BYTES, 42_000),
    (OrderSummary, summary, MAX_ROW_BYTES, 2_350),
    (QueueRow, queue_row, MAX_ROW_BYTES, 2_200),
    (CreditView, credit, MAX_ROW_BYTES, 300),
]


@pytest.mark.parametrize("glyph", ["x", "ü", "語", "😀", '"', "\\", "\n", "\x01", 'x😀"語'])
@pytest.mark.parametrize(("kind", "build", "limit", "frame"), LARGEST)
def test_the_largest_answer_fits_because_its_frame_fits(
    kind: type[View], build: Any, limit: int, frame: int, glyph: str
) -> None:
    assert len(to_json(kind.model_validate(build("")))) <= frame < limit
    assert len(to_json(within(kind.model_validate(build(glyph)), limit))) <= limit


def test_a_large_order_is_shown_whole() -> None:
    notes = [{"at": _AT, "what": "n" * 1_100, "by": "anna"}] * 15 + [{"at": _AT, "what": "w" * 60, "by": "x"}] * 35
    calls = [
        call | {"last_error": None if number % 5 else "e" * 500} for number, call in enumerate(order("")["panel_calls"])
    ]
    asked = {"request_text": "r" * 12_000, "prepared_question": "q" * 1_000, "signals": signals("s" * 20)[:1]}
    view = OrderView.model_validate(order("") | asked | {"timeline": notes, "panel_calls": calls})
    assert within(view) is view


def test_only_the_longest_texts_of_a_larger_one_are_cut() -> None:
    notes = [{"at": _AT, "what": "n" * 1_000, "by": "anna"}] * 20 + [{"at": _AT, "what": "read", "by": "x"}] * 30
    view = OrderView.model_validate(order("") | {"request_text": "r" * 12_000, "timeline": notes})
    shown = within(view)
    assert shown.timeline == view.timeline
    assert shown.request_text.startswith("rrrr")
    assert shown.request_text.endswith("r…")
    assert 63_900 < len(to_json(shown)) <= MAX_BYTES
