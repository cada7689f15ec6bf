"""Who changed something in the panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.core.records import PANEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who changed something in the panel, as far as an event says."""

    kind: str = "unknown"  # customer, staff, api, cron, doorman, unknown
    admin_id: int | None = None
    masquerade: bool = False

    @classmethod
    def from_event(cls, data: dict[str, Any]) -> Actor:
        """Read the actor of an event; a staff id alone means staff."""
        raw = data.get("actor")
        actor = raw if isinstance(raw, dict) else {}
        admin = data.get("staff_id") or actor.get("admin_id")
        admin_id = int(admin) if isinstance(admin, int | str) and str(admin).isdigit() and int(admin) > 0 else None
        kind = str(actor.get("kind") or ("staff" if data.get("staff_id") else "unknown"))
        known = kind if kind in {"customer", "staff", "api", "cron", "doorman"} else "unknown"
        return cls(kind=known, admin_id=admin_id, masquerade=actor.get("masquerade") is True)

    @property
    def automation(self) -> bool:
        """True if a cron job or an API user did it, not a person."""
        return self.kind in {"api", "cron"}

    @property
    def person(self) -> bool:
        """True if a member of staff did it, as themselves or logged in as the customer."""
        return self.kind == "staff" or (self.masquerade and self.admin_id is not None)

    @property
    def name(self) -> str:
        """The name used in the timeline."""
        if self.kind == "staff":
            return f"panel:staff:{self.admin_id or 'unknown'}"
        return PANEL if self.kind == "unknown" else f"panel:{self.kind}"
