"""A group of new accounts that ordered together, as it is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Settings
from app.core.consequences.desk.groups import GROUP_ACTIONS
from app.core.records import Mode
from app.core.states import OrderState
from app.errors import NotFound
from app.shown import MAX_BYTES, SHOWN, Cut, View, panel_url, within
from app.tables.customers import groups
from app.workflow.queue import group_orders


class GroupMember(View):
    """One order of a group."""

    order_id: int
    order_number: Annotated[str, Cut(40)]
    panel_url: str | None
    customer_id: int | None
    state: OrderState
    outcome: str | None
    placed_at: datetime | None


class GroupView(View):
    """A group of new accounts, and what a person did with it."""

    group_id: int
    since: datetime
    grown_at: datetime
    members: Annotated[tuple[GroupMember, ...], Field(description="The oldest fifty.")]
    members_total: int
    action: Annotated[str | None, Field(description="What a person did last with the whole group.")]
    acted_by: Annotated[str | None, Cut(120)]
    acted_at: datetime | None
    actions: Annotated[tuple[str, ...], Field(examples=[["hold", "reject", "approve"]])]


async def group_view(connection: AsyncConnection, settings: Settings, group_id: int) -> GroupView:
    """Return a group. Raises NotFound."""
    row = (await connection.execute(sa.select(groups).where(groups.c.id == group_id))).first()
    if row is None:
        raise NotFound(f"there is no group {group_id}; it may have become part of an older one")
    found = await group_orders(connection, group_id)
    view = GroupView.of(
        row,
        group_id=row.id,
        since=row.created_at,
        members=tuple(GroupMember.of(one, panel_url=panel_url(settings, one.order_id)) for one in found[:SHOWN]),
        members_total=len(found),
        actions=tuple(action.value for action in GROUP_ACTIONS) if settings.mode is Mode.ENFORCE else (),
    )
    return within(view, MAX_BYTES)
