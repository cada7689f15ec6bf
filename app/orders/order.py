"""The row of one order inside one transaction: read it locked, change it, write its timeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import OrderKind, PaymentState, PlacedBy
from app.core.policy.document import ActivePolicy
from app.core.policy.sections.acting import AcceptMode
from app.core.records import Mode, TimelineCode
from app.core.rows.order import Order
from app.core.rows.typed import read
from app.core.states import (
    Flag,
    HoldKind,
    OrderState,
    Provisioning,
    Trigger,
    is_breached,
    next_state,
    release_state,
)
from app.core.statuses import PanelOrderStatus
from app.installation import alerts
from app.installation import facts as installation
from app.policies import versions
from app.tables.orders import orders, timeline


@dataclass(slots=True, kw_only=True)
class OrderDraft:
    """One order, locked in a transaction, with the changes to be saved.

    `acts` is False if decisions are only recorded: in shadow, and for orders placed before the cut-over.
    """

    tx: AsyncConnection
    now: datetime
    before: Order
    order: Order
    policy: ActivePolicy
    mode: Mode
    since_cut_over: bool
    entries: list[dict[str, Any]] = field(default_factory=list)

    @property
    def order_id(self) -> int:
        """The panel's order id."""
        return self.before.order_id

    @property
    def customer_id(self) -> int | None:
        """The panel's client id, once known."""
        return self.order.customer_id

    @property
    def state(self) -> OrderState:
        """Our own state of the order."""
        return self.order.state

    @property
    def acts(self) -> bool:
        """True if decisions about this order are carried out: not in shadow, nor for orders before the cut-over."""
        return self.mode is Mode.ENFORCE and (self.since_cut_over or self.order.touched_by_person)

    @property
    def paid(self) -> bool:
        """True if nothing is left to pay before it may run: paid, free, or postpaid by the policy."""
        return self.order.settled

    @property
    def flags(self) -> list[str]:
        """The problems flagged on the order."""
        return list(self.order.flags)

    def change(self, **values: Any) -> None:
        """Set columns."""
        self.order = self.order.changed(**values)

    def changes(self) -> dict[str, Any]:
        """Return the columns to be written."""
        return self.order.differences(self.before)

    def flag(self, flag: Flag, *, raised: bool = True) -> bool:
        """Raise or lower a flag; return whether that changed anything."""
        flags = self.flags
        if (flag.value in flags) is raised:
            return False
        self.change(flags=sorted([*flags, flag.value]) if raised else [one for one in flags if one != flag.value])
        return True

    def say(self, what: str, *, by: str, code: TimelineCode | None = None) -> None:
        """Add a line to the timeline."""
        self.entries.append({"order_id": self.order_id, "at": self.now, "what": what, "by": by, "code": code})

    def move(self, trigger: Trigger) -> OrderState | None:
        """Take this trigger's transition and return the new state, or None if the table has no such row."""
        target = next_state(self.state, trigger, release=self.release_target())
        if target is None:
            return None
        self.change(state=target.value)
        if target is not OrderState.HELD:
            self.change(hold_kind=None, hold_since=None, hold_due_at=None, hold_expires_at=None)
        return target

    def release_target(self) -> OrderState:
        """Return the state that an approval of this order leads to."""
        return release_state(
            paid=self.paid,
            release_only=self.order.accept_mode == AcceptMode.RELEASE_ONLY,
            already_active=self.order.panel_status == PanelOrderStatus.ACTIVE,
        )

    def hold(self, kind: HoldKind, *, due_at: datetime | None, expires_at: datetime | None) -> None:
        """Set what a held order waits for; its waiting time counts from the first hold."""
        self.change(
            hold_kind=kind.value,
            hold_since=self.order.hold_since or self.now,
            hold_due_at=due_at,
            hold_expires_at=expires_at,
        )

    async def save(self) -> None:
        """Write changes and timeline, and notify people where needed; each saved change raises the version."""
        self.change(breached=is_breached(self.state, self.flags))
        changes = self.changes()
        if changes:
            await self.tx.execute(
                orders.update()
                .where(orders.c.order_id == self.order_id)
                .values(**changes, version=orders.c.version + 1)
            )
            await alerts.tell_changes(self.tx, self.before, changes, now=self.now)
        if self.entries:
            await self.tx.execute(timeline.insert(), self.entries)


async def find_out_whether_we_act(draft: OrderDraft) -> None:
    """Determine again whether we act: that depends on when the order was placed, known only after the first read."""
    draft.since_cut_over = await installation.acts_on_order(
        draft.tx, draft.mode, draft.order_id,
        placed_at=draft.order.placed_at, first_heard_at=draft.before.first_heard_at,
    )  # fmt: skip


async def open_order(
    tx: AsyncConnection, order_id: int, *, mode: Mode, now: datetime, create: bool = False
) -> OrderDraft | None:
    """Lock an order's row for this transaction; None if there is none and `create` is false."""
    query = sa.select(orders).where(orders.c.order_id == order_id).with_for_update()
    row = (await tx.execute(query)).first()
    if row is None and create:
        await tx.execute(orders.insert().values(**_new_row(order_id, now)))
        row = (await tx.execute(query)).one()
    if row is None:
        return None
    found = read(Order, row)
    return OrderDraft(
        tx=tx,
        now=now,
        before=found,
        order=found,
        policy=await versions.active(tx),
        mode=mode,
        since_cut_over=await installation.acts_on_order(
            tx, mode, order_id, placed_at=row.placed_at, first_heard_at=row.first_heard_at
        ),
    )


def _new_row(order_id: int, now: datetime) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "kind": OrderKind.NEW,
        "state": OrderState.RECEIVED,
        "provisioning": Provisioning.NONE,
        "placed_by": PlacedBy.UNKNOWN,
        "first_heard_at": now,
        "payment_state": PaymentState.UNKNOWN,
        "items": [],
        "flags": [],
    }
