"""The options of a test run, and the rule for missing dependencies."""

from __future__ import annotations

import os

import pytest

#: DOORMAN_TEST_…; removed from the tests' environment, because the program would refuse them as unknown settings.
ASKED = {name: value for name, value in os.environ.items() if name.startswith("DOORMAN_TEST_")}
#: True for a full run, as in `make chaos`: full products, both databases everywhere, many examples.
EVERYTHING = ASKED.get("DOORMAN_TEST_EVERYTHING") == "1"


def examples(many: int) -> int:
    """Return the number of examples for a property: a third unless it is a full run."""
    return many if EVERYTHING else many // 3


def missing(what: str, require: str) -> None:
    """Skip a test because of a missing dependency, or fail it where CI must run it."""
    if ASKED.get(require) == "1":
        pytest.fail(what)
    pytest.skip(what)
