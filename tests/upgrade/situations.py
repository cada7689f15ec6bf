"""Stories that leave a database in the middle of everything, as an upgrade finds it.

They are played by people and by the panel: through the HTTP API, the sandbox panel and the settings, never through the
inside of the program, so that any later version can play them too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.config import Mode
from tests.stories.deaf import compare
from tests.stories.house import POLICY, House
from tests.stories.test_orders import SUSPECT, WISH

#: Half of the orders here are held, which is no sign of a bad policy.
RULES = POLICY + "[limits.hour]\nheld_share = 0\n[limits.day]\nheld_share = 0\n"
CANDIDATE = RULES + "[risk]\nreview_from = 50\n"
QUESTION = "Which site is it for?"
CREDIT = {"amount": "12.00", "reason": "the outage of February"}
CREDIT_THAT_ARRIVED = {"amount": "7.00", "reason": "a slow answer"}
REPEATED = "the-same-request"


@dataclass(slots=True)
class Story:
    """A house, and what was played in it: orders and other things by the names that the tests use."""

    house: House
    ids: dict[str, int] = field(default_factory=dict)

    async def place(self, name: str, notes: str = "", *, pay: bool = True, product: str = "Starter") -> int:
        """Let a new customer of some years place an order."""
        number = len(self.ids) + 1
        panel = self.house.panel
        client = panel.add_client(
            f"Client{number}", "Regular", email=f"client{number}@example.com", created_at="2019-05-01",
            currency="USD", last_ip=f"198.51.100.{number}",
        )  # fmt: skip
        placed = await panel.place_order(client.id, [self.product(product)], notes=notes, pay=pay)
        self.ids[name] = placed.id
        return placed.id

    async def decided(self, name: str, notes: str = "", **how: Any) -> int:
        """Let an order be placed and decided, with everything that follows at once."""
        order_id = await self.place(name, notes, **how)
        await self.house.wait(100)
        return order_id

    def product(self, name: str) -> int:
        products = self.house.panel.state.products
        found = next((product.id for product in products.values() if product.name == name), None)
        if found is not None:
            return found
        return self.house.panel.add_product(name, autosetup="accept", pricing={"USD": {"monthly": "10.00"}}).id

    def client(self, name: str) -> int:
        return self.house.panel.state.orders[self.ids[name]].client_id

    def ticket(self, name: str) -> int:
        """Return the newest ticket of the customer of an order."""
        return max(self.house.panel.state.tickets_of[self.client(name)])

    async def act(self, name: str, action: str, **body: Any) -> None:
        answer = await self.house.act(self.ids[name], action, **body)
        assert answer.status_code == 200, answer.text

    async def post(self, path: str, body: Any = None, **how: Any) -> dict[str, Any]:
        answer = await self.house.api.post(path, json=body, **how)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def grant(self, name: str, credit: dict[str, str], **how: Any) -> dict[str, Any]:
        """Grant account credit to the customer of an order."""
        return await self.post(f"/v1/customers/{self.client(name)}/credits", credit, **how)

    async def pay_fee(self, name: str, amount: str | None = None) -> None:
        fee = (await self.house.order(self.ids[name]))["fee"]
        await self.house.panel.pay_invoice(fee["invoice_id"], amount)

    async def call(self, name: str, action: str) -> dict[str, Any]:
        """Return the newest panel call of this kind about an order."""
        calls = (await self.house.order(self.ids[name]))["panel_calls"]
        return next(call for call in reversed(calls) if call["action"] == action)


async def play(house: House) -> Story:
    """Play all stories; the worker does nothing more until `house.turn` is released, which the caller holds then."""
    story = Story(house)
    for chapter in (_policies, _in_shadow, _held, _ended, _went_wrong, _customers, _lost_answers, _on_the_way):
        await chapter(story)
    await story.place("undecided", pay=False)
    await house.settle()
    await house.turn.acquire()
    await _just_arrived(story)
    await story.post("/v1/ops/resume")
    return story


async def _policies(story: Story) -> None:
    """One policy acts, and another decides next to it."""
    active = await story.post("/v1/policies", {"document": RULES})
    await story.post(f"/v1/policies/{active['version']}/activate", {"confirm": True})
    beside = await story.post("/v1/policies", {"document": CANDIDATE})
    await story.post(f"/v1/policies/{beside['version']}/candidate")


async def _in_shadow(story: Story) -> None:
    """Orders that are not acted on: from before the cut-over, and decided while Doorman only watched."""
    house, panel = story.house, story.house.panel
    await story.decided("released")
    old = panel.add_past_order(story.client("released"), story.product("Starter"), months_ago=2, status="Pending")
    story.ids["before_the_cut_over"] = old.id
    await panel.run_fraud_check(old.id)
    await house.wait(60)
    enforced = house.context.settings
    house.context.settings = enforced.model_copy(update={"mode": Mode.SHADOW})
    await story.decided("decided_in_shadow", WISH)
    house.context.settings = enforced


async def _held(story: Story) -> None:
    """Orders that wait for a person, for a fee, for an answer, for their payment."""
    for name in ("review_to_approve", "review_overdue", "cancelled_by_staff_now"):
        await story.decided(name, SUSPECT)
    for name in (
        "fee_to_pay", "fee_to_waive", "fee_to_drop", "fee_to_cancel", "fee_partly_paid", "fee_unpaid", "fee_paid_now",
        "cancel_to_send",
    ):  # fmt: skip
        await story.decided(name, WISH)
    await story.pay_fee("fee_partly_paid", "50.00")
    for name in ("fee_paid_but_not_the_order", "credit_back_to_send"):
        await story.decided(name, WISH, pay=False)
        await story.pay_fee(name)
    for name in ("question_to_answer", "question_answered_now", "question_unanswered"):
        await story.decided(name, SUSPECT)
        await story.act(name, "ask", question=QUESTION)
    await story.decided("approved_and_unpaid", pay=False)
    await story.decided("approved_and_paid_now", pay=False)
    await compare(story.house, wait=3600)  # no webhook tells of a part of a payment


async def _ended(story: Story) -> None:
    """Orders that are over, with money that a person gives back."""
    await story.decided("fraud_with_a_refund_due", SUSPECT)
    await story.act("fraud_with_a_refund_due", "reject", fraud=True)
    await story.decided("cancelled", WISH, pay=False)
    await story.act("cancelled", "cancel", reason="duplicate")
    await story.house.wait(60)


async def _went_wrong(story: Story) -> None:
    """A hold that did not hold, and calls that were given up."""
    house, panel = story.house, story.house.panel
    breach = await story.decided("breach", WISH, pay=False)
    panel.configure(gate_installed=False)
    await panel.cron_accept(breach)
    await house.wait(60)
    panel.configure(gate_installed=True)
    panel.break_module(story.product("Broken"), "Server is full")
    await story.decided("dead_accept", product="Broken")
    department = panel.state.departments.pop(1)
    await story.decided("dead_ticket", WISH)
    panel.state.departments[1] = department


async def _customers(story: Story) -> None:
    """Two accounts of one customer that staff merged, with an order of each."""
    await story.decided("of_the_gone_account", WISH)
    await story.decided("of_the_kept_account")
    await story.house.panel.merge_clients(story.client("of_the_gone_account"), story.client("of_the_kept_account"))
    await story.house.wait(60)


async def _lost_answers(story: Story) -> None:
    """Calls that were sent and got no answer: two never took effect, two did, of which no webhook tells."""
    house, panel = story.house, story.house.panel
    for name, action, notes in (
        ("accept_that_got_lost", "AcceptOrder", ""), ("invoice_that_got_lost", "CreateInvoice", WISH),
    ):  # fmt: skip
        panel.faults.add("kept", action=action)
        await story.place(name, notes)
        await house.settle()
    await story.post("/v1/ops/pause")
    await story.place("accept_that_arrived")
    await story.place("invoice_that_arrived", WISH)
    await house.settle()
    await story.grant("of_the_kept_account", CREDIT_THAT_ARRIVED)
    for action in ("AcceptOrder", "CreateInvoice", "AddCredit"):
        panel.faults.add("reset_after", action=action)
    panel.configure(hook_repeats=0)
    async with house.turn:
        await story.post("/v1/ops/resume")
        await house.worker.run_once()  # and no second time, in which it would look them up
        await story.post("/v1/ops/pause")
    panel.configure(hook_repeats=1)


async def _on_the_way(story: Story) -> None:
    """Calls that are stored and not sent yet; the clock stands still, as the lost calls would be sent again."""
    house = story.house
    await story.place("accept_to_send")
    await story.place("invoice_to_send", WISH)
    await story.place("question_to_send", SUSPECT)
    await house.settle()
    await story.act("question_to_send", "ask", question=QUESTION)
    for name in ("cancel_to_send", "credit_back_to_send"):
        await story.act(name, "cancel", reason="customer_withdrew")
    await story.grant("released", CREDIT, headers={"Idempotency-Key": REPEATED})
    await house.settle()


async def _just_arrived(story: Story) -> None:
    """Webhooks that are stored and not handled yet, and an undecided order that waits for its time."""
    panel = story.house.panel
    await story.place("just_placed")
    await panel.pay_invoice(panel.state.orders[story.ids["approved_and_paid_now"]].invoice_id)
    await story.pay_fee("fee_paid_now")
    await panel.staff_cancel(story.ids["cancelled_by_staff_now"])
    await panel.reply_ticket(story.ticket("question_answered_now"), "It is for www.example.com.")
