"""Manual actions on the catalogue and on customers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from app.sandbox import billing, clients
from app.sandbox.desk.base import Desk
from app.sandbox.ledger import Credit
from app.sandbox.models import (
    Actor,
    Autosetup,
    Choice,
    Client,
    ConfigOption,
    Money,
    Product,
    ProductGroup,
    ProductType,
    money,
)


class CustomerDesk(Desk):
    """Products, clients and their feedback."""

    def add_product_group(self, name: str) -> ProductGroup:
        group = ProductGroup(id=next(self.state.next.group), name=name)
        self.state.product_groups[group.id] = group
        return group

    def add_product(
        self,
        name: str = "Starter",
        *,
        group_id: int = 0,
        type: ProductType = "hostingaccount",  # noqa: A002 - WHMCS's own word
        module: str = "cpanel",
        autosetup: Autosetup = "payment",
        pricing: Mapping[str, Mapping[str, Money]] | None = None,
        pay_type: Literal["recurring", "onetime", "free"] = "recurring",
        options: Mapping[str, Sequence[str]] | None = None,
        hidden: bool = False,
        addon: bool = False,
        description: str = "",
    ) -> Product:
        """Add a product; `pricing` is `{"USD": {"monthly": "15.00", "msetupfee": "5.00"}}`.

        `options` maps option names to their choices.
        """
        if not group_id:
            first = next(iter(self.state.product_groups.values()), None)
            group_id = (first or self.add_product_group("Hosting")).id
        prices = pricing or {"USD": {"monthly": "15.00"}, "EUR": {"monthly": "14.00"}}
        product = Product(
            id=next(self.state.next.product),
            group_id=group_id,
            name=name,
            type=type,
            module=module,
            pay_type=pay_type,
            autosetup=autosetup,
            pricing={code: {key: money(value) for key, value in row.items()} for code, row in prices.items()},
            options=[self._option(option, choices) for option, choices in (options or {}).items()],
            hidden=hidden,
            addon=addon,
            description=description,
        )
        self.state.products[product.id] = product
        return product

    def _option(self, name: str, choices: Sequence[str]) -> ConfigOption:
        rows = [Choice(id=next(self.state.next.choice), name=choice) for choice in choices]
        return ConfigOption(id=next(self.state.next.option), name=name, choices=rows)

    def break_module(self, product_id: int, error: str = "Connection to the server timed out") -> None:
        """Let every create of this product fail with this text; an empty text repairs it."""
        self.state.products[product_id].module_error = error

    def add_client(
        self,
        firstname: str = "Ada",
        lastname: str = "Lovelace",
        *,
        email: str = "",
        created_at: datetime | str | None = None,
        **fields: Any,
    ) -> Client:
        """Add a client; `fields` are those of `models.Client` (country, phone, currency, group_id, stored_card, …)."""
        client_id = next(self.state.next.client)
        since = datetime.fromisoformat(created_at) if isinstance(created_at, str) else created_at
        return self.state.add_client(
            Client(
                id=client_id,
                user_id=next(self.state.next.user),
                firstname=firstname,
                lastname=lastname,
                email=email or f"{firstname}.{lastname}.{client_id}@example.com".lower(),
                created_at=since or self.ctx.now(),
                **fields,
            )
        )

    async def change_client(self, client_id: int, **fields: Any) -> Client:
        client = clients.find(self.ctx, client_id)
        await clients.change(self.ctx, client, self.ctx.customer_actor(client), **fields)
        return client

    async def close_client(self, client_id: int, *, admin_id: int = 1) -> None:
        await clients.close(self.ctx, clients.find(self.ctx, client_id), Actor(kind="staff", admin_id=admin_id))

    async def merge_clients(self, from_id: int, to_id: int, *, admin_id: int = 1) -> None:
        old, new = clients.find(self.ctx, from_id), clients.find(self.ctx, to_id)
        await clients.merge(self.ctx, old, new, Actor(kind="staff", admin_id=admin_id))

    def add_credit(self, client_id: int, amount: Money, description: str = "Goodwill") -> Credit:
        """Add credit as staff do in the admin area."""
        return billing.add_credit(self.ctx, clients.find(self.ctx, client_id).id, money(amount), description)

    async def give_feedback(
        self,
        client_id: int,
        nps: int,
        *,
        would_buy_again: bool | None = None,
        comment: str = "",
        ticket_id: int = 0,
        order_id: int = 0,
    ) -> None:
        client = clients.find(self.ctx, client_id)
        await self.ctx.raise_event(
            "feedback.received",
            self.ctx.customer_actor(client),
            customer_id=client_id,
            nps=nps,
            would_buy_again=would_buy_again,
            comment=comment,
            ticket_id=ticket_id,
            order_id=order_id,
        )
