"""The past of `bench_growth`: ``growth_fill.py DATABASE COUNT`` adds so many customers and their orders to a database.

Everything ended two days ago and begins five years before that: accepted orders with their events, decisions, calls and
lines of the timeline, some with a fee, a ticket, a question or a credit. A twentieth of the customers share an IP with
hundreds; as many live in each of the big towns as in all villages around them. A tenth of the bench's own orders come
from an IP and a postcode with a thousandth of all customers, and half of its customers are known.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from road_panel import customer_id, ip_of, postcode

#: Ids of the past are above those of the bench's orders.
FIRST = 10_000_000
YEARS = timedelta(days=5 * 365)
_NUMBERS = 10  # every how manieth of the bench's orders comes from a crowd
_CROWD = 1000  # the part of all customers in each crowd

#: One row of each per customer and order, unless a condition thins them out. `{n}` is the number of all.
PAST = """
INSERT INTO customers (customer_id, version, status, currency, signed_up_at, first_heard_at, orders, effortless_orders,
    bad, active_services, paid_invoices, overdue_invoices, revenue_minor, last_read_at)
  SELECT {first} + g, 2, 'Active', 'USD', {at}, {at}, 1, 1, {bad}, 2, 5, 0, 12000, {at} FROM past
INSERT INTO identities (kind, hash, customer_id, first_seen_at)
  SELECT 'email', {hash_email}, {first} + g, {at} FROM past ORDER BY 2
INSERT INTO identities (kind, hash, customer_id, first_seen_at)
  SELECT 'phone', {hash_phone}, {first} + g, {at} FROM past ORDER BY 2
INSERT INTO identities (kind, hash, customer_id, first_seen_at)
  SELECT 'address', {hash_address}, {first} + g, {at} FROM past ORDER BY 2
INSERT INTO identities (kind, hash, customer_id, first_seen_at)
  SELECT 'payment', {hash_payment}, {first} + g, {at} FROM past ORDER BY 2
INSERT INTO identities (kind, hash, customer_id, first_seen_at)
  SELECT 'ip', {hash_ip}, {first} + g, {at} FROM past ORDER BY 2
INSERT INTO address_blocks (block, customer_id, street, first_seen_at)
  SELECT {hash_block}, {first} + g, (g % 180 + 1) || '||street' || (g % 977) || ' rd|town' || (g % 331), {at} FROM past
  ORDER BY 1
INSERT INTO order_sightings (order_id, customer_id, ip_hash, placed_at)
  SELECT {first} + g, {first} + g, {hash_ip}, {at} FROM past
INSERT INTO signal_firings (code, order_id, placed_at)
  SELECT 'code' || (g % 8), {first} + g, {at} FROM past WHERE g % 10 < 3
INSERT INTO orders (order_id, version, customer_id, order_number, kind, state, panel_status, provisioning, placed_by,
    placed_at, first_heard_at, last_read_at, read_digest, read_event_id, amount_minor, currency, invoice_id,
    payment_state, settled, paid_at, paid_minor, items, flags, decision_id, outcome, agreement, accept_mode,
    decided_inputs, counted, effortless)
  SELECT {first} + g, 4, {first} + g, '44719' || g, 'new', 'released', 'Active', 'done', 'customer', {at}, {at}, {at},
    {hash_email}, g * 3, 4900, 'USD', {first} + g, 'paid', {true}, {at}, 4900,
    '[{{"product": "Web - Starter", "amount": "49.00 USD", "total": 1, "panel_status": "Active"}}]', '[]', {first} + g,
    'approve', 'none', 'auto', {hash_email}, {true}, {true} FROM past
INSERT INTO order_texts (order_id, customer_id, request_text, ip)
  SELECT {first} + g, {first} + g, '', '192.0.2.1' FROM past
INSERT INTO decisions (id, order_id, outcome, reasons, by, mode, policy_version, engine_version, judgement, facts,
    intended_calls, at)
  SELECT {first} + g, {first} + g, 'approve', '[{{"code": "no_labour", "text": "Nothing to do by hand."}}]', 'policy',
    'enforce', 1, '4', {judgement}, {facts}, '[]', {at} FROM past
INSERT INTO cases (order_id, customer_id, source, placed_at, judged_at, facts, terms_digest, label)
  SELECT {first} + g, {first} + g, 'live', {at}, {at}, {blob}, '0123456789abcdef', 'good' FROM past
INSERT INTO timeline (order_id, at, what, by) SELECT {first} + g, {at}, 'The order was approved.', 'policy' FROM past
INSERT INTO timeline (order_id, at, what, by) SELECT {first} + g, {at}, 'The order was accepted.', 'doorman' FROM past
INSERT INTO timeline (order_id, at, what, by) SELECT {first} + g, {at}, 'All services are active.', 'panel' FROM past
INSERT INTO events (webhook_id, type, source, body, order_id, customer_id, occurred_at, received_at, state, attempts,
    due_at, finished_at, result)
  SELECT 'msg_' || {mixed_a}, 'order.created', 'webhook', {blob}, {first} + g, {first} + g, {at}, {at}, 'processed', 1,
    {at}, {at}, 'looked' FROM past
INSERT INTO events (webhook_id, type, source, body, order_id, customer_id, occurred_at, received_at, state, attempts,
    due_at, finished_at, result)
  SELECT 'msg_' || {mixed_b}, 'invoice.paid', 'webhook', {blob}, {first} + g, NULL, {at}, {at}, 'processed', 1, {at},
    {at}, 'known' FROM past
INSERT INTO events (webhook_id, type, source, body, order_id, customer_id, occurred_at, received_at, state, attempts,
    due_at, finished_at, result)
  SELECT 'doorman·' || {mixed_c}, 'panel_call.settled', 'internal', {blob}, {first} + g, {first} + g, {at}, {at},
    'processed', 1, {at}, {at}, 'accept_order-done' FROM past
INSERT INTO panel_calls (id, seq, key, action, call_class, money, lifecycle, order_id, customer_id, params, cause,
    state, attempts, due_at, sent_at, created_at, settled_at, result)
  SELECT {uuid_call}, g, 'order:' || ({first} + g) || ':accept', 'accept_order', 'guarded', {false}, {true},
    {first} + g, {first} + g, '{{}}', 'decision:1', 'done', 1, {at}, {at}, {at}, {at}, '{{}}' FROM past
INSERT INTO panel_calls (id, seq, key, action, call_class, money, lifecycle, customer_id, params, cause, state,
    attempts, due_at, sent_at, created_at, settled_at, result)
  SELECT {uuid_credit}, g, 'credit:' || g, 'add_credit', 'findable', {true}, {false}, {first} + g, '{{}}',
    'credit:1', 'done', 1, {at}, {at}, {at}, {at}, '{{}}' FROM past WHERE g % 100 = 1
INSERT INTO credits (id, customer_id, amount_minor, currency, reason, state, panel_call_id, by, created_at)
  SELECT {uuid_call}, {first} + g, 500, 'USD', 'sorry', 'done', {uuid_credit}, 'ops', {at} FROM past WHERE g % 100 = 1
INSERT INTO fees (id, order_id, customer_id, amount_minor, total_minor, paid_minor, currency, form, state, minutes,
    invoice_id, created_at, expires_at, settled_at)
  SELECT {uuid_call}, {first} + g, {first} + g, 5000, 5000, 5000, 'USD', 'invoice', 'paid', 60, {first} + g * 2, {at},
    {at}, {at} FROM past WHERE g % 33 = 0
INSERT INTO questions (id, order_id, customer_id, question, asked_by, asked_at, answered_at)
  SELECT {uuid_call}, {first} + g, {first} + g, 'What will you host?', 'ops', {at}, {at} FROM past WHERE g % 100 = 2
INSERT INTO tickets (ticket_id, customer_id, opened_by, opened_at, state, topic, confidence, order_intent, minutes,
    self_service, evidence, ours)
  SELECT g, {first} + g, 'customer', {at}, 'Closed', 'other', 0.5, 'none', 5, {false}, '[]', {ours} FROM past
  WHERE g % 5 = 0
INSERT INTO ticket_orders (ticket_id, order_id, kind)
  SELECT g, {first} + g, 'hold' FROM past WHERE g % 50 = 0
INSERT INTO alerts (name, kind, order_id, text, created_at, rung_at)
  SELECT 'hold:' || g, 'new_hold', {first} + g, 'An order is held.', {at}, {at} FROM past WHERE g % 500 = 0
"""
_JUDGEMENT = '{"outcome": "approve", "self_service": 100, "risk": 0, "signals": [], "minutes": 0, "fill": "%s"}' % (
    "x" * 300
)
_FACTS = '{"order": {"kind": "new", "currency": "USD"}, "fill": "%s"}' % ("x" * 600)


def _hashes(scheme: dict[str, str]) -> dict[str, str]:
    """Return what the statements call hashes: of values that few or many share."""
    values = {
        "email": "'email:' || g", "phone": "'phone:' || (g * 100 / 103)", "address": "'address:' || (g * 100 / 103)",
        "payment": "'payment:' || g",
        "ip": "CASE WHEN g % 20 = 0 THEN 'ip:shared' || (g % 4000) ELSE 'ip:own' || g END",
        "block": "'block:GB|' || (10000 + CASE WHEN g % 2 = 0 THEN g % 300 ELSE g * 7919 % 90000 END)",
    }  # fmt: skip
    return {f"hash_{name}": scheme["hash"].format(value) for name, value in values.items()}


def _words(scheme: dict[str, str]) -> dict[str, Any]:
    mixed = {f"mixed_{one}": scheme["mix"].format(f"'{one}' || g") for one in "abc"}
    ids = {f"uuid_{one}": scheme["uuid"].format(f"'{one}' || g") for one in ("call", "credit")}
    flags = {
        "true": scheme["true"], "false": scheme["false"], "bad": scheme["if"].format("g % 100 = 0"),
        "ours": scheme["if"].format("g % 50 = 0"),
    }  # fmt: skip
    documents = {"judgement": f"'{_JUDGEMENT}'", "facts": f"'{_FACTS}'", "blob": scheme["blob"].format(_FACTS[:400])}
    return {"first": FIRST, "at": "at", **_hashes(scheme), **mixed, **ids, **flags, **documents}


SQLITE = {
    "hash": "sha({})", "mix": "mix({})", "uuid": "mix({})", "true": "1", "false": "0", "if": "({})",
    "blob": "CAST('{}' AS BLOB)",
    "past": "WITH RECURSIVE numbers (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM numbers WHERE g < {n}), "
    "past AS (SELECT g, strftime('%Y-%m-%dT%H:%M:%f', {end} - ({n} - g) * {apart}, 'unixepoch') || '000+00:00' AS at "
    "FROM numbers) ",
}  # fmt: skip
POSTGRES = {
    "hash": "encode(sha256(({})::bytea), 'hex')", "mix": "md5({})", "uuid": "md5({})::uuid", "true": "true",
    "false": "false", "if": "({})", "blob": "'{}'::bytea",
    "past": "WITH past AS (SELECT g, to_timestamp({end} - ({n} - g) * {apart}) AS at "
    "FROM generate_series(1::bigint, {n}) g) ",
}  # fmt: skip


def statements(scheme: dict[str, str], count: int) -> Iterator[str]:
    """Yield the statements that fill a database."""
    end = datetime.now(UTC) - timedelta(days=2)
    numbers = {"n": count, "end": f"{end.timestamp():.3f}", "apart": f"{YEARS.total_seconds() / count:.6f}"}
    past = scheme["past"].format(**numbers)
    for statement in PAST.format(**_words(scheme)).split("INSERT INTO ")[1:]:
        head, select = statement.split("SELECT", 1)
        yield f"INSERT INTO {head}{past}SELECT{select}"


def crowds(count: int, orders: int) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return rows of identities and addresses of those who crowd around the bench's orders, and of known customers."""
    identities, blocks, known = [], [], []
    seen = datetime.now(UTC) - timedelta(days=30)
    for number in range(1, orders + 1):
        if number % 2:
            known.append((customer_id(number), 2, "Active", "USD", seen, seen, 1, seen))
        if number % _NUMBERS:
            continue
        ip, block = _hashed("ip", ip_of(number)), _hashed("block", f"GB|{postcode(number)}")
        for one in range(count // _CROWD):
            neighbour = FIRST + 1 + (number * 7919 + one * _CROWD) % count
            identities.append(("ip", ip, neighbour, seen))
            blocks.append((block, neighbour, f"{one % 180 + 1}||street{one} rd|town", seen))
    return identities, blocks, known


def _hashed(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}:{value}".encode()).hexdigest()


_CROWDED = (
    "INSERT INTO identities (kind, hash, customer_id, first_seen_at) VALUES ({}) ON CONFLICT DO NOTHING",
    "INSERT INTO address_blocks (block, customer_id, street, first_seen_at) VALUES ({}) ON CONFLICT DO NOTHING",
    """INSERT INTO customers
        (customer_id, version, status, currency, signed_up_at, first_heard_at, orders, last_read_at)
        VALUES ({}) ON CONFLICT DO NOTHING""",
)


def _with(statement: str, mark: Callable[[int], str]) -> str:
    """Return a statement with a mark for each of its columns."""
    columns = statement.split(" VALUES", maxsplit=1)[0].count(",") + 1
    return statement.format(", ".join(mark(number) for number in range(1, columns + 1)))


def fill(url: str, count: int, *, orders: int) -> None:
    """Fill a migrated database for a bench with so many orders of its own."""
    if url.startswith("sqlite:///"):
        _fill_sqlite(url.removeprefix("sqlite:///"), count, orders)
    else:
        asyncio.run(_fill_postgres(url, count, orders))


def _fill_sqlite(path: str, count: int, orders: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("sha", 1, lambda text: hashlib.sha256(text.encode()).hexdigest(), deterministic=True)
        connection.create_function("mix", 1, lambda text: hashlib.md5(text.encode()).hexdigest(), deterministic=True)
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-2000000")
        for statement in statements(SQLITE, count):
            connection.execute(statement)
            connection.commit()
        for statement, rows in zip(_CROWDED, crowds(count, orders), strict=True):
            stored = ([_text(value) for value in row] for row in rows)
            connection.executemany(_with(statement, lambda _: "?"), stored)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _text(value: Any) -> Any:
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value


async def _fill_postgres(url: str, count: int, orders: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET synchronous_commit = off")
        await connection.execute("SET work_mem = '256MB'")
        for statement in statements(POSTGRES, count):
            await connection.execute(statement)
        for statement, rows in zip(_CROWDED, crowds(count, orders), strict=True):
            await connection.executemany(_with(statement, lambda number: f"${number}"), rows)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


if __name__ == "__main__":
    fill(sys.argv[1], int(sys.argv[2]), orders=int(sys.argv[3]))
