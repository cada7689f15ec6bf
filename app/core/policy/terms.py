"""What holds of a provider's history whatever panel it comes from: when a label counts, and which terms were read."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Final

from app.core.policy.document import Policy

#: Days until what became of an order counts: refunds, chargebacks and fraud that is found late need their time
#: (issue 4, point 1).
MATURE_DAYS: Final = 60
_SECTIONS: Final = frozenset({"acceptable_use", "vetting", "allow", "block"})


def is_mature(placed_at: datetime, now: datetime) -> bool:
    """Return whether an order is old enough for its label to count."""
    return now - placed_at >= timedelta(days=MATURE_DAYS)


def terms_digest(policy: Policy) -> str:
    """Return 16 hex digits of all that findings in texts and lists depend on: equal ones find the same."""
    sections = policy.model_dump(mode="json", include=set(_SECTIONS))
    text = json.dumps(sections, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]
