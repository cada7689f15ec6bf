"""Accepted is not provisioned: failures of the panel's modules are detected, shown, notified and counted."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.core.records import AlertKind
from app.sandbox import Item
from app.tables.alerts import alerts
from app.workflow import provisioning
from tests.stories.house import House

ERROR = "Connection to vps1.example timed out"


def client_of(house: House) -> int:
    return house.panel.add_client("Rita", "Regular", created_at="2019-05-01", currency="USD").id


def product(house: House, name: str = "Starter", *, broken: bool = False, **given: Any) -> int:
    made = house.panel.add_product(
        name, autosetup="accept", pricing={"USD": {"monthly": "10.00"}}, **given
    )  # fmt: skip
    made.module_error = ERROR if broken else ""
    return made.id


async def rung(house: House, order_id: int) -> list[str]:
    query = sa.select(alerts.c.text).where(
        alerts.c.kind == AlertKind.PROVISIONING_FAILED, alerts.c.order_id == order_id
    )
    async with house.db.read() as connection:
        return list((await connection.execute(query)).scalars())


async def counted(house: House) -> int:
    async with house.db.read() as connection:
        return await provisioning.count_failed(connection, at_most=100)


async def said(house: House, order_id: int, words: str) -> list[str]:
    return [entry["what"] for entry in (await house.order(order_id))["timeline"] if words in entry["what"]]


async def queued(house: House) -> list[tuple[int, str]]:
    rows = (await house.api.get("/v1/queue")).json()["items"]
    return [(row["order_id"], row["why"]) for row in rows]


def silently(house: House) -> None:
    """Make the panel answer success whatever its modules do."""
    house.panel.configure(accept_reports_failures=False)


async def test_an_accept_that_silently_built_nothing_is_seen_at_the_first_look(house: House) -> None:
    silently(house)
    placed = await house.panel.place_order(client_of(house), [product(house, broken=True)], pay=True)
    await house.settle(seconds=5)
    order = await house.order(placed.id)
    assert (order["state"], order["panel_status"], order["provisioning"]) == ("released", "Active", "failed")
    assert order["flags"] == ["provisioning_failed"]
    [what] = await said(house, placed.id, "not built")
    service = placed.service_ids[0]
    assert f"service {service}" in what
    assert ERROR in what
    await house.wait(3600)
    assert len(await said(house, placed.id, "not built")) == 1
    [text] = await rung(house, placed.id)
    assert f"Order {placed.id}" in text
    assert f"service {service}" in text
    assert house.effects("AcceptOrder") == 1
    assert await counted(house) == 1
    assert await queued(house) == [(placed.id, "dead_call")]


async def test_without_the_module_queue_it_is_seen_a_minute_later(house: House) -> None:
    silently(house)
    house.panel.behaviours.role_lacks.add("GetModuleQueue")
    house.panel.configure(hook_repeats_by_type={"service.failed": 0})
    placed = await house.panel.place_order(client_of(house), [product(house, broken=True)], pay=True)
    await house.settle(seconds=5)
    assert (await house.order(placed.id))["flags"] == []
    await house.wait(60)
    order = await house.order(placed.id)
    assert (order["provisioning"], order["flags"]) == ("failed", ["provisioning_failed"])
    [what] = await said(house, placed.id, "not built")
    assert "can't be read" in what
    assert len(await rung(house, placed.id)) == 1


async def test_a_module_that_takes_its_time_is_no_failure(house: House) -> None:
    """It stays Pending at first, as with a provider that provisions itself and calls back."""
    silently(house)
    house.panel.configure(hook_repeats_by_type={"service.failed": 0})
    slow = product(house, broken=True)
    placed = await house.panel.place_order(client_of(house), [slow], pay=True)
    await house.settle()
    house.panel.state.queue.clear()
    house.panel.state.queue_of.clear()
    await house.wait(30)
    assert (await house.order(placed.id))["flags"] == []
    house.panel.state.services[placed.service_ids[0]].status = "Active"
    await house.wait(3600)
    order = await house.order(placed.id)
    assert (order["provisioning"], order["flags"]) == ("done", [])
    assert await rung(house, placed.id) == []


async def test_staff_who_build_it_clear_the_flag(house: House) -> None:
    silently(house)
    broken = product(house, broken=True)
    placed = await house.panel.place_order(client_of(house), [broken], pay=True)
    await house.settle(seconds=5)
    house.panel.state.products[broken].module_error = ""
    assert await house.panel.staff_provision(placed.id) == []
    await house.settle(seconds=5)
    order = await house.order(placed.id)
    assert (order["provisioning"], order["flags"]) == ("done", [])
    assert await said(house, placed.id, "provisioned now")
    assert await queued(house) == []
    assert await counted(house) == 0


async def test_one_of_two_is_built(house: House) -> None:
    silently(house)
    items = [product(house), product(house, "VPS S", broken=True)]
    placed = await house.panel.place_order(client_of(house), items, pay=True)
    await house.settle(seconds=5)
    order = await house.order(placed.id)
    assert (order["state"], order["provisioning"]) == ("released", "partial")
    assert order["flags"] == ["provisioning_failed"]
    [what] = await said(house, placed.id, "not built")
    assert f"service {placed.service_ids[1]}" in what
    assert f"service {placed.service_ids[0]}" not in what
    assert await counted(house) == 1


async def test_what_no_module_builds_is_no_failure(house: House) -> None:
    by_hand = product(house, "Site Transfer", module="", type="other")
    house.panel.configure(accept_activates_unbuilt=False)
    placed = await house.panel.place_order(client_of(house), [product(house), by_hand], pay=True)
    await house.settle(seconds=5)
    await house.wait(3600)
    order = await house.order(placed.id)
    assert (order["state"], order["provisioning"], order["flags"]) == ("released", "partial", [])
    assert (await rung(house, placed.id), await counted(house)) == ([], 0)


async def test_the_rest_may_wait_for_staff_when_the_module_has_built(house: House) -> None:
    silently(house)
    house.panel.configure(accept_activates_unbuilt=False)
    broken = product(house, broken=True)
    by_hand = product(house, "Site Transfer", module="", type="other")
    placed = await house.panel.place_order(client_of(house), [broken, by_hand], pay=True)
    await house.settle(seconds=5)
    assert (await house.order(placed.id))["flags"] == ["provisioning_failed"]
    house.panel.state.products[broken].module_error = ""
    await house.panel.staff_provision(placed.id)
    await house.settle(seconds=5)
    order = await house.order(placed.id)
    assert (order["provisioning"], order["flags"]) == ("partial", [])


@pytest.mark.parametrize("status", ["Active", "Pending"])
async def test_a_partly_failed_accept_goes_to_a_person_and_is_not_repeated(house: House, status: str) -> None:
    house.panel.configure(partly_failed_accept=status)
    items = [product(house), product(house, "VPS S", broken=True)]
    placed = await house.panel.place_order(client_of(house), items, pay=True)
    await house.wait(3600)
    assert house.panel.counts["AcceptOrder"] == 1
    order = await house.order(placed.id)
    assert order["flags"] == ["provisioning_failed"]
    assert await queued(house) == [(placed.id, "dead_call")]
    if status == "Active":
        assert (order["state"], order["provisioning"]) == ("released", "partial")
        assert await said(house, placed.id, ERROR)
    else:
        assert order["state"] == "held"
        [reason] = order["decision"]["reasons"]
        assert ERROR in reason["text"]
        assert f"product {placed.service_ids[0]} is Active" in reason["text"]
        assert f"product {placed.service_ids[1]} is Pending" in reason["text"]


async def test_a_person_who_approves_it_again_sets_up_only_what_is_missing(house: House) -> None:
    items = [product(house), product(house, "VPS S", broken=True)]
    placed = await house.panel.place_order(client_of(house), items, pay=True)
    await house.settle(seconds=5)
    assert (await house.order(placed.id))["state"] == "held"
    house.panel.state.products[items[1]].module_error = ""
    assert (await house.act(placed.id, "approve")).status_code == 200
    await house.settle(seconds=5)
    order = await house.order(placed.id)
    assert (order["state"], order["provisioning"], order["flags"]) == ("released", "done", [])
    assert [house.panel.state.services[one].creates for one in placed.service_ids] == [1, 1]


async def test_a_domain_that_was_not_registered_shows(house: House) -> None:
    silently(house)
    house.panel.state.registrar_error = "Registrar Error: no funds"
    items = [Item(product_id=product(house)), Item(domain="example.com", register=True)]
    placed = await house.panel.place_order(client_of(house), items, pay=True)
    [domain] = placed.domain_ids
    await house.settle(seconds=5)
    order = await house.order(placed.id)
    assert (order["provisioning"], order["flags"]) == ("partial", ["provisioning_failed"])
    [what] = await said(house, placed.id, f"domain {domain}")
    assert "no funds" in what


async def test_a_build_that_fails_later_is_seen_at_once(house: House) -> None:
    """Somebody resets the service and creates it again: the module's hook reports it."""
    starter = product(house)
    placed = await house.panel.place_order(client_of(house), [starter], pay=True)
    await house.wait(3600)
    assert (await house.order(placed.id))["provisioning"] == "done"
    house.panel.state.services[placed.service_ids[0]].status = "Pending"
    house.panel.state.products[starter].module_error = ERROR
    await house.panel.staff_provision(placed.id)
    await house.settle()
    order = await house.order(placed.id)
    assert order["flags"] == ["provisioning_failed"]
    assert await said(house, placed.id, ERROR)
    assert len(await rung(house, placed.id)) == 1


async def test_an_accept_whose_answer_was_lost_is_checked_too(house: House) -> None:
    silently(house)
    house.panel.faults.add("garbage_after", action="AcceptOrder")
    placed = await house.panel.place_order(client_of(house), [product(house, broken=True)], pay=True)
    await house.settle(seconds=5)
    order = await house.order(placed.id)
    assert (order["state"], order["flags"]) == ("released", ["provisioning_failed"])
    assert house.panel.counts["AcceptOrder"] == 1
    assert len(await rung(house, placed.id)) == 1


async def test_an_accept_that_broke_off_half_way_is_not_sent_again(house: House) -> None:
    """The answer was lost as well, so only the services show it."""
    items = [product(house), product(house, "VPS S", broken=True)]
    house.panel.faults.add("error_500_after", action="AcceptOrder")
    placed = await house.panel.place_order(client_of(house), items, pay=True)
    await house.wait(3600)
    assert house.panel.counts["AcceptOrder"] == 1
    order = await house.order(placed.id)
    assert order["state"] == "held"
    assert f"product {placed.service_ids[0]} is Active" in order["decision"]["reasons"][0]["text"]
