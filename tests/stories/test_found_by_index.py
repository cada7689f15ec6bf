"""Periodic tasks, queries for each order and pages use an index, on both databases.

A house goes through a bit of everything while its statements are recorded; then each is explained, on PostgreSQL with
enough rows for its planner to choose as it would for a provider with a long history.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from app.billing import limits
from app.core.policy.document import Policy
from app.db import Database
from app.paging import Window
from app.policies.muting import MutedCache
from app.tables.customers import credits, customers, identities, order_sightings, signal_firings
from app.tables.inbox import events
from app.tables.orders import decisions, fees, orders, ticket_texts, tickets, timeline
from app.tables.outbox import panel_calls
from app.tables.search import customer_names, search_words
from app.upkeep import naming, notifications, sweeps
from app.upkeep.reconcile import comparing
from app.workflow import queue, waiting
from tests.billing.test_limits import place
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import SUSPECT, WISH

pytestmark = pytest.mark.both_databases("each database plans for itself")

#: Tables that grow over the years. The others are small, or read only one row at a time.
LARGE = (
    orders, decisions, fees, timeline, events, panel_calls, signal_firings, order_sightings, credits, customers,
    tickets, ticket_texts, customer_names, search_words, identities,
)  # fmt: skip
TABLES = {table.name for table in LARGE} | {"alerts", "cases", "questions"}
#: Partial indexes, which contain only waiting rows.
SMALL = {
    "ix_orders_queue", "ix_orders_refund", "ix_orders_breached", "ix_orders_unbuilt", "ix_alerts_waiting",
    "ix_customers_unnamed",
}  # fmt: skip
USED = SMALL | {
    "ix_orders_undecided", "ix_decisions_at", "ix_fees_created", "ix_panel_calls_credits", "ix_signal_firings_order",
    "ix_credits_call", "ix_cases_placed", "ix_signal_firings_placed", "ix_customers_pinned", "ix_orders_number",
    "ix_orders_placed", "ix_tickets_number", "ix_tickets_opened", "ix_tickets_state", "ix_tickets_guest",
    "ix_customers_status", "ix_customers_signed_up", "ix_search_words_row", "ix_orders_invoice", "ix_fees_invoice",
}  # fmt: skip
#: Pages of lists without a condition: only one page of rows is read, in key order.
PAGE = re.compile(r"SELECT [^()]* FROM \w+ ORDER BY \S+ (DESC|ASC)\s+LIMIT \S+( OFFSET \S+)?$")
#: The same by two columns, which an index has to sort.
SORTED_PAGE = re.compile(r"SELECT [^()]* FROM \w+ ORDER BY \S+ (DESC|ASC), \S+ (DESC|ASC)\s+LIMIT \S+( OFFSET \S+)?$")
PAGES = (
    "orders", "orders?state=held", "orders?outcome=approve", "queue", "fees", "fees?state=paid", "customers",
    "customers?segment=effortless", "panel-calls", "panel-calls?state=done", "events?state=processed", "policies",
    "reports/month",
    "orders?number=29999", "orders?email=a@example.com", "orders?since=2026-01-01", "orders?until=2026-01-01",
    "orders?since=2026-01-01&state=held", "orders?email=a@example.com&since=2026-01-01", "customers?state=active",
    "customers?email=a@example.com", "customers?since=2026-01-01&until=2026-02-01", "tickets", "tickets?state=open",
    "tickets?number=ABC-123456", "tickets?email=a@example.com", "tickets?since=2026-01-01", "tickets?customer_id=29999",
    "search?q=29999", "search?q=ABC-123456", "search?q=a@example.com", "search?q=ada%20love", "search?q=example.com",
)  # fmt: skip
_ROWS = "FROM (SELECT g, now() - (30000 - g) * interval '1 hour' AS at FROM generate_series(1, 30000) g) past"
#: A past of finished orders: one row of each kind per order.
PAST = """
INSERT INTO orders (order_id, customer_id, order_number, kind, state, panel_status, provisioning, placed_by, placed_at,
    first_heard_at, last_read_at, payment_state, items, flags, decision_id, outcome)
  SELECT g, g, g, 'new', 'released', 'Active', 'done', 'customer', at, at, at, 'paid', '[]', '[]', g + 1000000, 'x'
INSERT INTO decisions (id, order_id, outcome, reasons, by, mode, engine_version, intended_calls, at)
  SELECT g + 1000000, g, 'approve', '[]', 'policy', 'enforce', '3', '[]', at
INSERT INTO fees (id, order_id, customer_id, amount_minor, currency, form, state, created_at, expires_at)
  SELECT gen_random_uuid(), g, g, 100, 'USD', 'invoice', 'paid', at, at
INSERT INTO timeline (order_id, at, what, by) SELECT g, at, 'paid', 'panel'
INSERT INTO events (webhook_id, type, source, body, order_id, occurred_at, received_at, state, due_at)
  SELECT 'past' || g, 'order.paid', 'webhook', '{}', g, at, at, 'processed', at
INSERT INTO panel_calls (id, seq, key, action, call_class, money, lifecycle, order_id, customer_id, params, cause,
    state, due_at, created_at, settled_at)
  SELECT gen_random_uuid(), g, 'past' || g, 'accept_order', 'guarded', false, true, g, g, '{}', '', 'done', at, at, at
INSERT INTO signal_firings (code, order_id, placed_at) SELECT 'velocity', g, at
INSERT INTO order_sightings (order_id, customer_id, placed_at) SELECT g, g, at
INSERT INTO credits (id, customer_id, amount_minor, currency, reason, state, panel_call_id, by, created_at)
  SELECT gen_random_uuid(), g, 100, 'USD', 'sorry', 'done', gen_random_uuid(), 'ops', at
INSERT INTO customers (customer_id, first_heard_at, status, signed_up_at, named)
  SELECT g + 1000000, at, 'Active', at, 'x'
INSERT INTO customer_names (customer_id, name, email) SELECT g + 1000000, 'Ada', 'a@example.com'
INSERT INTO search_words (word, kind, row_id) SELECT 'ada' || g % 100, 'customer', g + 1000000
INSERT INTO identities (kind, hash, customer_id, first_seen_at) SELECT 'email', md5(g::text), g + 1000000, at
INSERT INTO tickets (ticket_id, number, customer_id, guest_email_hash, opened_by, opened_at, state, topic, confidence,
    order_intent, minutes, self_service, evidence)
  SELECT g, g, g, md5(g::text), 'customer', at, 'Closed', 'other', 1, 'none', 5, false, '[]'
INSERT INTO ticket_texts (ticket_id, subject, message) SELECT g, 'Hello', ''
"""


@contextmanager
def heard(db: Database) -> Iterator[dict[str, Any]]:
    """Record the statements and their parameters."""
    said: dict[str, Any] = {}

    def hear(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            said.setdefault(" ".join(statement.split()), parameters[0] if many else parameters)

    engines = {db.reader.sync_engine, db.writer.sync_engine}
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        for engine in engines:
            sa.event.remove(engine, "before_cursor_execute", hear)


async def live(house: House) -> None:
    """Play orders that are accepted, held, asked about and paid for; a credit; all periodic tasks; all pages."""
    plain, wish, suspect = [await place(house, notes) for notes in ("", WISH, SUSPECT)]
    fee = (await house.order(wish))["fee"]
    await house.panel.pay_invoice(fee["invoice_id"])
    assert (await house.act(suspect, "ask", question="What will you host?")).status_code == 200
    customer = (await house.order(plain))["customer_id"]
    credit = {"amount": "5.00", "reason": "sorry"}
    assert (await house.api.post(f"/v1/customers/{customer}/credits", json=credit)).status_code == 202
    await house.wait(1800)
    for one in (sweeps, notifications, comparing):
        await one.round(house.context)
    for page in PAGES:
        assert (await house.api.get(f"/v1/{page}")).status_code == 200, page
    await naming.round(house.context)
    async with house.db.read() as connection:
        await limits.reached(connection, Policy(), now=house.clock())
        await waiting.oldest(connection, now=house.clock())
        await queue.count_queue(connection, at_most=10)
        await queue.list_queue(connection, house.context.settings, Window(limit=10, cursor=None))
        await MutedCache().get(connection, Policy(), now=house.clock())


async def test_everything_is_found_by_index(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        with heard(db) as said:
            await live(house)
        assert len(said) > 120
        async with db.writer.connect() as connection:
            if db.is_sqlite:
                await _look_at_sqlite(connection, said)
            else:
                await _look_at_postgres(connection, said)
            await connection.rollback()


async def _look_at_sqlite(connection: Any, said: dict[str, Any]) -> None:
    used: set[str] = set()
    for statement, parameters in said.items():
        for step in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
            words = set(str(step.detail).split())
            used |= words
            if "SCAN" in words and words & TABLES and not words & SMALL:
                page = PAGE.match(statement) or ("INDEX" in words and SORTED_PAGE.match(statement))
                assert page, f"{step.detail} in {statement}"
    assert used >= USED, USED - used


async def _look_at_postgres(connection: Any, said: dict[str, Any]) -> None:
    await _fill(connection)
    for statement, parameters in said.items():
        plan = (await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)).scalars().all()
        whole = {name for line in plan for name in re.findall(r"Seq Scan on (\w+)", line)}
        assert not whole & {table.name for table in LARGE}, f"{statement}\n" + "\n".join(plan)


async def _fill(connection: Any) -> None:
    for statement in PAST.split("INSERT ")[1:]:
        await connection.exec_driver_sql(f"INSERT {statement} {_ROWS}")
    await connection.exec_driver_sql("ANALYZE")
