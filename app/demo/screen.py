"""The demo's display: the story scrolls above fixed addresses and numbers; plain lines if there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from app.demo.news import Ledger, NewsLine, Tone

_MARKS = {
    Tone.PANEL: ("·", "dim"),
    Tone.GOOD: ("✔", "green"),
    Tone.FEE: ("‖", "yellow"),
    Tone.REVIEW: ("?", "magenta"),
    Tone.BAD: ("✘", "red"),
    Tone.HINT: ("→", "cyan"),
}
_HINT_SECONDS = 8.0
_NUMBERS_SECONDS = 10.0


def numbers(ledger: Ledger) -> list[tuple[str, str]]:
    """Return the numbers under the story, with what they count."""
    states = ledger.states()
    asked, paid, amount = ledger.fees()
    ended = states["rejected"] + states["cancelled"] + states["closed"]
    return [
        ("orders", str(len(ledger.orders))),
        ("released", str(states["released"])),
        ("await payment", str(states["awaiting_payment"])),
        ("held for a fee", str(states["held:fee"])),
        ("in review", str(states["held:review"] + states["held:answer"])),
        ("ended", str(ended)),
        ("fees asked", str(asked)),
        (f"fees paid ({amount})" if amount else "fees paid", str(paid)),
        ("webhooks in", str(ledger.webhooks)),
        ("panel reads", str(ledger.reads)),
        ("panel changes", str(ledger.changes)),
    ]


def hints(ledger: Ledger) -> list[str]:
    """Return suggestions of what to try next, using orders that exist now."""
    found = ["open the Swagger address, press Authorize, paste the ops key; then GET /v1/queue: what waits for you"]
    if fee := ledger.of_state("held", hold="fee"):
        found.append(f"POST /v1/orders/{fee[0]}/waive-fee lets order {fee[0]} go on without its fee")
        found.append(f"GET /v1/orders/{fee[0]}/explanation: what the customer is told, and how to avoid it next time")
    if review := ledger.of_state("held", hold="review"):
        with_work = ' with {"work": "fee"}' if ledger.orders[review[0]].get("work_unpaid") else ""
        found.append(f'POST /v1/orders/{review[0]}/approve{with_work}, or /reject with {{"fraud": true}}: you decide')
    if orders := ledger.of_state("released"):
        found.append(f"GET /v1/orders/{orders[0]}: every signal, its points, the decision and the timeline")
    found.append('place an order of your own on the sandbox page; ask for "FreeBSD 6" in its notes')
    found.append("POST /v1/tickets/classify: classify a ticket text of your own")
    return found


class Clock:
    """The time since the demo started."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self._started = time.monotonic()

    def __call__(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        return f"{minutes:02}:{seconds:02}"


class PlainScreen:
    """Lines, for pipes and CI."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._clock = Clock()
        self._numbers_at = 0.0

    def start(self) -> None:
        self._print("Doorman demo: a pretend billing panel, the service in front of it, and customers of all kinds")

    def wait(self, what: str) -> None:
        self._print(f"{what} ...")

    def welcome(self, addresses: Mapping[str, str]) -> None:
        self._clock.start()
        for name, value in addresses.items():
            self._print(f"{f'{name}:':<31}{value}")

    def tell(self, line: NewsLine) -> None:
        mark = _MARKS[line.tone][0]
        self._print(f"{self._clock()} {mark} {line.text}" + (f" -- {line.why}" if line.why else ""))

    def refresh(self, ledger: Ledger, seconds: float) -> None:
        if seconds - self._numbers_at >= _NUMBERS_SECONDS:
            self._numbers_at = seconds
            self._print(f"{self._clock()} # " + ", ".join(f"{what}: {value}" for what, value in numbers(ledger)))

    def stop(self) -> None:
        return

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveScreen:
    """A terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._addresses: Mapping[str, str] = {}
        self._clock = Clock()

    def start(self) -> None:
        self._console.print()
        self._console.print(Text("  Doorman", style="bold") + Text("  stands at the door of a billing panel", "dim"))
        self._console.print(
            Text("  A pretend panel, the service, and customers of all kinds. Ctrl-C ends it.\n", style="dim")
        )
        self._live.start()

    def wait(self, what: str) -> None:
        self._live.update(Text(f"  {what} ...", style="dim"), refresh=True)

    def welcome(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._clock.start()

    def tell(self, line: NewsLine) -> None:
        self._console.print(story_line(line, self._clock()))

    def refresh(self, ledger: Ledger, seconds: float) -> None:
        if self._addresses:
            self._live.update(footer(self._addresses, ledger, seconds), refresh=True)

    def stop(self) -> None:
        self._live.stop()


Screen = PlainScreen | LiveScreen


def story_line(line: NewsLine, at: str) -> Table:
    """Return one line of the story, with its time."""
    mark, style = _MARKS[line.tone]
    text = Text(line.text, style="" if line.tone is not Tone.PANEL else "dim")
    if line.why:
        text.append(f"\n{line.why}", style="dim italic")
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(width=6, justify="right")
    row.add_column(width=1)
    row.add_column(ratio=1, overflow="fold")
    row.add_row(Text(at, style="dim"), Text(mark, style=f"bold {style}"), text)
    return row


def footer(addresses: Mapping[str, str], ledger: Ledger, seconds: float) -> Group:
    """Return the footer: addresses, numbers, and suggestions."""
    where = Table.grid(padding=(0, 2))
    for name, value in addresses.items():
        where.add_row(Text(name, style="dim"), Text(value, style="bold cyan"))
    shown = hints(ledger)
    hint = shown[int(seconds / _HINT_SECONDS) % len(shown)]
    panel = Panel(
        Group(where, Text(), _counters(ledger), Text(), Text("try: ", style="cyan") + Text(hint)),
        title="Doorman demo",
        title_align="left",
        subtitle="Ctrl-C ends it",
        subtitle_align="right",
        border_style="blue",
        padding=(0, 1),
    )
    return Group(panel, Text())  # an empty line last, or an echoed ^C would break the full one above it


def _counters(ledger: Ledger) -> Columns:
    styles = {"released": "green", "held for a fee": "yellow", "in review": "magenta", "ended": "red"}
    return Columns(
        [
            Text.assemble((value, f"bold {styles.get(what, '')}".strip()), (f" {what}", "dim"))
            for what, value in numbers(ledger)
        ],
        padding=(0, 3),
    )
