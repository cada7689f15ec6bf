"""The question to an external service and its answer; every failure is one exception, never a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.core.facts import EnrichmentReport
from app.core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichmentQuestion:
    """The data about one order that may be sent. Personal data: never logged; each source sends as little as it can."""

    order_id: int  # our reference
    customer_id: int
    placed_at: datetime
    email: str = ""
    mailbox: str | None = None  # the address without tags and insignificant dots
    name: str = ""
    phone: str = ""  # as the panel writes it
    ip: str | None = None  # only if it is the customer's own
    city: str = ""
    postcode: str = ""
    country: str | None = None  # ISO 3166-1 alpha-2
    amount: Money | None = None


class NoAnswer(Exception):
    """No usable answer. `reason` is a short stable text without personal data or secrets, for log and doctor."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EnrichmentSource(Protocol):
    """An external service that can be asked about one order."""

    @property
    def name(self) -> str:
        """Its name in facts, policies and logs."""
        ...

    async def ask(self, question: EnrichmentQuestion) -> EnrichmentReport:
        """Ask once. Raises NoAnswer; the caller enforces the time limit."""
        ...

    async def aclose(self) -> None: ...
