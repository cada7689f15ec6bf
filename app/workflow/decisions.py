"""Decisions: append-only; a later one supersedes. With each of the policy's goes the case that backtests judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.consequences.draft import stored_reasons
from app.core.consequences.effects import Decide
from app.core.consequences.snapshot import Conditions
from app.core.facts import Facts
from app.core.judgement.decide import ENGINE_VERSION, Judgement
from app.core.judgement.reasons import WITHOUT_VERDICT
from app.core.judgement.rulebook import rulebook
from app.core.judgement.signals.base import LIMITS
from app.core.judgement.stored import dump_facts, dump_judgement, load_facts
from app.core.records import CLOCK, PANEL, POLICY
from app.core.rows.order import Order
from app.db import insert
from app.orders.facts_codec import pack
from app.tables.customers import signal_firings
from app.tables.history import CaseSource, Label, cases
from app.tables.orders import decisions

_DECIDED: Final = decisions.insert().returning(decisions.c.id)
_NOT_FIRED: Final = signal_firings.delete().where(signal_firings.c.order_id == sa.bindparam("of_order"))
#: The columns of a case that the policy's latest judgement writes.
_JUDGED: Final = ("customer_id", "source", "placed_at", "judged_at", "facts", "terms_digest")


async def record(
    tx: AsyncConnection,
    order: Order,
    decision: Decide,
    given: Conditions,
    *,
    supersedes: int | None,
    candidate: Mapping[str, Any] | None,
) -> int:
    """Store a decision and return its id; the policy's with everything that it saw."""
    judgement, facts = decision.judgement, decision.facts
    row = {
        "order_id": order.order_id,
        "outcome": decision.outcome.value,
        "reasons": stored_reasons(decision.reasons),
        "by": decision.by,
        "mode": decision.mode,
        "policy_version": given.active.version,
        "engine_version": ENGINE_VERSION if judgement is None else judgement.engine_version,
        "judgement": None if judgement is None else dump_judgement(judgement),
        "facts": None if facts is None else dump_facts(facts),
        "intended_calls": list(decision.intended),
        "candidate": candidate,
        "supersedes": supersedes,
        "note": decision.note,
        "at": given.now,
    }
    decision_id = int((await tx.execute(_DECIDED, row)).scalar_one())
    if judgement is not None and facts is not None:
        await _count_firings(tx, order, judgement, given, again=supersedes is not None)
        await _record_case(tx, order, facts, given)
    elif is_review(decision.by, [decision.reasons[0].code]):
        reviewed = cases.update().where(cases.c.order_id == order.order_id)
        await tx.execute(reviewed.values(reviewed=decision.outcome.value))
    return decision_id


_JUDGED_FACTS: Final = (
    sa.select(decisions.c.facts)
    .where(decisions.c.order_id == sa.bindparam("of_order"), decisions.c.facts.is_not(None))
    .order_by(decisions.c.id.desc())
    .limit(1)
)


async def judged_facts(tx: AsyncConnection, order_id: int) -> Facts | None:
    """Return the facts of the policy's newest decision about an order, or None."""
    stored = await tx.scalar(_JUDGED_FACTS, {"of_order": order_id})
    return None if stored is None else load_facts(stored)


async def _count_firings(
    tx: AsyncConnection, order: Order, judgement: Judgement, given: Conditions, *, again: bool
) -> None:
    """Record the risk signals that fired on this order, so that those that fire on too many orders can be muted."""
    if again:
        await tx.execute(_NOT_FIRED, {"of_order": order.order_id})
    codes = sorted({signal.code for signal in judgement.signals if signal.score.value == "risk"} - LIMITS)
    placed_at = order.placed_at or given.now
    if codes:
        rows = [{"code": code, "order_id": order.order_id, "placed_at": placed_at} for code in codes]
        await tx.execute(signal_firings.insert(), rows)


# --- the cases of orders that are judged ------------------------------------------------------------------------------

#: Values of `by` that are not people.
NO_PERSONS: Final = (POLICY, CLOCK, PANEL)
#: Prefix of everyone who acted in the panel: `panel:cron`, `panel:api`, `panel:customer`, and its staff.
_IN_PANEL: Final = f"{PANEL}:"
_STAFF: Final = f"{PANEL}:staff:"


def is_review(by: str, codes: Iterable[str]) -> bool:
    """True if a decision is a person's verdict on the order, by who decided and the codes of the reasons.

    Automation and customers give no verdict. A cancellation is none either: the order was withdrawn or a duplicate.
    """
    person = by not in NO_PERSONS and (by.startswith(_STAFF) or not by.startswith(_IN_PANEL))
    return person and WITHOUT_VERDICT.isdisjoint(codes)


async def _record_case(tx: AsyncConnection, order: Order, facts: Facts, given: Conditions) -> None:
    """Store the facts of the policy's latest judgement, in its transaction; the recorded outcome of the order stays."""
    judged = {
        "customer_id": order.customer_id,
        "source": CaseSource.LIVE.value,
        "placed_at": facts.order.placed_at,
        "judged_at": given.now,
        "facts": pack(facts),
        "terms_digest": rulebook(given.active.policy).terms_digest,
    }
    await tx.execute(_case(tx.dialect.name), {"order_id": order.order_id, "label": Label.OPEN.value, **judged})


@cache
def _case(dialect: str) -> Any:
    row = insert(dialect, cases)
    judged = {name: row.excluded[name] for name in _JUDGED}
    return row.on_conflict_do_update(index_elements=[cases.c.order_id], set_=judged)
