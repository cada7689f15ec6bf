"""Whether an order is of a new account without a paid past, from what was read. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.core.facts import OrderKind, PlacedBy
from app.core.judgement.rulebook import rulebook
from app.core.judgement.together import Sighting, is_without_past, may_count
from app.core.policy.document import Policy
from app.customers.newcomers import Traits, traits_of
from app.gathering.facts import is_allowed, order_kind
from app.gathering.panel import Gathered
from app.gathering.payments import payment_state

#: Accounts are kept in mind as new for at least this long, so that a policy may call more of them new later.
KEPT_AS_NEW: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """An order of a new account, and what the account may share with others."""

    sighting: Sighting
    traits: Traits


def newcomer_of(gathered: Gathered, policy: Policy, *, placed_by: PlacedBy, orders_last_day: int) -> Newcomer | None:
    """Return the order as one of a new account without a paid past; None if it is not, or if that is not known.

    None, too, for accounts that the provider allows, and for those that resellers make.
    """
    order, customer = gathered.order, gathered.customer
    if order is None or customer is None or gathered.signed_up is None or not may_count(placed_by):
        return None
    placed_at = order.placed_at or gathered.read_at
    signed_up_at = gathered.signed_up.at
    if not is_young(signed_up_at, placed_at, policy) or order_kind(order) is OrderKind.RENEWAL:
        return None
    if customer.group_id in rulebook(policy).resellers or is_allowed(gathered, policy, placed_by):
        return None
    payment = payment_state(order, gathered.invoice)
    paid = customer.stats.paid_invoices
    if not is_without_past(paid_invoices=paid, payment=payment, orders_last_day=orders_last_day):
        return None
    theirs = placed_by in {PlacedBy.CUSTOMER, PlacedBy.UNKNOWN}
    traits = traits_of(customer, order.ip if theirs else None, gathered.pay_methods, policy)
    sighting = Sighting(
        order_id=order.order_id,
        customer_id=customer.customer_id,
        placed_at=placed_at,
        signed_up_at=signed_up_at,
        firm=traits.firm,
    )
    return Newcomer(sighting=sighting, traits=traits)


def is_young(signed_up_at: datetime, placed_at: datetime, policy: Policy) -> bool:
    """Return whether an account is kept in mind as new when it orders."""
    return placed_at - signed_up_at <= max(KEPT_AS_NEW, rulebook(policy).new_account)
