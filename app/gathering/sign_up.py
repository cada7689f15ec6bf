"""When a customer signed up: the day, which every panel tells, or the minute, where it matters and our role may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.judgement.first_orders import FirstOrders
from app.core.judgement.rulebook import rulebook
from app.core.money import Money
from app.core.policy.document import Policy
from app.core.statuses import PanelOrderStatus
from app.customers.first_orders import has_paid_past
from app.errors import Problem
from app.installation.zones import panel_zone
from app.panels.base import PanelReader, PanelUnavailable
from app.panels.records import PanelCustomer, PanelOrder
from app.policies import versions
from app.tables.customers import customers

_DAY: Final = timedelta(days=1)
_KNOWN: Final = sa.select(customers.c.signed_up_at, customers.c.signed_up_exact).where(
    customers.c.customer_id == sa.bindparam("customer")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUp:
    """A sign-up. `at`: the moment if `exact`, else the start of its day in the panel's zone."""

    day: date
    at: datetime
    exact: bool = False

    @classmethod
    def on(cls, day: date, zone: tzinfo) -> SignUp:
        """Return a sign-up of which only the day is known."""
        return cls(day=day, at=datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC))

    @property
    def stored(self) -> datetime:
        """Return it as `customers.signed_up_at` holds it: a moment, or a day as midnight in UTC."""
        return self.at if self.exact else datetime.combine(self.day, time.min, tzinfo=UTC)


async def signed_up(
    context: Context, panel: PanelReader, order: PanelOrder, customer: PanelCustomer, *, now: datetime, urgent: bool
) -> SignUp | None:
    """Return when a customer signed up, which never changes: the panel is asked for the day once.

    For the minute it is asked only where that can matter (`_minutes_matter`) and our role may ask. Raises
    PanelUnavailable if the day can't be read.
    """
    async with context.db.read() as connection:
        known = (await connection.execute(_KNOWN, {"customer": customer.customer_id})).first()
        zone = await panel_zone(connection, context.settings)
    if known is not None and known.signed_up_at is not None and known.signed_up_exact:
        return SignUp(day=known.signed_up_at.astimezone(zone).date(), at=known.signed_up_at, exact=True)
    if known is not None and known.signed_up_at is not None:
        day: date | None = known.signed_up_at.date()
    else:
        day = await panel.signed_up_on(customer.customer_id, customer.email, urgent=urgent)
    if day is None:
        return None
    found = SignUp.on(day, zone)
    if context.users_barred or not await _minutes_matter(context, order, customer, found):
        return found
    reading = partial(panel.signed_up_at, customer.customer_id, customer.email, urgent=urgent)
    try:
        exact: datetime | None = await context.users.get(customer.customer_id, reading, now=now)
    except PanelUnavailable as error:
        if error.alarm:
            context.users_barred.put()
        return found  # the day is known: no judgement waits for the minute
    # a login may be older than the account that it owns
    return SignUp(day=day, at=exact, exact=True) if exact and exact.astimezone(zone).date() == day else found


async def _minutes_matter(context: Context, order: PanelOrder, customer: PanelCustomer, found: SignUp) -> bool:
    if order.status != PanelOrderStatus.PENDING or order.is_renewal or order.placed_at is None:
        return False
    if customer.stats.paid_invoices is None or has_paid_past(customer.stats.paid_invoices):
        return False
    async with context.db.read() as connection:
        policy = await _policy(connection)
        large = await context.large_orders.get(connection)
    return policy is not None and minutes_matter(order, found, policy, large)


async def _policy(connection: AsyncConnection) -> Policy | None:
    try:
        return (await versions.active(connection)).policy
    except Problem:
        return None  # nothing is decided then


def minutes_matter(order: PanelOrder, found: SignUp, policy: Policy, large: Mapping[str, FirstOrders]) -> bool:
    """Return whether a new account's age to the minute can matter: the account is young and its order is large."""
    amount, rules = order.amount, rulebook(policy)
    if amount is None or order.placed_at is None or order.placed_at - found.at > rules.new_account + _DAY:
        return False
    rates, first = rules.rates.get(amount.currency), large.get(amount.currency)
    if rates is not None and amount >= Money(rates.large_order, amount.currency):
        return True
    enough = first is not None and first.orders >= rules.first_orders_at_least
    return first is not None and enough and first.rank(amount.amount_minor) >= rules.first_order_percent
