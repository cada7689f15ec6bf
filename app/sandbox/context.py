"""The context shared by all parts of the pretend panel, and the errors that WHMCS answers."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.sandbox.behaviours import Behaviours
from app.sandbox.delivery import Gate, Outbox, with_actor
from app.sandbox.models import Actor, Client, Mail
from app.sandbox.state import State

API_ADMIN_ID = 9
API = Actor(kind="api", admin_id=API_ADMIN_ID)


class BusinessError(Exception):
    """An error that WHMCS answers with HTTP 200 and ``result=error``."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(slots=True, kw_only=True)
class Context:
    """State, clock, behaviours, and the addon's two connections to Doorman: outbox and gate."""

    state: State
    behaviours: Behaviours
    outbox: Outbox
    gate: Gate
    now: Callable[[], datetime]
    rng: random.Random

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.behaviours.timezone)

    def today(self) -> date:
        """The date on the server's own calendar."""
        return self.now().astimezone(self.zone).date()

    async def raise_event(self, kind: str, actor: Actor, **data: Any) -> None:
        await self.outbox.put(kind, with_actor(actor, **data))

    def customer_actor(self, client: Client) -> Actor:
        return Actor(kind="customer", user_id=client.user_id)

    def log(self, description: str, actor: Actor, *, client_id: int = 0) -> None:
        self.state.log(description, actor, at=self.now(), client_id=client_id)

    def mail(
        self, client_id: int, template: str, *, subject: str = "", body: str = "", related_id: int = 0, kind: str = ""
    ) -> None:
        """Record a mail to a client; nothing is sent."""
        client = self.state.clients.get(client_id)
        self.state.mails.append(
            Mail(
                at=self.now(),
                to=client.email if client else "",
                template=template,
                subject=subject or template,
                body=body,
                related_id=related_id,
                custom_type=kind,
            )
        )
