"""What our own tables know about an order and its customer, read in the deciding transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from app.context import Context
from app.core.facts import Facts, PlacedBy
from app.core.rows.belongings import Aggregates, Customer
from app.core.rows.order import Order
from app.core.states import FeeState
from app.customers import identities, links, newcomers
from app.customers.links import Links, links_of
from app.gathering.facts import OwnKnowledge, build_facts
from app.gathering.newcomers import Newcomer, newcomer_of
from app.gathering.panel import Gathered
from app.orders.order import LockedOrder
from app.tables.orders import fees, ticket_orders, tickets

_OVERDUE_FEES: Final = sa.select(sa.func.count()).where(
    fees.c.customer_id == sa.bindparam("customer"), fees.c.state == FeeState.UNPAID.value,
    fees.c.expires_at < sa.bindparam("at"),
)  # fmt: skip
_OUR_TICKETS: Final = sa.union(
    sa.select(tickets.c.ticket_id).where(tickets.c.customer_id == sa.bindparam("customer"), tickets.c.ours),
    sa.select(ticket_orders.c.ticket_id).where(
        ticket_orders.c.order_id == sa.bindparam("of_order"), ticket_orders.c.kind == "hold"
    ),
)


@dataclass(slots=True, kw_only=True)
class Knowledge:
    """What a look at an order knows of it: the panel's answers, and our own tables once facts are made of them.

    `customer` is the row of the customer before this look.
    """

    context: Context
    locked: LockedOrder
    gathered: Gathered
    shown: Order
    customer: Customer | None
    own: OwnKnowledge | None = None

    async def facts(self) -> Facts:
        """Read what our own tables know, and return the facts that are judged."""
        self.own = await _own(self.context, self.locked, self.shown, self.customer, self.links())
        newcomer = await self.newcomer()
        if newcomer is not None:
            self.own = await _with_group(self.locked, self.own, newcomer)
        return build_facts(self.gathered, self.own, self.locked.given.active.policy)

    async def newcomer(self) -> Newcomer | None:
        """Return the order as one of a new account without a paid past; None if it is not."""
        if self.shown.customer_id is None:
            return None
        velocity = (0, 0) if self.own is None else self.own.customer_velocity
        if self.own is None:
            velocity, _ = await identities.velocity(
                self.locked.tx, self.shown.order_id, customer_id=self.shown.customer_id, ip_hash=None,
                at=self.shown.placed_at or self.locked.given.now,
            )  # fmt: skip
        policy = self.locked.given.active.policy
        return newcomer_of(self.gathered, policy, placed_by=self.shown.placed_by, orders_last_day=velocity[1])

    def links(self) -> Links:
        """Return what the customer may share with others; an order entered by staff or API has no IP of theirs."""
        customer, order = self.gathered.customer, self.gathered.order
        if customer is None or order is None:
            return Links()
        theirs = self.shown.placed_by in {PlacedBy.CUSTOMER, PlacedBy.UNKNOWN}
        return links_of(customer, order.ip if theirs else None, self.gathered.pay_methods)


async def _own(
    context: Context, locked: LockedOrder, shown: Order, aggregates: Aggregates | None, known: Links
) -> OwnKnowledge:
    tx, given, customer_id = locked.tx, locked.given, shown.customer_id
    if customer_id is None:
        return OwnKnowledge(placed_by=shown.placed_by, agreement=shown.agreement)
    placed_at = shown.placed_at or given.now
    ip_hash = known.hashes.get("ip")
    customer_velocity, ip_velocity = await identities.velocity(
        tx, shown.order_id, customer_id=customer_id, ip_hash=ip_hash, at=placed_at
    )
    return OwnKnowledge(
        placed_by=shown.placed_by,
        staff_id=shown.staff_id,
        agreement=shown.agreement,
        aggregates=aggregates,
        counted=shown.counted,
        counted_manual=shown.counted_manual,
        counted_effortless=shown.effortless,
        neighbours=await links.neighbours(tx, customer_id, known, before=placed_at),
        customer_velocity=customer_velocity,
        ip_velocity=ip_velocity,
        our_unpaid_fees=await _overdue_fees(locked, customer_id),
        our_tickets=await _our_tickets(locked, customer_id),
        muted=await context.muted.get(tx, given.active.policy, now=given.now),
        first_orders=(await context.large_orders.get(tx)).get(shown.currency or ""),
        own_admin_id=context.own_admin_id,
    )  # fmt: skip


async def _with_group(locked: LockedOrder, own: OwnKnowledge, newcomer: Newcomer) -> OwnKnowledge:
    """Return what is known, with the new accounts that ordered together with this one until now."""
    sighting, traits = newcomer.sighting, newcomer.traits
    seen = await newcomers.others(locked.tx, sighting, traits)
    together = newcomers.group_of(sighting, seen, until=locked.given.now)
    if not together:
        return own
    return replace(own, together=together, regulars=await newcomers.regulars(locked.tx, sighting, traits))


async def _overdue_fees(locked: LockedOrder, customer_id: int) -> int:
    """Count our own fee invoices that are due, so that they don't count against the customer.

    They fall due when their hold expires, or a little later.
    """
    given = {"customer": customer_id, "at": locked.given.now}
    return int((await locked.tx.execute(_OVERDUE_FEES, given)).scalar_one())


async def _our_tickets(locked: LockedOrder, customer_id: int) -> frozenset[int]:
    given = {"customer": customer_id, "of_order": locked.order.order_id}
    return frozenset(row.ticket_id for row in await locked.tx.execute(_OUR_TICKETS, given))
