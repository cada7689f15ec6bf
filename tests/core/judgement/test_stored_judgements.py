"""Decisions are kept for years: judgements of older engines can still be read, word for word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.core.judgement.decide import ENGINE_VERSION, decide
from app.core.judgement.stored import dump_judgement, load_judgement
from app.core.policy.document import Policy
from tests.core.judging import NOW, a_request, an_order, some_facts

FOLDER = Path(__file__).parents[2] / "data" / "judgements"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_what_an_older_engine_judged_is_still_read(path: Path) -> None:
    stored = json.loads(path.read_text(encoding="utf-8"))

    kept = dump_judgement(load_judgement(stored))

    assert {name: value for name, value in kept.items() if name in stored} == stored
    assert stored["engine_version"] < ENGINE_VERSION


def test_a_judgement_of_today_comes_back_whole() -> None:
    judgement = decide(some_facts(order=an_order(requests=(a_request(),))), Policy(), now=NOW)

    assert load_judgement(json.loads(json.dumps(dump_judgement(judgement)))) == judgement
