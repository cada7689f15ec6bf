"""Judging on all cores."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from app.db import Database
from app.evaluation.backtest.judging import PART, BacktestFailed, Job, Judged, Place
from app.installation.children import Helpers, cores

#: With fewer orders than this, starting processes takes longer than judging.
_ALONE_BELOW: Final = 10 * PART
_ENDED: Final = "a process that judged orders ended too early; no result was stored"


async def judge_parts(
    job: Job, db: Database, places: Sequence[Place], *, orders: int, processes: int | None = None
) -> AsyncGenerator[Judged]:
    """Yield every part as it is done, in any order. Raises BacktestFailed, also if a process dies."""
    wanted = min(len(places), processes or (1 if orders < _ALONE_BELOW else cores()))
    parts = zip(range(len(places)), places, [*places[1:], None], strict=True)
    helpers = Helpers(db, wanted if wanted > 1 else 0, ended=BacktestFailed(_ENDED))
    try:
        async with aclosing(helpers.share(job.on, parts, here=False)) as judged:
            async for part in judged:
                yield part
    finally:
        await helpers.aclose()
