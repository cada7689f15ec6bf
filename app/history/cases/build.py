"""Building cases from imported rows: every past order with its facts as of its own time, ready to be judged.

Customers are processed one after the other, each with all of their rows, because an order's facts depend on what came
before it on the same account; what customers share is read in advance. Each customer's orders go in time order, and so
do the muted signals. Nothing is decided here and nobody is notified: only `cases` and our knowledge of customers
change. Safe to repeat and to interrupt: rows already written are found unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final

import sqlalchemy as sa

from app.context import Context
from app.core.policy.document import Policy
from app.db import Database
from app.history.cases.maker import CaseMaker
from app.history.cases.pages import Built, PagePart, PageWork, take
from app.history.cases.rows import (
    absent_resources,
    bad_today,
    count_orders,
    read_sightings,
    spans,
    without_customer,
)
from app.history.cases.shared import Shared
from app.history.imported import Resource
from app.installation.children import Helpers, cores
from app.installation.zones import panel_zone
from app.orders.facts_codec import pack, unpack
from app.panels.base import PanelUnavailable
from app.panels.brakes.patience import patiently
from app.panels.records import PanelProduct
from app.policies import versions
from app.tables.history import CaseSource, cases

__all__ = ["Built", "CaseBuilder", "build_cases"]

#: With fewer orders than this, starting processes takes longer than building the cases.
_ALONE_BELOW: Final = 2_000
_WRITTEN_AT_ONCE: Final = 5_000
_ENDED: Final = "a process that built cases ended too early; run the import again"


async def build_cases(context: Context, *, heard: Callable[[int, int], None], processes: int | None = None) -> Built:
    """Build or update the case of every imported order. See `CaseBuilder`."""
    builder = CaseBuilder(context, processes=processes)
    try:
        return await builder.build(heard=heard)
    finally:
        await builder.aclose()


class CaseBuilder:
    """Builds or updates the case of every imported order, on all cores.

    Slow preparations start while the import still reads: `hear` reports its progress, so that processes start early and
    one of them computes shared identities as soon as all customers and orders are stored.
    """

    def __init__(self, context: Context, *, processes: int | None = None) -> None:
        """Use one process for each core if `processes` is not given and there is enough to do."""
        self._context = context
        self._processes = processes
        self._helpers: Helpers | None = None
        self._sharing: asyncio.Task[tuple[Policy, Shared]] | None = None

    def hear(self, step: str, total: int | None) -> None:
        """Take note of the list that the import reads, and of its number of rows if known."""
        if step in {Resource.CUSTOMERS, Resource.ORDERS} and total is not None and total >= _ALONE_BELOW:
            self._helpers = self._helpers or self._enough(total)
        elif step == Resource.SERVICES and self._helpers is not None and self._sharing is None:
            self._sharing = asyncio.create_task(self._share(self._helpers))

    async def build(self, *, heard: Callable[[int, int], None]) -> Built:
        """Build the cases; `heard` is called with the number of orders done and the total.

        Raises NotFound if no policy is active, PanelUnavailable if the catalogue can't be read, and ChildProcessError
        if a process ends before it is done.
        """
        db = self._context.db
        total = await count_orders(db)
        helpers = self._helpers = self._helpers or self._enough(total)
        policy, shared = await (self._sharing or self._share(helpers))
        shared.bad |= await bad_today(db)
        shared.close()
        found = PagePart.empty(policy.muting)

        def add(part: PagePart) -> None:
            found.add(part)
            heard(found.built.orders + found.built.undated, total)

        work = await self._work(policy, shared)
        parts = await spans(db, orders=total, processes=helpers.count + 1)
        async with aclosing(helpers.share(work.on, parts)) as taken:
            async for part in taken:
                add(part)
        async for page in without_customer(db):
            add(await take(work, db, page))
        await _mute(db, found)
        return found.built

    async def aclose(self) -> None:
        """End all running work: what is not committed is repeated by the next run."""
        if self._sharing is not None:
            self._sharing.cancel()
            await asyncio.gather(self._sharing, return_exceptions=True)
        if self._helpers is not None:
            await self._helpers.aclose()

    def _enough(self, orders: int) -> Helpers:
        count = self._processes or (1 if orders < _ALONE_BELOW else cores())
        return Helpers(self._context.db, count - 1, ended=ChildProcessError(_ENDED))

    async def _share(self, helpers: Helpers) -> tuple[Policy, Shared]:
        async with self._context.db.read() as connection:
            policy = (await versions.active(connection)).policy
            zone = await panel_zone(connection, self._context.settings)
        return policy, await helpers.run(
            partial(read_sightings, policy=policy, own_admin_id=self._context.own_admin_id, zone=zone)
        )

    async def _work(self, policy: Policy, shared: Shared) -> PageWork:
        context = self._context
        async with context.db.read() as connection:
            zone = await panel_zone(connection, context.settings)
        maker = CaseMaker.of(
            policy,
            shared,
            await _catalogue(context),
            settle_seconds=context.settings.settle_seconds,
            own_admin_id=context.own_admin_id,
            absent=await absent_resources(context.db),
            zone=zone,
        )
        return PageWork(maker=maker, now=context.clock())


async def _catalogue(context: Context) -> tuple[PanelProduct, ...]:
    """Return the panel's products of today. If our role may not read them, the facts name the catalogue as missing.

    Raises PanelUnavailable if it does not answer: the next import builds the cases.
    """
    panel = context.panel
    if panel is None:
        return ()
    try:
        return await patiently(lambda: context.catalogue.get(panel, urgent=False))
    except PanelUnavailable as error:
        if not error.alarm:
            raise
        return ()


async def _mute(db: Database, found: PagePart) -> None:
    """Write the muted signals of each day into its cases, unless they are already there."""
    for day, muted in found.days.muted().items():
        found.built.muted.update(dict.fromkeys(muted, found.days.placed[day]))
        if found.written[day] - {muted}:
            await _mute_day(db, day, muted)


async def _mute_day(db: Database, day: date, muted: tuple[str, ...]) -> None:
    start, after = datetime.combine(day, time.min, tzinfo=UTC), -1
    update = cases.update().where(cases.c.order_id == sa.bindparam("of")).values(facts=sa.bindparam("new_facts"))
    while True:
        query = (
            sa.select(cases.c.order_id, cases.c.facts)
            .where(
                cases.c.placed_at >= start,
                cases.c.placed_at < start + timedelta(days=1),
                cases.c.source == CaseSource.IMPORTED.value,
                cases.c.order_id > after,
            )
            .order_by(cases.c.order_id)
            .limit(_WRITTEN_AT_ONCE)
        )
        async with db.begin() as tx:
            found = (await tx.execute(query)).all()
            news = [(row, pack(replace(unpack(row.facts), muted=muted))) for row in found]
            changes = [{"of": row.order_id, "new_facts": facts} for row, facts in news if facts != row.facts]
            if changes:
                await tx.execute(update, changes)
        if len(found) < _WRITTEN_AT_ONCE:
            return
        after = found[-1].order_id
