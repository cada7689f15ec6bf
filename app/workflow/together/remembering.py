"""Each order of a new account is remembered, and has the others of its group judged again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from app.core.consequences.timers import GROUP_GREW
from app.core.judgement.rulebook import rulebook
from app.core.judgement.signals.together import count_others
from app.core.rows.order import Order
from app.customers import groups, newcomers
from app.customers.newcomers import Seen
from app.gathering.facts import OwnKnowledge
from app.gathering.newcomers import Newcomer
from app.messaging import inbox
from app.orders.order import LockedOrder

#: More accounts that share one thing change no verdict, so that none is judged again: 300 of them cause no storm.
_CHANGES_VERDICTS: Final = 5
#: One account and this many others are a group, on which a person can act as a whole.
OTHERS_OF_A_GROUP: Final = 2


async def remember(locked: LockedOrder, order: Order, newcomer: Newcomer | None, own: OwnKnowledge | None) -> None:
    """Record an order of a new account; where that is news, have the others of its group judged again.

    `own` is what the order was judged by, None if it was not judged.
    """
    if newcomer is None:
        return
    tx, given, sighting = locked.tx, locked.given, newcomer.sighting
    if not await newcomers.remember(tx, sighting, newcomer.traits):
        return
    seen = await newcomers.others(tx, sighting, newcomer.traits)
    if not seen:
        return
    for name, order_id in _to_judge_again(seen):
        data = {"order_id": order_id}
        await inbox.add_internal(tx, type=GROUP_GREW, data=data, now=given.now, name=f"group:{order_id}:{name}")
    together = newcomers.group_of(sighting, seen, until=given.now)
    known = () if own is None else own.together
    if order.decision_id is not None and len(together) > len(known):  # recorded by others since it was judged
        data = {"order_id": order.order_id}
        await inbox.add_internal(
            tx, type=GROUP_GREW, data=data, now=given.now, name=f"group:{order.order_id}:own:{len(together)}"
        )
    regulars = await newcomers.regulars(tx, sighting, newcomer.traits)
    counted, links = count_others(together, regulars, rulebook(given.active.policy))
    if counted >= OTHERS_OF_A_GROUP:
        await groups.join(tx, {order.order_id, *(other.order_id for other, _ in links)}, now=given.now)


def _to_judge_again(seen: Iterable[Seen]) -> Iterable[tuple[str, int]]:
    """Yield what orders are judged again for, and which: each once for each number of accounts that share a thing."""
    by_trait: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for one in seen:
        by_trait[one.kind, one.hash].append(one)
    for (kind, value), sharing in sorted(by_trait.items()):
        accounts = len({one.sighting.customer_id for one in sharing})
        if accounts <= _CHANGES_VERDICTS:
            for order_id in sorted({one.sighting.order_id for one in sharing}):
                yield f"{kind}:{value[:16]}:{accounts}", order_id
