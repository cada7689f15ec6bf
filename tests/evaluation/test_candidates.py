"""A candidate policy next to the active one: it decides the same live orders, never acts; the report compares them."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.policies import versions
from app.tables.orders import decisions
from app.tables.policies import policies as policies_table
from app.workflow import candidates
from tests.billing.test_limits import place
from tests.stories.house import POLICY, House
from tests.stories.test_orders import SUSPECT, WISH

#: Milder on fees, stricter on words: it lacks the active policy's term, and has one that the active policy lacks.
CANDIDATE = (
    POLICY
    + "[acceptable_use]\nterms = ['minecraft']\n[labour]\ncatalogue_gap_paid_by = 'provider'\n"
    + "[currencies.USD]\ncustom_rate_per_hour = '25.00'\n"
)


async def publish(house: House, document: str) -> int:
    async with house.db.begin() as tx:
        return (await versions.publish(tx, document, by="story", now=house.clock())).version


async def stored(house: House) -> dict[int, Any]:
    async with house.db.read() as connection:
        query = sa.select(decisions.c.order_id, decisions.c.candidate).order_by(decisions.c.id)
        return {row.order_id: row.candidate for row in await connection.execute(query)}


async def test_a_candidate_decides_beside_and_never_acts(house: House) -> None:
    before = await place(house)
    version = await publish(house, CANDIDATE)
    answer = await house.api.post(f"/v1/policies/{version}/candidate")
    assert answer.status_code == 200, answer.text
    plain, words, wish, suspect = [await place(house, notes) for notes in ("", "A minecraft world.", WISH, SUSPECT)]
    found = await stored(house)
    assert found[before] is None
    assert {one: found[one]["outcome"] for one in (plain, words, wish, suspect)} == {
        plain: "approve", words: "hold_for_review", wish: "hold_for_fee", suspect: "approve",
    }  # fmt: skip
    assert found[wish]["fee"] == {"amount_minor": 10000, "currency": "USD"}
    assert found[words] == {
        "version": version, "outcome": "hold_for_review", "reasons": ["risk_review"], "self_service": 100, "risk": 60,
        "fee": None, "minutes": 0,
    }  # fmt: skip
    states = [(await house.order(one))["state"] for one in (plain, words, wish, suspect)]
    assert states == ["released", "released", "held", "held"]
    assert (await house.act(suspect, "approve")).status_code == 200

    report = (await house.api.get("/v1/reports/candidate")).json()
    assert (report["version"], report["decided"], report["differing"]) == (version, 4, 2)
    assert report["complete"] is True
    turns = {(one["active"], one["candidate"]): one["orders"] for one in report["turns"]}
    assert turns == {
        ("approve", "approve"): 1, ("approve", "hold_for_review"): 1, ("hold_for_fee", "hold_for_fee"): 1,
        ("hold_for_review", "approve"): 1,
    }  # fmt: skip
    reasons = {(one["active_reason"], one["candidate_reason"]) for one in report["reasons"]}
    assert reasons == {("no_work", "risk_review"), ("risk_review", "no_work")}
    assert [one["order_id"] for one in report["latest"]] == [suspect, words]
    assert report["latest"][0]["person"] == "approve"
    assert report["people"] == {"decided": 1, "as_active": 0, "as_candidate": 1, "otherwise": 0}
    (money,) = report["money"]
    assert (money["currency"], money["orders"], money["fees_active"], money["fees_candidate"]) == (
        "USD", 4, "200.00", "100.00",
    )  # fmt: skip
    assert money["minutes_active"] == money["minutes_candidate"] > 0

    assert (await house.api.delete("/v1/policies/candidate")).json()["version"] is None
    after = await place(house, WISH)
    assert (await stored(house))[after] is None
    assert (await house.api.get("/v1/reports/candidate")).json()["version"] is None


async def test_a_candidate_that_becomes_active_is_compared_with_nothing(house: House) -> None:
    version = await publish(house, CANDIDATE)
    await house.api.post(f"/v1/policies/{version}/candidate")
    assert (await house.api.post(f"/v1/policies/{version}/activate")).status_code == 200
    order_id = await place(house, WISH)
    assert (await stored(house))[order_id] is None
    assert (await house.order(order_id))["fee"]["amount"] == "100.00"
    assert (await house.api.get("/v1/reports/candidate")).json()["decided"] == 0


async def test_a_candidate_that_fails_keeps_nothing_from_being_decided(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OverflowError("a fault of ours")

    version = await publish(house, CANDIDATE)
    await house.api.post(f"/v1/policies/{version}/candidate")
    monkeypatch.setattr(candidates, "decide", fail)
    order_id = await place(house, WISH)
    assert (await house.order(order_id))["fee"]["amount"] == "200.00"
    assert (await stored(house))[order_id] is None


async def test_a_candidate_that_this_program_refuses_by_now_says_nothing(house: House) -> None:
    version = await publish(house, CANDIDATE)
    await house.api.post(f"/v1/policies/{version}/candidate")
    async with house.db.begin() as tx:
        refused = {"document": "nonsense = 1", "hash": "another"}
        await tx.execute(policies_table.update().where(policies_table.c.version == version).values(refused))
    order_id = await place(house, WISH)
    assert (await house.order(order_id))["fee"]["amount"] == "200.00"
    assert (await stored(house))[order_id] is None


async def test_reasons_are_compared_as_judged_whatever_the_modes_make_of_them(house: House) -> None:
    """Holding is only suggested: the action would be the same for the verdict of either policy."""
    modes = "[modes]\nhold = 'suggest'\nfees = 'suggest'\nreject = 'suggest'\n"
    active = await publish(house, POLICY + modes)
    assert (await house.api.post(f"/v1/policies/{active}/activate")).status_code == 200
    version = await publish(house, CANDIDATE)
    await house.api.post(f"/v1/policies/{version}/candidate")
    suspect = await place(house, SUSPECT)
    assert (await house.order(suspect))["decision"]["reasons"][0]["code"] == "hold_suggest"
    report = (await house.api.get("/v1/reports/candidate")).json()
    assert [(one["active_reason"], one["candidate_reason"]) for one in report["reasons"]] == [
        ("risk_review", "no_work")
    ]
    assert report["latest"][0]["active_reasons"] == ["risk_review"]


async def test_another_active_policy_begins_the_comparison_anew(house: House) -> None:
    version = await publish(house, CANDIDATE)
    await house.api.post(f"/v1/policies/{version}/candidate")
    await place(house, SUSPECT)
    assert (await house.api.get("/v1/reports/candidate")).json()["differing"] == 1
    milder = await publish(house, POLICY + "[acceptable_use]\nterms = ['minecraft']\n")
    assert (await house.api.post(f"/v1/policies/{milder}/activate")).status_code == 200
    report = (await house.api.get("/v1/reports/candidate")).json()
    assert (report["active_version"], report["decided"], report["differing"]) == (milder, 0, 0)
    await place(house, SUSPECT)
    report = (await house.api.get("/v1/reports/candidate")).json()
    assert (report["decided"], report["differing"]) == (1, 0)
