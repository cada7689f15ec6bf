"""Cases of orders that are decided live: stored with the decision, never replaced by an import."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from app.core.facts import Facts
from app.core.policy.terms import terms_digest
from app.db import insert_into
from app.orders.facts_codec import pack
from app.orders.order import CANCELLED, CLOCK, PANEL, POLICY, OrderDraft
from app.tables.history import CaseSource, Label, cases

#: Values of `decisions.by` that are not people.
NO_PERSONS: Final = (POLICY, CLOCK, PANEL)
#: Prefix of everyone who acted in the panel: `panel:cron`, `panel:api`, `panel:customer`, and its staff.
_IN_PANEL: Final = f"{PANEL}:"
_STAFF: Final = f"{PANEL}:staff:"


def is_review(by: str, codes: Iterable[str]) -> bool:
    """True if a decision is a person's verdict on the order, by who decided and the codes of the reasons.

    Automation and customers give no verdict. A cancellation is none either: the order was withdrawn or a duplicate.
    """
    person = by not in NO_PERSONS and (by.startswith(_STAFF) or not by.startswith(_IN_PANEL))
    return person and CANCELLED.isdisjoint(codes)


async def record_case(draft: OrderDraft, facts: Facts) -> None:
    """Store the facts of the policy's latest judgement, in its transaction; the recorded outcome of the order stays."""
    judged = {
        "customer_id": draft.customer_id,
        "source": CaseSource.LIVE.value,
        "placed_at": facts.order.placed_at,
        "judged_at": draft.now,
        "facts": pack(facts),
        "terms_digest": terms_digest(draft.policy.policy),
    }
    row = insert_into(draft.tx, cases).values(order_id=draft.order_id, label=Label.OPEN.value, **judged)
    await draft.tx.execute(row.on_conflict_do_update(index_elements=[cases.c.order_id], set_=judged))


async def record_review(draft: OrderDraft, outcome: str, code: str, *, by: str) -> None:
    """Store what a person decided about the order, if it has a case."""
    if is_review(by, [code]):
        await draft.tx.execute(cases.update().where(cases.c.order_id == draft.order_id).values(reviewed=outcome))
