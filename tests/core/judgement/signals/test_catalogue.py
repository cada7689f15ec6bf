"""The catalogue names every signal, and every number of the policy that is a signal's points."""

from __future__ import annotations

from dataclasses import fields

from app.core.facts import CustomerFacts, Item, OrderFacts
from app.core.judgement.provenance import NAMES
from app.core.judgement.signals.base import FAMILIES, LIMITS, Family, ScoreKind
from app.core.judgement.signals.catalogue import CATALOGUE, markdown_table
from app.core.policy.document import Policy, parse_policy
from app.core.policy.sections.judging import FamilyCaps

BY_CODE = {entry.code: entry for entry in CATALOGUE}


def test_each_code_stands_there_once() -> None:
    assert len(BY_CODE) == len(CATALOGUE)


def test_every_number_of_points_belongs_to_a_signal() -> None:
    points = Policy().points
    for kind, table in ((ScoreKind.RISK, points.risk), (ScoreKind.SELF_SERVICE, points.self_service)):
        keys = {key for entry in CATALOGUE if entry.score is kind for key in entry.keys}
        assert keys == set(table.model_dump())


def test_every_risk_signal_is_of_one_family_and_all_but_the_lists_have_a_cap() -> None:
    risk = {entry.code for entry in CATALOGUE if entry.score is ScoreKind.RISK} - LIMITS
    assert set(FAMILIES) == risk
    assert set(FamilyCaps.model_fields) == {family.value for family in Family} - {Family.LISTS.value}


def test_points_are_those_of_the_policy_with_their_sign() -> None:
    policy = parse_policy("[points.risk]\nallow_listed = 12\n[points.self_service]\nrepeat_effortless = 3")

    assert BY_CODE["allow_listed"].points(policy) == {"allow_listed": -12}
    assert BY_CODE["repeat_effortless"].points(policy)["repeat_effortless"] == 3
    assert BY_CODE["manual_payment"].points(policy) == {"manual_payment": -10}
    assert BY_CODE["limit"].points(policy) == {}


def test_what_it_needs_are_facts() -> None:
    known = {f"{part}.{field.name}" for part, of in _PARTS.items() for field in fields(of)} | NAMES
    assert {need for entry in CATALOGUE for need in entry.needs} <= known


_PARTS = {"order": OrderFacts, "customer": CustomerFacts, "items": Item}


def test_lists_and_limits_are_never_muted() -> None:
    cannot = {entry.code for entry in CATALOGUE if entry.score is not ScoreKind.SELF_SERVICE} - {
        entry.code for entry in CATALOGUE if entry.can_be_muted
    }
    assert cannot == {"block_listed", "allow_listed", *LIMITS}


def test_the_table_has_a_line_for_each() -> None:
    lines = markdown_table().splitlines()[2:]
    assert [line.split("`")[1] for line in lines] == list(BY_CODE)
    assert "fraud_check_fail +70" in markdown_table()
