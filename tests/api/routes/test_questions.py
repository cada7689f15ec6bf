"""Asking customers over the API, and the report on their results."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.api.views import questions as questions_report
from app.core.judgement.stored import dump_facts, dump_judgement
from app.core.policy.document import parse_policy
from app.core.reading.kinds import TermFinding, TermKind
from app.core.records import Mode, Role
from app.db import Database
from app.policies import versions
from app.tables.orders import questions
from app.tables.outbox import panel_calls
from tests.api.api_support import (
    CUSTOMER,
    NOW,
    ORDER,
    TICKET,
    add_call,
    add_customer,
    add_decision,
    add_order,
    add_question,
    check_problem,
    judged,
)
from tests.api.conftest import Api, Start

ASK = f"/v1/orders/{ORDER}/ask"
REPORT = "/v1/reports/questions"


def mentioned(*terms: str) -> tuple[TermFinding, ...]:
    return tuple(TermFinding(kind=TermKind.LISTED, term=term, where="notes", start=0) for term in terms)


async def with_department(db: Database) -> None:
    """Tickets can be opened."""
    document = "[messages]\ndepartment_id = 3\n"
    parse_policy(document)
    async with db.begin() as tx:
        published = await versions.publish(tx, document, by="test", now=NOW)
        await versions.activate(tx, published.version, by="test", now=NOW)


async def add_held(db: Database, **values: Any) -> None:
    """Add an order that may not fit, with a prepared question."""
    await with_department(db)
    await add_customer(db)
    await add_order(db, **values)
    facts, judgement = judged(request=None, fit=mentioned("newsletter", "openvpn"))
    assert judgement.question
    reasons = [{"code": reason.code, "text": reason.text} for reason in judgement.reasons]
    await add_decision(db, facts=dump_facts(facts), judgement=dump_judgement(judgement), reasons=reasons)


@pytest.fixture
async def held(api: Api) -> Api:
    await add_held(api.db)
    return api


async def calls_of(api: Api) -> list[Any]:
    async with api.db.read() as connection:
        query = sa.select(panel_calls).where(panel_calls.c.key.startswith("question:"))
        return list((await connection.execute(query)).all())


async def test_the_prepared_question_is_shown_and_sent(held: Api) -> None:
    prepared = (await held.ask("GET", f"/v1/orders/{ORDER}")).json()["prepared_question"]
    assert "newsletters" in prepared
    body = (await held.ask("POST", ASK, json={"note": "Odd."})).json()
    assert body["hold"]["kind"] == "answer"
    assert body["decision"]["reasons"][0]["code"] == "asked"
    assert body["decision"]["by"] == "ops-key"
    assert body["prepared_question"] == prepared
    (call,) = await calls_of(held)
    assert (call.action, call.params["department_id"], call.params["customer_id"]) == ("open_ticket", 3, CUSTOMER)
    assert prepared in call.params["message"]
    assert "Odd." not in call.params["message"]


async def test_body_and_note_are_optional(held: Api) -> None:
    assert (await held.ask("POST", ASK)).status_code == 200


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("2 * 4 GB & more? See https://shop.example/a_b#c, 100% (or so).", None),
        ("🦊" * 4_000, None),
        ("a\nb", None),
        ("{fee} {question} {}", "(fee) (question) ()"),
        ("<script>alert(1)</script> &lt;b&#62;", "\u2039script\u203aalert(1)\u2039/script\u203a \uff06lt;b\uff06#62;"),
        ("[bill](http://evil.example) {$client_password}", "(bill)(http://evil.example) ($client_password)"),
        ("\u202egnp.exe\x07 a\r\nb\u2028c", "gnp.exe a\nb\nc"),
    ],
)
async def test_a_question_is_sent_as_plain_text(held: Api, text: str, sent: str | None) -> None:
    answer = await held.ask("POST", ASK, json={"question": text})
    assert answer.status_code == 200
    (call,) = await calls_of(held)
    assert (sent or text) in call.params["message"]
    assert "\n" not in call.params["subject"]


async def test_a_question_without_words_is_none(held: Api) -> None:
    found = check_problem(await held.ask("POST", ASK, json={"question": "\u200b\u202e"}), 422, "invalid")
    assert found["errors"] == [{"path": "question", "message": "must not be blank"}]
    assert await calls_of(held) == []


BAD: list[Any] = [
    {"question": ""}, {"question": " \n\t"}, {"question": "x" * 4_001}, {"question": 5}, {"question": ["x"]},
    {"question": "a\u0000b"}, {"note": "x" * 1_001}, {"questions": "typo"}, [], "x",
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=[str(body)[:30] for body in BAD])
async def test_bad_input_is_422_and_changes_nothing(held: Api, body: Any) -> None:
    check_problem(await held.ask("POST", ASK, json=body), 422, "invalid")
    assert await calls_of(held) == []
    assert (await held.ask("GET", f"/v1/orders/{ORDER}")).json()["hold"]["kind"] == "review"


async def test_without_a_prepared_question_one_must_be_given(api: Api) -> None:
    await with_department(api.db)
    await add_customer(api.db)
    await add_order(api.db)
    await add_decision(api.db)
    found = check_problem(await api.ask("POST", ASK, json={}), 422, "invalid")
    assert found["errors"][0]["path"] == "question"
    assert (await api.ask("POST", ASK, json={"question": "Which?"})).status_code == 200


async def test_without_a_department_it_says_what_to_set(api: Api) -> None:
    await add_customer(api.db)
    await add_order(api.db)
    await add_decision(api.db)
    found = check_problem(await api.ask("POST", ASK, json={"question": "Which?"}), 409, "wrong-state")
    assert "messages.department_id" in found["detail"]


async def test_a_key_asks_once_and_the_same_again_is_refused(held: Api) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = await held.ask("POST", ASK, json={}, headers=key)
    second = await held.ask("POST", ASK, json={}, headers=key)
    assert (first.status_code, first.content) == (200, second.content)
    check_problem(await held.ask("POST", ASK, json={"question": "Other?"}, headers=key), 422, "key-reused")
    check_problem(await held.ask("POST", ASK, json={}), 409, "looks-duplicate")
    check_problem(await held.ask("POST", ASK, json={"question": "Other?"}), 409, "wrong-state")  # being sent
    assert len(await calls_of(held)) == 1


async def test_a_further_question_is_a_reply(held: Api) -> None:
    await add_question(held.db)
    assert (await held.ask("POST", ASK, json={"question": "And now?"})).status_code == 200
    (call,) = await calls_of(held)
    assert (call.action, call.params["ticket_id"], call.params["signed"]) == (
        "reply_ticket",
        TICKET,
        "Customer service",
    )


async def test_a_call_on_the_wire_is_waited_for(held: Api) -> None:
    await add_call(held.db, state="sending", settled_at=None)
    check_problem(await held.ask("POST", ASK, json={}), 409, "wrong-state")


@pytest.mark.parametrize("state", ["released", "rejecting", "rejected", "cancelled", "closed"])
async def test_what_is_over_is_not_asked_about(api: Api, state: str) -> None:
    free = {"hold_kind": None, "hold_since": None, "hold_due_at": None}
    await add_held(api.db, state=state, **free)
    body = (await api.ask("GET", f"/v1/orders/{ORDER}")).json()
    assert "ask" not in body["actions"]
    check_problem(await api.ask("POST", ASK, json={}), 409, "wrong-state")


async def test_in_shadow_it_says_what_would_have_happened(start: Start) -> None:
    async with start(Mode.SHADOW) as api:
        await add_held(api.db)
        found = check_problem(await api.ask("POST", ASK, json={}), 409, "shadow-mode")
        assert "the customer would be asked" in found["detail"]


async def test_only_ops_may_ask_and_read_the_report(held: Api) -> None:
    for role in (Role.PANEL, Role.SCORES):
        check_problem(await held.ask("POST", ASK, role, json={}), 403, "forbidden")
        check_problem(await held.ask("GET", REPORT, role), 403, "forbidden")
    check_problem(await held.ask("POST", "/v1/orders/99/ask", json={"question": "?"}), 404, "not-found")


async def test_an_order_that_waits_for_an_answer_is_last_and_then_first(api: Api) -> None:
    await add_order(api.db, 1, hold_kind="answer")
    question = await add_question(api.db, 1)
    await add_order(api.db, 2)
    await add_order(api.db, 3, hold_kind="fee")
    rows = (await api.ask("GET", "/v1/queue")).json()["items"]
    assert [(row["order_id"], row["why"]) for row in rows] == [(2, "review"), (1, "answer"), (3, "fee")]
    async with api.db.begin() as tx:
        await tx.execute(questions.update().where(questions.c.id == question).values(answered_at=NOW))
    rows = (await api.ask("GET", "/v1/queue")).json()["items"]
    assert [row["order_id"] for row in rows] == [1, 2, 3]


async def test_a_proposal_to_cancel_offers_that_first(api: Api) -> None:
    await add_order(api.db)
    await add_decision(api.db, by="clock", reasons=[{"code": "no_answer", "text": "No answer for 10 days."}])
    (row,) = (await api.ask("GET", "/v1/queue")).json()["items"]
    assert row["actions"][:2] == ["cancel", "approve"]


# --- the report ---------------------------------------------------------------------------------------------------


async def add_some(db: Database, count: int, *, hours: float | None = None, **values: Any) -> None:
    answered = {} if hours is None else {"answered_at": NOW - timedelta(days=2) + timedelta(hours=hours)}
    for number in range(count):
        await add_question(db, 1_000 + number, asked_at=NOW - timedelta(days=2), **answered, **values)


async def test_the_report_counts_and_puts_good_form_fields_first(api: Api) -> None:
    await add_some(api.db, 4, rule="vpn-proxy", hours=2.0, outcome="approved")
    await add_some(api.db, 1, rule="vpn-proxy", hours=7.0, outcome="rejected")
    await add_some(api.db, 3, rule="adult", outcome="cancelled")
    await add_some(api.db, 9, rule="adult")
    await add_some(api.db, 1, rule=None, question="Who are  YOU?", hours=1.0, outcome="fee")
    await add_some(api.db, 1, rule=None, question="who are you?")
    await add_some(api.db, 2, rule="streaming", outcome="withdrawn")
    await add_question(api.db, 1, rule="mining", asked_at=NOW - timedelta(days=400))
    body = (await api.ask("GET", REPORT)).json()
    assert (body["asked"], body["rows_total"]) == (19, 3)
    vpn, adult, own = body["rows"]
    assert (vpn["rule"], vpn["asked"], vpn["answered"], vpn["median_hours"], vpn["form_field"]) == (
        "vpn-proxy", 5, 5, 2.0, True,
    )  # fmt: skip
    assert vpn["outcomes"] == {"approved": 4, "rejected": 1, "cancelled": 0, "fee": 0, "open": 0}
    assert (adult["rule"], adult["median_hours"], adult["form_field"]) == ("adult", None, False)
    assert adult["outcomes"] == {"approved": 0, "rejected": 0, "cancelled": 3, "fee": 0, "open": 9}
    assert (own["rule"], own["asked"], own["answered"]) == (None, 2, 1)
    assert (await api.ask("GET", REPORT, params={"days": 1})).json()["asked"] == 0
    assert (await api.ask("GET", REPORT, params={"days": 500})).json()["asked"] == 20


@pytest.mark.parametrize(
    ("asked", "unanswered", "rejected", "good"),
    [(5, 0, 0, True), (4, 0, 0, False), (5, 1, 0, True), (5, 2, 0, False), (10, 0, 2, True), (10, 0, 3, False)],
)
async def test_a_good_form_field_is_asked_often_answered_and_approved(
    api: Api, asked: int, unanswered: int, rejected: int, good: bool
) -> None:
    await add_some(api.db, unanswered)
    await add_some(api.db, rejected, hours=1.0, outcome="rejected")
    await add_some(api.db, asked - unanswered - rejected, hours=1.0, outcome="approved")
    (row,) = (await api.ask("GET", REPORT)).json()["rows"]
    assert row["form_field"] is good


async def test_an_empty_report_and_long_questions(api: Api) -> None:
    assert (await api.ask("GET", REPORT)).json()["rows"] == []
    for number in range(questions_report.SHOWN + 1):
        await add_question(api.db, 1 + number, rule=None, question=f"{number} " + "ß<" * 2_000)
    answer = await api.ask("GET", REPORT)
    assert answer.json()["rows_total"] == len(answer.json()["rows"]) + 1
    assert len(answer.content) < 64_000


@pytest.mark.parametrize("days", ["0", "-1", "3651", "x", "", "1.5"])
async def test_days_that_can_not_be_are_422(api: Api, days: str) -> None:
    check_problem(await api.ask("GET", REPORT, params={"days": days}), 422, "invalid")
