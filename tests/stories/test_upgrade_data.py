"""Upgrading keeps what the first version wrote: policies stay in force, rows keep their meaning."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from app.core.policy.document import PolicyError
from app.db import Database
from app.installation import schema
from app.policies import published, versions
from app.tables.access import idempotency_keys
from app.tables.orders import decisions, orders
from app.tables.outbox import panel_calls
from app.tables.policies import policies as policies_table
from tests.asked import missing
from tests.billing.test_limits import SHARE
from tests.databases import create_postgres_database, drop_postgres_database
from tests.stories.house import POLICY, House
from tests.stories.test_orders import WISH
from tests.workflow.test_modes import place

pytestmark = pytest.mark.both_databases("migrations")


async def test_a_policy_file_that_an_older_version_hashed_is_not_activated_anew(db: Database, tmp_path: Path) -> None:
    """A new version knows more rules, so the same document has another hash; a roll-back survives that too."""
    file, now = tmp_path / "policy.toml", datetime.now(UTC)
    file.write_text(POLICY)
    async with db.begin() as tx:
        await versions.prepare(tx, file=file, now=now)
        await tx.execute(policies_table.update().values(hash="of an older version"))
        other = await versions.publish(tx, SHARE, by="somebody", now=now)
        await versions.activate(tx, other.version, by="somebody", now=now)
        await versions.prepare(tx, file=file, now=now)
        assert (await versions.active(tx)).version == other.version


async def test_a_policy_file_that_would_be_refused_today_does_not_stop_a_start(db: Database, tmp_path: Path) -> None:
    """An older version published it, and it stays in force until another is published."""
    file, now = tmp_path / "policy.toml", datetime.now(UTC)
    file.write_text("[block]\nemail_domains = ['gmail.com']\n")
    async with db.begin() as tx:
        with pytest.raises(PolicyError, match=r"policy\.toml: block\.email_domains\.0: gmail\.com is a public"):
            await versions.prepare(tx, file=file, now=now)
        row = policies_table.insert().values(
            hash="of an older version", document=file.read_text(), published_by="DOORMAN_POLICY_FILE", published_at=now
        )
        version = (await tx.execute(row.returning(policies_table.c.version))).scalar_one()
        await versions.activate(tx, version, by="DOORMAN_POLICY_FILE", now=now)
        await versions.prepare(tx, file=file, now=now)
        assert await published.active_version(tx) == version


async def test_data_of_the_first_version_survives_the_migrations(database_kind: str, tmp_path: Path) -> None:
    """Marks that now have their own columns are moved, and nothing else is changed."""
    if database_kind == "sqlite":
        url, name = f"sqlite:///{tmp_path / 'old.db'}", ""
    else:
        try:
            url, name = await create_postgres_database()
        except OSError:
            missing("PostgreSQL is not reachable; see tests/conftest.py", "DOORMAN_TEST_REQUIRE_POSTGRES")
            return
    try:
        await asyncio.to_thread(command.upgrade, schema.configuration(url), "0001")
        old = Database.open(url)
        async with old.begin() as tx:
            for statement in [*_old_rows(), *_old_keys()]:
                await tx.execute(sa.text(statement))
        await old.close()
        await asyncio.to_thread(schema.migrate, url)
        migrated = Database.open(url)
        async with migrated.begin() as tx:
            calls = (await tx.execute(sa.select(panel_calls).order_by(panel_calls.c.seq))).all()
            assert [(row.state, row.unwanted, row.result) for row in calls] == [
                ("unknown", True, None), ("cancelled", True, None), ("done", False, {"invoice_id": 7}),
                ("pending", False, None),
            ]  # fmt: skip
            held, past = (await tx.execute(sa.select(orders).order_by(orders.c.order_id))).all()
            assert (held.breached, held.flags, past.breached) == (True, ["hold_breached"], False)
            with pytest.raises(sa.exc.IntegrityError):  # the CHECKs are as before
                async with tx.begin_nested():
                    await tx.execute(sa.text("UPDATE orders SET state = 'nonsense'"))
            with pytest.raises(sa.exc.IntegrityError):  # and so are the partial unique indexes
                async with tx.begin_nested():
                    await tx.execute(panel_calls.update().values(key="the same"))
            await tx.execute(
                panel_calls.update().where(panel_calls.c.state == "cancelled").values(key="order:1:accept")
            )
            kept = (await tx.execute(sa.select(idempotency_keys).order_by(idempotency_keys.c.answer))).all()
            assert [(row.actor, row.answer) for row in kept if row.actor != "anna"] == [
                ("a" * 32, "of the first key"), ("b" * 32, "of the second key"),
            ]  # fmt: skip
            assert len(kept) == 4  # the rows that the previous version looks for still exist
        await migrated.close()
    finally:
        if name:
            await drop_postgres_database(name)


async def test_what_was_held_by_the_engine_before_goes_on(house: House) -> None:
    """Its judgement and facts lack newer fields; it can still be shown, explained, charged for and released."""
    order_id = await place(house, WISH)
    first = (await house.order(order_id))["fee"]
    async with house.db.begin() as tx:
        facts = (await tx.execute(sa.select(decisions.c.facts))).scalar_one()
        for name in ("outside", "ip_asn", "fit", "expected"):
            facts["order"].pop(name, None)
        facts["customer"].pop("ip_country", None)
        judged = json.loads((Path(__file__).parents[1] / "data/judgements/engine_1.json").read_text())
        await tx.execute(decisions.update().values(facts=facts, judgement=judged, engine_version="1"))
    for path in ("", "/explanation"):
        answer = await house.api.get(f"/v1/orders/{order_id}{path}")
        assert answer.status_code == 200, answer.text
    assert (await house.act(order_id, "ask", question="Which site is it?")).status_code == 200
    await house.settle(seconds=30)
    assert (await house.act(order_id, "charge-fee", minutes=60)).status_code == 200
    await house.settle(seconds=30)
    fee = (await house.order(order_id))["fee"]
    assert fee["invoice_id"] != first["invoice_id"]
    await house.panel.pay_invoice(fee["invoice_id"])
    await house.settle(seconds=60)
    assert (await house.order(order_id))["state"] == "released"
    assert house.effects("AcceptOrder") == 1


def _old_keys() -> list[str]:
    """Return two API keys with the same name, the first one revoked, and a stored answer for each."""
    days = [f"2026-11-0{day} 10:00:00.000000+00:00" for day in range(1, 8)]
    keys = [
        f"INSERT INTO api_keys (id, name, role, sha256, created_at, revoked_at) "
        f"VALUES ('{letter * 32}', 'anna', 'ops', '{letter}', '{made}', {revoked})"
        for letter, made, revoked in (("a", days[0], f"'{days[2]}'"), ("b", days[4], "NULL"))
    ]
    answers = [
        f"INSERT INTO idempotency_keys (actor, route, key, body_sha256, status, answer, created_at) "
        f"VALUES ('anna', 'POST /x', '{key}', '', 200, 'of the {key} key', '{at}')"
        for key, at in (("first", days[1]), ("second", days[5]))
    ]
    return [*keys, *answers]


def _old_rows() -> list[str]:
    """Return rows as the first version wrote them."""
    at = "2026-11-01 10:00:00.000000+00:00"
    orders_rows = [
        f"INSERT INTO orders (order_id, kind, state, provisioning, placed_by, first_heard_at, payment_state, items, "
        f"flags) VALUES ({number}, 'new', '{state}', 'done', 'customer', '{at}', 'paid', '[]', '[\"hold_breached\"]')"
        for number, state in ((1, "held"), (2, "released"))
    ]
    called = [
        ("unknown", "order:1:accept", "guarded", """'{"unwanted": true}'"""),
        ("cancelled", "order:2:accept", "guarded", """'{"unwanted": true}'"""),
        ("done", "fee:1:create", "findable", """'{"invoice_id": 7}'"""),
        ("pending", "order:3:accept", "guarded", "NULL"),
    ]
    call_rows = [
        f"INSERT INTO panel_calls (id, seq, key, action, call_class, money, lifecycle, order_id, params, cause, state, "
        f"due_at, created_at, result) VALUES ('{uuid.UUID(int=n).hex}', {n}, '{key}', 'accept_order', '{kind}', "
        f"false, true, {n}, '{{}}', 'x', '{state}', '{at}', '{at}', {result})"
        for n, (state, key, kind, result) in enumerate(called, 1)
    ]
    return [*orders_rows, *call_rows]
