"""Facts of today are left out: exactly those, and everything else is unchanged."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.facts import Agreement, Facts, Neighbours
from app.core.judgement.provenance import NAMES, leave_out_today, without_today
from tests.core.judgement.test_properties import facts as any_facts
from tests.core.judgement.test_properties import quick
from tests.core.judging import a_customer, some_facts


@pytest.mark.parametrize("name", sorted(NAMES))
def test_only_what_is_of_today_is_left_out(name: str) -> None:
    both = tuple(Neighbours(kind=kind, customers=3, bad_customers=1) for kind in ("phone", "ip"))
    facts = some_facts(customer=a_customer(neighbours=both, chargebacks=2), missing=("a",), today=(name,))
    then = without_today(facts)
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


def test_facts_of_then_are_the_same_ones() -> None:
    facts = some_facts()
    assert without_today(facts) is facts


@quick
@given(any_facts(), st.lists(st.sampled_from(sorted(NAMES)), unique=True).map(tuple))
def test_leaving_out_in_place_comes_to_the_same(seen: Facts, today: tuple[str, ...]) -> None:
    # copied, as it changes its argument; the second shares everything with the first, as with other findings
    first = deepcopy(replace(seen, today=today))
    second = replace(first, agreement=Agreement.FEE_PAID)
    wanted = without_today(first), without_today(second)
    leave_out_today(first)
    leave_out_today(second)
    assert (first, second) == wanted
    leave_out_today(first)
    assert first == wanted[0]
