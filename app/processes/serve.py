"""`doorman serve`: N API processes on one socket and exactly one worker, supervised by their parent.

Each child ends when the parent ends, however that happens: it reads a pipe whose write end only the parent holds.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from app import log as logging_setup
from app.clock import utc_now
from app.config import Settings
from app.core.webhooks import parse_secrets
from app.db import Database
from app.enrichment.asking import open_geo
from app.installation import lacking, schema
from app.upkeep.startup import prepare

log = structlog.get_logger()

_BACKLOG = 2048
#: A child that was told to end is killed after this time.
GRACE_SECONDS = 12.0
_RESTART_SECONDS = (1.0, 2.0, 5.0, 10.0)
_STEADY_SECONDS = 60.0


class CannotServe(Exception):
    """The service can't start; the text says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Bind the listening socket. Raises CannotServe if the address is taken.

    The protocol is set explicitly, else asyncio would leave Nagle's algorithm on (40 ms for each answer).
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotServe(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another port with --port"
        ) from None
    listener.listen(_BACKLOG)
    return listener


async def check_database(settings: Settings) -> bool:
    """Return whether the database must be created first (an empty SQLite file). Raises schema.OldSchema."""
    db = Database.open(settings.database_url)
    try:
        if db.is_sqlite and await schema.is_empty(db):
            return True
        await schema.require_current(db)
    finally:
        await db.close()
    return False


async def get_ready(settings: Settings) -> None:
    """Prepare the database, and log what is still missing before the service can do anything. Raises as `prepare`."""
    db = Database.open(settings.database_url)
    try:
        await prepare(db, settings, now=utc_now())
        async with db.read() as connection:
            missing = await lacking.notices(connection, settings)
    finally:
        await db.close()
    for notice in missing:
        log.warning("serve.not_set_up", notice=notice)


@dataclass(slots=True)
class _Child:
    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes]
    started_at: float = field(default_factory=time.monotonic)
    failures: int = 0


def serve(settings: Settings, *, host: str, port: int, workers: int, with_worker: bool) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises CannotServe, SettingsError, SecretError, PolicyError or schema.OldSchema.
    """
    logging_setup.configure(settings.log_format)
    sqlite = settings.database_url.startswith("sqlite")
    if sqlite and workers != 1:
        raise CannotServe("a SQLite file is served by one API process; use PostgreSQL for several (--workers)")
    parse_secrets(settings.webhook_secrets)
    open_geo(settings)
    if asyncio.run(check_database(settings)):
        schema.migrate(settings.database_url)
    asyncio.run(get_ready(settings))  # errors are reported here, once, instead of by children that fail
    _Supervisor(settings, listen(host, port), workers=workers, with_worker=with_worker).run()


class _Supervisor:
    """Starts the children, restarts those that die, and ends them all."""

    def __init__(self, settings: Settings, listener: socket.socket, *, workers: int, with_worker: bool) -> None:
        self._settings = settings
        self._listener = listener
        self._life_read, self._life_write = os.pipe()
        self._wake_read, self._wake_write = os.pipe()
        self._stopping = False
        starts: list[tuple[str, Callable[[], subprocess.Popen[bytes]]]] = [
            (f"api-{number}", self._start_api) for number in range(workers)
        ]
        if with_worker:
            starts.append(("worker", self._start_worker))
        self._children = [_Child(name, start, start()) for name, start in starts]

    def _start_api(self) -> subprocess.Popen[bytes]:
        fds = (self._listener.fileno(), self._wake_write, self._life_read)
        return _python("api-process", *map(str, fds), keep=fds)

    def _start_worker(self) -> subprocess.Popen[bytes]:
        return _python("worker", "--pipe", str(self._wake_read), keep=(self._wake_read,))

    def run(self) -> None:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._stop)
        host, port = self._listener.getsockname()[:2]
        log.info("serve.started", host=host, port=port, children=[child.name for child in self._children])
        try:
            while not self._stopping:
                for child in self._children:
                    self._look_after(child)
                time.sleep(0.2)
        finally:
            self._end()

    def _stop(self, _signal: int, _frame: object) -> None:
        self._stopping = True

    def _look_after(self, child: _Child) -> None:
        code = child.process.poll()
        if code is None or self._stopping:
            return
        lived = time.monotonic() - child.started_at
        child.failures = 0 if lived > _STEADY_SECONDS else child.failures + 1
        pause = _RESTART_SECONDS[min(child.failures, len(_RESTART_SECONDS)) - 1] if child.failures else 0.0
        log.error("serve.child_died", child=child.name, code=code, restart_in=pause)
        until = time.monotonic() + pause
        while time.monotonic() < until and not self._stopping:
            time.sleep(0.1)
        if not self._stopping:
            child.process, child.started_at = child.start(), time.monotonic()

    def _end(self) -> None:
        """End the API first, so that nothing new arrives; the worker finishes the calls being sent."""
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        until = time.monotonic() + GRACE_SECONDS
        for child in self._children:
            try:
                child.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._listener.close()
        log.info("serve.stopped")


def _python(*arguments: str, keep: tuple[int, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "app", *arguments], pass_fds=keep, start_new_session=True)  # noqa: S603
