"""`doorman import`: reads the panel's history, with a progress bar for each list; can be stopped and continued."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text
from uvicorn import Config

from app import log
from app.clock import utc_now
from app.config import Settings
from app.context import Context
from app.core.judgement.untested import untested
from app.db import Database
from app.history import imported
from app.history.imported import Resource
from app.history.panel_import import Heard, Imported, import_history
from app.installation.children import collect_rarely
from app.installation.panel_requests import storing
from app.panels.base import PanelReader, PanelUnavailable
from app.panels.brakes.brakes import make_brakes
from app.panels.kinds import CONNECTIONS, open_brakes, open_panel
from app.panels.requests import RequestCounts, caused_by
from app.tables.history import Label
from app.upkeep import startup

GO_ON: Final = "doorman import"
NEXT: Final = "doorman backtest --policy FILE"
#: More calls a second than any panel answers: limited only by the connections.
UNLIMITED: Final = 1_000_000.0
_LINE_SECONDS: Final = 5.0
_BAR_SECONDS: Final = 0.1
_INTERRUPTED: Final = 130
_CATALOGUE: Final = "catalogue"  # its name in the facts when it is missing

#: The labels of orders in words.
_LABELS: Final = {
    Label.GOOD: "active or ended, and paid",
    Label.FRAUD: "fraud",
    Label.CANCELLED_UNPAID: "cancelled unpaid",
    Label.REFUNDED: "refunded",
    Label.DISPUTED: "in collections or charged back",
    Label.OPEN: "open",
}


class Built(Protocol):
    """The result of building the cases."""

    @property
    def orders(self) -> int: ...
    @property
    def live(self) -> int: ...
    @property
    def undated(self) -> int: ...
    @property
    def labels(self) -> Mapping[Label, int]: ...
    @property
    def absent(self) -> Mapping[str, int]: ...
    @property
    def today(self) -> Mapping[str, int]: ...
    @property
    def muted(self) -> Mapping[str, int]: ...


class Builder(Protocol):
    """Builds cases from the stored rows; see `app.history.cases.build.CaseBuilder`."""

    def hear(self, step: str, total: int | None) -> None: ...
    async def build(self, *, heard: Callable[[int, int], None]) -> Built: ...
    async def aclose(self) -> None: ...


#: None if rows are stored without building cases from them.
MakeBuilder = Callable[[Context], Builder]


def console() -> Console:
    """Return a console for progress, and keep the log off it."""
    log.configure(level=logging.CRITICAL)
    return Console(highlight=False, soft_wrap=True)


def import_to_the_end(
    settings: Settings, out: Console, *, since: date | None, rate: float | None, make_builder: MakeBuilder | None = None
) -> int:
    """Run the import on uvloop where installed; Ctrl-C ends it with a line on how to continue. See `run_import`.

    Returns the exit status: 0, or 130 if it was stopped.
    """
    collect_rarely()
    with asyncio.Runner(loop_factory=Config(app="", loop="auto").get_loop_factory()) as runner:
        try:
            return runner.run(run_import(settings, out, since=since, rate=rate, make_builder=make_builder))
        except KeyboardInterrupt:
            out.print(f"Stopped. What was read is kept; continue with: {GO_ON}")
            return _INTERRUPTED


async def run_import(
    settings: Settings, out: Console, *, since: date | None, rate: float | None, make_builder: MakeBuilder | None = None
) -> int:
    """Read the history, build the cases, and print a summary. Return the exit status, 0.

    `rate` is in calls a second, 0 for as fast as the panel answers; None means `DOORMAN_PANEL_RATE`, shared with the
    worker if the database is PostgreSQL. Raises PanelUnavailable, OldSchema and PolicyError.
    """
    if not settings.panel_configured:
        raise PanelUnavailable("no panel is configured: set DOORMAN_PANEL_URL, _IDENTIFIER and _SECRET")
    db = Database.open(settings.database_url)
    brakes = (
        open_brakes(settings, db)
        if rate is None
        else make_brakes(rate or UNLIMITED, slots=CONNECTIONS, db=None)
    )  # fmt: skip
    requests = RequestCounts()
    panel = open_panel(settings, brakes, bulk=True, requests=requests)
    builder: Builder | None = None
    began = time.monotonic()
    try:
        await startup.have_policy(db, settings, now=utc_now())
        context = Context(db=db, settings=settings, panel=panel, own_admin_id=await _own_admin(panel))
        bound = None if since is None else datetime(since.year, since.month, since.day, tzinfo=UTC)
        builder = None if make_builder is None else make_builder(context)
        with _shown(out) as shown, caused_by("import"):
            async with storing(db, requests):
                done = await import_history(context, panel.history(), since=bound, heard=_both(shown, builder))
            built = None if builder is None else await builder.build(heard=shown.building)
        async with db.read() as connection:
            kept = await imported.counts(connection)
    except PanelUnavailable as error:
        raise PanelUnavailable(_stopped(error), alarm=error.alarm) from error
    finally:
        if builder is not None:
            await builder.aclose()
        await panel.aclose()
        await db.close()
    out.print(summary(done, kept, seconds=time.monotonic() - began, built=built, zone_learned=settings.zone is None))
    return 0


def _both(shown: Shown, builder: Builder | None) -> Heard:
    def heard(step: str, done: int, total: int | None) -> None:
        shown.heard(step, done, total)
        if builder is not None:
            builder.hear(step, total)

    return heard


async def _own_admin(panel: PanelReader) -> int | None:
    """Return our own admin id in the panel; None if our role may not ask."""
    try:
        return (await panel.identity()).admin_id
    except PanelUnavailable as error:
        if error.alarm:
            return None  # any other cause will show at the next read
        raise


def _stopped(error: PanelUnavailable) -> str:
    doctor = "run `doorman doctor` to find out why"
    return f"the panel can't be read: {error}; {doctor}. What was read is kept; continue with `{GO_ON}`."


# --- what people see ----------------------------------------------------------------------------------------------


class Shown:
    """Shows each step as a bar on a terminal, else as a plain line every few seconds and at its end."""

    def __init__(self, out: Console, bar: Progress) -> None:
        self._out = out
        self._on_terminal = out.is_terminal
        self._bar = bar
        self._task: TaskID | None = None
        self._step = ""
        self._at: tuple[int, int | None] = (0, None)
        self._began = self._printed_at = 0.0

    def heard(self, step: str, done: int, total: int | None) -> None:
        """Show the progress of a step."""
        now = time.monotonic()
        if step != self._step:
            self.end()
            self._step, self._began, self._printed_at = step, now, now
            self._task = self._bar.add_task(step, total=total, rate="")
        self._at = (done, total)
        if now - self._printed_at >= (_BAR_SECONDS if self._on_terminal else _LINE_SECONDS):
            self._printed_at = now
            self._tell()

    def building(self, done: int, total: int) -> None:
        """Show the progress of building cases."""
        self.heard("cases", done, total)

    def end(self) -> None:
        """Finish the current step."""
        if not self._step:
            return
        done, _ = self._at
        self._at = (done, done)
        self._tell()
        self._step = ""

    def _tell(self) -> None:
        done, total = self._at
        rate = f"{done / max(time.monotonic() - self._began, 0.001):,.0f}/s"
        if self._on_terminal and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, rate=rate)
            return
        of = "" if total is None or total == done else f" of {total:,}"
        self._out.print(f"{self._step}: {done:,}{of} ({rate})")


@contextmanager
def _shown(out: Console) -> Iterator[Shown]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, disable=not out.is_terminal) as bar:
        shown = Shown(out, bar)
        yield shown
        shown.end()


def summary(
    done: Imported, kept: dict[Resource, int], *, seconds: float, built: Built | None, zone_learned: bool
) -> Text:
    """Return a summary: what was read, what is stored, and what to type next."""
    read = ", ".join(f"{done.read[resource]:,} {resource.words}" for resource in Resource)
    held = ", ".join(f"{kept[resource]:,} {resource.words}" for resource in Resource)
    began = "The history was read" if done.first else "The history was brought up to date"
    lines = [f"{began} in {seconds:,.0f} s: {read}.", f"Stored in total: {held}."]
    if done.unreadable:
        lines.append(f"{done.unreadable:,} rows were left out: they have no id or can't be read.")
    if done.since is not None:
        lines.append(f"Orders placed before {done.since:%Y-%m-%d} are left out, also from their customers' history.")
    if built is not None:
        lines += _cases(built)
    if zone_learned:
        lines.append(
            "Times were read with the panel's current UTC offset, so those before a clock change are an hour off:"
        )
        lines.append("set DOORMAN_PANEL_TIMEZONE, such as Europe/Berlin, before the first import.")
    if built is None or built.orders:
        lines.append(f"Next: {NEXT}")
    return Text("\n".join(lines))


def _cases(built: Built) -> list[str]:
    labels = [f"{built.labels[label]:,} {words}" for label, words in _LABELS.items() if built.labels.get(label)]
    lines = [f"Cases: {built.orders:,} orders" + (f" ({', '.join(labels)})." if labels else ".")]
    if built.undated:
        lines.append(
            f"{built.undated:,} more have no readable date, so they can't be judged as of the day they were placed."
        )
    if built.absent.get(_CATALOGUE):
        lines.append("The catalogue could not be read (API action GetProducts): it is unknown what the cart sells.")
    lines += [
        f"Muted on {orders:,} orders, as it fired on too many that ended well: {signal}."
        for signal, orders in sorted(built.muted.items())
    ]
    return [*lines, *_untested(built)]


def _untested(built: Built) -> list[str]:
    """Name every signal that this history can't test, by the reason."""
    signals: dict[str, list[str]] = {}
    for one in untested(imported=built.orders - built.live, missing=built.absent, today=built.today):
        signals.setdefault(one.why, []).append(one.signal)
    if not signals:
        return []
    found = [f"  {why}: {', '.join(codes)}" for why, codes in signals.items()]
    return ["Signals that a backtest can't test on these orders, or only on some of them or in part:", *found]
