"""Liveness, readiness and metrics: open to anyone, because probes carry no keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field

from app.api.metrics import Metrics
from app.api.serving import answer
from app.upkeep.health import Probe, Readiness

health = APIRouter(tags=["health"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """The process is running."""

    status: Annotated[Literal["ok"], Field(description="Always `ok`.")] = "ok"


@health.get(
    "/healthz",
    response_model=Alive,
    summary="Check that this process is alive",
    description="Use this check to route webhooks: they are stored even while the worker or the panel is down.",
)
async def healthz() -> Response:
    return answer(Alive())


@health.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Something is wrong; `reasons` says what."}},
    summary="Check that everything works",
    description=(
        "Checks the database, the schema, the worker, and how long the oldest item of each kind has waited. "
        "Failed events and reached damage limits are reported for staff; they do not make the service unready."
    ),
)
async def readyz(request: Request) -> Response:
    probe: Probe = request.app.state.probe
    readiness = await probe.readiness()
    return answer(readiness, 200 if readiness.ready else 503)


@health.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text."}},
    summary="Get the metrics for Prometheus",
)
async def metrics(request: Request) -> Response:
    state = request.app.state
    probe: Probe = state.probe
    numbers: Metrics = state.metrics
    return Response(numbers.render(await probe.standing()), media_type=CONTENT_TYPE_LATEST)
