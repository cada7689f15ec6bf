"""GetModuleQueue → `PanelQueueEntry`."""

from __future__ import annotations

from datetime import tzinfo

from app.panels.records import PanelQueueEntry
from app.panels.whmcs import wire


def rows(answer: wire.Row) -> list[wire.Row]:
    """Return the rows of the flat list. Raises AnswerError when the panel counts rows but returns none."""
    listed = answer.get("queue")
    alone = isinstance(listed, dict) and "serviceId" in listed  # a single entry, not in a list
    found = wire.as_list([listed] if alone else listed, "queue", strict=True)
    if wire.integer(answer.get("count")) and not found:
        raise wire.AnswerError("the panel counts entries in the module queue but lists none")
    return found


def entry(row: wire.Row, *, zone: tzinfo | None) -> PanelQueueEntry | None:
    """Return the entry of a row; None if it is already completed or names no service."""
    entry_id, relid = wire.identifier(row.get("id")), wire.identifier(row.get("serviceId"))
    if entry_id is None or relid is None or wire.boolean(row.get("completed")):
        return None
    return PanelQueueEntry(
        entry_id=entry_id,
        kind=wire.text(row.get("serviceType")).strip().lower(),
        relid=relid,
        module=wire.text(row.get("moduleName")).strip(),
        action=wire.text(row.get("moduleAction")).strip(),
        error=" ".join(wire.text(row.get("lastAttemptError")).split()),
        attempted_at=wire.moment(row.get("lastAttempt"), zone),
    )
