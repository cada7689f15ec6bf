"""Facts of today left out: exactly those, and everything else as it was."""

from __future__ import annotations

from dataclasses import fields

import pytest

from app.core.facts import Neighbours
from app.core.provenance import NAMES, without_today
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
