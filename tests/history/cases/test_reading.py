"""One customer's history is found by index, however long the others' histories are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from app.db import Database
from app.history import imported
from app.history.cases.rows import rows_of
from app.history.imported import Resource
from tests.history.past import Past


@contextmanager
def heard(db: Database) -> Iterator[list[tuple[str, Any]]]:
    """Record the statements that are run meanwhile, with their parameters."""
    said: list[tuple[str, Any]] = []

    def hear(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "panel_rows" in statement:
            said.append((statement, parameters))

    sa.event.listen(db.reader.sync_engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        sa.event.remove(db.reader.sync_engine, "before_cursor_execute", hear)


async def test_no_row_of_others_is_read_for_a_span_or_a_customer(db: Database) -> None:
    past = Past()
    for number in range(1, 400):
        past.customer(number)
        past.order(number, number, number % 300)
    await past.save(db)
    with heard(db) as said:
        span = await rows_of(db, (10, 20))
        async with db.read() as connection:
            await imported.of_customers(connection, Resource.ORDERS, [11, 12])
    assert [rows.customer_id for rows in span] == list(range(11, 21))
    async with db.writer.begin() as connection:  # PostgreSQL's planner needs statistics to choose
        if not db.is_sqlite:
            await connection.exec_driver_sql("ANALYZE panel_rows")
        for statement, parameters in said:
            explain = "EXPLAIN QUERY PLAN" if db.is_sqlite else "EXPLAIN"
            plan = (await connection.exec_driver_sql(f"{explain} {statement}", parameters)).all()
            assert "ix_panel_rows_customer" in str(plan), plan
    assert len(said) == 2
