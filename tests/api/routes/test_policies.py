"""Policies over the API: checked, activated with confirmation, rolled back, compared, and run as a candidate."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app.core.reading.kinds import TermKind
from app.core.records import Role
from app.db import Database
from app.installation import facts as installation
from app.orders.facts_codec import pack
from app.tables.history import cases
from app.tables.policies import policy_activations
from tests.api.api_support import CUSTOMER, NOW, add_customer, check_problem, judged
from tests.api.conftest import Api

ADMIN = Role.ADMIN
STRICT = "risk.review_from = 50\n"


async def add_cases(db: Database, total: int, *, held: int) -> None:
    """Add a history in which the default policy would hold this many orders: they request work."""
    rows = [
        {
            "order_id": 1_000 + number,
            "customer_id": CUSTOMER,
            "source": "imported",
            "placed_at": NOW - timedelta(minutes=number),
            "judged_at": NOW,
            "facts": pack(judged(request=TermKind.OS_OLD if number < held else None)[0]),
            "terms_digest": "0" * 16,
            "label": "good",
        }
        for number in range(total)
    ]
    async with db.begin() as tx:
        await tx.execute(cases.insert(), rows)


async def published(api: Api, rules: str) -> int:
    answer = await api.ask("POST", "/v1/policies", ADMIN, json={"document": rules})
    assert answer.status_code in {200, 201}, answer.text
    return int(answer.json()["version"])


async def activations(api: Api) -> list[tuple[int, str]]:
    async with api.db.read() as connection:
        rows = await connection.execute(sa.select(policy_activations).order_by(policy_activations.c.id))
        return [(row.version, row.activated_by) for row in rows]


async def test_a_document_is_checked_without_being_stored(api: Api) -> None:
    await add_cases(api.db, 100, held=21)
    body = {"document": "[exempt]\nstaff_customer_ids = [5]\n[block]\ncustomer_ids = [5]\n"}
    checked = (await api.ask("POST", "/v1/policies/check", json=body)).json()
    assert any("your own staff" in text for text in checked["warnings"])
    assert checked["share"] == {
        "cases": 100, "held": 21, "percent": 21.0, "at_most": 30,
        "text": "Of the last 100 orders it would hold 21 (21.0 %).",
    }  # fmt: skip
    assert [row["version"] for row in (await api.ask("GET", "/v1/policies")).json()["items"]] == [1]
    wrong = check_problem(
        await api.ask("POST", "/v1/policies/check", json={"document": "[risk]\nreview_form = 5"}), 422, "invalid"
    )
    assert wrong["errors"] == [
        {"path": "document.risk.review_form", "message": "unknown key; did you mean review_from?"}
    ]


@pytest.mark.parametrize(
    ("total", "held", "rules", "asks"),
    [
        (49, 49, STRICT, False),
        (50, 15, STRICT, False),
        (50, 16, STRICT, True),
        (50, 16, STRICT + "limits.confirm_hold_percent = 32", False),
        (50, 16, STRICT + "modes.fees = 'shadow'", False),
        (1_100, 301, STRICT, True),
    ],
)
async def test_a_policy_that_would_hold_many_orders_asks_before_it_acts(
    api: Api, total: int, held: int, rules: str, asks: bool
) -> None:
    await add_cases(api.db, total, held=held)
    version = await published(api, rules)
    answer = await api.ask("POST", f"/v1/policies/{version}/activate", ADMIN)
    if not asks:
        assert answer.json()["active"] is True
        return
    body = check_problem(answer, 409, "confirmation-needed")
    assert (body["cases"], body["held"]) == (min(total, 1_000), held)
    assert "limits.confirm_hold_percent" in body["detail"]
    assert await activations(api) == [(1, "doorman")]


@pytest.mark.parametrize("how", [{"json": {"confirm": True}}, {"params": {"confirm": "true"}}])
async def test_what_is_confirmed_is_activated(api: Api, how: dict[str, Any]) -> None:
    await add_cases(api.db, 60, held=60)
    version = await published(api, STRICT)
    path = f"/v1/policies/{version}/activate"
    check_problem(await api.ask("POST", path, ADMIN, json={"confirm": False}), 409, "confirmation-needed")
    check_problem(await api.ask("POST", path, ADMIN, json={"confirm": 1}), 422, "invalid")
    assert (await api.ask("POST", path, ADMIN, **how)).json()["active"] is True
    assert await activations(api) == [(1, "doorman"), (version, "admin-key")]


async def test_rolling_back_goes_to_the_one_before_and_never_asks(api: Api) -> None:
    check_problem(await api.ask("POST", "/v1/policies/rollback", ADMIN), 409, "wrong-state")
    version = await published(api, STRICT)
    await api.ask("POST", f"/v1/policies/{version}/activate", ADMIN)
    await api.ask("POST", f"/v1/policies/{version}/activate", ADMIN)
    await add_cases(api.db, 60, held=60)
    keyed = {"headers": {"Idempotency-Key": "back-1"}}
    for _ in range(2):
        back = (await api.ask("POST", "/v1/policies/rollback", ADMIN, **keyed)).json()
        assert (back["version"], back["active"]) == (1, True)
    assert (await activations(api))[-1] == (1, "admin-key")
    assert len(await activations(api)) == 4
    assert (await api.ask("POST", "/v1/policies/rollback", ADMIN)).json()["version"] == version


async def test_the_difference_is_said_in_words(api: Api) -> None:
    version = await published(api, "[points.risk]\nshared_phone = 20\n")
    diff = (await api.ask("GET", f"/v1/policies/{version}/diff")).json()
    sentence = "A shared phone number now adds 20 risk points instead of 75."
    assert diff == {
        "version": version, "compared_with": 1,
        "changes": [{"section": "Points", "path": "points.risk.shared_phone", "sentence": sentence}],
    }  # fmt: skip
    other = (await api.ask("GET", f"/v1/policies/1/diff?with={version}")).json()
    assert other["changes"][0]["sentence"] == "A shared phone number now adds 75 risk points instead of 20."
    assert (await api.ask("GET", f"/v1/policies/{version}/diff?with={version}")).json()["changes"] == []
    for path in ("/v1/policies/99/diff", f"/v1/policies/{version}/diff?with=99"):
        check_problem(await api.ask("GET", path), 404, "not-found")
    check_problem(await api.ask("GET", f"/v1/policies/{version}/diff?with=0"), 422, "invalid")


async def test_a_candidate_is_chosen_and_dropped(api: Api) -> None:
    nothing = (await api.ask("GET", "/v1/reports/candidate")).json()
    assert (nothing["version"], nothing["since"], nothing["decided"], nothing["latest"]) == (None, None, 0, [])
    check_problem(await api.ask("POST", "/v1/policies/99/candidate", ADMIN), 404, "not-found")
    check_problem(await api.ask("POST", "/v1/policies/1/candidate", ADMIN), 409, "wrong-state")
    version = await published(api, STRICT)
    keyed = {"headers": {"Idempotency-Key": "candidate-1"}}
    for _ in range(2):
        chosen = (await api.ask("POST", f"/v1/policies/{version}/candidate", ADMIN, **keyed)).json()
        assert (chosen["version"], chosen["by"]) == (version, "admin-key")
    report = (await api.ask("GET", "/v1/reports/candidate")).json()
    assert (report["version"], report["active_version"], report["decided"], report["latest"]) == (version, 1, 0, [])
    nobody = {"version": None, "since": None, "by": None}
    assert (await api.ask("DELETE", "/v1/policies/candidate", ADMIN)).json() == nobody
    assert (await api.ask("DELETE", "/v1/policies/candidate", ADMIN)).json() == nobody


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/policies/rollback", {ADMIN}),
        ("POST", "/v1/policies/1/candidate", {ADMIN}),
        ("DELETE", "/v1/policies/candidate", {ADMIN}),
        ("POST", "/v1/policies/check", {ADMIN, Role.OPS}),
        ("GET", "/v1/policies/1/diff", {ADMIN, Role.OPS}),
        ("GET", "/v1/reports/candidate", {ADMIN, Role.OPS}),
    ],
)
async def test_who_may_do_what(api: Api, method: str, path: str, allowed: set[Role]) -> None:
    await add_customer(api.db)
    for role in Role:
        more = {"json": {"document": ""}} if path.endswith("check") else {}
        answer = await api.ask(method, path, role, **more)
        assert (answer.status_code != 403) is (role in allowed), (role, answer.text)


async def outdate(api: Api, version: int, document: str) -> None:
    """Change a published version into one that an older program accepted."""
    async with api.db.begin() as tx:
        statement = "UPDATE policies SET document = :document, hash = :other WHERE version = :version"
        await tx.execute(sa.text(statement), {"document": document, "other": f"{version:064}", "version": version})


async def test_a_policy_that_is_refused_by_now_is_shown_and_not_used(api: Api) -> None:
    version = await published(api, STRICT)
    await outdate(api, version, "nonsense = 1")
    await add_cases(api.db, 60, held=0)

    shown = (await api.ask("GET", f"/v1/policies/{version}")).json()
    assert (shown["document"], shown["active"]) == ("nonsense = 1", False)
    assert "no longer valid: nonsense: unknown key" in shown["warnings"][0]
    assert [row["version"] for row in (await api.ask("GET", "/v1/policies")).json()["items"]] == [version, 1]
    for method, path, more in (
        ("POST", f"/v1/policies/{version}/activate", {}),
        ("POST", f"/v1/policies/{version}/candidate", {}),
        ("GET", f"/v1/policies/{version}/texts", {}),
        ("GET", f"/v1/policies/{version}/diff", {}),
        ("GET", f"/v1/policies/1/diff?with={version}", {}),
        ("POST", "/v1/backtests", {"json": {"version": version}}),
    ):
        body = check_problem(await api.ask(method, path, ADMIN, **more), 409, "wrong-state")
        assert f"policy version {version} is no longer valid: nonsense: unknown key" in body["detail"]


async def test_an_active_policy_that_is_refused_by_now_says_so_and_can_be_left(api: Api) -> None:
    version = await published(api, STRICT)
    await api.ask("POST", f"/v1/policies/{version}/activate", ADMIN)
    await outdate(api, version, "nonsense = 1")

    assert (await api.ask("GET", f"/v1/policies/{version}")).json()["active"] is True
    for path in ("/v1/policies/active/texts", "/v1/policies/1/diff"):
        body = check_problem(await api.ask("GET", path), 409, "wrong-state")
        assert "no longer valid" in body["detail"]
    assert (await api.client.get("/readyz")).status_code in {200, 503}
    gate = await api.ask("GET", "/v1/orders/77/gate", Role.PANEL)
    assert gate.status_code == 200
    back = (await api.ask("POST", "/v1/policies/rollback", ADMIN)).json()
    assert (back["version"], back["active"]) == (1, True)


async def test_a_published_policy_that_would_be_unfair_today_says_so(api: Api) -> None:
    version = await published(api, STRICT)
    await outdate(api, version, "[block]\nemail_domains = ['gmail.com']")
    (first, *_) = (await api.ask("GET", f"/v1/policies/{version}")).json()["warnings"]
    assert first.startswith("it would be refused today: block.email_domains.0: gmail.com is a public mail provider")
    body = check_problem(await api.ask("POST", f"/v1/policies/{version}/activate", ADMIN), 409, "wrong-state")
    assert "would be refused today: block.email_domains.0: gmail.com is a public mail provider" in body["detail"]
    body = {"document": "[block]\nemail_domains = ['gmail.com']"}
    check_problem(await api.ask("POST", "/v1/policies", ADMIN, json=body), 422, "invalid")


async def test_the_same_policy_published_at_once_is_one_version(api: Api) -> None:
    async def publish() -> httpx.Response:
        while (answer := await api.ask("POST", "/v1/policies", ADMIN, json={"document": STRICT})).status_code == 429:
            await asyncio.sleep(0.02)  # two of a key at a time
        return answer

    answers = await asyncio.gather(*(publish() for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({(answer.json()["version"], answer.json()["hash"]) for answer in answers}) == 1
    assert len((await api.ask("GET", "/v1/policies")).json()["items"]) == 2


async def test_a_policy_that_holds_while_no_gate_ever_asked_is_warned_about(api: Api) -> None:
    async def warned(method: str, path: str, document: str | None = None) -> bool:
        body = {} if document is None else {"json": {"document": document}}
        found = (await api.ask(method, path, ADMIN, **body)).json()["warnings"]
        return any(text.startswith("modes.hold is enforce: The gate has never been asked") for text in found)

    version = await published(api, STRICT)
    doors = [
        ("POST", "/v1/policies/check", STRICT), ("POST", "/v1/policies", STRICT),
        ("POST", f"/v1/policies/{version}/activate", None), ("POST", "/v1/policies/rollback", None),
    ]  # fmt: skip
    assert [await warned(*door) for door in doors] == [True] * 4
    quiet = "[modes]\nhold = 'suggest'\nfees = 'suggest'\nreject = 'suggest'\n"
    assert not await warned("POST", "/v1/policies/check", quiet)
    async with api.db.begin() as tx:
        await installation.put(tx, installation.GATE_ASKED, {"first": "x", "last": "x"}, now=NOW)
    assert [await warned(*door) for door in doors] == [False] * 4


HOSTILE = {
    "labour.tolerated_months": "[labour]\ntolerated_months = nan",
    "cart.url": "[cart]\nurl = 2026-01-01",
    "": ".".join(["a"] * 300_000) + " = 0x" + "f" * 300_000,
    "risk": "[risk]\n" + "\n".join(f"k{number} = 1" for number in range(60_000)),
    "vetting.terms.0": "[vetting]\nterms = ['gmail']",
    "messages.fee_hold.subject": "[messages.fee_hold]\nsubject = '{fee.__class__}'",
}


@pytest.mark.parametrize("door", ["/v1/policies", "/v1/policies/check", "/v1/backtests"])
async def test_a_hostile_document_is_refused_at_every_door(api: Api, door: str) -> None:
    for place, hostile in HOSTILE.items():
        body = check_problem(await api.ask("POST", door, ADMIN, json={"document": hostile}), 422, "invalid")
        assert body["errors"][0]["path"] == f"document.{place}".rstrip(".")
