"""The options of a test run, and the rule for missing dependencies."""

from __future__ import annotations

import os
from itertools import cycle
from typing import Any

import pytest

KINDS = ("sqlite", "postgres")

#: DOORMAN_TEST_…; removed from the tests' environment, because the program would refuse them as unknown settings.
ASKED = {name: value for name, value in os.environ.items() if name.startswith("DOORMAN_TEST_")}
#: True for a full run, as in `make chaos`: full products, both databases everywhere, many examples.
EVERYTHING = ASKED.get("DOORMAN_TEST_EVERYTHING") == "1"


def examples(many: int) -> int:
    """Return the number of examples for a property: a third unless it is a full run."""
    return many if EVERYTHING else many // 3


def in_turn(*cases: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return cases with a kind of database before each: one and the other in turn, or both in a full run.

    For cases of which a database is not what differs. Parametrize with `database_kind` first, and indirect.
    """
    if EVERYTHING:
        return [(kind, *case) for kind in KINDS for case in cases]
    return [(kind, *case) for kind, case in zip(cycle(KINDS), cases, strict=False)]


def missing(what: str, require: str) -> None:
    """Skip a test because of a missing dependency, or fail it where CI must run it."""
    if ASKED.get(require) == "1":
        pytest.fail(what)
    pytest.skip(what)
