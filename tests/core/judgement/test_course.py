"""The effect of the modes on each outcome: the whole table; orders left alone before stay so."""

from __future__ import annotations

from itertools import product

import pytest

from app.core.judgement.course import PROPOSED, TEXTS, Course, Plan, earlier_plan, no_stronger, plan
from app.core.judgement.decide import Outcome
from app.core.judgement.reasons import ReasonCode
from app.core.policy.document import PolicyError, parse_policy
from app.core.policy.sections.modes import STRENGTH, ActionMode, Modes
from app.core.states import InvoiceTurn

A, R, P, L = Course.ACT, Course.REVIEW, Course.PROPOSE, Course.LEAVE
SH, SU, EN = ActionMode.SHADOW, ActionMode.SUGGEST, ActionMode.ENFORCE

#: (outcome, mode of its own kind, mode of hold) -> (course, code); then the same while we hold the order.
TABLE = {
    (Outcome.APPROVE, SH, EN): ((L, "accept_shadow"), (P, "accept_suggest")),
    (Outcome.APPROVE, SU, EN): ((P, "accept_suggest"), (P, "accept_suggest")),
    (Outcome.APPROVE, EN, EN): ((A, ""), (A, "")),
    (Outcome.APPROVE, EN, SH): ((A, ""), (A, "")),
    (Outcome.HOLD_FOR_REVIEW, SH, SH): ((L, "hold_shadow"), (A, "")),
    (Outcome.HOLD_FOR_REVIEW, SU, SU): ((P, "hold_suggest"), (A, "")),
    (Outcome.HOLD_FOR_REVIEW, EN, EN): ((A, ""), (A, "")),
    (Outcome.HOLD_FOR_FEE, SH, SH): ((L, "hold_shadow"), (R, "fees_shadow")),
    (Outcome.HOLD_FOR_FEE, SH, SU): ((L, "fees_shadow"), (R, "fees_shadow")),
    (Outcome.HOLD_FOR_FEE, SU, SU): ((P, "fees_suggest"), (R, "fees_suggest")),
    (Outcome.HOLD_FOR_FEE, SH, EN): ((L, "fees_shadow"), (R, "fees_shadow")),
    (Outcome.HOLD_FOR_FEE, SU, EN): ((R, "fees_suggest"), (R, "fees_suggest")),
    (Outcome.HOLD_FOR_FEE, EN, EN): ((A, ""), (A, "")),
    (Outcome.REJECT, SH, SH): ((L, "hold_shadow"), (R, "reject_shadow")),
    (Outcome.REJECT, SH, SU): ((P, "hold_suggest"), (R, "reject_shadow")),
    (Outcome.REJECT, SU, SU): ((P, "reject_suggest"), (R, "reject_suggest")),
    (Outcome.REJECT, SH, EN): ((R, "reject_shadow"), (R, "reject_shadow")),
    (Outcome.REJECT, SU, EN): ((R, "reject_suggest"), (R, "reject_suggest")),
    (Outcome.REJECT, EN, EN): ((A, ""), (A, "")),
}
KIND = {Outcome.APPROVE: "accept", Outcome.HOLD_FOR_FEE: "fees", Outcome.REJECT: "reject"}


def modes_of(outcome: Outcome, own: ActionMode, hold: ActionMode) -> Modes:
    rest = {"fees": SH, "reject": SH, "hold": hold}
    return Modes(**rest | ({KIND[outcome]: own} if outcome in KIND else {"hold": own}))


@pytest.mark.parametrize(("case", "wanted"), TABLE.items())
def test_the_table(case: tuple[Outcome, ActionMode, ActionMode], wanted: object) -> None:
    modes = modes_of(*case)
    assert (plan(case[0], modes), plan(case[0], modes, held=True)) == tuple(Plan(*one) for one in wanted)  # type: ignore[attr-defined]


def every_modes() -> list[Modes]:
    names = ("accept", "hold", "fees", "reject")
    found = []
    for some in product(ActionMode, repeat=4):
        values = dict(zip(names, some, strict=True))
        if max(STRENGTH[values["fees"]], STRENGTH[values["reject"]]) <= STRENGTH[values["hold"]]:
            found.append(Modes(**values))
    return found


def test_every_other_combination_is_one_of_the_table() -> None:
    for modes, outcome, held in product(every_modes(), Outcome, (False, True)):
        found = plan(outcome, modes, held=held)
        own = getattr(modes, KIND.get(outcome, "hold"))
        hold = EN if outcome is Outcome.APPROVE else modes.hold
        assert found == Plan(*TABLE[outcome, own, hold][held])
        assert (found.code in TEXTS) is (found.course is not A)
        if held:
            assert found.course is not L, "what we hold is never just left"


def test_nothing_is_stopped_where_holding_is_not_enforced() -> None:
    for modes, outcome in product(every_modes(), Outcome):
        if modes.hold is not EN and outcome is not Outcome.APPROVE:
            assert plan(outcome, modes).course in {L, P}


@pytest.mark.parametrize("mode", ["shadow", "suggest"])
@pytest.mark.parametrize("kind", ["fees", "reject"])
def test_what_rests_on_a_hold_is_not_stronger(kind: str, mode: str) -> None:
    other = "reject" if kind == "fees" else "fees"
    with pytest.raises(PolicyError, match=f'{kind} = "enforce" needs a hold, but hold is "{mode}"'):
        parse_policy(f"[modes]\nhold = '{mode}'\n{other} = 'shadow'")
    assert parse_policy(f"[modes]\nhold = '{mode}'\n{kind} = '{mode}'\n{other} = 'shadow'").modes.hold == mode


@pytest.mark.parametrize(
    ("outcome", "earlier", "now", "wanted"),
    [
        (Outcome.APPROVE, None, Plan(A), Plan(A)),
        (Outcome.APPROVE, Plan(L, "accept_shadow"), Plan(A), Plan(L, "accept_shadow")),
        (Outcome.APPROVE, Plan(P, "accept_suggest"), Plan(A), Plan(P, "accept_suggest")),
        (Outcome.APPROVE, Plan(P, "accept_suggest"), Plan(L, "accept_shadow"), Plan(L, "accept_shadow")),
        (Outcome.APPROVE, Plan(P, "hold_suggest"), Plan(A), Plan(A)),
        (Outcome.HOLD_FOR_REVIEW, Plan(P, "accept_suggest"), Plan(A), Plan(A)),
        (Outcome.HOLD_FOR_REVIEW, Plan(L, "fees_shadow"), Plan(A), Plan(L, "hold_shadow")),
        (Outcome.HOLD_FOR_REVIEW, Plan(R, "fees_suggest"), Plan(A), Plan(A)),
        (Outcome.HOLD_FOR_FEE, Plan(R, "fees_suggest"), Plan(A), Plan(R, "fees_suggest")),
        (Outcome.HOLD_FOR_FEE, Plan(P, "hold_suggest"), Plan(R, "fees_suggest"), Plan(P, "fees_suggest")),
        (Outcome.REJECT, Plan(P, "hold_suggest"), Plan(A), Plan(P, "reject_suggest")),
    ],
)
def test_what_was_left_is_not_done_later(outcome: Outcome, earlier: Plan | None, now: Plan, wanted: Plan) -> None:
    assert no_stronger(now, earlier, outcome) == wanted


def test_a_stored_decision_tells_its_plan() -> None:
    assert earlier_plan(["no_work"], in_shadow=True) is None
    for code in TEXTS:
        left = earlier_plan(["custom_work", code], in_shadow=True)
        assert left == Plan(P if code in PROPOSED else L, code)
        assert earlier_plan([code], in_shadow=False) == Plan(R, code)


def test_every_state_of_an_invoice_has_its_reason() -> None:
    for turn in InvoiceTurn:
        assert ReasonCode(f"invoice_{turn}")
        assert ReasonCode(f"fee_{turn}")
