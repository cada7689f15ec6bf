"""The part of the policy about new accounts that order together."""

from __future__ import annotations

from pydantic import Field

from app.core.policy.base_types import Network, PanelId, PolicyPart


class Together(PolicyPart):
    """When new accounts count as ordering together, and whose never do."""

    minutes: int = Field(60, ge=1, le=1440, title="The time within which new accounts order together")
    hours: int = Field(24, ge=1, le=24, title="The longer time within which new accounts order together")
    shared_networks: tuple[Network, ...] = Field((), max_length=20_000, title="Networks that many people share")
    reseller_groups: tuple[PanelId, ...] = Field((), max_length=500, title="Client groups of resellers")
