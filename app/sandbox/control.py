"""The pretend panel as one object: what customers, staff and cron do, callable from tests, the demo and HTTP."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from app.sandbox import billing, orders
from app.sandbox.behaviours import Behaviours
from app.sandbox.context import Context
from app.sandbox.delivery import DoormanLink, Event, Gate, Outbox
from app.sandbox.desk.customers import CustomerDesk
from app.sandbox.desk.money import MoneyDesk
from app.sandbox.desk.orders import OrderDesk
from app.sandbox.desk.tickets import TicketDesk
from app.sandbox.faults import Faults
from app.sandbox.models import CRON
from app.sandbox.past import Chronicle, Past
from app.sandbox.state import State, WriteCall

IDENTIFIER = "sandbox-identifier"
SECRET = "sandbox-secret"  # noqa: S105 - the sandbox's own default, of no use elsewhere


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SandboxPanel(CustomerDesk, OrderDesk, MoneyDesk, TicketDesk):
    """A pretend WHMCS. `create_app(panel)` serves it; these methods act as customers, staff and cron.

    Methods that can run hooks are coroutines: the addon posts its webhook inside them, as the real one does.
    """

    def __init__(
        self,
        *,
        doorman_url: str = "",
        webhook_secret: str = "",
        panel_key: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
        identifier: str = IDENTIFIER,
        secret: str = SECRET,
        access_key: str = "",
        behaviours: Behaviours | None = None,
        now: Callable[[], datetime] = _utc_now,
        signing_clock: Callable[[], datetime] | None = None,
        seed: int = 1,
    ) -> None:
        """`transport` is for a Doorman in the same process (`httpx.ASGITransport(app)`).

        `signing_clock` dates the webhooks' signatures where that has to differ from the panel's `now`.
        """
        self.identifier = identifier
        self.secret = secret
        self.access_key = access_key
        self.allowed_ips: set[str] | None = None
        self.allowed_actions: set[str] | None = None
        self.behaviours = behaviours or Behaviours()
        self.faults = Faults()
        self.counts: Counter[str] = Counter()
        """Authenticated API calls by action, failed ones included."""
        self.effects: Counter[str] = Counter()
        """API calls by action that succeeded, even if the answer was lost."""
        self.writes: list[WriteCall] = []
        self.kept: list[Callable[[], Awaitable[Any]]] = []
        """Calls whose answer is lost and which are not applied yet (fault `kept`)."""
        self.link = DoormanLink(
            url=doorman_url, webhook_secret=webhook_secret, panel_key=panel_key, transport=transport
        )
        rng = random.Random(seed)
        self.ctx = Context(
            state=State(rng),
            behaviours=self.behaviours,
            outbox=Outbox(self.link, self.behaviours, now=now, signing_clock=signing_clock or now),
            gate=Gate(self.link, self.behaviours, now=now),
            now=now,
            rng=rng,
        )
        self.outbox = self.ctx.outbox
        self.gate = self.ctx.gate
        self.background: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Keep running after the caller hung up, as PHP does; `settled` waits for it."""
        task = asyncio.ensure_future(work)
        self.background.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self.background.discard(task)
        if not task.cancelled():
            task.exception()

    async def apply_kept(self) -> int:
        """Apply the delayed calls in order; return their number."""
        kept, self.kept = self.kept, []
        for apply in kept:
            await apply()
        return len(kept)

    async def settled(self) -> None:
        """Wait for calls that are still being applied (faults `late`, `hang_…`)."""
        while self.background:
            await asyncio.gather(*self.background, return_exceptions=True)

    async def delivered(self, *, wait_seconds: float = 10.0) -> None:
        """Wait until Doorman has answered 2xx to every event; TimeoutError otherwise."""
        await self.settled()
        await self.outbox.delivered(wait_seconds=wait_seconds)

    async def close(self) -> None:
        for task in list(self.background):
            task.cancel()
        await asyncio.gather(*self.background, return_exceptions=True)
        await self.link.close()

    def configure(self, **behaviours: Any) -> Behaviours:
        """Set switches of `Behaviours` by name."""
        replace(self.behaviours, **behaviours)  # raises on a name that does not exist
        for name, value in behaviours.items():
            setattr(self.behaviours, name, value)
        return self.behaviours

    def pending_events(self) -> list[Event]:
        return list(self.outbox.pending.values())

    def add_history(self, *, orders: int, seed: int = 1, years: float = 4.0) -> Past:
        """Generate a provider's history of `years` years, without hooks (see `past`)."""
        return Chronicle(self.ctx, seed).write(orders, years)

    async def run_cron(self) -> dict[str, Any]:
        """Run the five-minute cron: stored cards, the module queue if configured, the addon's outbox."""
        captured = await billing.capture_stored_cards(self.ctx, CRON)
        retried = await orders.retry_queue(self.ctx, CRON) if self.behaviours.queue_retried_by_cron else []
        return {"captured": captured, "retried": retried, "posted": await self.outbox.drain()}
