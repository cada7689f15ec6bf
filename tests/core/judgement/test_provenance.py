"""Facts that became known later are left out: exactly those, and everything else is unchanged."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.facts import Agreement, Facts, Neighbours
from app.core.judgement.provenance import HINDSIGHT, NAMES, leave_out_hindsight, without, without_hindsight
from tests.core.judgement.test_properties import facts as any_facts
from tests.core.judgement.test_properties import quick
from tests.core.judging import a_customer, some_facts


@pytest.mark.parametrize("name", sorted(NAMES))
def test_only_what_is_named_is_left_out(name: str) -> None:
    both = tuple(Neighbours(kind=kind, customers=3, bad_customers=1) for kind in ("phone", "ip"))
    facts = some_facts(customer=a_customer(neighbours=both, chargebacks=2), missing=("a",), today=(name,))
    then = without(facts, (name,))
    assert (then.missing, then.today) == (tuple(sorted({"a", name})), ())
    part, _, what = name.partition(".")
    changed = {
        f"{where}.{field.name}"
        for where, old, new in (
            ("customer", facts.customer, then.customer),
            ("order", facts.order, then.order),
            ("items", facts.order.items[0], then.order.items[0]),
        )
        for field in fields(old)  # type: ignore[arg-type]
        if field.name != "items" and getattr(old, field.name) != getattr(new, field.name)
    }
    wanted = {"customer.neighbours"} if name in {"neighbours.phone", "neighbours.ip"} else {name}
    assert changed <= wanted
    if part == "neighbours":
        assert then.customer is not None
        assert [one.kind for one in then.customer.neighbours] == [one.kind for one in both if one.kind != what]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_who_ordered_what_stays_and_what_came_later_goes(name: str) -> None:
    facts = some_facts(customer=a_customer(chargebacks=2), today=(name,))
    left_out = without(facts, (name,) if name in HINDSIGHT else ())
    assert without_hindsight(facts) == left_out
    assert (name in without_hindsight(facts).missing) is (name in HINDSIGHT)
    assert without_hindsight(facts).today == ()


def test_what_is_left_out_has_a_name() -> None:
    assert HINDSIGHT < NAMES


def test_facts_of_then_are_the_same_ones() -> None:
    facts = some_facts()
    assert without_hindsight(facts) is facts


@quick
@given(any_facts(), st.lists(st.sampled_from(sorted(NAMES)), unique=True).map(tuple))
def test_leaving_out_in_place_comes_to_the_same(seen: Facts, today: tuple[str, ...]) -> None:
    # copied, as it changes its argument; the second shares everything with the first, as with other findings
    first = deepcopy(replace(seen, today=today))
    second = replace(first, agreement=Agreement.FEE_PAID)
    wanted = without_hindsight(first), without_hindsight(second)
    leave_out_hindsight(first)
    leave_out_hindsight(second)
    assert (first, second) == wanted
    leave_out_hindsight(first)
    assert first == wanted[0]
