"""The policy document: the default is complete and equals the model, errors are named, the hash names the meaning."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.policy.document import (
    Policy,
    PolicyError,
    canonical,
    from_canonical,
    parse_policy,
    policy_hash,
    warnings,
)
from app.core.policy.sections.acting import render
from app.core.policy.toml import MAX_DOCUMENT
from app.core.reading.kinds import Topic
from app.core.reading.topics import DEFAULT_MINUTES

DEFAULT = (Path(__file__).parents[3] / "app" / "core" / "policy" / "default.toml").read_text(encoding="utf-8")


def errors_of(document: str) -> list[tuple[str, str]]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(document)
    return caught.value.errors


def test_the_default_document_is_the_default_policy() -> None:
    assert parse_policy(DEFAULT) == Policy() == parse_policy("")


def test_the_default_document_holds_every_key() -> None:
    def keys(table: dict[str, Any], above: str = "") -> set[str]:
        found = set()
        for name, value in table.items():
            found |= keys(value, f"{above}{name}.") if isinstance(value, dict) else {above + name}
        return found

    wanted = keys(Policy().model_dump(mode="json"))
    assert keys(tomllib.loads(DEFAULT)) == wanted - {"messages.department_id"}
    assert "# department_id" in DEFAULT


def test_every_number_that_decides_has_the_default_of_the_issue() -> None:
    policy = Policy()
    row = policy.currencies["USD"]

    assert set(policy.currencies) == {"USD", "EUR", "GBP"}
    assert (row.staff_cost_per_hour, row.handling_fee, row.custom_rate_per_hour) == ("40.00", "7.00", "50.00")
    assert (row.max_fee, row.mandate_above) == ("400.00", "500.00")
    assert (policy.risk.review_from, policy.risk.reject_from, policy.risk.auto_reject) == (60, 90, False)
    assert (policy.labour.margin_percent, policy.labour.tolerated_months, policy.labour.min_minutes) == (
        45,
        Decimal(1),
        15,
    )
    assert (policy.labour.minutes.handling, policy.labour.courtesy_orders, policy.hold.expires_days) == (20, 0, 7)
    assert (policy.fee.increment_minutes, policy.fee.minimum_minutes) == (60, 60)
    assert policy.labour.topic_minutes.by_topic() == DEFAULT_MINUTES
    assert set(policy.labour.topic_minutes.by_topic()) == set(Topic)


def test_a_document_changes_only_what_it_names() -> None:
    policy = parse_policy("[currencies.USD]\nhandling_fee = '9'\n[messages.fee_hold]\nsubject = 'Please answer'")

    assert policy.currencies["USD"].handling_fee == "9.00"
    assert policy.currencies["USD"].max_fee == "400.00"
    assert policy.currencies["EUR"] == Policy().currencies["EUR"]
    assert policy.messages.fee_hold.subject == "Please answer"
    assert policy.messages.fee_hold.body == Policy().messages.fee_hold.body


def test_a_policy_is_named_by_what_it_means() -> None:
    assert policy_hash(parse_policy("currencies.USD.handling_fee = '7'")) == policy_hash(Policy())
    assert policy_hash(parse_policy("labour.tolerated_months = 1.00 # the same")) == policy_hash(Policy())
    assert policy_hash(parse_policy("labour.min_minutes = 16")) != policy_hash(Policy())
    assert len(policy_hash(Policy())) == 64
    assert json.loads(canonical(Policy()))["labour"]["tolerated_months"] == "1.00"


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ("[risk]\nreview_form = 50", "risk.review_form"),
        ("[risk]\nreview_from = 95", "risk"),
        ("[risk]\nreview_from = 90", "risk"),
        ("[risk]\nreview_from = '60'", "risk.review_from"),
        ("[risk]\nreview_from = 60.5", "risk.review_from"),
        ("[risk]\nauto_reject = 1", "risk.auto_reject"),
        ("[labour]\nmargin_percent = 101", "labour.margin_percent"),
        ("[labour]\ncatalogue_gap_paid_by = 'nobody'", "labour.catalogue_gap_paid_by"),
        ("[labour.minutes]\nhandling = 1441", "labour.minutes.handling"),
        ("[currencies.USD]\nhandling_fee = 7.00", "currencies.USD.handling_fee"),
        ("[currencies.USD]\nhandling_fee = '-7'", "currencies.USD.handling_fee"),
        ("[currencies.USD]\nhandling_fee = '7.005'", "currencies"),
        ("[currencies.USD]\nhandling_fee = '401'", ""),
        ("[currencies.USD]\nmax_fee = '501'", ""),
        ("[currencies.USD]\nmax_fee = '49'", ""),
        ("[currencies.CHF]\nhandling_fee = '7'", "currencies.CHF.staff_cost_per_hour"),
        ("[currencies.usd]\nhandling_fee = '7'", "currencies.usd.[key]"),
        ("[points.risk]\nemail_disposable = 60", ""),
        ("[points.risk]\nfraud_check_review = 71", "points"),
        ("[block]\nnetworks = ['300.1.1.1']", "block.networks.0"),
        ("[cart]\nurl = 'javascript:alert(1)'", "cart.url"),
        ("[fee]\ncustom_line = 'work {customer}'", "fee.custom_line"),
        ("[fee]\ncustom_line = 'work {work.__class__}'", "fee.custom_line"),
        ("[fee]\ncustom_line = 'work {work'", "fee.custom_line"),
        ('[fee]\ncustom_line = "bell \\u0007"', "fee.custom_line"),
        ("[messages.fee_hold]\nsubjekt = 'x'", "messages.fee_hold.subjekt"),
        ("[messages]\nform = 'pigeon'", "messages.form"),
        ("currencies = 1", "currencies"),
        ("[staff]\nautomation_admin_ids = [0]", "staff.automation_admin_ids.0"),
        ("[hold]\nexpires_days = 2026-01-01", "hold.expires_days"),
        ("not toml", ""),
        ("a = nan", "a"),
        ("a = " + "[" * 5000, ""),
        ("a = \ud800", ""),
        ("a = 1" + "0" * 5000, ""),
        ("#" * (MAX_DOCUMENT + 1), ""),
    ],
)
def test_a_mistake_is_named_with_its_place(document: str, path: str) -> None:
    found = errors_of(document)

    assert path in [place for place, _ in found]
    assert all(message for _, message in found)


def test_many_mistakes_are_named_up_to_a_bound() -> None:
    assert len(errors_of("\n".join(f"unknown_{number} = 1" for number in range(500)))) == 51


def test_the_soft_signals_together_never_reach_a_review() -> None:
    for policy in (Policy(), parse_policy(DEFAULT)):
        risk = policy.points.risk
        assert risk.email_disposable + risk.email_unverified + 2 * risk.countries_disagree < policy.risk.review_from


@settings(deadline=None, max_examples=60)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "risk": st.fixed_dictionaries(
                {"review_from": st.integers(47, 70), "reject_from": st.integers(71, 100), "auto_reject": st.booleans()}
            ),
            "labour": st.fixed_dictionaries(
                {"tolerated_months": st.decimals(0, 100, places=2).map(str), "margin_percent": st.integers(0, 100)}
            ),
            "currencies": st.fixed_dictionaries(
                {"USD": st.fixed_dictionaries({"handling_fee": st.decimals(0, 400, places=2).map(str)})}
            ),
            "exempt": st.fixed_dictionaries(
                {
                    "product_groups": st.lists(
                        st.one_of(st.integers(1, 99), st.sampled_from(["Ünï 🐧", "A"])), max_size=4
                    )
                }
            ),
            "hold": st.fixed_dictionaries({"expires_days": st.integers(1, 90)}),
        },
    )
)
def test_a_policy_survives_being_written_and_read(changes: dict[str, Any]) -> None:
    policy = from_canonical(json.dumps(changes))

    assert from_canonical(canonical(policy)) == policy
    assert policy_hash(from_canonical(canonical(policy))) == policy_hash(policy)


def test_what_is_rarely_meant_is_warned_about() -> None:
    found = warnings(parse_policy("risk.auto_reject = true\nacceptable_use.terms = []"))

    assert [text.split()[0] for text in found] == [
        "risk.auto_reject", "cart.url", "acceptable_use.terms", "messages.department_id",
    ]  # fmt: skip
    assert warnings(parse_policy("cart.url = 'https://shop.example/cart.php'\nmessages.department_id = 2")) == ()


def test_a_template_is_filled_and_what_is_unknown_stays_empty() -> None:
    assert render("{fee} for {work}{cart_url}", {"fee": "7.00 USD", "work": "{fee}"}) == "7.00 USD for {fee}"


@pytest.mark.parametrize(
    ("placeholder", "says"),
    [
        ("{fee:>10}", "write {fee} instead of {fee:>10}: a placeholder has no format"),
        ("{fee!r}", "write {fee} instead of {fee!r}: a placeholder has no format"),
        ("{fee:{work}}", "write {fee} instead of {fee:{work}}: a placeholder has no format"),
        ("{fee:" + "9" * 900 + "}", "write {fee} instead of {fee:999"),
        ("{fee.__class__}", "unknown placeholder {fee.__class__}; known are cart_url, expires_on, "),
        ("{fee[0]}", "unknown placeholder {fee[0]}; known are"),
        ("{note}", "unknown placeholder {note}; known are"),
        ("{}", "unknown placeholder {}; known are"),
        ("{" + "x" * 900 + "}", "}; known are cart_url"),
        ("{fee", "braces do not match"),
    ],
)
@pytest.mark.parametrize("key", ["fee.custom_line", "messages.fee_hold.subject", "messages.fee_hold.body"])
def test_a_placeholder_is_a_known_name_and_nothing_else(key: str, placeholder: str, says: str) -> None:
    ((path, message),) = errors_of(f"{key} = '{placeholder}'")
    assert path == key
    assert says in message
    assert "note" not in message.partition("known are")[2]


def test_damage_limits_change_only_what_they_name_and_zero_is_none() -> None:
    assert (Policy().limits.hour.fees, Policy().limits.day.fees) == (30, 150)
    limits = parse_policy("[limits.day]\nfees = 0\nheld_share = 100").limits
    assert (limits.day.fees, limits.day.held_share, limits.day.rejects) == (0, 100, 40)
    assert limits.hour == Policy().limits.hour


@pytest.mark.parametrize(
    "document",
    ["limits.hour.fees = -1", "limits.day.held_share = 101", "limits.hour.held_min_orders = 0", "limits.week.fees = 1"],
)
def test_damage_limits_have_ranges(document: str) -> None:
    assert errors_of(document)
