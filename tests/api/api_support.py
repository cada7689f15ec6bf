"""Rows and requests for the API's tests: plain functions with defaults."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import sqlalchemy as sa
from jsonschema import Draft202012Validator

from app.core.facts import CustomerFacts, Facts, Item, OrderFacts, PaymentState, PlacedBy
from app.core.judgement.decide import Judgement, decide
from app.core.judgement.stored import dump_facts, dump_judgement
from app.core.policy.document import Policy
from app.core.reading.kinds import TermFinding, TermKind
from app.core.records import Role
from app.core.states import OrderState, is_breached
from app.customers import groups
from app.db import Database
from app.installation import keys
from app.tables.customers import customers
from app.tables.history import backtests
from app.tables.inbox import events, workers
from app.tables.orders import decisions, fees, order_texts, orders, questions, ticket_texts, tickets, timeline
from app.tables.outbox import panel_calls

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ORDER, CUSTOMER, TICKET = 100001, 101, 700001


async def insert(db: Database, table: sa.Table, **values: Any) -> None:
    """Insert one row."""
    async with db.begin() as tx:
        await tx.execute(table.insert().values(values))


async def make_keys(db: Database) -> dict[Role, str]:
    """Make one key of each role."""
    async with db.begin() as tx:
        return {role: await keys.create_key(tx, f"{role}-key", role, now=NOW) for role in Role}


async def add_order(db: Database, order_id: int = ORDER, **values: Any) -> None:
    """Add an order: held for review, unpaid, just judged."""
    row = {
        "order_id": order_id,
        "customer_id": CUSTOMER,
        "order_number": f"N{order_id}",
        "kind": "new",
        "state": "held",
        "panel_status": "Pending",
        "provisioning": "none",
        "placed_by": "customer",
        "placed_at": NOW,
        "first_heard_at": NOW,
        "last_read_at": NOW,
        "amount_minor": 1500,
        "currency": "USD",
        "payment_state": "unpaid",
        "items": [{"product": "VPS S", "amount": "15.00", "panel_status": "Pending", "total": 1}],
        "flags": [],
        "outcome": "hold_for_review",
        "hold_kind": "review",
        "hold_since": NOW,
        "hold_due_at": NOW + timedelta(hours=4),
    }
    row |= values
    row["breached"] = is_breached(OrderState(row["state"]), row["flags"])
    await insert(db, orders, **row)


def judged(*, request: TermKind | None = TermKind.OS_OLD, **order: Any) -> tuple[Facts, Judgement]:
    """Judge an order by the default policy: its request determines the verdict."""
    item = Item(
        kind="product", relid=1, product="VPS S", first_amount=1500, recurring_amount=1500, cycle="monthly", listed=True
    )
    asked = () if request is None else (TermFinding(kind=request, term="ubuntu 8.04", where="notes", start=0),)
    facts = Facts(
        order=OrderFacts(
            **{
                "order_id": ORDER,
                "placed_at": NOW,
                "placed_by": PlacedBy.CUSTOMER,
                "currency": "USD",
                "amount": 1500,
                "payment": PaymentState.UNPAID,
                "items": (item,),
                "requests": asked,
                **order,
            }
        ),
        customer=CustomerFacts(customer_id=CUSTOMER, status="Active"),
    )
    return facts, decide(facts, Policy(currencies={}), now=NOW)


async def add_decision(db: Database, order_id: int = ORDER, **values: Any) -> int:
    """Add a decision of the policy and make it the one in force."""
    row = {
        "order_id": order_id,
        "outcome": "hold_for_review",
        "reasons": [{"code": "risk_review", "text": "Risk 62 reaches the review threshold of 60."}],
        "by": "policy",
        "mode": "enforce",
        "policy_version": 1,
        "engine_version": "1",
        "judgement": dump_judgement(judged()[1]),
        "facts": dump_facts(judged()[0]),
        "intended_calls": [],
        "at": NOW,
    }
    async with db.begin() as tx:
        made = await tx.scalar(decisions.insert().values(row | values).returning(decisions.c.id))
        await tx.execute(orders.update().where(orders.c.order_id == order_id).values(decision_id=made))
    return int(made or 0)


async def add_fee(db: Database, order_id: int = ORDER, **values: Any) -> uuid.UUID:
    """Add an unpaid fee."""
    row = {
        "id": uuid.uuid4(),
        "order_id": order_id,
        "customer_id": CUSTOMER,
        "amount_minor": 5000,
        "total_minor": 5950,
        "currency": "USD",
        "form": "invoice",
        "state": "unpaid",
        "minutes": 60,
        "work": "an old operating system (ubuntu 8.04)",
        "invoice_id": 500001,
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=7),
    }
    await insert(db, fees, **row | values)
    return uuid.UUID(str((row | values)["id"]))


async def add_question(db: Database, order_id: int = ORDER, **values: Any) -> uuid.UUID:
    """Add a question that is not answered yet."""
    row = {
        "id": uuid.uuid4(),
        "order_id": order_id,
        "customer_id": CUSTOMER,
        "rule": "newsletter",
        "question": "To whom do you write?",
        "ticket_id": TICKET,
        "asked_by": "ops-key",
        "asked_at": NOW,
    }
    await insert(db, questions, **row | values)
    return uuid.UUID(str((row | values)["id"]))


async def add_call(db: Database, **values: Any) -> uuid.UUID:
    """Add a dead panel call."""
    row = {
        "id": uuid.uuid4(),
        "seq": 1,
        "key": f"order:{ORDER}:accept",
        "action": "accept_order",
        "call_class": "guarded",
        "money": False,
        "lifecycle": True,
        "order_id": ORDER,
        "customer_id": CUSTOMER,
        "params": {"order_id": ORDER},
        "cause": "decision:1",
        "state": "dead",
        "attempts": 3,
        "due_at": NOW,
        "last_error": "PanelRejected: Order ID not found",
        "created_at": NOW,
        "settled_at": NOW,
    }
    await insert(db, panel_calls, **row | values)
    return uuid.UUID(str((row | values)["id"]))


async def add_customer(db: Database, customer_id: int = CUSTOMER, **values: Any) -> None:
    """Add a customer."""
    row = {
        "customer_id": customer_id,
        "status": "Active",
        "currency": "USD",
        "first_heard_at": NOW,
        "revenue_minor": 54000,
    }
    await insert(db, customers, **row | values)


async def add_backtest(db: Database, **values: Any) -> uuid.UUID:
    """Add a running backtest."""
    row = {
        "id": uuid.uuid4(),
        "policy_hash": "0" * 64,
        "active_version": 1,
        "engine_version": "1",
        "options": {"document": "", "version": None, "since": None, "with_today": False},
        "by": "admin-key",
        "created_at": NOW,
        "alive_at": NOW,
    }
    await insert(db, backtests, **row | values)
    return uuid.UUID(str((row | values)["id"]))


async def add_event(db: Database, **values: Any) -> int:
    """Add an event that failed."""
    row = {
        "webhook_id": f"msg_{uuid.uuid4()}",
        "type": "order.created",
        "source": "webhook",
        "body": b'{"type": "order.created", "data": {"order_id": 100001, "secret": "not-to-be-shown"}}',
        "order_id": ORDER,
        "occurred_at": NOW,
        "received_at": NOW,
        "state": "failed",
        "attempts": 5,
        "due_at": NOW,
        "result": "order-not-found",
        "last_error": "the panel does not list this order",
    }
    async with db.begin() as tx:
        return int(await tx.scalar(events.insert().values(row | values).returning(events.c.id)) or 0)


async def add_ticket(db: Database, ticket_id: int = TICKET, **values: Any) -> None:
    """Add a ticket with its subject."""
    row = {
        "ticket_id": ticket_id,
        "customer_id": CUSTOMER,
        "opened_by": "customer",
        "opened_at": NOW,
        "state": "Open",
        "topic": "order",
        "confidence": 0.8,
        "order_intent": "order_by_message",
        "minutes": 20,
        "self_service": True,
        "evidence": [{"text": "another vps", "where": "message", "topic": "order", "weight": 5.0}],
    }
    await insert(db, tickets, **row | values)
    await insert(db, ticket_texts, ticket_id=ticket_id, customer_id=CUSTOMER, subject="Another VPS", message="please")


async def add_text(db: Database, text: str, order_id: int = ORDER) -> None:
    """Add the text that the customer wrote with the order."""
    await insert(db, order_texts, order_id=order_id, customer_id=CUSTOMER, request_text=text)


async def add_lines(db: Database, count: int, what: str, order_id: int = ORDER) -> None:
    """Add lines to an order's timeline."""
    async with db.begin() as tx:
        rows = [
            {"order_id": order_id, "at": NOW + timedelta(seconds=n), "what": what, "by": "policy"} for n in range(count)
        ]
        await tx.execute(timeline.insert(), rows)


async def add_worker(db: Database, at: datetime = NOW, **values: Any) -> None:
    """Add a live worker."""
    row = {"id": uuid.uuid4(), "host": "here", "pid": 1, "started_at": at, "heartbeat_at": at, "progress_at": at}
    await insert(db, workers, **row | values)


async def add_world(db: Database) -> dict[str, Any]:
    """Add one row of each kind, and return the generated ids."""
    await add_customer(db)
    await add_order(db)
    await add_decision(db)
    await add_text(db, "Please install Ubuntu 8.04.")
    await add_lines(db, 3, "hold_for_review: risk_review")
    await add_ticket(db)
    await add_worker(db)
    return {
        "call_id": await add_call(db),
        "fee_id": await add_fee(db),
        "event_id": await add_event(db),
        "backtest_id": await add_backtest(db),
        "group_id": await add_group(db),
    }


async def add_group(db: Database, *order_ids: int) -> int:
    """Add a group of new accounts with these orders, and return its id."""
    async with db.begin() as tx:
        return await groups.join(tx, order_ids or (ORDER,), now=NOW)


# --- answers ------------------------------------------------------------------------------------------------------


def check_problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """Check that the answer is this problem in the format of RFC 9457, and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:doorman:problem:{slug}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


def template_of(document: dict[str, Any], path: str) -> str | None:
    """Return the document's address template that matches a path; literal ones first."""
    for template in sorted(document["paths"], key=lambda one: one.count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return str(template)
    return None


def check_contract(document: dict[str, Any], response: httpx.Response, method: str, template: str) -> None:
    """Check an answer against the OpenAPI document: its status is declared, and its body fits the schema."""
    declared = document["paths"][template][method.lower()]["responses"]
    assert str(response.status_code) in declared, f"{method} {template}: {response.status_code} is not declared"
    media = response.headers["content-type"].split(";")[0]
    content = declared[str(response.status_code)].get("content", {})
    assert media in content, f"{method} {template}: {media} is not declared for {response.status_code}"
    if media.endswith("json"):
        schema_of = {**content[media]["schema"], "components": document["components"]}
        errors = list(Draft202012Validator(schema_of).iter_errors(json.loads(response.content)))
        assert not errors, f"{method} {template}: {errors[0].message}"
