"""The worker process: panel, context and the main loop, until it is stopped."""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import suppress
from datetime import timedelta
from functools import partial

import structlog
import uvloop

from app import log as logging_setup
from app.clock import utc_now
from app.config import Settings
from app.context import Context
from app.core.records import Mode
from app.db import Database, note_failure
from app.enrichment.asking import Enrichment, open_enrichment
from app.installation import facts as installation
from app.installation.facts import OFFSET
from app.installation.panel_requests import storing
from app.messaging.lock import only_worker
from app.messaging.sending import SendRules
from app.messaging.wake import Wake
from app.messaging.worker import Worker
from app.panels.base import Panel, PanelUnavailable
from app.panels.brakes.brakes import Brakes
from app.panels.kinds import open_brakes, open_panel
from app.panels.requests import RequestCounts, caused_by
from app.upkeep import large_orders, muting, naming, notifications, sweeps
from app.upkeep.reconcile import comparing
from app.upkeep.rounds import Round, keep_rounds
from app.upkeep.startup import prepare, tidy
from app.workflow.events import handle

log = structlog.get_logger()

_HOUR_SECONDS = 3600.0
_RETRY_SECONDS = 10.0
_PEOPLE_SECONDS = 300.0  # asking more often does not help when a person has to fix it
_QUARTER_HOUR = timedelta(minutes=15)


def send_rules(settings: Settings) -> SendRules:
    """Return the rules for sending from the settings."""
    return SendRules(
        settle=timedelta(seconds=settings.panel_settle_seconds),
        delays=settings.retry_delays,
        shadow=settings.mode is Mode.SHADOW,
    )


def run(settings: Settings, *, pipe: int | None) -> None:
    """Work until told to stop; uvloop halves what each wait for the panel and the database costs."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(settings, pipe=pipe))


async def work(settings: Settings, *, pipe: int | None = None) -> None:
    """Work until SIGTERM or SIGINT arrives, or the other end of the wake-up pipe is closed.

    Raises SettingsError for an unusable GeoIP file, schema.OldSchema, and WorkerRunning if the SQLite file already has
    a worker.
    """
    logging_setup.configure(settings.log_format)
    enrichment = open_enrichment(settings)
    db = Database.open(settings.database_url)
    brakes = open_brakes(settings, db)
    requests = RequestCounts()
    panel = open_panel(settings, brakes, requests=requests) if settings.panel_configured else None
    try:
        await prepare(db, settings, now=utc_now())
        with only_worker(db) as alone:
            async with storing(db, requests):
                await _loop(db, settings, panel, brakes, Wake(pipe), enrichment=enrichment, alone=alone)
    finally:
        if panel is not None:
            await panel.aclose()
        if enrichment is not None:
            await enrichment.aclose()
        await db.close()


async def _loop(
    db: Database,
    settings: Settings,
    panel: Panel | None,
    brakes: Brakes,
    wake: Wake,
    *,
    enrichment: Enrichment | None,
    alone: bool,
) -> None:
    context = Context(db=db, settings=settings, panel=panel, enrichment=enrichment, wake=wake.notify)
    worker = Worker(
        db, panel=panel, handler=partial(handle, context), rules=send_rules(settings), clock=context.clock,
        wake=wake, alone=alone, brakes=brakes,
    )  # fmt: skip
    running = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(name, worker.stop)
    rounds = keep_rounds(context, rounds_of(settings))
    housekeeping = asyncio.gather(_keep_house(context, panel), rounds)
    gc.collect()
    gc.freeze()
    try:
        await worker.run()
    finally:
        housekeeping.cancel()
        with suppress(asyncio.CancelledError):
            await housekeeping


def rounds_of(settings: Settings) -> tuple[Round, ...]:
    """Return the periodic work besides events and calls; without a panel nothing is compared."""
    rounds = [
        Round(name="sweeps", every=sweeps.EVERY, run=sweeps.round),
        Round(name="rings", every=notifications.EVERY, run=notifications.round),
        Round(name="muting", every=muting.EVERY, run=muting.round),
        Round(name="large-orders", every=large_orders.EVERY, run=large_orders.round),
    ]
    if settings.panel_configured:
        every = timedelta(seconds=settings.reconcile_seconds)
        rounds.append(Round(name="reconcile", every=every, run=comparing.round))
        rounds.append(Round(name="names", every=naming.EVERY, run=naming.round))
    return tuple(rounds)


async def _keep_house(context: Context, panel: Panel | None) -> None:
    """Hourly: read our own admin id and the panel's clock, and delete what is no longer needed."""
    while True:
        pause = _HOUR_SECONDS
        try:
            await tidy(context.db, now=context.clock())
            if panel is not None:
                with caused_by("housekeeping"):
                    await learn_identity(context, panel)
        except PanelUnavailable as error:
            log.warning("panel.unavailable", error=str(error), alarm=error.alarm)
            pause = _PEOPLE_SECONDS if error.alarm else _RETRY_SECONDS
        except Exception as error:  # noqa: BLE001  (the database is down, or a bug of ours: the loop continues)
            note_failure(context.db, "housekeeping.failed", error)
            pause = _RETRY_SECONDS
        await asyncio.sleep(pause)


async def learn_identity(context: Context, panel: Panel) -> None:
    """Read our own admin id and the panel's clock. Raises PanelUnavailable."""
    identity = await panel.identity()
    context.own_admin_id = identity.admin_id
    if identity.clock is None:
        return
    local = identity.clock.replace(tzinfo=None)
    offset = round((local - identity.answered_at.replace(tzinfo=None)) / _QUARTER_HOUR) * 15
    async with context.db.begin() as tx:
        await installation.put(tx, OFFSET, offset, now=context.clock())
    log.info("panel.identified", version=identity.version, offset_minutes=offset)
