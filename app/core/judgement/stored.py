"""Facts and judgements as the JSON values that a decision is stored with."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from app.core.facts import Facts
from app.core.judgement.decide import Judgement

_FACTS = TypeAdapter(Facts)
_JUDGEMENT = TypeAdapter(Judgement)


def dump_facts(facts: Facts) -> Any:
    """Return facts as JSON values."""
    return _FACTS.dump_python(facts, mode="json")


def load_facts(stored: Any) -> Facts:
    """Return stored facts as they were judged."""
    return _FACTS.validate_python(stored)


def dump_judgement(judgement: Judgement) -> Any:
    """Return a judgement as JSON values."""
    return _JUDGEMENT.dump_python(judgement, mode="json")


def load_judgement(stored: Any) -> Judgement:
    """Return a stored judgement."""
    return _JUDGEMENT.validate_python(stored)
