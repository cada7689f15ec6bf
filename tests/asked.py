"""What whoever runs the tests asks of them, and the rule for what this machine does not have."""

from __future__ import annotations

import os

import pytest

#: DOORMAN_TEST_…; no test has it in its environment, because to the program these are settings that it does not know.
ASKED = {name: value for name, value in os.environ.items() if name.startswith("DOORMAN_TEST_")}
#: Whether everything is asked for, as `make chaos` does: full products, both databases everywhere, many examples.
EVERYTHING = ASKED.get("DOORMAN_TEST_EVERYTHING") == "1"


def examples(many: int) -> int:
    """Return how many examples a property is tried on: a third where not everything is asked for."""
    return many if EVERYTHING else many // 3


def missing(what: str, require: str) -> None:
    """Skip a test for what this machine lacks, or fail it where CI must run it."""
    if ASKED.get(require) == "1":
        pytest.fail(what)
    pytest.skip(what)
