"""Credits that staff grant: one row, one panel call, exactly one effect."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.billing import limits
from app.context import Context
from app.core.actions import AddCredit
from app.core.judgement.explanation.plain import plain
from app.core.money import BadAmount, Money
from app.core.policy.sections.modes import ActionMode
from app.core.records import Mode
from app.errors import Invalid, LooksDuplicate, NotFound, ShadowMode, WrongState
from app.messaging import outbox
from app.policies import versions
from app.tables.customers import CreditState, credits, customers

_SAME_WITHIN = timedelta(days=1)
_LONGEST_REASON = 500


async def grant(
    tx: AsyncConnection,
    context: Context,
    customer_id: int,
    *,
    amount: str,
    reason: str,
    force: bool,
    by: str,
    now: datetime,
) -> uuid.UUID:
    """Grant a credit in the customer's currency and return its id.

    Raises NotFound, Invalid, LooksDuplicate (same customer, amount and reason within a day, unless `force`),
    ShadowMode, and WrongState while the customer's currency is unknown or the policy's limit of credits is reached.
    """
    row = (
        await tx.execute(sa.select(customers).where(customers.c.customer_id == customer_id).with_for_update())
    ).first()
    if row is None:
        raise NotFound(f"customer {customer_id} is unknown")
    if row.merged_into is not None:
        raise WrongState(f"customer {customer_id} was merged into customer {row.merged_into}: grant it there")
    money = _amount(amount, row)
    reason = _reason(reason)
    if context.settings.mode is Mode.SHADOW:
        raise ShadowMode(f"in enforce mode, {money} would be credited to customer {customer_id}; nothing was done")
    mode = (await versions.active(tx)).policy.modes.credits
    if mode is not ActionMode.ENFORCE:
        raise ShadowMode(
            f"the policy has credits in {mode} (modes.credits): {money} would be credited; nothing was done"
        )
    if not force and await _same(tx, customer_id, money, reason, now):
        raise LooksDuplicate(
            f"{money} was already granted for the same reason within a day; set force to grant it again"
        )
    await limits.check_credits(tx, now=now)
    credit_id = uuid.uuid4()
    action = AddCredit(
        customer_id=customer_id, reference=f"doorman:credit:{credit_id}", description=reason, amount=money.to_text()
    )
    call_id = await outbox.enqueue(
        tx, action, key=f"credit:{credit_id}", cause=f"credit:{credit_id}", now=now, customer_id=customer_id
    )
    await tx.execute(
        credits.insert().values(
            id=credit_id,
            customer_id=customer_id,
            amount_minor=money.amount_minor,
            currency=money.currency,
            reason=reason,
            state=CreditState.PENDING,
            panel_call_id=call_id,
            by=by,
            created_at=now,
        )
    )
    return credit_id


def _amount(text: str, row: Any) -> Money:
    if not row.currency:
        raise WrongState("the customer's currency is not known yet")
    try:
        money = Money.from_text(text, row.currency)
    except BadAmount as error:
        raise Invalid("invalid amount", [{"path": "amount", "message": str(error)}]) from None
    if money.amount_minor <= 0:
        raise Invalid("invalid amount", [{"path": "amount", "message": "must be above zero"}])
    return money


def _reason(text: str) -> str:
    line = " ".join(plain(text).split())
    if not line or len(line) > _LONGEST_REASON:
        raise Invalid("invalid reason", [{"path": "reason", "message": f"must be 1 to {_LONGEST_REASON} characters"}])
    return line


async def _same(tx: AsyncConnection, customer_id: int, money: Money, reason: str, now: datetime) -> bool:
    query = sa.select(credits.c.id).where(
        credits.c.customer_id == customer_id,
        credits.c.amount_minor == money.amount_minor,
        credits.c.currency == money.currency,
        credits.c.reason == reason,
        credits.c.created_at > now - _SAME_WITHIN,
        credits.c.state != CreditState.DEAD,
    )
    return (await tx.execute(query.limit(1))).first() is not None
