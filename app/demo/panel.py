"""The demo's sandbox panel: an opening that shows each outcome, then endless stories.

It runs in its own process. The first line of standard input holds the secrets as JSON, the second says that Doorman is
ready; the process ends when standard input closes, so it never outlives the demo. It writes JSON lines: first its
address, then stories and numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from app.demo.processes import first_of
from app.sandbox.control import SandboxPanel
from app.sandbox.models import Client, Item, Order
from app.sandbox.server import serving
from app.sandbox.town.people import Cast, card_tester, newcomer, populate, wishes
from app.sandbox.town.stories import stories
from app.sandbox.views import fees_of

OLD_SYSTEM = "Please install Ubuntu 8.04 with PHP 4.4 and register_globals on, our shop needs it."
RACK = "As agreed by phone: please mount our two servers next to the old ones."
_FEE_WAIT_SECONDS = 8.0


@dataclass(slots=True)
class DemoStage:
    """State shared by the acts of the opening."""

    panel: SandboxPanel
    cast: Cast
    rng: random.Random
    asked: list[Order] = field(default_factory=list)
    """Orders for which a fee should be requested, in order."""
    unpaid: list[Order] = field(default_factory=list)

    def item(self, product: str, system: str = "") -> Item:
        return wishes(self.cast.catalogue, product, system=system)


Act = Callable[[DemoStage], Awaitable[str]]


def _bought(order: Order, client: Client, what: str) -> str:
    return f"{client.fullname} orders {what} ({order.amount} {order.currency}), order {order.id}"


async def _regular(stage: DemoStage) -> str:
    client = stage.cast.clients["regular"][0]
    order = await stage.panel.place_order(client.id, [stage.item("vps_m", "Debian 12")], pay=True, fraud_score=3)
    return _bought(order, client, "VPS M") + ", in the cart, and pays at once"


async def _old_system(stage: DemoStage) -> str:
    client = stage.cast.clients["by_mail"][1]
    order = await stage.panel.place_order(client.id, [stage.item("vps_m")], by="staff", notes=OLD_SYSTEM)
    await stage.panel.pay_invoice(order.invoice_id)
    stage.asked.append(order)
    return f'Staff enter order {order.id} for {client.fullname}, who wrote: "{OLD_SYSTEM}"'


async def _newcomer(stage: DemoStage) -> str:
    client = newcomer(stage.panel, firstname="Lena", lastname="Berg", country="DE")
    order = await stage.panel.place_order(client.id, [stage.item("starter")], pay=True, fraud_score=9)
    return "New: " + _bought(order, client, "Starter") + ", pays at once and asks for nothing"


async def _late_payer(stage: DemoStage) -> str:
    client = stage.cast.clients["effortless"][0]
    order = await stage.panel.place_order(client.id, [stage.item("vps_s", "Debian 13")])
    stage.unpaid.append(order)
    return _bought(order, client, "VPS S") + " and has not paid yet"


async def _card_testers(stage: DemoStage) -> str:
    for number in (901, 902):
        client = card_tester(stage.panel, number)
        await stage.panel.place_order(client.id, [stage.item("vps_l", "Debian 12")], pay=True, fraud_score=78)
    return "2 orders within a second from one address with throw-away mail accounts (45.155.205.9)"


async def _fee_paid(stage: DemoStage) -> str:
    order = stage.asked[0]
    name = stage.panel.state.clients[order.client_id].fullname
    for _ in range(int(_FEE_WAIT_SECONDS / 0.1)):
        if fees := fees_of(stage.panel, order):
            paid = await stage.panel.pay_invoice(fees[0].id)
            return f"{name} pays the fee of {paid.total} {order.currency} (invoice {paid.id})"
        await asyncio.sleep(0.1)
    return f"{name} waits for an answer to order {order.id}"


async def _plain_by_staff(stage: DemoStage) -> str:
    client = stage.cast.clients["by_mail"][0]
    order = await stage.panel.place_order(client.id, [stage.item("business")], by="staff")
    await stage.panel.pay_invoice(order.invoice_id)
    return f"Staff enter order {order.id} for {client.fullname}: a plain Business plan that the cart sells, too"


async def _more_rack(stage: DemoStage) -> str:
    client = stage.cast.clients["colocation"][0]
    order = await stage.panel.place_order(client.id, [stage.item("colocation")], by="staff", notes=RACK, pay=True)
    return _bought(order, client, "another quarter rack") + ", entered by staff"


async def _paid_late(stage: DemoStage) -> str:
    order = stage.unpaid[0]
    await stage.panel.pay_invoice(order.invoice_id)
    return f"{stage.panel.state.clients[order.client_id].fullname} pays order {order.id} now"


OPENING: tuple[Act, ...] = (
    _regular,
    _old_system,
    _late_payer,
    _newcomer,
    _fee_paid,
    _card_testers,
    _plain_by_staff,
    _more_rack,
    _paid_late,
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app.demo.panel", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--doorman-url", required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--pace", type=float, default=2.5, help="seconds between events")
    return parser.parse_args()


def _say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _play(panel: SandboxPanel, cast: Cast, *, seed: int, pace: float) -> None:
    async for line in _everything(DemoStage(panel, cast, random.Random(seed)), seed=seed, pace=pace):
        _say(story=line)


async def _everything(stage: DemoStage, *, seed: int, pace: float) -> AsyncIterator[str]:
    for act in OPENING:
        yield await act(stage)
        await asyncio.sleep(pace)
    async for line in stories(stage.panel, random.Random(seed), stage.cast, pace=pace):
        yield line


async def _count(panel: SandboxPanel, known: set[int]) -> None:
    """Report each new order (including those placed by hand on the page) and the API call counts when they change."""
    before: tuple[int, ...] = ()
    while True:
        new = set(panel.state.orders) - known
        known |= new
        changes = len(panel.writes)
        numbers = (sum(1 for event in panel.outbox.log if event.delivered_at), sum(panel.counts.values()), changes)
        if new or numbers != before:
            names = {row: panel.state.clients[panel.state.orders[row].client_id].fullname for row in sorted(new)}
            _say(orders=names, webhooks=numbers[0], reads=numbers[1] - changes, changes=changes)
            before = numbers
        await asyncio.sleep(0.3)


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _perform(panel: SandboxPanel, cast: Cast, lines: asyncio.StreamReader, options: argparse.Namespace) -> None:
    """Play from the next line of standard input until it closes."""
    if not await lines.readline():
        return
    play = _play(panel, cast, seed=options.seed, pace=options.pace)
    await first_of(play, _count(panel, set(panel.state.orders)), lines.read())


async def _run(options: argparse.Namespace) -> None:
    lines = await _standard_input()
    panel = SandboxPanel(doorman_url=options.doorman_url, seed=options.seed, **json.loads(await lines.readline()))
    cast = populate(panel)
    async with serving(panel, port=options.port) as url:
        _say(url=url)
        performing = asyncio.create_task(_perform(panel, cast, lines, options))
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, performing.cancel)
        with suppress(asyncio.CancelledError):
            await performing


if __name__ == "__main__":
    asyncio.run(_run(_arguments()))
