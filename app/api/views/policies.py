"""Policies as the API and the command line show them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.paging import Page, SortOrder, Window, read_page
from app.policies import published
from app.shown import View
from app.tables.policies import policies


class PolicyView(View):
    """A policy: one version of the provider's rules and numbers, immutable once published."""

    version: int
    hash: Annotated[str, Field(description="SHA-256 of its full form; the same rules have the same hash.")]
    active: bool
    published_by: str
    published_at: datetime


class PolicyDocument(View):
    """A policy with the document that was published."""

    version: int
    hash: str
    active: bool
    published_by: str
    published_at: datetime
    document: str
    warnings: Annotated[tuple[str, ...], Field(description="Settings that are allowed but rarely intended.")]


class PublishedPolicy(View):
    """The result of publishing or activating a policy."""

    version: int
    hash: str
    active: bool
    warnings: Annotated[tuple[str, ...], Field(description="Settings that are allowed but rarely intended.")]


async def list_policies(connection: AsyncConnection, window: Window) -> Page[PolicyView]:
    """Return the published policies, newest first."""
    order = SortOrder(columns=(policies.c.version,), kinds=(int,))
    rows, cursor = await read_page(connection, sa.select(*published.LISTED), order, window)
    active = await published.active_version(connection)
    found = [PolicyView.of(row, active=row.version == active) for row in rows]
    return Page(items=tuple(found), next_cursor=cursor)


async def get_policy(connection: AsyncConnection, version: int) -> PolicyDocument:
    """Return a policy with its document, even if it is no longer valid. Raises NotFound.

    It comes without warnings: see `publishing.show`.
    """
    row = await published.row_of(connection, version)
    active = await published.active_version(connection)
    return PolicyDocument.of(row, active=row.version == active, warnings=())
