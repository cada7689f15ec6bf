"""Stories run on both databases, in a house that is opened for each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.db import Database
from tests.stories.house import House, open_house

#: Customers are told by ticket, so that they can answer.
POLICY = "[messages]\ndepartment_id = 1\n"


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    async with open_house(db, policy=POLICY) as opened:
        yield opened
