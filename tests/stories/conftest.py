"""Stories run on both databases, in a house that is opened for each."""

from __future__ import annotations
