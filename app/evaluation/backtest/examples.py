"""Examples and replay of a backtest: some orders that change, in sentences, and stored decisions judged again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement import stored
from app.core.judgement.decide import ENGINE_VERSION, Judgement, Outcome, decide
from app.core.policy.document import Policy, PolicyError, parse_published
from app.core.records import POLICY
from app.db import Database
from app.evaluation.backtest.judging import Bench
from app.evaluation.backtest.parts import moment_of
from app.evaluation.backtest.records import Example, ExampleSignal, ExampleVerdict, Replay
from app.evaluation.backtest.report import Named
from app.shown import cut
from app.tables.orders import decisions
from app.tables.policies import policies

#: How many orders are shown.
EXAMPLES: Final = 20
#: About how many stored decisions are judged again: 1 in 1,000, and at least this many.
_REPLAYED: Final = 1_000
_PAGE: Final = 200
_SIGNALS: Final = 12
_LONGEST: Final = 200

Changed = Mapping[tuple[str, str], list[tuple[int, int]]]


def choose(changed: Changed) -> list[tuple[int, int]]:
    """Return the orders to show as (placed_at, order_id): the newest of each kind of change in turn."""
    order = [outcome.value for outcome in Outcome]
    kinds = sorted(changed, key=lambda change: (order.index(change[0]), order.index(change[1])))
    queues = [sorted(changed[kind], reverse=True) for kind in kinds]
    chosen = [queue[turn] for turn in range(EXAMPLES) for queue in queues if turn < len(queue)]
    return chosen[:EXAMPLES]


async def examples(bench: Bench, changed: Changed, *, given: Named, active: Named) -> tuple[Example, ...]:
    """Return some orders that change, with the verdicts of both policies."""
    chosen = choose(changed)
    facts = await bench.facts_of([order_id for _, order_id in chosen])
    found = []
    for placed_at, order_id in chosen:
        if order_id in facts:  # an import may have replaced it
            now, for_given, for_active = facts[order_id]
            after, before = decide(for_given, given.policy, now=now), decide(for_active, active.policy, now=now)
            found.append(
                Example(
                    order_id=order_id, placed_at=moment_of(placed_at), before=_verdict(before), after=_verdict(after)
                )
            )
    return tuple(found)


def _verdict(judgement: Judgement) -> ExampleVerdict:
    weighty = sorted(judgement.signals, key=lambda signal: (-abs(signal.points), signal.code))[:_SIGNALS]
    return ExampleVerdict(
        outcome=judgement.outcome.value,
        self_service=judgement.scores.self_service,
        risk=judgement.scores.risk,
        reasons=tuple(cut(reason.text, _LONGEST) for reason in judgement.reasons),
        signals=tuple(
            ExampleSignal(code=one.code, points=one.points, detail=cut(one.detail, _LONGEST)) for one in weighty
        ),
    )


async def replay(db: Database) -> Replay:
    """Judge an evenly spread sample of the stored live decisions again, and count those with another result."""
    judged = differences = other = 0
    known: dict[int, Policy | None] = {}
    async with db.read() as connection:
        highest = await connection.scalar(sa.select(sa.func.max(decisions.c.id))) or 0
    step = min(1_000, max(1, highest // _REPLAYED))
    sample = range(step, highest + 1, step)
    for start in range(0, len(sample), _PAGE):
        page = decisions.c.id.in_(sample[start : start + _PAGE])
        async with db.read() as connection:
            rows = (await connection.execute(sa.select(decisions).where(page, decisions.c.by == POLICY))).all()
            for version in {row.policy_version for row in rows} - set(known):
                known[version] = await _policy(connection, version)
        for row in rows:
            policy = known[row.policy_version]
            if policy is None or row.engine_version != ENGINE_VERSION:
                other += 1
                continue
            judged += 1
            again = decide(stored.load_facts(row.facts), policy, now=row.at)
            differences += again != stored.load_judgement(row.judgement)
    return Replay(decisions=judged, differences=differences, other_engine=other)


async def _policy(connection: AsyncConnection, version: int) -> Policy | None:
    """Return a published policy; None if this version of the program can't read its document."""
    document = await connection.scalar(sa.select(policies.c.document).where(policies.c.version == version))
    try:
        return None if document is None else parse_published(document)
    except PolicyError:
        return None
