"""From what was imported to cases: every order of the past with its facts as of its own time, ready to be judged.

Customers are taken one after the other, each with all of their rows, because an order's facts rest on what came before
it on the same account; what customers share is read beforehand. Each customer's orders go in time order, and so does
what is muted. Nothing is decided here and nobody is told anything: only `cases` and what we know of customers change.
Safe to repeat and to break off: what is written already is found to be the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import sqlalchemy as sa

from app.core.policy import Policy
from app.db import Database
from app.panels.base import PanelUnavailable
from app.panels.records import PanelProduct
from app.services import policies
from app.services.cases_facts import CaseMaker
from app.services.cases_pages import Built, Part, Work, take
from app.services.cases_pool import Helpers
from app.services.cases_rows import absent_resources, count_orders, nobodys, read_shared, spans
from app.services.context import Context
from app.services.facts_codec import pack, unpack
from app.services.processes import cores
from app.tables.history import CaseSource, cases

__all__ = ["Built", "build_cases"]

#: Below so many orders starting processes takes longer than making cases.
_ALONE_BELOW: Final = 2_000
_WRITTEN_AT_ONCE: Final = 5_000


async def build_cases(context: Context, *, heard: Callable[[int, int], None], processes: int | None = None) -> Built:
    """Make or renew the case of every imported order; `heard` is told how many of how many orders are done.

    `processes` is one for each core where it isn't given and there is enough to do. Raises NotFound when no policy is
    active, and ChildProcessError where one of the processes ends before it is done.
    """
    async with context.db.read() as connection:
        policy = (await policies.active(connection)).policy
    total = await count_orders(context.db)
    helpers = Helpers((processes or (1 if total < _ALONE_BELOW else cores())) - 1)
    found = Part.empty(policy.muting)

    def add(part: Part) -> None:
        found.add(part)
        heard(found.built.orders + found.built.undated, total)

    try:
        work = await _work(context, policy)
        await helpers.take(work, context.db, await spans(context.db), add)
    finally:
        await helpers.aclose()
    async for page in nobodys(context.db):
        add(await take(work, context.db, page))
    await _mute(context.db, found)
    return found.built


async def _work(context: Context, policy: Policy) -> Work:
    maker = CaseMaker.of(
        policy,
        await read_shared(context.db, policy, own_admin_id=context.own_admin_id),
        await _catalogue(context),
        settle_seconds=context.settings.settle_seconds,
        own_admin_id=context.own_admin_id,
        absent=await absent_resources(context.db),
    )
    url = context.db.url.render_as_string(hide_password=False)
    return Work(url=url, maker=maker, now=context.clock())


async def _catalogue(context: Context) -> tuple[PanelProduct, ...]:
    """The panel's products of today; without them the facts say that nobody knows what the cart sells."""
    if context.panel is None:
        return ()
    try:
        return await context.catalogue.get(context.panel, urgent=False)
    except PanelUnavailable:
        return ()


async def _mute(db: Database, found: Part) -> None:
    """Write into the cases of each day what was muted on it, where it is not there yet."""
    for day, muted in found.days.muted().items():
        found.built.muted.update(dict.fromkeys(muted, found.days.orders[day]))
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
