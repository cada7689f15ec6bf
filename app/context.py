"""The resources that service functions share, opened once per process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from app.clock import utc_now
from app.config import Settings
from app.db import Database
from app.enrichment.asking import Enrichment
from app.panels.base import PanelReader
from app.panels.records import PanelProduct
from app.policies.large_orders import LargeOrders
from app.policies.muting import MutedCache

T = TypeVar("T")

_CATALOGUE_SECONDS = 300.0
_BARRED_SECONDS = 900.0
_PAY_METHODS_SECONDS = 300.0
_CUSTOMER_SECONDS = 20.0
_CUSTOMERS_KEPT = 1_000


@dataclass(slots=True)
class CatalogueCache:
    """The panel's products, cached for five minutes."""

    products: tuple[PanelProduct, ...] = ()
    read_at: float = -_CATALOGUE_SECONDS

    async def get(self, panel: PanelReader, *, urgent: bool) -> tuple[PanelProduct, ...]:
        """Return the products; an empty list is not cached. Raises PanelUnavailable if they can't be read."""
        if not self.products or time.monotonic() - self.read_at >= _CATALOGUE_SECONDS:
            self.products = await panel.catalogue(urgent=urgent) or self.products
            self.read_at = time.monotonic()
        return self.products


@dataclass(slots=True)
class Bar:
    """Something that our role may not read; it is not requested again for 15 minutes."""

    until: float = 0.0

    def put(self) -> None:
        """Record the refusal."""
        self.until = time.monotonic() + _BARRED_SECONDS

    def __bool__(self) -> bool:
        """True while a request would be refused."""
        return time.monotonic() < self.until


@dataclass(slots=True)
class RecentReads:
    """What was read in the panel a moment ago, by customer or order: an order is read several times within seconds.

    Times are those of the context's clock; failures are not cached.
    """

    seconds: float
    read: dict[int, tuple[datetime, Any]] = field(default_factory=dict)

    async def get(self, of: int, reading: Callable[[], Awaitable[T]], *, now: datetime) -> T:
        """Return what was read of this customer or order within `seconds`, else read it. Raises PanelUnavailable."""
        known = self.read.get(of)
        if known is not None and timedelta(0) <= now - known[0] < timedelta(seconds=self.seconds):
            answer: T = known[1]
            return answer
        found = await reading()
        self.read.pop(of, None)
        if len(self.read) >= _CUSTOMERS_KEPT:
            del self.read[next(iter(self.read))]  # the oldest entry
        self.read[of] = (now, found)
        return found

    def forget(self, of: int | None) -> None:
        """Forget a customer or order about which there is news."""
        if of is not None:
            self.read.pop(of, None)


@dataclass(slots=True, kw_only=True)
class Context:
    """Database, panel, settings and clock of one process."""

    db: Database
    settings: Settings
    panel: PanelReader | None = None
    clock: Callable[[], datetime] = utc_now
    wake: Callable[[], None] = lambda: None  # wakes the worker
    catalogue: CatalogueCache = field(default_factory=CatalogueCache)
    muted: MutedCache = field(default_factory=MutedCache)
    large_orders: LargeOrders = field(default_factory=LargeOrders)
    customers: RecentReads = field(default_factory=partial(RecentReads, _CUSTOMER_SECONDS))
    services: RecentReads = field(default_factory=partial(RecentReads, _CUSTOMER_SECONDS))  # by order
    tickets: RecentReads = field(default_factory=partial(RecentReads, _CUSTOMER_SECONDS))  # listed, newest first
    pay_methods: RecentReads = field(default_factory=partial(RecentReads, _PAY_METHODS_SECONDS))
    pay_methods_barred: Bar = field(default_factory=Bar)
    users: RecentReads = field(default_factory=partial(RecentReads, _PAY_METHODS_SECONDS))  # when they signed up
    users_barred: Bar = field(default_factory=Bar)
    enrichment: Enrichment | None = None  # external services and files; None: none configured
    scoring: asyncio.Lock = field(default_factory=asyncio.Lock)  # serialises the scoring of long lists
    gate_noted_at: datetime | None = None  # when this process last recorded that the gate asked
    own_admin_id: int | None = None  # the panel's id of our own API user, once known
