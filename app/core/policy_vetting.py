"""The part of the policy that says what a person looks at in any case, and what to ask the customer."""

from __future__ import annotations

from pydantic import Field

from app.core.policy_types import GroupRef, Line, Part


class Vetting(Part):
    """Orders that a person looks at whatever the scores say (design §4 row 5)."""

    terms: tuple[Line, ...] = Field(
        default=("tor exit", "open proxy", "open resolver", "proxy reselling"), max_length=2000
    )
    product_groups: tuple[GroupRef, ...] = Field(default=(), max_length=500)
