"""Cases of orders that are decided live: stored with the decision, never replaced by what is imported."""

from __future__ import annotations

from app.core.facts import Facts
from app.core.history import terms_digest
from app.db import insert_into
from app.services.facts_codec import pack
from app.services.orders import CLOCK, PANEL, POLICY, OrderFile
from app.tables.history import CaseSource, Label, cases

#: Who decides in `decisions.by` without being a person.
NO_PERSONS = (POLICY, CLOCK, PANEL)


async def record_case(file: OrderFile, facts: Facts) -> None:
    """Keep the facts of the policy's latest judgement, in its transaction; what became of the order stays."""
    judged = {
        "customer_id": file.customer_id,
        "source": CaseSource.LIVE.value,
        "placed_at": facts.order.placed_at,
        "judged_at": file.now,
        "facts": pack(facts),
        "terms_digest": terms_digest(file.policy.policy),
    }
    row = insert_into(file.tx, cases).values(order_id=file.order_id, label=Label.OPEN.value, **judged)
    await file.tx.execute(row.on_conflict_do_update(index_elements=[cases.c.order_id], set_=judged))


async def record_review(file: OrderFile, outcome: str, *, by: str) -> None:
    """Keep what a person decided about the order, where there is a case of it."""
    if by not in NO_PERSONS:
        await file.tx.execute(cases.update().where(cases.c.order_id == file.order_id).values(reviewed=outcome))
