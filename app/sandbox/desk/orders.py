"""Manual actions on orders: those of customers, staff and cron."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.sandbox import billing, checkout, clients, fraud, history, orders
from app.sandbox.checkout import Placement
from app.sandbox.desk.base import Desk
from app.sandbox.models import CRON, Actor, Item, Money, Order, PlacedBy

AnyItem = Item | Mapping[str, Any] | int


def _item(given: AnyItem) -> Item:
    if isinstance(given, Item):
        return given
    return Item(product_id=given) if isinstance(given, int) else Item(**given)


class OrderDesk(Desk):
    """Place orders, and act on them as happens without Doorman."""

    async def place_order(
        self,
        client_id: int,
        items: Sequence[AnyItem],
        *,
        by: PlacedBy = "customer",
        notes: str = "",
        ip: str = "",
        pay: bool = False,
        price_override: Money | None = None,
        payment_method: str = "",
        admin_id: int = 1,
        fraud_score: float | None = None,
    ) -> Order:
        """Place an order; an item is a product id, an `Item`, or its fields.

        Then, in WHMCS's order: the fraud check (with `fraud_score`, MaxMind), and the payment (`pay`).
        """
        wanted = [_item(item) for item in items]
        if price_override is not None:
            wanted[0] = replace(wanted[0], price=price_override)
        placement = Placement(
            by=by,
            admin_id=admin_id,
            ip=ip,
            notes=notes,
            payment_method=payment_method,
        )
        order = await checkout.place(self.ctx, client_id, wanted, placement)
        if fraud_score is not None:
            await self.run_fraud_check(order.id, score=fraud_score, status="Fail" if fraud_score > 80 else "Pass")
        if pay and order.invoice_id and order.status == "Pending":
            invoice = self.state.invoices[order.invoice_id]
            await billing.pay(self.ctx, invoice, self.ctx.customer_actor(self.state.clients[client_id]))
        return order

    def add_past_order(
        self, client_id: int, product_id: int, *, months_ago: int = 12, status: str = "Active", paid_late_days: int = 0
    ) -> Order:
        """Add an old order whose service is active and paid monthly: history to import, without hooks."""
        client = clients.find(self.ctx, client_id)
        product = self.state.products[product_id]
        return history.past_order(
            self.ctx, client, product, months_ago=months_ago, status=status, paid_late_days=paid_late_days
        )

    async def run_fraud_check(
        self,
        order_id: int,
        module: fraud.FraudModule = "maxmind",
        *,
        score: float = 5.0,
        status: fraud.FraudStatus = "Pass",
    ) -> Order:
        order = orders.find(self.ctx, order_id)
        await fraud.run(self.ctx, order, module=module, score=score, status=status)
        return order

    async def staff_accept(self, order_id: int, *, admin_id: int = 1, autosetup: bool | None = None) -> Order:
        await orders.accept(self.ctx, order_id, Actor(kind="staff", admin_id=admin_id), autosetup=autosetup)
        return self.state.orders[order_id]

    async def staff_set_pending(self, order_id: int, *, admin_id: int = 1) -> Order:
        await orders.set_pending(self.ctx, order_id, Actor(kind="staff", admin_id=admin_id))
        return self.state.orders[order_id]

    async def staff_cancel(self, order_id: int, *, admin_id: int = 1) -> Order:
        await orders.cancel(self.ctx, order_id, Actor(kind="staff", admin_id=admin_id), any_status=True)
        return self.state.orders[order_id]

    async def staff_fraud(self, order_id: int, *, admin_id: int = 1) -> Order:
        await orders.mark_fraud(self.ctx, order_id, Actor(kind="staff", admin_id=admin_id))
        return self.state.orders[order_id]

    async def staff_delete(self, order_id: int, *, admin_id: int = 1) -> None:
        await orders.delete(self.ctx, order_id, Actor(kind="staff", admin_id=admin_id))

    async def staff_provision(self, order_id: int, *, admin_id: int = 1) -> list[str]:
        """The *Create* button on each service; returns the module's errors."""
        return await orders.provision(self.ctx, order_id, Actor(kind="staff", admin_id=admin_id))

    async def cron_accept(self, order_id: int) -> Order:
        """Accept an order as the auto-accept scripts that many providers run from cron do."""
        await orders.accept(self.ctx, order_id, CRON)
        return self.state.orders[order_id]
