"""Signals: what each finding about an order means, and its points."""

from __future__ import annotations

from functools import partial

from fastapi import Response

from app.api.auth import OPS
from app.api.serving import ContextDep, read, router
from app.api.views.signals import SignalList, list_signals

signals = router("/signals", "signals", OPS)


@signals.get(
    "",
    response_model=SignalList,
    summary="List every signal with its meaning and points",
    description="The whole catalogue: everything that a decision's `signals` may contain under the active policy.",
)
async def list_all(context: ContextDep) -> Response:
    return await read(context, partial(list_signals, now=context.clock()))
