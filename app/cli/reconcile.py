"""`doorman reconcile` and `doorman adopt`: compare with the panel and print the results."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from app import log
from app.config import Settings
from app.context import Context
from app.core.statuses import BUILT, PanelInvoiceStatus
from app.db import Database
from app.installation import facts as installation
from app.installation import schema
from app.panels.base import PanelUnavailable
from app.panels.kinds import open_panel
from app.panels.records import PanelOrder
from app.upkeep.reconcile import comparing as reconcile
from app.upkeep.reconcile import late as reconcile_late
from app.upkeep.reconcile import new as reconcile_new
from app.upkeep.reconcile import orders as reconcile_orders
from app.upkeep.reconcile.differences import ComparablePanel, Difference, Waiting, What

_PAGE: Final = 50
_PIPE_WIDTH: Final = 140
_LONGEST: Final = 80
_HEADINGS: Final = {
    What.MISSED: "missed",
    What.STATUS: "status",
    What.DELETED: "deleted",
    What.PAYMENT: "payment",
    What.FEE: "fee",
    What.ITEMS: "edited",
    What.LATE: "applied late",
    What.TWICE: "applied twice",
}


def console() -> Console:
    """Return a console that keeps tables readable without a terminal, and keep the log off it."""
    log.configure(level=logging.CRITICAL)
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Context, ComparablePanel]]:
    """Open database and panel. Raises schema.OldSchema, and PanelUnavailable if the panel does not answer."""
    if not settings.panel_configured:
        raise PanelUnavailable("no panel is configured: set DOORMAN_PANEL_URL, _IDENTIFIER and _SECRET")
    db = Database.open(settings.database_url)
    panel = open_panel(settings)  # with a separate rate limit: the shared one writes to the database
    try:
        await schema.require_current(db)
        yield Context(db=db, settings=settings, panel=panel, own_admin_id=await _own_admin(panel)), panel
    except PanelUnavailable as error:
        said = f"the panel can't be read: {error}; run `doorman doctor` to find out why"
        raise PanelUnavailable(said, alarm=error.alarm) from error
    finally:
        await panel.aclose()
        await db.close()


async def _own_admin(panel: ComparablePanel) -> int | None:
    """Return our own admin id in the panel; None if our role may not ask."""
    try:
        return (await panel.identity()).admin_id
    except PanelUnavailable as error:
        if error.alarm:
            return None  # any other cause will show at the next read
        raise


# --- reconcile ----------------------------------------------------------------------------------------------------


async def run_reconcile(settings: Settings, out: Console, *, fix: bool) -> int:
    """Compare everything and print the differences; with `fix` have each read back. Return the exit status: 0 or 1.

    Without `fix` nothing is written. Raises PanelUnavailable and schema.OldSchema.
    """
    async with _opened(settings) as (context, panel):
        with _progress(out) as bar:
            found, fed = await find(context, panel, bar, fix=fix)
    if not found:
        out.print("No differences: Doorman and the panel agree.")
        return 0
    out.print(differences_table(found))
    out.print(_summary(found, fed=fed if fix else None))
    return 1


def _progress(out: Console) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=out, transient=True, disable=not out.is_terminal)


async def find(context: Context, panel: ComparablePanel, bar: Progress, *, fix: bool) -> tuple[list[Difference], int]:
    """Return all differences, and how many events `fix` has added. Raises PanelUnavailable."""
    found: list[Difference] = []
    fed = 0
    for part in (_new, _orders, _late):
        some, events = await part(context, panel, bar, fix=fix)
        found += some
        fed += events
    return found, fed


async def _new(context: Context, panel: ComparablePanel, bar: Progress, *, fix: bool) -> tuple[list[Difference], int]:
    task = bar.add_task("new orders", total=None)
    found: list[Difference] = []
    fed = 0
    new = await reconcile_new.read_new(context, panel)
    while True:
        found += new.differences()
        if fix:
            fed += await reconcile_new.feed_new(context, new)
        bar.update(task, advance=len(new.listed))
        if new.complete:
            break
        new = await reconcile_new.read_new(context, panel, after=reconcile_new.moved(new))
    _done(bar, task)
    return found, fed


async def _orders(
    context: Context, panel: ComparablePanel, bar: Progress, *, fix: bool
) -> tuple[list[Difference], int]:
    now = context.clock()
    async with context.db.read() as connection:
        total = await reconcile_orders.count_orders(connection, now=now)
    task = bar.add_task("open orders", total=total)
    found: list[Difference] = []
    fed = after = 0
    while True:
        async with context.db.read() as connection:
            rows = await reconcile_orders.next_orders(connection, after=after, limit=_PAGE, now=now)
        if not rows:
            return found, fed
        page = await reconcile.compare_page(context, panel, rows)
        found += page.differences
        if fix and page.events:
            fed += await reconcile.feed_page(context, page, position=False)
        if page.away is not None:
            raise page.away
        after = int(page.last)
        bar.update(task, advance=len(rows))


async def _late(context: Context, panel: ComparablePanel, bar: Progress, *, fix: bool) -> tuple[list[Difference], int]:
    now, settle = context.clock(), reconcile.settle_time(context)
    async with context.db.read() as connection:
        total = await reconcile_late.count_suspects(connection, now=now, settle=settle)
    task = bar.add_task("calls that may have been applied late", total=total)
    found: list[Difference] = []
    reported, after = 0, None
    while True:
        async with context.db.read() as connection:
            suspects = await reconcile_late.next_suspects(connection, after=after, limit=_PAGE, now=now, settle=settle)
        if not suspects:
            return found, reported
        page = await reconcile.look_page(context, panel, suspects)
        found += page.differences
        if fix and page.events:
            reported += await reconcile.tell_page(context, page, place=False)
        if page.away is not None:
            raise page.away
        after = suspects[-1].place
        bar.update(task, advance=len(suspects))


def _done(bar: Progress, task: TaskID) -> None:
    bar.update(task, total=bar.tasks[task].completed)


def differences_table(found: Iterable[Difference]) -> Table:
    """Return a table of the differences: our view, the panel's view, and what is done about it."""
    table = Table(title="Differences", title_justify="left", title_style="bold", header_style="bold")
    for heading in ("order", "about", "Doorman", "panel", "remedy"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "order" else "left")
    for one in found:
        style = "red" if one.what in {What.LATE, What.TWICE} else ""
        order = "-" if one.order_id is None else str(one.order_id)
        table.add_row(
            order, Text(_HEADINGS[one.what], style=style), _shown(one.ours), _shown(one.panel), _shown(one.remedy)
        )
    return table


def _shown(text: str, limit: int = _LONGEST) -> Text:
    """Return text without control characters or markup, cut to `limit`, because some of it comes from the panel."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return Text(plain if len(plain) <= limit else plain[: limit - 1] + "…")


def _summary(found: list[Difference], *, fed: int | None) -> str:
    counts = Counter(one.what for one in found)
    said = ", ".join(f"{counts[what]} {_HEADINGS[what]}" for what in What if counts[what])
    if fed is None:
        return f"{said}. Nothing was changed; run `doorman reconcile --fix` to have the worker resolve them."
    things = {(one.what, one.order_id) for one in found}
    rest = "" if fed >= len(things) else "; the others are covered by these or already in progress"
    return f"{said}. {fed} handed to the worker, or to staff if applied late{rest}."


# --- adopt --------------------------------------------------------------------------------------------------------


async def run_adopt(settings: Settings, out: Console) -> int:
    """List the orders from before the cut-over that are still Pending in the panel; read-only. Return 0.

    Raises PanelUnavailable and schema.OldSchema.
    """
    async with _opened(settings) as (context, panel):
        async with context.db.read() as connection:
            since = await installation.get(connection, installation.ENFORCE_SINCE)
        if not since:
            out.print("There is no cut-over yet: enforce mode was never switched on, so Doorman acts on no orders.")
            return 0
        cut_over = datetime.fromisoformat(since)
        with _progress(out) as bar:
            pending = await panel.pending_orders(progress=_progress_of(bar))
    old = [one for one in pending if one[0].placed_at is None or one[0].placed_at < cut_over]
    if not old:
        out.print(f"No order from before the cut-over ({cut_over:%Y-%m-%d %H:%M} UTC) is Pending.")
        return 0
    out.print(_adopt_table(old, cut_over))
    out.print(_advice(old))
    return 0


def _progress_of(bar: Progress) -> Callable[[int, int | None], None]:
    task = bar.add_task("Pending orders", total=None)
    return lambda read, total: bar.update(task, completed=read, total=total)


def _adopt_table(old: list[Waiting], cut_over: datetime) -> Table:
    title = f"Pending since before the cut-over ({cut_over:%Y-%m-%d %H:%M} UTC)"
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for heading in ("order", "number", "customer", "placed", "amount", "paid", "services"):
        right = heading in {"order", "number", "customer", "amount"}
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for order, amount, paid in old:
        placed = "?" if order.placed_at is None else f"{order.placed_at:%Y-%m-%d}"
        table.add_row(
            str(order.order_id), _shown(order.order_number), str(order.customer_id or "-"), placed,
            _shown(str(order.amount or amount or "?")), _shown(paid.lower() or "no invoice"), _running(order),
        )  # fmt: skip
    return table


def _running(order: PanelOrder) -> str:
    active = sum(line.status in BUILT for line in order.lines)
    if not order.lines:
        return "none"
    return "running" if active == len(order.lines) else "not running" if not active else "running in part"


def _advice(old: list[Waiting]) -> str:
    counts = Counter(_running(order) for order, _, _ in old)
    paid = sum(word == PanelInvoiceStatus.PAID and _running(order) != "running" for order, _, word in old)
    lines = [
        f"Orders listed: {len(old)}. Doorman will never accept, hold or bill them.",
        f"- {counts['running']} running: Pending on paper only. Accept them in WHMCS with the module, the e-mail and",
        "  the registrar switched off, or leave them; they are not set up a second time.",
        f"- {len(old) - counts['running']} not (fully) running: check each in WHMCS and accept or cancel it there.",
    ]
    if paid:
        lines.append(f"  Paid but not (fully) running: {paid}. Start with these: their customers are waiting.")
    return "\n".join(lines)
