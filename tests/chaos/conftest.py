"""Databases by the dozen: each run of a story gets an empty one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from app.db import Database
from tests.asked import ASKED
from tests.databases import Databases

#: Takes minutes: `make chaos` asks for it.
collect_ignore = [] if "DOORMAN_TEST_SCHEMATHESIS" in ASKED else ["test_schemathesis.py"]

Fresh = Callable[[], AbstractAsyncContextManager[Database]]


@pytest.fixture
def fresh(database_kind: str, databases: Databases) -> Fresh:
    """Give a migrated, empty database of the kind each time it is entered."""
    return partial(databases.opened, database_kind)
