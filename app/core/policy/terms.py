"""Rules for a provider's history from any panel: when a label counts, and which terms were searched for."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Final

from app.core.policy.document import Policy

#: Days until the outcome of an order counts: refunds, chargebacks and late fraud findings take this long.
MATURE_DAYS: Final = 60
_SECTIONS: Final = frozenset({"acceptable_use", "vetting", "allow", "block"})


def is_mature(placed_at: datetime, now: datetime) -> bool:
    """Return whether an order is old enough for its label to count."""
    return now - placed_at >= timedelta(days=MATURE_DAYS)


def terms_digest(policy: Policy) -> str:
    """Return a 16-digit hex digest of what findings in texts and lists depend on: equal digests find the same."""
    sections = policy.model_dump(mode="json", include=set(_SECTIONS))
    text = json.dumps(sections, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]
