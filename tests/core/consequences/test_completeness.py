"""Each trigger, each invoice turn, each call and each clock stands in the tables, for each state.

A row that is added to the transition table, or to the table of invoices, has no expectation yet: these tests name it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

import pytest

from app.core.actions import Action
from app.core.consequences.draft import LIFECYCLE
from app.core.consequences.settling import _HANDLERS
from app.core.records import CallState
from app.core.states import (
    INVOICE_TABLE,
    STAFF_ACTIONS,
    TRANSITIONS,
    InvoiceRole,
    InvoiceTurn,
    OrderState,
    Phase,
    Target,
    Trigger,
    phase_of,
)
from tests.core.consequences.news import STEPS
from tests.core.consequences.standing import STANDINGS
from tests.core.consequences.tables import Row, rows

_T = Trigger
_FAILED: Final = tuple(
    f"call: {action} {state}" for action in LIFECYCLE for state in (CallState.DEAD, CallState.CANCELLED)
)
#: The news by which each trigger comes, beside the actions of staff.
NEWS: Final[dict[Trigger, tuple[str, ...]]] = {
    _T.DECIDED_APPROVE: ("verdict: approve",),
    _T.DECIDED_HOLD: ("verdict: fee", "verdict: review"),
    _T.DECIDED_REJECT: ("verdict: reject",),
    _T.ORDER_PAID: ("order invoice: paid",),
    _T.ACCEPTED: ("call: accept_order done",),
    _T.ENDED_REJECTED: ("call: cancel_order done", "call: fraud_order done"),
    _T.ENDED_CANCELLED: ("call: cancel_order done",),
    _T.CALL_DEAD: _FAILED,
    _T.PANEL_ACTIVE: ("panel: Active by staff",),
    _T.PANEL_ACTIVE_BY_AUTOMATION: ("panel: Active by cron", "panel: Active by api"),
    _T.PANEL_PENDING: ("panel: Pending again by staff",),
    _T.PANEL_CANCELLED: ("panel: Cancelled by staff",),
    _T.PANEL_FRAUD: ("panel: Fraud by staff",),
    _T.PANEL_DELETED: ("told: deleted in the panel",),
    **{action: (f"staff: {action}",) for action in STAFF_ACTIONS},
}
#: Transitions of the table that the program does not take; the rows that show it have a `doubt`.
NOT_TAKEN: Final = frozenset({(OrderState.REJECTED, Trigger.PANEL_CANCELLED)})
_RELEASE: Final = frozenset({OrderState.RELEASING, OrderState.AWAITING_PAYMENT, OrderState.RELEASED})


def _about(state: OrderState, news: Iterable[str]) -> list[Row]:
    wanted = set(news)
    return [row for row in rows() if STANDINGS[row.state].state is state and row.news in wanted]


def _reached(row: Row) -> OrderState:
    return OrderState(row.then.get("state", STANDINGS[row.state].state))


def test_each_trigger_has_its_news() -> None:
    assert set(NEWS) == set(Trigger)


@pytest.mark.parametrize("standing", STANDINGS)
def test_each_trigger_has_a_row_for_each_standing(standing: str) -> None:
    covered = {row.news for row in rows() if row.state == standing}
    assert {str(trigger) for trigger, news in NEWS.items() if not set(news) <= covered} == set()


def test_each_transition_is_taken_by_a_row() -> None:
    missing = set()
    for (state, trigger), target in TRANSITIONS.items():
        wanted = {state} if target is Target.SAME else _RELEASE if target is Target.RELEASE else {OrderState(target)}
        done = [row for row in _about(state, NEWS[trigger]) if "refused" not in row.then and _reached(row) in wanted]
        if not done:
            missing.add((state, trigger))
    assert missing == NOT_TAKEN


def test_what_is_not_in_the_transition_table_moves_nothing() -> None:
    """Verdicts and actions; what the panel shows has rules of its own for orders that were closed."""
    asked = [*STAFF_ACTIONS, _T.DECIDED_APPROVE, _T.DECIDED_HOLD, _T.DECIDED_REJECT]
    for state, trigger in itertools.product(OrderState, asked):
        if (state, trigger) not in TRANSITIONS:
            rows_here = [row for row in _about(state, NEWS[trigger]) if row.when.get("mode") is None]
            assert {_reached(row) for row in rows_here} == {state}, (state, trigger)


@pytest.mark.parametrize(("role", "turn", "phase"), INVOICE_TABLE)
def test_each_change_of_an_invoice_has_a_row(role: InvoiceRole, turn: InvoiceTurn, phase: Phase) -> None:
    news = f"{role} invoice: {turn}"
    assert [row for row in rows() if row.news == news and phase_of(STANDINGS[row.state].state) is phase]


@pytest.mark.parametrize("standing", STANDINGS)
def test_each_change_of_the_orders_invoice_has_a_row_for_each_standing(standing: str) -> None:
    covered = {row.news for row in rows() if row.state == standing}
    assert {f"order invoice: {turn}" for turn in InvoiceTurn} <= covered


@pytest.mark.parametrize("action", [*_HANDLERS, Action.ADD_CLIENT_NOTE])
def test_each_call_has_a_row_for_each_way_that_it_ends(action: Action) -> None:
    ends = {f"call: {action} {state}" for state in (CallState.DONE, CallState.DEAD, CallState.CANCELLED)}
    assert ends <= {row.news for row in rows()}


@pytest.mark.parametrize("standing", STANDINGS)
def test_each_lifecycle_call_has_a_row_for_each_standing(standing: str) -> None:
    ends = itertools.product(LIFECYCLE, (CallState.DONE, CallState.DEAD, CallState.CANCELLED))
    covered = {row.news for row in rows() if row.state == standing}
    assert {f"call: {action} {state}" for action, state in ends} - covered == set()


@pytest.mark.parametrize("standing", STANDINGS)
def test_each_clock_and_each_report_has_a_row_for_each_standing(standing: str) -> None:
    wanted = {f"{kind}: {name}" for kind in ("clock", "told") for name in STEPS[kind]} - {"told: never listed"}
    assert wanted - {row.news for row in rows() if row.state == standing} == set()


def test_each_word_of_a_fee_is_in_a_row() -> None:
    for turn in InvoiceTurn:
        assert [row for row in rows() if row.news == f"fee invoice: {turn}" and "fees" in row.then], turn


def test_doubts_are_counted() -> None:
    """Rows that show where the program and its handbook differ; the number only falls."""
    assert len({(row.table, row.name) for row in rows() if "doubt" in row.how}) <= 6
