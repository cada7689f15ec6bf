"""Write a new landed database, by hand, on the version that lands: ``python -m tests.upgrade.make``.

It plays the stories of `situations` on the present code and writes the rows of all tables and the panel's state to
``tests/data/landed/<revision>-<number>``. Commit that folder: from then on `test_landed` upgrades it, too, besides the
earlier ones. They are never written again, because only the version that landed can write what it wrote; one may be
deleted once no installation can hold its rows any more. A new situation is one more name in `situations`; earlier
databases lack it, so a test asks first whether the name is in `Story.ids`.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from app.db import Database
from app.installation import schema
from tests.stories.house import open_house
from tests.upgrade import panel_state, rows
from tests.upgrade.landed import FOLDER, Landed
from tests.upgrade.situations import play

_BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def _play(url: str) -> Landed:
    db = Database.open(url)
    try:
        async with open_house(db, now=_BEGIN) as house:
            story = await play(house)
            found = Landed(
                revision=schema.head(), at=house.clock(), orders=story.ids, rows=await rows.dump(db),
                panel=panel_state.dump(house.panel),
            )  # fmt: skip
            house.turn.release()
            return found
    finally:
        await db.close()


def make() -> Path:
    """Write the next folder, and return it."""
    with TemporaryDirectory() as name:
        url = f"sqlite:///{Path(name) / 'landed.db'}"
        schema.migrate(url)
        landed = asyncio.run(_play(url))
    names = (FOLDER / f"{landed.revision}-{number}" for number in count(1))
    folder = next(folder for folder in names if not folder.exists())
    landed.write(folder)
    return folder


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    print(make())  # noqa: T201
