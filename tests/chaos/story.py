"""One story that covers everything that moves money or servers, and its expected end."""

from __future__ import annotations

from tests.chaos.town import Town
from tests.stories.test_orders import WISH


async def story(town: Town) -> None:
    """A regular's paid order, custom work with a fee that is paid, a credit, and an abandoned order."""
    house, panel = town.house, town.house.panel
    rita, otto, vera = town.clients
    by_accept, by_payment, _ = town.products
    await panel.place_order(rita, [by_accept], pay=True)
    wanted = await panel.place_order(otto, [by_payment], notes=WISH, pay=True)
    given_up = await panel.place_order(vera, [by_accept], notes=WISH)
    await house.wait(2000)  # settle times of several deaths
    for order in (wanted, given_up):
        await panel.pay_invoice((await house.order(order.id))["fee"]["invoice_id"])
    granted = await house.api.post(f"/v1/customers/{rita}/credits", json={"amount": "7.50", "reason": "sorry"})
    assert granted.status_code == 202, granted.text
    await house.wait(2000)  # settle times of several deaths
    cancelled = await house.act(given_up.id, "cancel", reason="customer_withdrew")
    assert cancelled.status_code == 200, cancelled.text
    await house.wait(2000)
    await town.calm()


def check_ends(town: Town) -> None:
    """Check that the story ends the same way, however many workers died."""
    panel = town.house.panel
    assert sorted(order.status for order in panel.state.orders.values()) == ["Active", "Active", "Cancelled"]
    assert sorted(service.creates for service in panel.state.services.values()) == [0, 1, 1]
    effects = {name: panel.effects[name] for name in ("AcceptOrder", "CreateInvoice", "AddCredit", "CancelOrder")}
    assert effects == {"AcceptOrder": 2, "CreateInvoice": 2, "AddCredit": 2, "CancelOrder": 1}
    assert [str(panel.state.clients[client].credit) for client in town.clients] == ["7.50", "0.00", "200.00"]
