"""`doorman suggest`: proposes points and thresholds from the provider's own history in a policy file, nothing else."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from app.cli.backtest.command import run_backtest
from app.clock import utc_now
from app.config import Settings
from app.errors import Invalid
from app.evaluation.suggesting import PointsSuggested, Suggested, ThresholdTried, suggest_policy
from app.installation.administration import opened

_NOTHING: Final = "Nothing is proposed, and no file was written."
_STAY: Final = (
    "These stay as they are, since another value is proposed only where more than half of the orders that it moves\n"
    "are moved rightly, beyond chance: held and bad, or let go and good."
)
_REVIEW: Final = "risk.review_from"


def run_suggest(settings: Settings, console: Console, *, out: Path, as_json: bool) -> bool:
    """Print what the history teaches and write the proposed policy; return whether anything was proposed.

    Raises OldSchema, Invalid (the file exists, or scikit-learn is missing), PolicyError if the proposal would not be a
    valid policy.
    """
    if out.exists():
        raise Invalid(f"{out} already exists; choose another file with --out")
    found = asyncio.run(learn(settings))
    if found.document is not None:
        out.write_text(found.document, encoding="utf-8")
    if as_json:
        sys.stdout.write(TypeAdapter(Suggested).dump_json(found, indent=2).decode() + "\n")
        return found.document is not None
    tell(found, console, out=out)
    if found.document is None:
        return False
    console.print(f"\nWhat all of it together would have meant (`doorman backtest --policy {out}` shows it again):\n")
    run_backtest(settings, found.document, since=None, with_today=False, as_json=False, chart=None)
    return True


async def learn(settings: Settings) -> Suggested:
    """Learn from the whole labelled history. Raises OldSchema, LearningMissing."""
    async with opened(settings) as db:
        return await suggest_policy(db, now=utc_now())


def tell(found: Suggested, console: Console, *, out: Path) -> None:
    """Print the proposal."""
    console.print(
        f"Orders with a known outcome: {found.bad + found.good} ({found.bad} bad, {found.good} good); "
        f"{found.by_outcome} by what happened to them, {found.by_review} by what people decided."
    )
    if found.points:
        console.print(_points(found.points))
    elif found.why_no_points is not None:
        console.print(f"Points: {found.why_no_points}")
    if found.thresholds:
        _thresholds(found, console)
    if found.document is None:
        console.print(_NOTHING)
    else:
        console.print(f"Wrote {out}: policy {found.version} with these values. Nothing else has changed.")


def _points(found: Iterable[PointsSuggested]) -> Table:
    table = Table("points.risk", "now", "proposed", "fired on bad", "on good", title="Points", title_justify="left")
    for one in found:
        table.add_row(one.key, str(one.before), str(one.after), str(one.fired_bad), str(one.fired_good))
    return table


def _thresholds(found: Suggested, console: Console) -> None:
    proposed = [one for one in found.thresholds if one.suggested]
    if proposed:
        console.print(_effects("Thresholds, each by itself", proposed, found))
    others = dict.fromkeys(one.key for one in found.thresholds if one.key not in {chosen.key for chosen in proposed})
    if others:
        console.print(f"{_STAY}\n{', '.join(others)}", soft_wrap=True)
    review = [one for one in found.thresholds if one.key == _REVIEW]
    if not review:
        return
    console.print(_effects("What other review thresholds would do", review, found))
    if all(float(one.value) > float(one.before) for one in review):
        console.print("Lower ones are not possible: e-mail provider and country alone would then hold an order.")


def _effects(title: str, rows: Iterable[ThresholdTried], found: Suggested) -> Table:
    bad, good = f"bad held, of {found.bad}", f"good held, of {found.good}"
    table = Table("threshold", "now", "then", bad, good, title=title, title_justify="left")
    for one in rows:
        held = f"{one.bad_held} ({one.bad_change:+d})", f"{one.good_held} ({one.good_change:+d})"
        table.add_row(one.key, one.before, one.value, *held)
    return table
