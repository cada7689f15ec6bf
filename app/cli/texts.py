"""``doorman policy texts``: a policy's prices in words, ready to copy into cart, terms and e-mails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings
from app.core.judgement.explanation.prices import price_texts
from app.core.policy.document import Policy, parse_policy
from app.db import Database, async_url
from app.errors import Invalid
from app.installation import schema
from app.policies import versions
from app.policies.versions import read_file


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSource:
    """A policy and a description of its source."""

    policy: Policy
    words: str


def from_file(file: Path) -> TextSource:
    """Return the policy of a file. Raises OSError, PolicyError."""
    return TextSource(policy=parse_policy(read_file(file)), words=f"the policy in {file.name}")


async def in_force(settings: Settings) -> TextSource:
    """Return the active policy, or the defaults while there is no database. Raises schema.OldSchema, NotFound."""
    url = async_url(settings.database_url)
    defaults = TextSource(policy=Policy(), words="the default policy, as there is no database yet")
    if url.get_backend_name() == "sqlite" and not _exists(url.database):
        return defaults
    db = Database.open(settings.database_url)
    try:
        if await schema.is_empty(db):
            return defaults
        await schema.require_current(db)
        async with db.read() as connection:
            active = await versions.active(connection)
        return TextSource(policy=active.policy, words=f"the active policy, version {active.version}")
    finally:
        await db.close()


def _exists(database: str | None) -> bool:
    """True if the file exists; opening it would create it."""
    return bool(database) and Path(str(database)).is_file()


def written(policy: Policy, currency: str | None) -> Iterator[str]:
    """Yield the texts with their headings, in one currency or all. Raises Invalid if the policy has no such row."""
    if currency is not None and currency not in policy.currencies:
        raise Invalid(f"the policy has no amounts in {currency!r}, only in {', '.join(policy.currencies)}")
    for one in policy.currencies if currency is None else (currency,):
        texts = price_texts(policy, one)
        named = {
            "for the cart": texts.cart,
            "for the terms of service": texts.terms,
            "for the signature of e-mails": texts.signature,
        }
        for place, text in named.items():
            yield f"--- {one}, {place} ---\n{text}\n"
