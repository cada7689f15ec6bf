"""The API process: `create_app` puts routers, error handlers and the webhook front together."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import docs, problems
from app.api.auth import KeyCache
from app.api.metrics import Metrics
from app.api.middleware import BodyLimit, Observer, Private
from app.api.routes.agreement import reports as agreement_reports
from app.api.routes.backtests import backtests
from app.api.routes.candidates import candidates
from app.api.routes.customers import customers
from app.api.routes.gate import gate
from app.api.routes.groups import groups
from app.api.routes.health import health
from app.api.routes.orders import orders
from app.api.routes.policies import policies
from app.api.routes.questions import questions
from app.api.routes.reports import reports
from app.api.routes.search import search
from app.api.routes.signals import signals
from app.api.routes.suggestions import reports as suggestion_reports
from app.api.routes.texts import texts
from app.api.routes.tickets import tickets
from app.api.routes.work import calls, events, fees, ops, queue
from app.api.webhooks import WebhookFront
from app.config import Settings
from app.context import Context
from app.db import Database
from app.deadline import all_home
from app.evaluation.backtest.processes import BacktestProcesses
from app.installation.heavy import HeavyWork
from app.installation.idempotency import Repeats
from app.messaging.intake.group_commit import Intake
from app.upkeep.health import Probe
from app.upkeep.startup import prepare, tidy

log = structlog.get_logger()

#: Requests wait less time for a lock than the worker does, because a user waits for the answer.
_LOCK_WAIT = timedelta(seconds=4)

_ROUTERS = (
    queue, search, orders, groups, gate, fees, customers, tickets, policies, texts, candidates, backtests,
    agreement_reports, suggestion_reports, questions, reports, signals, calls, events, ops, health,
)  # fmt: skip


def create_app(
    settings: Settings,
    *,
    db: Database | None = None,
    context: Context | None = None,
    wake: Callable[[], None] | None = None,
    freeze: bool = True,
) -> FastAPI:
    """Build the application.

    Without `context` one is made of `settings`, `db` (else opened from the settings' URL, and closed at the end) and
    `wake`, which tells the worker that something is due. `freeze` excludes the objects that exist at start from garbage
    collection, which suits only a process that does nothing but serve.
    """
    own = context is None and db is None
    if context is None:
        db = db or Database.open(settings.database_url, lock_wait=_LOCK_WAIT, answers_requests=True)
        context = Context(db=db, settings=settings)
        context.wake = wake or context.wake
    app = Doorman(
        title="Doorman",
        version=version("doorman"),
        description=docs.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lambda running: _lifespan(running, close=own, freeze=freeze),
        generate_unique_id_function=docs.operation_id,
    )
    app.state.context = context
    app.state.keys = KeyCache()
    app.state.repeats = Repeats(context.db)
    app.state.probe = Probe(context)
    app.state.metrics = Metrics()
    app.state.backtests = BacktestProcesses(context.db)
    app.state.heavy = HeavyWork()
    for router in _ROUTERS:
        app.include_router(router)
    problems.install(app)
    docs.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(Observer, metrics=app.state.metrics)
    app.add_middleware(Private)
    app.front = WebhookFront(
        super(Doorman, app).__call__,
        intake_of=lambda: app.state.intake,
        secrets=context.settings.webhook_secrets,
        clock=context.clock,
    )
    return app


class Doorman(FastAPI):
    """The application, with the webhook front before the middleware, which would take a third of a webhook's time."""

    front: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        await self.front(scope, receive, send)


@asynccontextmanager
async def _lifespan(app: FastAPI, *, close: bool, freeze: bool) -> AsyncIterator[None]:
    context: Context = app.state.context
    intake: Intake | None = None
    app.state.fixed_addresses = problems.fixed_addresses(app)
    try:
        await prepare(context.db, context.settings, now=context.clock())
        await tidy(context.db, now=context.clock())
        intake = app.state.intake = Intake(context.db, wake=context.wake)
        intake.start()
        if freeze:
            gc.collect()
            gc.freeze()  # no request waits while the collector scans the objects that exist at start
        log.info("api.started", mode=context.settings.mode.value)
        yield
    finally:
        if freeze:
            gc.unfreeze()
        await app.state.heavy.aclose()
        await app.state.backtests.aclose()
        if intake is not None:
            await intake.aclose()
        await all_home(_LOCK_WAIT.total_seconds())
        if close:
            await context.db.close()
