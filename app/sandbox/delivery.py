"""The WHMCS addon's requests to Doorman: an outbox of signed webhooks, and the gate."""

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from standardwebhooks import Webhook

from app.sandbox.behaviours import Behaviours
from app.sandbox.models import Actor

CONNECT_SECONDS = 1.0
TOTAL_SECONDS = 2.0
KNOWN_HOLDS = frozenset({"held_for_fee", "held_for_review", "rejected"})


@dataclass(slots=True, kw_only=True)
class Event:
    """One webhook in the addon's outbox table; its id is the same for all attempts."""

    id: str
    type: str
    at: datetime
    data: dict[str, Any]
    attempts: int = 0
    delivered_at: datetime | None = None
    last_status: int = 0
    last_error: str = ""

    def body(self) -> str:
        return json.dumps({"type": self.type, "timestamp": self.at.isoformat(), "data": self.data})


@dataclass(slots=True, kw_only=True)
class DoormanLink:
    """Doorman's URL and credentials; without a URL nothing is sent and events accumulate.

    A request is given up after `patience_seconds`, by default as soon as the addon gives up.
    """

    url: str = ""
    webhook_secret: str = ""
    panel_key: str = ""
    transport: httpx.AsyncBaseTransport | None = None
    patience_seconds: float = TOTAL_SECONDS
    _client: httpx.AsyncClient | None = field(default=None, repr=False)

    @property
    def delivers(self) -> bool:
        return bool(self.url and self.webhook_secret)

    @property
    def client(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                base_url=self.url,
                transport=self.transport,
                timeout=httpx.Timeout(self.patience_seconds, connect=CONNECT_SECONDS),
                trust_env=False,
            )
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None


class Outbox:
    """Events are kept until Doorman answers 2xx; each is sent once immediately, then retried by cron."""

    def __init__(
        self,
        link: DoormanLink,
        behaviours: Behaviours,
        *,
        now: Callable[[], datetime],
        signing_clock: Callable[[], datetime],
    ) -> None:
        self._link = link
        self._behaviours = behaviours
        self._now = now
        self._signing_clock = signing_clock
        self._draining = asyncio.Lock()
        self._posting: set[str] = set()
        self.pending: dict[str, Event] = {}
        self.log: deque[Event] = deque(maxlen=20_000)

    async def put(self, kind: str, data: dict[str, Any]) -> None:
        """Run a hook as often as this panel is set to repeat it; each run creates its own event."""
        repeats = self._behaviours.hook_repeats_by_type.get(kind, self._behaviours.hook_repeats)
        for _ in range(repeats):
            event = Event(id=str(uuid.uuid4()), type=kind, at=self._now(), data=dict(data))
            self.pending[event.id] = event
            self.log.append(event)
            if self._behaviours.post_promptly and self._link.delivers:
                await self.post(event)

    async def post(self, event: Event) -> bool:
        """Post once, within the link's patience; a failed event stays in the outbox."""
        if event.delivered_at:
            return True
        if event.id in self._posting:
            return False
        self._posting.add(event.id)
        try:
            return await self._attempt(event)
        finally:
            self._posting.discard(event.id)

    async def _attempt(self, event: Event) -> bool:
        event.attempts += 1
        event.last_status = 0
        body = event.body()
        signed_at = self._signing_clock()
        headers = {
            "content-type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": str(int(signed_at.timestamp())),
            "webhook-signature": Webhook(self._link.webhook_secret).sign(event.id, signed_at, body),
        }
        try:
            async with asyncio.timeout(self._link.patience_seconds):
                answer = await self._link.client.post("/webhooks", content=body, headers=headers)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            event.last_error = f"{type(error).__name__}: {error}"
            return False
        event.last_status = answer.status_code
        if not answer.is_success:
            event.last_error = f"HTTP {answer.status_code}"
            return False
        event.delivered_at = self._now()
        self.pending.pop(event.id, None)
        return True

    async def drain(self) -> int:
        """What cron does (AfterCronJob): send the remaining events, oldest first; stop if Doorman can't be reached."""
        if not self._link.delivers:
            return 0
        posted = 0
        async with self._draining:
            for event in list(self.pending.values()):
                if await self.post(event):
                    posted += 1
                elif not event.last_status:
                    break
        return posted

    async def delivered(self, *, wait_seconds: float = 10.0) -> None:
        """Wait until Doorman has received everything; TimeoutError if that takes too long."""
        async with asyncio.timeout(wait_seconds):
            while self.pending:
                await self.drain()
                if self.pending:
                    await asyncio.sleep(0.02)

    def of_type(self, kind: str) -> list[Event]:
        return [event for event in self.log if event.type == kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswer:
    """The gate's answer for one order, or why it could not be asked."""

    order_id: int
    at: datetime
    provision: bool
    reason: str


class Gate:
    """The addon's PreModuleCreate hook: it asks Doorman before provisioning.

    If Doorman can't be reached, orders known to be held stay blocked and all others pass.
    """

    def __init__(self, link: DoormanLink, behaviours: Behaviours, *, now: Callable[[], datetime]) -> None:
        self._link = link
        self._behaviours = behaviours
        self._now = now
        self.known_holds: set[int] = set()
        self.latest: dict[int, str] = {}
        """The latest reason by order."""
        self.log: deque[GateAnswer] = deque(maxlen=20_000)

    async def ask(self, order_id: int) -> GateAnswer:
        if not (self._behaviours.gate_installed and self._link.url and self._link.panel_key):
            return GateAnswer(order_id=order_id, at=self._now(), provision=True, reason="no_gate")
        answer = await self._fetch(order_id)
        self.log.append(answer)
        self.latest[order_id] = answer.reason
        return answer

    async def _fetch(self, order_id: int) -> GateAnswer:
        headers = {"authorization": f"Bearer {self._link.panel_key}"}
        try:
            async with asyncio.timeout(self._link.patience_seconds):
                reply = await self._link.client.get(f"/v1/orders/{order_id}/gate", headers=headers)
            reply.raise_for_status()
            body = reply.json()
            provision, reason = body["provision"] is True, str(body["reason"])
        except (httpx.HTTPError, TimeoutError, OSError, ValueError, KeyError, TypeError):
            provision, reason = order_id not in self.known_holds, "unreachable"
        else:
            if provision:
                self.known_holds.discard(order_id)
            elif reason in KNOWN_HOLDS:
                self.known_holds.add(order_id)
        return GateAnswer(order_id=order_id, at=self._now(), provision=provision, reason=reason)


def with_actor(actor: Actor, **data: Any) -> dict[str, Any]:
    """Return the body of an event; unknown values are left out."""
    known = {key: value for key, value in data.items() if value not in (None, "", 0) or key == "nps"}
    return {**known, "actor": actor.wire()}
