"""Texts about what is hosted, with their truth, and how one of them is judged as an order of its plan."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.core.judgement.decide import Judgement, Outcome, decide
from app.core.judgement.written import Written, read
from app.core.policy.document import Policy
from app.core.reading.hosted import DOMAIN
from app.gathering.facts import domain_terms, findings_in
from tests.core.judging import NOW, an_item, an_order, some_facts

FOLDER: Final = Path(__file__).parents[1] / "data" / "hosted"
#: What an honest text was written as; every other `truth` is abuse or does not fit the plan.
INNOCENT: Final = frozenset(
    {"trade", "training", "denial", "researcher", "agency", "name", "plan", "plain"}
)  # fmt: skip
_TYPES: Final = {"shared": "hostingaccount", "vps": "server", "dedicated": "server"}


@dataclass(frozen=True, kw_only=True)
class Told:
    """One customer's words and domain name; `plan` is shared, vps or dedicated."""

    lang: str
    plan: str
    truth: str
    text: str = ""
    domain: str = ""

    @property
    def is_innocent(self) -> bool:
        """True if nobody should hold this order."""
        return self.truth in INNOCENT


def told(name: str) -> list[Told]:
    """Return the texts of one file."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [Told(**json.loads(line)) for line in lines]


def judged(one: Told, policy: Policy | None = None) -> Judgement:
    """Judge an order with these words that has nothing else to say."""
    policy = policy or Policy()
    texts = [Written(where=where, text=text) for where, text in (("notes", one.text), (DOMAIN, one.domain)) if text]
    reading = read(texts, on=NOW.date())
    item = an_item(product_type=_TYPES[one.plan], domain_terms=domain_terms(one.domain, policy))
    order = replace(an_order(items=(item,)), expected=reading.expected, **findings_in(reading, policy))
    return decide(some_facts(order=order), policy, now=NOW)


def figures(name: str) -> Counter[str]:
    """Count found, missed, alarms (innocent but held) and passed."""
    counts: Counter[str] = Counter(found=0, missed=0, alarms=0, passed=0)
    for one in told(name):
        held = judged(one).outcome is Outcome.HOLD_FOR_REVIEW
        counts[("alarms" if held else "passed") if one.is_innocent else ("found" if held else "missed")] += 1
    return counts
