"""Decisions: append-only; a later one supersedes. A row is written only when outcome, reasons, fee or policy differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from app.billing.limits import LimitVerdict
from app.core.facts import Facts
from app.core.judgement.decide import ENGINE_VERSION, Judgement, Outcome, Reason
from app.core.judgement.reasons import WITHOUT_VERDICT
from app.core.judgement.signals.base import LIMITS
from app.core.judgement.stored import dump_facts, dump_judgement, load_judgement
from app.core.policy.terms import terms_digest
from app.core.records import CLOCK, PANEL, POLICY, Mode
from app.core.rows.belongings import Decision
from app.core.rows.typed import columns, read
from app.db import insert_into
from app.orders.facts_codec import pack
from app.orders.order import OrderDraft
from app.tables.customers import signal_firings
from app.tables.history import CaseSource, Label, cases
from app.tables.orders import decisions
from app.tickets import questions


async def latest(draft: OrderDraft) -> Decision | None:
    """Return the decision in force, or None."""
    decision_id = draft.order.decision_id
    if decision_id is None:
        return None
    query = sa.select(*(decisions.c[name] for name in columns(Decision))).where(decisions.c.id == decision_id)
    row = (await draft.tx.execute(query)).first()
    return None if row is None else read(Decision, row)


async def latest_judged(draft: OrderDraft) -> Judgement | None:
    """Return the policy's newest judgement, even if somebody decided after it."""
    stored = (
        await draft.tx.execute(
            sa.select(decisions.c.judgement)
            .where(decisions.c.order_id == draft.order_id, decisions.c.by == POLICY)
            .order_by(decisions.c.id.desc())
            .limit(1)
        )
    ).scalar_one_or_none()
    return None if stored is None else load_judgement(stored)


def differs(row: Decision | None, judgement: Judgement, verdict: LimitVerdict, policy_version: int) -> bool:
    """True if a judgement, or what is done about it, differs from the decision in force."""
    if row is None or row.policy_version != policy_version or row.outcome != verdict.outcome.value:
        return True
    if row.reasons != _reasons(verdict.reasons):
        return True
    fee = judgement.fee
    stored = (row.judgement or {}).get("fee")
    return stored != (None if fee is None else {"amount_minor": fee.amount_minor, "currency": fee.currency})


async def record_judgement(
    draft: OrderDraft, facts: Facts, judgement: Judgement, verdict: LimitVerdict, *,
    intended: list[dict[str, Any]], candidate: dict[str, Any] | None = None,
) -> int:  # fmt: skip
    """Store what the policy decided, with everything that it saw.

    Outcome and reasons are those acted on; the judgement is stored unchanged, so that it can be replayed.
    """
    decision_id = await _insert(
        draft,
        outcome=verdict.outcome,
        reasons=verdict.reasons,
        by=POLICY,
        acted=not verdict.left,
        judgement=dump_judgement(judgement),
        facts=dump_facts(facts),
        intended_calls=intended,
        candidate=candidate,
        engine_version=judgement.engine_version,
    )
    await _count_firings(draft, judgement)
    await record_case(draft, facts)
    return decision_id


async def record_person(
    draft: OrderDraft, outcome: Outcome, reason: Reason, *,
    by: str, note: str | None = None, kept_back: Reason | None = None,
) -> int:  # fmt: skip
    """Store what a person, or the clock, decided; it supersedes the policy.

    `kept_back`: why the policy's modes do not allow to carry it out.
    """
    await record_review(draft, outcome.value, reason.code, by=by)
    await questions.close(draft, outcome, reason)
    return await _insert(
        draft,
        outcome=outcome,
        reasons=(reason,) if kept_back is None else (reason, kept_back),
        by=by,
        acted=kept_back is None,
        judgement=None,
        facts=None,
        intended_calls=[],
        engine_version=ENGINE_VERSION,
        note=note,
    )


async def _insert(
    draft: OrderDraft, *, outcome: Outcome, reasons: tuple[Reason, ...], by: str, acted: bool = True, **more: Any
) -> int:
    row = {
        "order_id": draft.order_id,
        "outcome": outcome.value,
        "reasons": _reasons(reasons),
        "by": by,
        "mode": (Mode.ENFORCE if draft.acts and acted else Mode.SHADOW).value,
        "policy_version": draft.policy.version,
        "supersedes": draft.order.decision_id,
        "at": draft.now,
        **more,
    }
    decision_id = int((await draft.tx.execute(decisions.insert().values(row).returning(decisions.c.id))).scalar_one())
    draft.change(decision_id=decision_id, outcome=outcome.value)
    codes = ", ".join(reason.code for reason in reasons)
    draft.say(f"{outcome.value}: {codes}", by=by)
    return decision_id


def _reasons(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    return [{"code": reason.code, "text": reason.text} for reason in reasons]


async def _count_firings(draft: OrderDraft, judgement: Judgement) -> None:
    """Record the risk signals that fired on this order, so that those that fire on too many orders can be muted."""
    await draft.tx.execute(signal_firings.delete().where(signal_firings.c.order_id == draft.order_id))
    codes = sorted({signal.code for signal in judgement.signals if signal.score.value == "risk"} - LIMITS)
    placed_at = draft.order.placed_at or draft.now
    if codes:
        await draft.tx.execute(
            signal_firings.insert(),
            [{"code": code, "order_id": draft.order_id, "placed_at": placed_at} for code in codes],
        )


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
