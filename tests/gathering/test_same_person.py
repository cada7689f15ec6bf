"""A customer's name, sex and age make no difference: the facts of otherwise equal orders are the same."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.judgement.decide import decide
from app.core.policy.document import Policy
from tests.asked import examples
from tests.gathering.test_untold import CLIENT, STATS, facts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30)
#: Personal data that panels store, in standard or custom fields of the customer.
PERSON = st.fixed_dictionaries(
    {
        "firstname": NAMES,
        "lastname": NAMES,
        "fullname": NAMES,
        "companyname": NAMES,
        "customfields": st.fixed_dictionaries(
            {
                "Salutation": st.sampled_from(["Mr", "Ms", "Mx", "Frau", "Herr", ""]),
                "Sex": st.sampled_from(["m", "f", "x", "male", "female", ""]),
                "Date of birth": st.dates(date(1930, 1, 1), date(2010, 1, 1)).map(str),
                "Age": st.integers(14, 99).map(str),
            }
        ).map(lambda known: [{"id": n, "name": k, "value": v} for n, (k, v) in enumerate(known.items(), 1)]),
    }
)


@settings(max_examples=examples(60), deadline=None)
@given(PERSON, PERSON)
def test_name_sex_and_age_change_nothing(one: dict[str, Any], other: dict[str, Any]) -> None:
    seen = [facts({"result": "success", "client": {**CLIENT, **who}, "stats": STATS}) for who in (one, other)]
    assert seen[0] == seen[1]
    assert decide(seen[0], Policy(), now=NOW) == decide(seen[1], Policy(), now=NOW)
