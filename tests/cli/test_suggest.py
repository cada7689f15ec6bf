"""`doorman suggest` from end to end: cases in the database, a fit, a policy file."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from app.cli.commands import cli
from app.cli.suggest import run_suggest, tell
from app.core.facts import CustomerFacts, Facts, FraudCheck, FraudVerdict, Item, Neighbours, OrderFacts, PlacedBy
from app.core.policy.document import Policy, parse_policy
from app.core.reading.requests import TermFinding, TermKind
from app.db import Database
from app.evaluation import learning
from app.evaluation.learning import label_of, read_labelled, suggest
from app.evaluation.suggesting import suggest_policy, with_values
from app.orders.facts_codec import pack, unpack
from app.policies import versions
from app.tables.history import CaseSource, Label, cases
from tests.stories.house import settings_for

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)


def facts_of(order_id: int, *, shared_ip: bool, disposable: bool, verdict: FraudVerdict | None) -> Facts:
    check = None if verdict is None else FraudCheck(module="maxmind", verdict=verdict, score=None)
    return Facts(
        order=OrderFacts(
            order_id=order_id, placed_at=LONG_AGO, placed_by=PlacedBy.CUSTOMER, currency="EUR", amount=1500,
            items=(Item(kind="product", relid=order_id, cycle="monthly", first_amount=1500, recurring_amount=1500),),
            fraud_check=check, fraud_check_ran=check is not None,
        ),
        customer=CustomerFacts(
            customer_id=order_id, country="DE", phone_country="DE", ip_country="DE", email_disposable=disposable,
            neighbours=(Neighbours(kind="ip", customers=3, bad_customers=1),) if shared_ip else (),
        ),
    )  # fmt: skip


async def fill(db: Database, *, orders: int, seed: int = 7) -> None:
    """Add a shop in which a shared IP address is no risk, and a throw-away address a high one."""
    chance = random.Random(seed)
    rows = []
    for order_id in range(1, orders + 1):
        bad = chance.random() < 0.3
        shared, disposable = chance.random() < 0.4, chance.random() < (0.7 if bad else 0.04)
        verdict = FraudVerdict.REVIEW if chance.random() < (0.5 if bad else 0.15) else None
        facts = facts_of(order_id, shared_ip=shared, disposable=disposable, verdict=verdict)
        rows.append(
            {
                "order_id": order_id, "customer_id": order_id, "source": CaseSource.IMPORTED.value,
                "placed_at": LONG_AGO, "judged_at": LONG_AGO, "facts": pack(facts), "terms_digest": "0" * 16,
                "label": (Label.FRAUD if bad else Label.GOOD).value, "labelled_at": NOW,
            }
        )  # fmt: skip
    async with db.begin() as tx:
        await tx.execute(cases.insert(), rows)
        document = "# our own policy\n[cart]\nurl = 'https://shop.example/cart'  # kept\n"
        published = await versions.publish(tx, document, by="test", now=NOW)
        await versions.activate(tx, published.version, by="test", now=NOW)


@pytest.fixture
def console() -> Console:
    return Console(file=StringIO(), width=120, highlight=False)


def said(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("label", "reviewed", "mature", "bad"),
    [
        ("fraud", None, True, True),
        ("disputed", "approve", True, True),  # the outcome overrides the person's decision
        ("good", "reject", True, False),
        ("fraud", None, False, None),  # too young: it may still change
        ("good", "reject", False, True),  # a review counts at once
        ("open", "approve", True, False),
        ("refunded", None, True, None),
        ("cancelled_unpaid", None, True, None),
        ("good", "hold_for_review", False, None),
    ],
)
def test_labels(label: str, reviewed: str | None, mature: bool, bad: bool | None) -> None:
    assert label_of(label, reviewed, mature=mature) is bad


async def test_points_move_towards_what_the_history_shows(db: Database) -> None:
    await fill(db, orders=1_500)
    found = await read_labelled(db, Policy(), now=NOW)
    assert found.count(bad=True) + found.count(bad=False) == found.by_outcome == 1_500
    after = {change.key: change.after - change.before for change in suggest(found, Policy()).changes}
    assert after["shared_ip"] < 0
    assert after["email_disposable"] > 0


async def test_who_was_declined_for_what_is_hosted_is_no_bad_customer(db: Database) -> None:
    await fill(db, orders=2)
    fit = tuple(TermFinding(kind=TermKind.LISTED, term=term, where="notes", start=0) for term in ("openvpn", "porn"))
    facts = facts_of(1, shared_ip=True, disposable=False, verdict=None)
    unfit = replace(facts, order=replace(facts.order, fit=fit))
    suspicious = replace(unfit, order=replace(unfit.order, acceptable_use=fit))
    async with db.begin() as tx:
        reviewed = cases.update().values(label=Label.OPEN.value, reviewed="reject")
        await tx.execute(reviewed.where(cases.c.order_id == 1).values(facts=pack(unfit)))
        await tx.execute(reviewed.where(cases.c.order_id == 2).values(facts=pack(suspicious)))
    found = await read_labelled(db, Policy(), now=NOW)
    assert (found.by_review, found.count(bad=True)) == (1, 1)
    assert "acceptable_use" in found.fired()


async def test_too_few_orders_are_said_and_nothing_is_proposed(db: Database, console: Console, tmp_path: Path) -> None:
    await fill(db, orders=60)
    found = await suggest_policy(db, now=NOW)
    tell(found, console, out=tmp_path / "new.toml")
    assert (found.document, found.points, found.thresholds) == (None, (), ())
    assert "Too few orders with a known result" in said(console)
    assert "Nothing is proposed, and no file was written." in said(console)


async def test_the_document_is_the_active_policy_with_other_points(db: Database, console: Console) -> None:
    await fill(db, orders=1_500)
    found = await suggest_policy(db, now=NOW)
    assert found.document is not None
    assert "# our own policy" in found.document
    assert "# kept" in found.document
    proposed = parse_policy(found.document)
    assert proposed.points.risk.email_disposable > Policy().points.risk.email_disposable
    assert proposed.cart.url == "https://shop.example/cart"
    tell(found, console, out=Path("new.toml"))
    assert "email_disposable" in said(console)
    async with db.read() as connection:
        assert (await versions.active(connection)).version == 1  # nothing has changed automatically


@pytest.mark.slow("learns from a whole history")
def test_json_is_all_that_is_printed_and_the_file_is_written(
    migrated_url: str, console: Console, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def filled() -> None:
        db = Database.open(migrated_url)
        await fill(db, orders=900)
        await db.close()

    asyncio.run(filled())
    out = tmp_path / "new.toml"
    assert run_suggest(settings_for(migrated_url), console, out=out, as_json=True) is True
    shown = json.loads(capsys.readouterr().out)
    assert said(console) == ""
    assert out.read_text() == shown["document"]
    trial = next(one for one in shown["thresholds"] if one["key"] == "risk.review_from")
    assert trial["before"] == "60"
    assert (shown["bad"] + shown["good"], shown["complete"]) == (900, True)


async def test_twice_the_same(db: Database) -> None:
    await fill(db, orders=900)
    first, second = [await suggest_policy(db, now=NOW) for _ in range(2)]
    assert first == second


async def test_without_the_library_it_says_what_to_install(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(db, orders=900)
    found = await read_labelled(db, Policy(), now=NOW)
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(learning.LearningMissing, match="scikit-learn"):
        suggest(found, Policy())


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[points.risk]\nshared_ip = 33 # ours\n",
        "points.risk.shared_ip = 33\n",
        "[points]\nrisk = { shared_ip = 33 }\n",
        "points = {}\n[risk]\nreview_from = 50\n",
        "points = { self_service = { manual_payment = 3 } }\n",
        "[points.risk]\nshared_ip = 33\n[cart]\nurl = ''\n[points.self_service]\nmanual_payment = 3\n",
    ],
)
def test_values_are_written_into_any_form_of_document(document: str) -> None:
    values = {"points.risk.shared_ip": 12, "risk.review_from": 65, "currencies.EUR.large_order": "250.00"}
    written = parse_policy(with_values(document, values))
    assert (written.points.risk.shared_ip, written.risk.review_from) == (12, 65)
    assert written.currencies["EUR"].large_order == "250.00"
    assert written.currencies["USD"] == parse_policy(document).currencies["USD"]
    assert written.points.self_service == parse_policy(document).points.self_service


async def test_what_only_became_known_later_teaches_nothing(db: Database) -> None:
    await fill(db, orders=300)
    async with db.begin() as tx:
        for row in await tx.execute(cases.select()):
            facts = unpack(row.facts)
            assert facts.customer is not None
            facts = replace(facts, customer=replace(facts.customer, chargebacks=2), today=("customer.chargebacks",))
            await tx.execute(cases.update().where(cases.c.order_id == row.order_id).values(facts=pack(facts)))
    found = await read_labelled(db, Policy(), now=NOW)
    assert set(found.fired()) == {"fraud_check", "email_disposable", "shared_ip"}


def test_the_command_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suggested-policy.toml").write_text("")
    result = CliRunner().invoke(cli, ["suggest"])
    assert result.exit_code == 2
    assert "already exists" in result.output
