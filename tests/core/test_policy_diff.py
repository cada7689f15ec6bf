"""Differences between policies in words: a table that a provider can read, and no change that is not named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.policy import Policy, canonical, from_canonical, parse_policy
from app.core.policy_diff import differences


@pytest.mark.parametrize(
    ("before", "after", "section", "sentence"),
    [
        ("", "points.risk.shared_phone = 20", "Points",
         "A shared phone number now adds 20 risk points instead of 30."),
        ("", "points.risk.allow_listed = 20", "Points",
         "Standing on the allow list now takes 20 risk points away instead of 50."),
        ("", "points.self_service.price_override = 0", "Points",
         "A line with a price of its own now takes 0 points from the self-service score instead of 10."),
        ("", "labour.minutes.handling = 15", "Labour",
         "Entering what the cart sells now counts as 15 minutes of work instead of 20."),
        ("", "labour.topic_minutes.reboot = 5", "Labour",
         "A ticket about reboot now counts as 5 minutes instead of 10."),
        ("", "labour.tolerated_months = 2", "Labour",
         "What work may eat of an order's margin is now 2.00 months instead of 1.00 months."),
        ("", "labour.margin_percent = 30", "Labour", "The margin of a price is now 30 % instead of 45 %."),
        ("", "risk.auto_reject = true", "Risk", "Turning orders away without a person is now on; it was off."),
        ("", "currencies.EUR.handling_fee = '9'", "Money",
         "The handling fee in EUR is now 9.00 EUR instead of 7.00 EUR."),
        ("", "modes.accept = 'suggest'", "What is done",
         'Accepting approved orders is now "suggest" instead of "enforce".'),
        ("", "limits.hour.fees = 3", "Limits", "The number of fees within an hour is now 3 instead of 30."),
        ("", "hold.expires_days = 9", "Holds",
         "The time that customers have to answer a fee is now 9 days instead of 7 days."),
        ("block.email_domains = ['a.example', 'b.example']", "block.email_domains = ['b.example', 'c.example']",
         "Block list", 'Email domains (block.email_domains): "c.example" was added; "a.example" was removed.'),
        ("", "block.customer_ids = [1, 2, 3, 4, 5, 6, 7]", "Block list",
         'Customer ids (block.customer_ids): "1", "2", "3", "4", "5" and 2 more were added.'),
        ("vetting.terms = ['a', 'b']", "vetting.terms = ['b', 'a']", "Vetting",
         "Terms that a person looks at: the same entries in another order, or another number of times."),
        ("", "messages.department_id = 4", "Messages",
         "The department of messages to customers is now 4 instead of nothing."),
        ("", "messages.fee_paid.send = true", "Messages", 'Sending the message "fee paid" is now on; it was off.'),
        ("", "messages.fee_waived.subject = 'Free'", "Messages",
         'The subject of the message "fee waived" is now "Free" instead of "{old}".'.replace(
             "{old}", Policy().messages.fee_waived.subject)),
        ("", "[messages.cancelled]\nbody = 'Your order {order_number} is cancelled. Sorry.'", "Messages",
         'The text of the message "cancelled" reads differently: {new} instead of {old}.'.format(
             new='"…cancelled. Sorry."', old='"…cancelled. What you may have paid for it is returned."')),
    ],
)  # fmt: skip
def test_a_change_in_words(before: str, after: str, section: str, sentence: str) -> None:
    (change,) = differences(parse_policy(before), parse_policy(after))
    assert (change.section, change.sentence) == (section, sentence)


def test_a_new_currency_is_one_change() -> None:
    row = "\n".join(f"{name} = '1'" for name in Policy().currencies["USD"].model_dump())
    (change,) = differences(Policy(), parse_policy(f"[currencies.CHF]\n{row}"))
    assert change.path == "currencies.CHF"
    assert change.sentence.startswith("The amounts in CHF are new: staff_cost_per_hour 1.00, ")
    (gone,) = differences(parse_policy(f"[currencies.CHF]\n{row}"), Policy())
    assert gone.sentence == "The amounts in CHF are gone."


def leaves(table: dict[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= leaves(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: value}
    return found


DEFAULTS = leaves(json.loads(canonical(Policy())))


def other(value: Any) -> Any:
    """Another value of the same kind, where the model takes it."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return max(0, value - 1)
    if isinstance(value, list):
        return value[1:] if value else None
    return None


@settings(deadline=None, max_examples=80)
@given(st.sets(st.sampled_from(sorted(name for name in DEFAULTS if other(DEFAULTS[name]) is not None)), max_size=8))
def test_every_changed_leaf_is_named_and_nothing_else(names: set[str]) -> None:
    document: dict[str, Any] = {}
    for name in names:
        *tables, key = name.split(".")
        place = document
        for table in tables:
            place = place.setdefault(table, {})
        place[key] = other(DEFAULTS[name])
    try:
        changed = from_canonical(json.dumps(document))
    except ValueError:
        return
    found = differences(Policy(), changed)
    wanted = {name for name in names if leaves(json.loads(canonical(changed)))[name] != DEFAULTS[name]}
    assert {change.path for change in found} == wanted
    assert all(change.sentence.endswith(".") and change.section for change in found)
    assert differences(changed, changed) == ()
