"""Whether an order gives work away if it is let in: the same whatever else holds it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.core.judgement.decide import Judgement, Outcome, decide
from app.core.judgement.reasons import ReasonCode
from app.core.judgement.stored import dump_judgement, load_judgement
from app.core.policy.document import Policy, parse_policy
from app.core.reading.requests import TermFinding, TermKind
from tests.core.judgement.test_outcome_table import _cases
from tests.core.judging import NOW, a_customer, a_request, an_order, facts_from, some_facts

SUSPECT = TermFinding(kind=TermKind.LISTED, term="mirror", where="notes", start=0)
WORK = (a_request(TermKind.HARDWARE, "second disk"),)


def judged(policy: Policy | None = None, **order: Any) -> Judgement:
    """Judge the regular's order with these changes."""
    return decide(some_facts(order=an_order(**order)), policy or Policy(), now=NOW)


@pytest.mark.parametrize("case", _cases())
def test_another_reason_to_hold_does_not_hide_the_work(case: dict[str, Any]) -> None:
    facts, policy = facts_from(case), parse_policy(case.get("policy", ""))
    alone = decide(facts, policy, now=NOW)
    held = decide(replace(facts, order=replace(facts.order, vetting=(SUSPECT,))), policy, now=NOW)
    if alone.outcome is Outcome.APPROVE:
        assert not held.gives_work_away
        assert not alone.gives_work_away
    elif alone.outcome is Outcome.HOLD_FOR_FEE:
        assert held.gives_work_away
        assert alone.gives_work_away


@pytest.mark.parametrize("order", [{"vetting": (SUSPECT,)}, {}])
@pytest.mark.parametrize(
    ("policy", "unpaid"),
    [("", True), ("labour.tolerated_months = 60", False), ("labour.courtesy_orders = 1", False),
     ("labour.min_minutes = 600", False), ("labour.fee_kinds = ['addon']", False),
     ("own_initiative.gateways = ['stripe']", False), ("exempt.gateways = ['stripe']", False),
     ("labour.catalogue_gap_paid_by = 'provider'", False)],
)  # fmt: skip
def test_what_the_policy_gives_for_free_is_not_unpaid(policy: str, unpaid: bool, order: dict[str, Any]) -> None:
    assert judged(parse_policy(policy), requests=WORK, **order).gives_work_away is unpaid


def test_an_offer_that_must_come_first_is_unpaid_work() -> None:
    white_glove = some_facts(order=an_order(requests=WORK), customer=a_customer(white_glove=True))
    offer = decide(white_glove, Policy(), now=NOW)
    assert [reason.code for reason in offer.reasons] == [ReasonCode.MANDATE]
    assert offer.gives_work_away


def test_work_in_a_currency_without_a_row_is_unpaid_though_its_fee_is_not_known() -> None:
    unknown = judged(currency="XAF", requests=WORK)
    assert unknown.labour.estimate is None
    assert unknown.labour.minutes > 0
    assert unknown.gives_work_away


@pytest.mark.parametrize("order", [{}, {"requests": WORK}, {"requests": WORK, "vetting": (SUSPECT,)}])
def test_judgements_of_versions_that_did_not_say_are_read_carefully(order: dict[str, Any]) -> None:
    today = judged(**order)
    earlier = {name: value for name, value in dump_judgement(today).items() if name != "work_unpaid"}
    assert load_judgement(earlier).gives_work_away is today.gives_work_away
