"""The part of the policy that words explanations for customers (issue 4, point 9)."""

from __future__ import annotations

from app.core.policy_types import Part


class Texts(Part):
    """What customers read about a decision; each text may be replaced."""
