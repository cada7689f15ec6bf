"""`doorman suggest`: proposes points from the provider's own history and writes a policy file; changes nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomlkit
from rich.console import Console
from rich.table import Table
from tomlkit.items import InlineTable

from app.api.views.policies import get_policy
from app.cli.backtest import run_backtest
from app.clock import utc_now
from app.config import Settings
from app.core.policy.document import parse_policy
from app.db import Database
from app.errors import Invalid
from app.evaluation import learning
from app.evaluation.learning import Suggestion
from app.evaluation.scorecard import PointChange
from app.installation import schema
from app.policies import versions

_NOTHING: Final = "Nothing is proposed, and no file was written."


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What was learned from the history, and the policy to change."""

    version: int
    document: str
    suggestion: Suggestion


def run_suggest(settings: Settings, console: Console, *, out: Path) -> bool:
    """Print what the history teaches and write the proposed policy; return whether anything was proposed.

    Raises OldSchema, Invalid (the file exists, or scikit-learn is missing), PolicyError if the proposal would not be a
    valid policy.
    """
    if out.exists():
        raise Invalid(f"{out} already exists; choose another file with --out")
    if not tell(asyncio.run(learn(settings)), console, out=out):
        return False
    console.print("\nWhat it would have changed (`doorman backtest` shows it again):\n")
    run_backtest(settings, out.read_text(encoding="utf-8"), since=None, with_today=False, as_json=False, chart=None)
    return True


async def learn(settings: Settings) -> Learned:
    """Fit the points to the labelled history. Raises OldSchema, LearningMissing."""
    db = Database.open(settings.database_url)
    try:
        await schema.require_current(db)
        async with db.read() as connection:
            active = await versions.active(connection)
            document = (await get_policy(connection, active.version)).document
        found = await learning.read_labelled(db, active.policy, now=utc_now())
    finally:
        await db.close()
    return Learned(version=active.version, document=document, suggestion=learning.suggest(found, active.policy))


def tell(learned: Learned, console: Console, *, out: Path) -> bool:
    """Print the proposal and write the file."""
    suggestion = learned.suggestion
    _print_labels(console, suggestion)
    if suggestion.why_not is not None:
        console.print(f"{suggestion.why_not}\n{_NOTHING}")
        return False
    text = with_points(learned.document, suggestion.changes)
    parse_policy(text)
    console.print(_table(suggestion))
    out.write_text(text, encoding="utf-8")
    console.print(f"Wrote {out}: policy {learned.version} with these points. Nothing else has changed.")
    return True


def with_points(document: str, changes: tuple[PointChange, ...]) -> str:
    """Return the policy document with other points; comments and everything else stay as they are."""
    toml = tomlkit.parse(document)
    risk = _table_of(_table_of(toml, "points"), "risk")
    for change in changes:
        risk[change.key] = change.after
    return tomlkit.dumps(toml)


def _table_of(parent: MutableMapping[str, Any], name: str) -> MutableMapping[str, Any]:
    if name not in parent:
        parent[name] = tomlkit.inline_table() if isinstance(parent, InlineTable) else tomlkit.table()
    found: MutableMapping[str, Any] = parent[name]
    return found


def _print_labels(console: Console, found: Suggestion) -> None:
    console.print(
        f"Orders with a known outcome: {found.bad + found.good} ({found.bad} bad, {found.good} good); "
        f"{found.by_outcome} by what happened to them, {found.by_review} by what people decided."
    )


def _table(found: Suggestion) -> Table:
    table = Table(
        "points.risk", "now", "proposed", "fired on bad", "on good", title="Proposed points", title_justify="left"
    )
    for change in found.changes:
        table.add_row(change.key, str(change.before), str(change.after), str(change.bad), str(change.good))
    return table
