"""Publishing and activating a policy over the API."""

from __future__ import annotations

from datetime import datetime

import structlog
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.policy import PolicyError, parse_policy, warnings
from app.errors import Invalid
from app.services import policies
from app.services.idempotency import Answer
from app.services.views_lists import active_version, get_policy
from app.services.views_records import PublishedPolicy

log = structlog.get_logger()


async def publish(tx: AsyncConnection, document: str, *, by: str, now: datetime) -> Answer:
    """Publish a document: 201 for new rules, 200 for those that were published before. Raises Invalid."""
    try:
        found = warnings(parse_policy(document))
        published = await policies.publish(tx, document, by=by, now=now)
    except PolicyError as error:
        errors = [{"path": f"document.{path}".rstrip("."), "message": message} for path, message in error.errors]
        raise Invalid("The document is no valid policy.", errors) from None
    log.info("policy.published", version=published.version, new=published.new, by=by)
    view = PublishedPolicy(
        version=published.version,
        hash=published.hash,
        active=await active_version(tx) == published.version,
        warnings=found,
    )
    return Answer(status=201 if published.new else 200, body=to_json(view).decode())


async def activate(tx: AsyncConnection, version: int, *, by: str, now: datetime) -> PublishedPolicy:
    """Make a version the active one. Raises NotFound."""
    await policies.activate(tx, version, by=by, now=now)
    log.info("policy.activated", version=version, by=by)
    row = await get_policy(tx, version)
    return PublishedPolicy(version=row.version, hash=row.hash, active=row.active, warnings=row.warnings)
