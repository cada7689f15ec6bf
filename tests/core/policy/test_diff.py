"""Differences between policies in words: a table that a provider can read, in which every change is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.policy.diff import differences
from app.core.policy.document import Policy, PolicyError, canonical, from_canonical, parse_policy
from app.core.policy.keys import field_at
from app.core.policy.sections.acting import NetList
from tests.cpu import within_cpu_seconds


@pytest.mark.parametrize(
    ("before", "after", "section", "sentence"),
    [
        ("", "points.risk.shared_phone = 20", "Points",
         "A shared phone number now adds 20 risk points instead of 75."),
        ("", "points.risk.allow_listed = 20", "Points",
         "Being on the allow list now takes 20 risk points away instead of 50."),
        ("", "points.self_service.price_override = 0", "Points",
         "A line with a price of its own now takes 0 points from the self-service score instead of 10."),
        ("", "labour.minutes.handling = 15", "Labour",
         "Entering what the cart sells now counts as 15 minutes of work instead of 20."),
        ("", "labour.topic_minutes.reboot = 5", "Labour",
         "A ticket about reboot now counts as 5 minutes instead of 10."),
        ("", "labour.tolerated_months = 2", "Labour",
         "The margin that work may use up is now 2.00 months instead of 1.00 months."),
        ("", "labour.margin_percent = 30", "Labour", "The margin on a price is now 30 % instead of 45 %."),
        ("", "risk.auto_reject = true", "Risk", "Rejecting orders without a person is now on; it was off."),
        ("", "currencies.EUR.handling_fee = '9'", "Currencies",
         "The handling fee in EUR is now 9.00 EUR instead of 7.00 EUR."),
        ("", "modes.accept = 'suggest'", "Modes",
         'Accepting approved orders is now "suggest" instead of "enforce".'),
        ("", "limits.hour.fees = 3", "Limits", "The number of fees within an hour is now 3 instead of 30."),
        ("", "hold.expires_days = 9", "Holds",
         "The time that customers have to respond to a fee is now 9 days instead of 7 days."),
        ("block.email_domains = ['a.example', 'b.example']", "block.email_domains = ['b.example', 'c.example']",
         "Block list", 'Mail domains on the block list: "c.example" was added; "a.example" was removed.'),
        ("", "block.customer_ids = [1, 2, 3, 4, 5, 6, 7]", "Block list",
         'Customers on the block list: "1", "2", "3", "4", "5" and 2 more were added.'),
        ("vetting.terms = ['a', 'b']", "vetting.terms = ['b', 'a']", "Vetting",
         "Terms that a person checks: the order or repetition of its entries changed."),
        ("", "messages.department_id = 4", "Messages",
         "The department for messages to customers is now 4 instead of nothing."),
        ("", "messages.fee_paid.send = true", "Messages", 'Sending the message "fee paid" is now on; it was off.'),
        ("", "messages.fee_waived.subject = 'Free'", "Messages",
         'The subject of the message "fee waived" is now "Free" instead of "{old}".'.replace(
             "{old}", Policy().messages.fee_waived.subject)),
        ("", "[messages.cancelled]\nbody = 'Your order {order_number} has been cancelled. Sorry.'", "Messages",
         'The text of the message "cancelled" was reworded: {new} instead of {old}.'.format(
             new='"…cancelled. Sorry."', old='"…cancelled. Any payment you made for it will be returned to …"')),
    ],
)  # fmt: skip
def test_a_change_in_words(before: str, after: str, section: str, sentence: str) -> None:
    (change,) = differences(parse_policy(before), parse_policy(after))
    assert (change.section, change.sentence) == (section, sentence)


def test_a_new_currency_is_one_change() -> None:
    row = "\n".join(f"{name} = '1'" for name in Policy().currencies["USD"].model_dump())
    (change,) = differences(Policy(), parse_policy(f"[currencies.CHF]\n{row}"))
    assert change.path == "currencies.CHF"
    assert change.sentence.startswith("The amounts in CHF were added: staff_cost_per_hour 1.00, ")
    (gone,) = differences(parse_policy(f"[currencies.CHF]\n{row}"), Policy())
    assert gone.sentence == "The amounts in CHF were removed."


def leaves(table: dict[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= leaves(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: value}
    return found


DEFAULTS = leaves(json.loads(canonical(Policy())))


RULE = "[[vetting.rules]]\nname = 'a'\nterms = ['x', 'Y']\nweight = 1\nquestion = '{question}'\n"
ROW = "{{unit = 'visitors_day', at_most = {most}, weight = 1, question = 'q', groups = [{groups}]}}"


def told(before: str, after: str) -> str:
    (change,) = differences(parse_policy(before), parse_policy(after))
    return change.sentence


def test_a_change_within_a_row_is_told_by_what_changed() -> None:
    """Not as one row removed and one added that start with the same words."""
    long = "Which of these do you mean to host here, and for whom? " * 3
    before = RULE.format(question=long)
    assert told(before, before.replace("weight = 1", "weight = 2")) == (
        'Rules about what is hosted: in "a" weight is 2 instead of 1.'
    )
    assert told(before, before.replace("'Y'", "'Z'")) == (
        'Rules about what is hosted: in "a" the terms: "Z" was added; "Y" was removed.'
    )
    assert told(before, before.replace("whom? '", "whom? Say'")) == (
        'Rules about what is hosted: in "a" the question is now "…nd for whom? Say" instead of "…nd for whom?".'
    )
    second = RULE.format(question="q").replace("'a'", "'b'")
    assert '"b" was added: name b, terms x and Y, weight 1' in told(before, before + second)
    assert told(before + second, second) == 'Rules about what is hosted: "a" was removed.'
    assert told(before + second, second + before) == "Rules about what is hosted: the order of the rows changed."


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("vetting.resources = [" + ROW.format(most=1, groups="7") + "]",
         "vetting.resources = [" + ROW.format(most=2, groups="7") + "]",
         'What plans can carry: in "visitors_day for 7" at most is 2 instead of 1.'),
        ("accept.rules = [{groups = [1]}, {groups = [1]}]",
         "accept.rules = [{groups = [1]}, {groups = [1], autosetup = false}]",
         'Acceptance rules by product group: in "1, no. 2" autosetup is false instead of true.'),
        ("labour.group_margins = [{groups = [1, 'VPS'], percent = 3}]",
         "labour.group_margins = [{groups = [1, 'VPS'], percent = 4}]",
         'Margins of product groups: in "1 and VPS" percent is 4 instead of 3.'),
        ("exempt.product_groups = [1]", "exempt.product_groups = ['1']",
         'Exempt product groups: "1 (a name)" was added; "1" was removed.'),
        ("", "points.self_service.repeat_effortless_at_most = 9",
         "All earlier orders that needed no staff time together, at most, now give 9 points back instead of 15."),
        ("ask.signed = 'a b'", "ask.signed = 'a  b'",
         "The signature under questions was reworded: only spaces or line breaks differ."),
        ("", "texts.prices.terms.less = 'We may charge less.'",
         'The text "prices terms less" for customers is now "We may charge less." instead of "{old}".'.replace(
             "{old}", Policy().texts.prices.terms.less)),
        ("", "labour.catalogue_gap_paid_by = 'provider'",
         'Who pays for work that the cart could not have sold is now "provider" instead of "customer".'),
    ],
)  # fmt: skip
def test_what_could_be_told_wrongly(before: str, after: str, sentence: str) -> None:
    assert told(before, after) == sentence


def test_the_longest_lists_are_compared_at_once() -> None:
    one = Policy().model_copy(update={"block": NetList(customer_ids=tuple(range(1, 20_001)))})
    two = Policy().model_copy(update={"block": NetList(customer_ids=tuple(range(2, 20_002)))})
    with within_cpu_seconds(3):
        (change,) = differences(one, two)
    assert change.sentence == 'Customers on the block list: "20001" was added; "1" was removed.'


def candidates(path: str, value: Any) -> list[Any]:
    """Return other values of a key, at least one of which the model accepts."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, list):
        more = [{"groups": [1], "percent": 3}, {"groups": [1]}, 7, "192.0.2.1", "renewal"]
        return [[*value, one] for one in more] + ([value[1:]] if value else [])
    if value is None:
        return [4]
    if path.startswith("currencies."):
        return [f"{float(value) + step:.2f}" for step in (1, -1)]
    words = ["shadow", "enforce", "provider", "auto", "release_only", "mail", "2.00", "https://x.example/{product_id}"]
    return [word for word in words if word != value]


def changed_in(path: str, base: dict[str, Any]) -> Policy:
    """Return the base policy with another value of one key."""
    *tables, key = path.split(".")
    for one in candidates(path, DEFAULTS[path]):
        document = json.loads(json.dumps(base))
        place = document
        for table in tables:
            place = place.setdefault(table, {})
        place[key] = one
        try:
            changed = from_canonical(json.dumps(document))
        except PolicyError:
            continue
        if changed != from_canonical(json.dumps(base)):
            return changed
    raise AssertionError(f"no other value fits {path}")


def test_each_key_is_told_in_words_of_its_own() -> None:
    """A change of any key of the default policy gives one sentence, never that of another key."""
    unheld = {"modes": {"fees": "shadow", "reject": "shadow"}}  # otherwise no weaker hold is valid
    told_by: dict[str, str] = {}
    for path in DEFAULTS:
        base: dict[str, Any] = unheld if path == "modes.hold" else {}
        (change,) = differences(from_canonical(json.dumps(base)), changed_in(path, base))
        assert change.path == path
        field = field_at(Policy, path.split("."))
        assert field is not None
        assert field.title or path.startswith("texts."), f"{path} has no title"
        assert change.sentence.endswith(".")
        assert told_by.setdefault(change.sentence, path) == path


def other(value: Any) -> Any:
    """Return another value of the same type that the model may accept."""
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
