# ruff: noqa: T201
"""How fast orders are judged by one core, from facts that are in memory: ``make bench``.

Verdicts are what a backtest counts, without a sentence; decisions are what an order gets, with every sentence and its
evidence. Both go by the same rules. The orders are mostly plain ones from the cart (`mix`).
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from mix import NOW, mixed

from app.core.facts import Facts
from app.core.judgement.decide import decide
from app.core.judgement.quick import QuickJudge
from app.core.policy.document import Policy

WANTED_RATE = 24_000  # verdicts a second and core, at least


class Result(NamedTuple):
    """Medians over all rounds, each a second and core."""

    verdicts: float
    decisions: float

    @property
    def is_good(self) -> bool:
        """True if the target is met."""
        return self.verdicts >= WANTED_RATE


def measure(*, rounds: int, orders: int) -> Result:
    """Judge the same orders in both ways, in turn; the first round of each only warms up."""
    policy, facts = Policy(), mixed(orders)
    judge = QuickJudge(policy)
    outcomes = Counter(judge.verdict(one, now=NOW).outcome.value for one in facts)
    print("orders   " + ", ".join(f"{count / orders:.1%} {outcome}" for outcome, count in outcomes.most_common()))
    ways: dict[str, Callable[[Facts], object]] = {
        "verdicts": lambda one: judge.verdict(one, now=NOW),
        "decisions": lambda one: decide(one, policy, now=NOW),
    }
    seen: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    gc.freeze()  # the facts are not what is measured
    for number in range(rounds + 1):
        for name, judged in ways.items():
            rate = _rate(judged, facts)
            print(f"{'warm-up' if number == 0 else f'round {number}':8} {name:9} {rate:8.0f}/s", flush=True)
            if number:
                seen[name].append(rate)
    return Result(*(statistics.median(rates) for rates in seen.values()))


def _rate(judged: Callable[[Facts], object], facts: list[Facts]) -> float:
    started = time.process_time()
    for one in facts:
        judged(one)
    return len(facts) / (time.process_time() - started)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--orders", type=int, default=20_000, help="in each round")
    parser.add_argument("--check", action="store_true", help="exit with 1 when the target is missed")
    options, _ = parser.parse_known_args()  # `make bench ARGS=…` passes options to all benches
    result = measure(rounds=options.rounds, orders=options.orders)
    print(f"\nverdicts   {result.verdicts:8.0f} a second and core (wanted: at least {WANTED_RATE})")
    print(f"decisions  {result.decisions:8.0f} a second and core, with every sentence")
    print(f"a verdict is {result.verdicts / result.decisions:.1f} times as fast as a decision")
    return 1 if options.check and not result.is_good else 0


if __name__ == "__main__":
    sys.exit(main())
