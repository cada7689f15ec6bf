"""Stories run on both databases, each in a house of its own."""

from __future__ import annotations
