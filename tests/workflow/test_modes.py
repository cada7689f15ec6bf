"""Modes by kind of action: what is recorded, confirmed by a person, or done; and what switching does not change."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.db import Database
from app.installation import facts as installation
from app.policies import versions
from app.tables.alerts import alerts
from app.tables.orders import decisions
from tests.stories.deaf import held as held_deaf
from tests.stories.deaf import open_deaf
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import SUSPECT, WISH, shop

SUGGEST = "[modes]\nhold = 'suggest'\nfees = 'suggest'\nreject = 'suggest'\n"
SHADOW = "[modes]\nhold = 'shadow'\nfees = 'shadow'\nreject = 'shadow'\n"
REJECT = "risk.auto_reject = true\nrisk.review_from = 50\nrisk.reject_from = 59\n"


async def place(house: House, notes: str = "", *, pay: bool = True, autosetup: str = "accept") -> int:
    client, product = shop(house, autosetup=autosetup)
    placed = await house.panel.place_order(client, [product], notes=notes, pay=pay)
    await house.wait(120)
    return int(placed.id)


async def switch(house: House, document: str) -> None:
    async with house.db.begin() as tx:
        made = await versions.publish(tx, POLICY + document, by="story", now=house.clock())
        await versions.activate(tx, made.version, by="story", now=house.clock())


async def gate(house: House, order_id: int) -> tuple[bool, str]:
    answer = (await house.api.get(f"/v1/orders/{order_id}/gate")).json()
    return answer["provision"], answer["reason"]


async def queue(house: House) -> list[tuple[int, str, str | None]]:
    items = (await house.api.get("/v1/queue")).json()["items"]
    return [(row["order_id"], row["why"], suggested(row, row["reasons"])) for row in items]


def suggested(row: dict[str, Any], why: list[dict[str, str]]) -> str | None:
    """Return the suggested action: it is first among the possible ones, and a reason names it."""
    said = next((reason["text"] for reason in why if reason["code"].endswith("_suggest")), None)
    if said is None:
        return None
    assert f"`{row['actions'][0]}`" in said
    return str(row["actions"][0])


def seen(order: dict[str, Any]) -> tuple[str, str, str, str | None]:
    """Return what an order shows: state, verdict, whether it was acted on, and the suggestion."""
    decision = order["decision"]
    found = suggested(order, decision["reasons"]) if order["actions"] else None
    return order["state"], decision["outcome"], decision["mode"], found


def codes(order: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in order["decision"]["reasons"]]


async def intended(house: House, order_id: int) -> list[str]:
    async with house.db.read() as connection:
        query = sa.select(decisions.c.intended_calls).where(decisions.c.order_id == order_id)
        rows = (await connection.execute(query.order_by(decisions.c.id.desc()).limit(1))).scalar_one()
    return [call["action"] for call in rows]


@pytest.mark.parametrize(
    ("document", "notes", "shown", "why", "calls"),
    [
        ("modes.accept = 'shadow'\n", "", ("received", "approve", "shadow", None), "accept_shadow", ["accept_order"]),
        (SHADOW, SUSPECT, ("received", "hold_for_review", "shadow", None), "hold_shadow", ["add_client_note"]),
        (SHADOW, WISH, ("received", "hold_for_fee", "shadow", None), "hold_shadow",
         ["create_invoice", "add_client_note", "open_ticket"]),
        ("[modes]\nfees = 'shadow'\n", WISH, ("received", "hold_for_fee", "shadow", None), "fees_shadow",
         ["create_invoice", "add_client_note", "open_ticket"]),
        (REJECT + SHADOW, SUSPECT, ("received", "reject", "shadow", None), "hold_shadow", ["cancel_order"]),
    ],
)  # fmt: skip
async def test_in_shadow_a_kind_is_recorded_and_left_to_the_panel(
    db: Database, document: str, notes: str, shown: tuple[str, ...], why: str, calls: list[str]
) -> None:
    async with open_house(db, policy=document + POLICY) as house:
        order_id = await place(house, notes)
        order = await house.order(order_id)
        assert seen(order) == shown
        assert why in codes(order)
        assert (order["hold"], order["fee"]) == (None, None)
        assert await gate(house, order_id) == (True, "shadow")
        assert await queue(house) == []
        assert house.panel.writes == []
        assert await intended(house, order_id) == calls


async def test_a_suggested_accept_waits_for_a_person_and_the_panel_goes_on(db: Database) -> None:
    async with open_house(db, policy=POLICY + "[modes]\naccept = 'suggest'\n") as house:
        confirmed, alone = await place(house), await place(house)
        for order_id in (confirmed, alone):
            assert seen(await house.order(order_id)) == ("received", "approve", "shadow", "approve")
            assert await gate(house, order_id) == (True, "shadow")
        assert await queue(house) == [(confirmed, "review", "approve"), (alone, "review", "approve")]
        assert house.effects("AcceptOrder") == 0
        assert (await house.act(confirmed, "approve")).status_code == 200
        await house.settle(seconds=30)
        order = await house.order(confirmed)
        assert (order["state"], order["panel_status"]) == ("released", "Active")
        assert order["decision"]["by"] != "policy"
        await switch(house, "")
        await house.wait(2 * 86_400)
        assert seen(await house.order(alone)) == ("received", "approve", "shadow", "approve")
        assert house.effects("AcceptOrder") == 1
        assert await queue(house) == [(alone, "review", "approve")]


async def test_what_the_panel_builds_by_itself_leaves_the_queue_when_it_is_active(db: Database) -> None:
    async with open_house(db, policy=POLICY + "[modes]\naccept = 'suggest'\n") as house:
        order_id = await place(house)
        await house.panel.staff_accept(order_id)
        await house.wait(30)
        assert (await house.order(order_id))["state"] == "released"
        assert await queue(house) == []


async def test_a_suggested_hold_stops_nothing_until_a_person_confirms(db: Database) -> None:
    async with open_house(db, policy=POLICY + SUGGEST) as house:
        order_id = await place(house, SUSPECT)
        order = await house.order(order_id)
        assert seen(order) == ("received", "hold_for_review", "shadow", "hold")
        assert order["hold"] is None
        assert await gate(house, order_id) == (True, "shadow")
        assert await queue(house) == [(order_id, "review", "hold")]
        assert (await house.act(order_id, "hold")).status_code == 200
        await house.settle(seconds=5)
        order = await house.order(order_id)
        assert (order["state"], order["hold"]["kind"], order["decision"]["mode"]) == ("held", "review", "enforce")
        assert await gate(house, order_id) == (False, "held_for_review")
        assert house.effects("AddClientNote") == 1


async def test_a_suggested_fee_is_asked_for_when_a_person_confirms(db: Database) -> None:
    async with open_house(db, policy=POLICY + "[modes]\nfees = 'suggest'\n") as house:
        order_id = await place(house, WISH)
        order = await house.order(order_id)
        assert seen(order) == ("held", "hold_for_review", "enforce", "charge-fee")
        assert codes(order)[0] == "fees_suggest"
        assert "200.00 USD" in order["decision"]["reasons"][0]["text"]
        assert order["fee"] is None
        assert await gate(house, order_id) == (False, "held_for_review")
        assert await intended(house, order_id) == ["create_invoice", "add_client_note", "open_ticket"]
        assert (await house.act(order_id, "charge-fee")).status_code == 200
        await house.settle(seconds=30)
        order = await house.order(order_id)
        assert (order["hold"]["kind"], order["fee"]["amount"]) == ("fee", "200.00")
        assert house.effects("CreateInvoice") == 1
        assert house.effects("OpenTicket") == 1


async def test_a_suggested_fee_without_an_enforced_hold_lets_the_order_pass(db: Database) -> None:
    async with open_house(db, policy=POLICY + SUGGEST) as house:
        order_id = await place(house, WISH)
        assert seen(await house.order(order_id)) == ("received", "hold_for_fee", "shadow", "charge-fee")
        assert await gate(house, order_id) == (True, "shadow")
        assert (await house.act(order_id, "charge-fee")).status_code == 200
        await house.settle(seconds=30)
        order = await house.order(order_id)
        assert (order["state"], order["fee"]["state"]) == ("held", "unpaid")
        await house.panel.pay_invoice(order["fee"]["invoice_id"])
        await house.settle(seconds=30)
        assert (await house.order(order_id))["state"] == "released"


@pytest.mark.parametrize("mode", ["shadow", "suggest"])
async def test_a_reject_that_is_not_enforced_is_a_review(db: Database, mode: str) -> None:
    async with open_house(db, policy=REJECT + POLICY + f"[modes]\nreject = '{mode}'\n") as house:
        order_id = await place(house, SUSPECT)
        order = await house.order(order_id)
        proposal = "reject" if mode == "suggest" else None
        assert seen(order) == ("held", "hold_for_review", "enforce", proposal)
        assert codes(order)[:2] == ["would_reject", f"reject_{mode}"]
        assert house.effects("CancelOrder") == 0
        assert (await house.act(order_id, "reject")).status_code == 200
        await house.settle(seconds=30)
        assert (await house.order(order_id))["state"] == "rejected"


@pytest.mark.parametrize(("mode", "by_policy", "by_person"), [("shadow", 0, 0), ("suggest", 0, 1), ("enforce", 1, 2)])
async def test_who_tells_customers(db: Database, mode: str, by_policy: int, by_person: int) -> None:
    async with open_house(db, policy=POLICY + f"[modes]\nmessages = '{mode}'\n") as house:
        order_id = await place(house, WISH)
        assert (await house.order(order_id))["fee"]["state"] == "unpaid"
        assert house.effects("OpenTicket") == by_policy
        assert (await house.act(order_id, "waive-fee")).status_code == 200
        await house.settle(seconds=30)
        assert house.effects("OpenTicket") == by_person


@pytest.mark.parametrize("mode", ["shadow", "suggest"])
async def test_credits_are_refused_while_they_are_not_enforced(db: Database, mode: str) -> None:
    async with open_house(db, policy=POLICY + f"[modes]\ncredits = '{mode}'\n") as house:
        client, product = shop(house)
        await house.panel.place_order(client, [product], pay=True)
        await house.settle(seconds=30)
        body = {"amount": "5.00", "reason": "sorry"}
        answer = await house.api.post(f"/v1/customers/{client}/credits", json=body)
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:doorman:problem:shadow-mode"
        assert f"credits in {mode}" in answer.json()["detail"]
        assert house.effects("AddCredit") == 0


async def test_switching_from_shadow_to_suggest_to_enforce_leaves_the_past_alone(db: Database) -> None:
    async with open_house(db, policy=POLICY + SHADOW) as house:
        first = await place(house, WISH, pay=False)
        await switch(house, SUGGEST)
        second = await place(house, WISH, pay=False)
        await switch(house, "")
        third = await place(house, WISH, pay=False)
        shown = [seen(await house.order(one)) for one in (first, second, third)]
        assert shown == [
            ("received", "hold_for_fee", "shadow", None),
            ("received", "hold_for_fee", "shadow", "charge-fee"),
            ("held", "hold_for_fee", "enforce", None),
        ]
        for one in (first, second):  # a change: they are judged again, and still not acted on
            await house.panel.pay_invoice(house.panel.state.orders[one].invoice_id)
        await house.wait(60)
        shown = [seen(await house.order(one)) for one in (first, second)]
        assert shown == [
            ("received", "hold_for_fee", "shadow", None),
            ("received", "hold_for_fee", "shadow", "charge-fee"),
        ]
        assert await gate(house, first) == await gate(house, second) == (True, "shadow")
        assert house.effects("CreateInvoice") == 1
        assert (await house.order(second))["decision"]["policy_version"] == (await policies_active(house))


async def noted(house: House) -> Any:
    async with house.db.read() as connection:
        return await installation.get(connection, installation.GATE_ASKED)


async def policies_active(house: House) -> int:
    async with house.db.read() as connection:
        return (await versions.active(connection)).version


async def test_what_is_held_stays_held_and_is_let_go_by_a_person(db: Database) -> None:
    """Holding and accepting are only suggested now; an order held before is not simply released."""
    async with open_house(db, policy=POLICY) as house:
        order_id = await place(house, WISH)
        fee = (await house.order(order_id))["fee"]
        await switch(house, SUGGEST + "accept = 'suggest'\n")
        assert await gate(house, order_id) == (False, "held_for_fee")
        await house.panel.pay_invoice(fee["invoice_id"])
        await house.wait(60)
        order = await house.order(order_id)
        assert seen(order) == ("received", "approve", "shadow", "approve")
        assert house.effects("AcceptOrder") == 0
        assert (await house.act(order_id, "approve")).status_code == 200
        await house.settle(seconds=30)
        assert (await house.order(order_id))["state"] == "released"


async def test_a_proposal_that_nobody_confirms_is_told_as_overdue(db: Database) -> None:
    async with open_house(db, policy=POLICY + SUGGEST) as house:
        order_id = await place(house, SUSPECT)
        await house.wait(5 * 3600)
        lines = [line["what"] for line in (await house.order(order_id))["timeline"]]
        assert "the review is overdue" in lines
        assert (await house.order(order_id))["state"] == "received"


async def test_the_ceiling_is_the_mode_of_the_installation(db: Database) -> None:
    async with open_house(db, policy=POLICY + SUGGEST, mode="shadow") as house:
        order_id = await place(house, SUSPECT)
        assert seen(await house.order(order_id)) == ("received", "hold_for_review", "shadow", None)
        assert await queue(house) == []
        assert (await house.act(order_id, "hold")).status_code == 409


async def test_a_hold_without_a_gate_that_ever_asked_is_shouted_about(db: Database) -> None:
    async with open_deaf(db) as house:
        order_id = await held_deaf(house)
        notice = "The gate has never been asked"
        assert any(notice in line["what"] for line in (await house.order(order_id))["timeline"])
        assert notice in (await house.api.get("/readyz")).json()["notices"][0]
        async with house.db.read() as connection:
            told = (await connection.execute(sa.select(alerts.c.text).where(alerts.c.order_id == order_id))).scalars()
            assert any(notice in text for text in told)
        await house.api.get("/v1/orders/424242/gate")  # not about our orders: no evidence of a gate
        house.clock.forward(seconds=2)
        assert notice in (await house.api.get("/readyz")).json()["notices"][0]
        assert await noted(house) is None
        for _ in range(20):  # on a busy machine a later call is recorded
            assert await gate(house, order_id) == (False, "held_for_fee")
            if await noted(house):
                break
        second = await held_deaf(house)
        assert not any(notice in line["what"] for line in (await house.order(second))["timeline"])


async def test_an_approved_order_is_left_when_accepting_goes_to_shadow_before_it_is_paid(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        order_id = await place(house, pay=False)
        assert (await house.order(order_id))["state"] == "awaiting_payment"
        await switch(house, "[modes]\naccept = 'shadow'\n")
        await house.panel.pay_invoice(house.panel.state.orders[order_id].invoice_id)
        await house.wait(20 * 60)
        assert seen(await house.order(order_id)) == ("received", "approve", "shadow", None)
        assert house.effects("AcceptOrder") == 0
        assert await gate(house, order_id) == (True, "shadow")
        assert await queue(house) == []


async def test_a_fee_that_was_asked_for_runs_out_as_before_when_fees_are_only_suggested(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        order_id = await place(house, WISH, pay=False)
        fee = (await house.order(order_id))["fee"]
        await switch(house, SUGGEST + "accept = 'suggest'\n")
        await house.panel.pay_invoice(house.panel.state.orders[order_id].invoice_id)
        await house.wait(60)
        order = await house.order(order_id)
        assert (order["state"], order["hold"]["kind"], order["fee"]["state"]) == ("held", "fee", "unpaid")
        assert await gate(house, order_id) == (False, "held_for_fee")
        await house.wait(8 * 86_400)
        order = await house.order(order_id)
        assert (order["state"], order["hold"]["kind"]) == ("held", "review")
        assert house.panel.state.invoices[fee["invoice_id"]].status == "Cancelled"
        assert (house.effects("CreateInvoice"), house.effects("AcceptOrder")) == (1, 0)
        assert (await house.act(order_id, "approve", work="free")).status_code == 200
        await house.settle(seconds=30)
        assert (await house.order(order_id))["state"] == "released"


async def test_what_is_proposed_and_cancelled_in_the_panel_leaves_the_queue(db: Database) -> None:
    async with open_house(db, policy=POLICY + SUGGEST) as house:
        order_id = await place(house, SUSPECT, pay=False)
        await house.panel.staff_cancel(order_id)
        await house.wait(2 * 86_400)
        order = await house.order(order_id)
        assert (order["state"], order["hold"]) == ("cancelled", None)
        assert await queue(house) == []
