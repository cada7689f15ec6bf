"""``/metrics``: the state of the service and the answers of this process, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from starlette.types import Scope

from app.panels.brakes.breaker import BreakerState
from app.upkeep.health import COUNTED, ServiceStanding
from app.workflow.waiting import Waiting

_BOUND = f"counting stops at {COUNTED}"


class PanelRequests(Collector):
    """The requests to the panel, counted in the database by the processes that make them."""

    def __init__(self) -> None:
        self.counts: Mapping[tuple[str, str], int] = {}

    def collect(self) -> Iterable[Metric]:
        """Return the counter."""
        text = "Requests to the panel, answered or not, by action and by what caused them."
        family = CounterMetricFamily("doorman_panel_requests", text, labels=("action", "cause"))
        for labels, calls in self.counts.items():
            family.add_metric(labels, calls)
        yield family


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "doorman_http_requests_total",
            "HTTP requests that this process answered, except webhooks.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._up = self._gauge("doorman_database_up", "Whether the database can be reached.")
        self._workers = self._gauge("doorman_workers_alive", "Workers with a fresh heartbeat.")
        self._moving = self._gauge("doorman_workers_moving", "Workers whose main loop is running.")
        self._breaker = self._gauge(
            "doorman_panel_breaker", "Circuit breaker of the panel: 0 closed, 1 half open, 2 open (the panel is down)."
        )
        self._paused = self._gauge("doorman_paused", "1 while panel calls are paused.")
        self._queue = self._gauge("doorman_queue", f"Items that wait for a person; {_BOUND}.")
        self._unbuilt = self._gauge("doorman_orders_unbuilt", f"Orders accepted but not fully provisioned; {_BOUND}.")
        self._oldest = self._gauge(
            "doorman_oldest_waiting_seconds",
            "How long the oldest item has waited, by kind; 0 if nothing waits.",
            "kind",
        )
        self._limits = self._gauge(
            "doorman_damage_limit_reached", "1 while a damage limit of the policy is reached.", "limit", "window"
        )
        self._calls = self._gauge("doorman_panel_calls", "Waiting panel calls, by state.", "state")
        self._events = self._gauge("doorman_events", f"Events by state; {_BOUND}.", "state")
        self._panel_requests = PanelRequests()
        self._registry.register(self._panel_requests)
        self._orders = self._gauge("doorman_orders", f"Orders by state; {_BOUND}.", "state")

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)

    def count_request(self, scope: Scope, status: int) -> None:
        """Count an answered request by its route's template, never by its path."""
        route: Any = scope.get("route")
        self._requests.labels(scope["method"], getattr(route, "path", "none"), str(status)).inc()

    def render(self, standing: ServiceStanding | None) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        self._up.set(standing is not None)
        if standing is not None:
            self._workers.set(standing.workers_alive)
            self._paused.set(standing.paused)
            self._breaker.set(list(BreakerState).index(standing.panel))
            self._queue.set(standing.queue)
            self._unbuilt.set(standing.unbuilt)
            self._moving.set(standing.workers_moving)
            self._show(self._oldest, {kind: standing.oldest.get(kind, 0) for kind in Waiting})
            self._panel_requests.counts = standing.requests
            self._limits.clear()
            for (limit, window), reached in standing.limits.items():
                self._limits.labels(limit.value, window.value).set(reached)
            self._show(self._calls, standing.calls)
            self._show(self._events, standing.events)
            self._show(self._orders, standing.orders)
        return generate_latest(self._registry)

    @staticmethod
    def _show(gauge: Gauge, values: Any) -> None:
        gauge.clear()
        for label, value in values.items():
            gauge.labels(str(label)).set(value)
