"""What tests of outside sources share."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import structlog


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """Everything that is logged; other tests log nothing at all."""
    quiet = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(0))
    with structlog.testing.capture_logs() as captured:
        yield captured
    structlog.configure(wrapper_class=quiet)
