"""The ordered outcome table of `app.core.judgement.outcome`, in business terms: `tests/data/decisions/*.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from app.core.judgement.decide import decide
from app.core.policy.document import parse_policy
from tests.core.judging import NOW, facts_from

FOLDER = Path(__file__).parents[2] / "data" / "decisions"
KEYS = {
    "name", "order", "customer", "no_customer", "items", "agreement", "muted", "missing", "policy",
    "outcome", "reasons", "fee", "gap", "not_known", "signals", "minutes",
}  # fmt: skip


def _cases() -> list[Any]:
    tables = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
    return [
        pytest.param(case, id=f"{table}: {case['name']}")
        for table, content in tables.items()
        for case in content["case"]
    ]


@pytest.mark.parametrize("case", _cases())
def test_decision(case: dict[str, Any]) -> None:
    assert set(case) <= KEYS, "a word in this case means nothing"
    judgement = decide(facts_from(case), parse_policy(case.get("policy", "")), now=NOW)

    assert judgement.outcome == case["outcome"]
    assert [reason.code for reason in judgement.reasons] == case["reasons"]
    assert (str(judgement.fee) if judgement.fee else None) == case.get("fee")
    assert judgement.catalogue_gap is case.get("gap", False)
    assert list(judgement.missing) == case.get("not_known", [])
    if "minutes" in case:
        assert judgement.labour.minutes == case["minutes"]
    if "signals" in case:
        assert {signal.code: signal.points for signal in judgement.signals} == case["signals"]


def test_the_tables_cover_enough() -> None:
    cases = _cases()
    names = [case.id for case in cases]
    assert len(cases) >= 60
    assert len(set(names)) == len(names)
