"""The transition tables, whole: every pair of state and trigger, every change of every invoice."""

from __future__ import annotations

import itertools

import pytest

from app.core.states import (
    INVOICE_TABLE,
    STAFF_ACTIONS,
    TRANSITIONS,
    FeeState,
    InvoiceRole,
    InvoiceTurn,
    OrderState,
    Phase,
    Target,
    Trigger,
    next_state,
    phase_of,
    possible_actions,
    release_state,
)

S, T = OrderState, Trigger


@pytest.mark.parametrize(("state", "trigger"), list(itertools.product(OrderState, Trigger)))
def test_each_pair_leads_somewhere_or_is_impossible(state: OrderState, trigger: Trigger) -> None:
    target = TRANSITIONS.get((state, trigger))
    found = next_state(state, trigger, release=S.RELEASING)
    if target is None:
        assert found is None
    elif target is Target.RELEASE:
        assert found is S.RELEASING
    elif target is Target.SAME:
        assert found is state
    else:
        assert found == OrderState(target.value)


def test_every_state_can_be_left_unless_it_is_the_end() -> None:
    for state in OrderState:
        leaves = {target for (source, _), target in TRANSITIONS.items() if source is state} - {Target.SAME}
        assert leaves - {Target(state.value) if state.value in set(Target) else Target.SAME} or state is S.CLOSED


def test_every_state_can_be_reached() -> None:
    reached = {target.value for target in TRANSITIONS.values()} | {
        release_state(paid=paid, release_only=only, already_active=active).value
        for paid, only, active in itertools.product((True, False), repeat=3)
    }
    assert {state.value for state in OrderState} - reached == {"received"}


def test_every_trigger_matters_somewhere() -> None:
    assert {trigger for _, trigger in TRANSITIONS} == set(Trigger)


@pytest.mark.parametrize("state", [S.RELEASED, S.CLOSED])
def test_the_policy_never_moves_what_is_over(state: OrderState) -> None:
    for trigger in (T.DECIDED_APPROVE, T.DECIDED_HOLD, T.DECIDED_REJECT):
        assert (state, trigger) not in TRANSITIONS


def test_unpaid_approval_waits_for_the_payment() -> None:
    assert release_state(paid=False, release_only=False, already_active=False) is S.AWAITING_PAYMENT
    assert release_state(paid=True, release_only=False, already_active=False) is S.RELEASING
    assert release_state(paid=False, release_only=True, already_active=False) is S.RELEASED
    assert release_state(paid=False, release_only=False, already_active=True) is S.RELEASED


@pytest.mark.parametrize(("role", "turn", "phase"), list(itertools.product(InvoiceRole, InvoiceTurn, Phase)))
def test_everything_that_can_happen_to_an_invoice_has_a_row(role: InvoiceRole, turn: InvoiceTurn, phase: Phase) -> None:
    assert (role, turn, phase) in INVOICE_TABLE


def test_phases_cover_all_states() -> None:
    assert {phase_of(state) for state in OrderState} == set(Phase)


@pytest.mark.parametrize(
    ("state", "fee", "refund", "expected"),
    [
        (
            S.HELD,
            FeeState.UNPAID,
            False,
            {"approve", "charge-fee", "waive-fee", "drop-request", "ask", "hold", "cancel", "reject"},
        ),
        (S.HELD, None, False, {"approve", "charge-fee", "drop-request", "ask", "hold", "cancel", "reject"}),
        (S.HELD, FeeState.PAID, False, {"approve", "ask", "hold", "cancel", "reject"}),
        (S.AWAITING_PAYMENT, None, False, {"charge-fee", "ask", "hold", "cancel", "reject"}),
        (S.RELEASED, None, False, set()),
        (S.REJECTED, None, True, {"approve", "refund-done"}),
        (S.CLOSED, None, False, set()),
    ],
)
def test_what_staff_may_do(state: OrderState, fee: FeeState | None, refund: bool, expected: set[str]) -> None:
    actions = possible_actions(state, fee=fee, refund_due=refund)
    assert {str(action) for action in actions} == expected
    assert list(actions) == [action for action in STAFF_ACTIONS if action in actions]
