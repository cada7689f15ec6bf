"""The order of events, the gate, and what the addon sends."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.sandbox import Item, SandboxPanel
from app.sandbox.server import create_app
from app.sandbox.town.people import populate
from app.sandbox.town.stories import stories

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Doorman:
    """The receiver: accepts webhooks, answers the gate, and records the order of requests."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.bodies: list[dict] = []
        self.ids: list[str] = []
        self.reason = "approved"
        self.down = False
        routes = [
            Route("/webhooks", self._webhook, methods=["POST"]),
            Route("/v1/orders/{order_id:int}/gate", self._gate),
        ]
        self.app = Starlette(routes=routes)

    async def _webhook(self, request: Request) -> Response:
        body = Webhook(SECRET).verify(await request.body(), dict(request.headers))
        if self.down:
            return JSONResponse({}, 503)
        self.heard.append(body["type"])
        self.bodies.append(body)
        self.ids.append(request.headers["webhook-id"])
        return JSONResponse({"event_id": self.ids[-1], "duplicate": False}, 202)

    async def _gate(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer panel-key"
        self.heard.append("gate")
        if self.down:
            return JSONResponse({}, 503)
        return JSONResponse({"provision": self.reason == "approved", "reason": self.reason})

    def data(self, kind: str) -> dict:
        [found] = [body["data"] for body in self.bodies if body["type"] == kind]
        return found


@pytest.fixture
def doorman() -> Doorman:
    return Doorman()


@pytest.fixture
def panel(doorman: Doorman) -> SandboxPanel:
    return SandboxPanel(
        doorman_url="http://doorman",
        webhook_secret=SECRET,
        panel_key="panel-key",
        transport=httpx.ASGITransport(doorman.app),
    )


async def api(panel: SandboxPanel, action: str, **fields: object) -> dict:
    form = {"identifier": panel.identifier, "secret": panel.secret, "action": action}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(panel)), base_url="http://panel") as http:
        data = form | {key: str(value) for key, value in fields.items()}
        return (await http.post("/includes/api.php", data=data)).json()


async def test_provisioning_comes_before_the_paid_events(panel: SandboxPanel, doorman: Doorman) -> None:
    client = panel.add_client()
    order = await panel.place_order(client.id, [panel.add_product().id], ip="192.0.2.1", pay=True)
    assert doorman.heard == ["order.created", "gate", "service.provisioned", "invoice.paid", "order.paid"]
    assert doorman.data("order.created") == {
        "order_id": order.id,
        "customer_id": client.id,
        "invoice_id": order.invoice_id,
        "placed_by": "customer",
        "ip": "192.0.2.1",
        "actor": {"kind": "customer", "user_id": client.user_id},
    }
    assert order.status == "Pending"
    assert panel.state.services[order.service_ids[0]].status == "Active"


async def test_set_up_on_order_asks_before_the_hook(panel: SandboxPanel, doorman: Doorman) -> None:
    await panel.place_order(panel.add_client().id, [panel.add_product(autosetup="order").id])
    assert doorman.heard == ["gate", "service.provisioned", "order.created"]


async def test_a_hold_blocks_and_leaves_a_queue_entry_until_accepted(panel: SandboxPanel, doorman: Doorman) -> None:
    doorman.reason = "held_for_fee"
    order = await panel.place_order(panel.add_client().id, [panel.add_product().id], pay=True)
    service = panel.state.services[order.service_ids[0]]
    assert service.status == "Pending"
    assert doorman.heard == ["order.created", "gate", "service.failed", "invoice.paid", "order.paid"]
    [entry] = (await api(panel, "GetModuleQueue", relatedId=service.id))["queue"]
    assert (entry["moduleAction"], entry["completed"]) == ("CreateAccount", 0)

    doorman.down = True  # a known hold stays blocked
    assert (await api(panel, "AcceptOrder", orderid=order.id, autosetup=1))["result"] == "error"
    assert order.status == "Pending"
    doorman.down, doorman.reason = False, "approved"
    assert (await api(panel, "AcceptOrder", orderid=order.id, autosetup=1))["result"] == "success"
    assert (order.status, service.status, service.creates) == ("Active", "Active", 1)
    assert (await api(panel, "AcceptOrder", orderid=order.id))["result"] == "error"
    await panel.delivered()
    assert doorman.bodies[-1]["data"]["actor"] == {"kind": "api", "admin_id": 9}


async def test_out_of_reach_everything_else_passes_and_events_wait(panel: SandboxPanel, doorman: Doorman) -> None:
    doorman.down = True
    order = await panel.place_order(panel.add_client().id, [panel.add_product().id], pay=True)
    assert panel.state.services[order.service_ids[0]].status == "Active"
    pending = [event.type for event in panel.pending_events()]
    assert pending == ["order.created", "service.provisioned", "invoice.paid", "order.paid"]
    ids = list(panel.outbox.pending)
    doorman.down = False
    assert (await panel.run_cron())["posted"] == 4
    assert doorman.ids == ids
    assert panel.outbox.log[0].attempts == 2


async def test_staff_who_press_create_are_not_stopped(panel: SandboxPanel, doorman: Doorman) -> None:
    doorman.reason = "held_for_review"
    order = await panel.place_order(panel.add_client().id, [panel.add_product().id], pay=True)
    assert await panel.staff_provision(order.id, admin_id=2) == []
    assert doorman.data("order.overridden") == {
        "order_id": order.id,
        "staff_id": 2,
        "actor": {"kind": "staff", "admin_id": 2},
    }
    assert order.status == "Pending"


async def test_cron_that_accepts_is_stopped_by_the_gate(panel: SandboxPanel, doorman: Doorman) -> None:
    doorman.reason = "held_for_review"
    order = await panel.place_order(panel.add_client().id, [panel.add_product().id])
    with pytest.raises(Exception, match="stopped by Doorman"):
        await panel.cron_accept(order.id)
    assert doorman.data("order.status_changed")["actor"] == {"kind": "cron"}


async def test_order_hooks_run_before_the_change(panel: SandboxPanel) -> None:
    client = panel.add_client()
    order = await panel.place_order(client.id, [panel.add_product(autosetup="accept").id])
    seen = []

    async def look(kind: str, data: dict) -> None:
        seen.append((kind, data.get("to"), order.status))

    panel.outbox.put = look
    await panel.staff_cancel(order.id)
    assert seen == [("order.status_changed", "cancelled", "Pending"), ("invoice.cancelled", None, "Cancelled")]
    assert panel.state.invoices[order.invoice_id].status == "Cancelled"
    await panel.staff_set_pending(order.id)
    await panel.staff_fraud(order.id)
    await panel.staff_delete(order.id)
    assert [to for _, to, _ in seen[2:]] == ["pending", "fraud", "deleted"]
    assert order.id not in panel.state.orders


async def test_a_fee_invoice_pays_no_order(panel: SandboxPanel, doorman: Doorman) -> None:
    client = panel.add_client()
    fee = await api(panel, "CreateInvoice", userid=client.id, itemdescription1="Work", itemamount1="50.00")
    invoice = await panel.pay_invoice(int(fee["invoiceid"]))
    assert (invoice.status, doorman.heard) == ("Paid", ["invoice.paid"])


async def test_hooks_can_run_twice_with_ids_of_their_own(panel: SandboxPanel, doorman: Doorman) -> None:
    panel.configure(hook_repeats=3, hook_repeats_by_type={"order.created": 0})
    client = panel.add_client()
    await panel.place_order(client.id, [panel.add_product(autosetup="never").id], pay=True)
    assert doorman.heard == ["invoice.paid"] * 3 + ["order.paid"] * 3
    assert len(set(doorman.ids)) == 6


async def test_payments_in_part_too_much_and_back(panel: SandboxPanel, doorman: Doorman) -> None:
    client = panel.add_client()
    invoice = panel.add_invoice(client.id, [("Hosting", "20.00")])
    await panel.pay_invoice(invoice.id, "5.00")
    assert (invoice.status, doorman.heard) == ("Unpaid", [])
    await panel.pay_invoice(invoice.id, "18.00")
    assert (invoice.status, client.credit) == ("Paid", 3)
    await panel.refund_invoice(invoice.id, "1.00")
    assert (invoice.status, doorman.heard) == ("Paid", ["invoice.paid", "invoice.refunded"])
    panel.charge_back(invoice.id)
    assert (invoice.status, len(doorman.heard)) == ("Collections", 2)


@pytest.mark.parametrize(
    ("by", "fills", "columns"),
    [
        ("customer", "both", (True, False)),
        ("staff", "both", (False, True)),
        ("staff_as_customer", "both", (True, True)),
        ("staff_as_customer", "admin", (False, True)),
        ("api", "both", (False, False)),
    ],
)
async def test_who_placed_it(panel: SandboxPanel, by: str, fills: str, columns: tuple[bool, bool]) -> None:
    panel.configure(masquerade_fills=fills)
    order = await panel.place_order(panel.add_client().id, [panel.add_product().id], by=by)
    assert (order.requestor_id > 0, order.admin_requestor_id > 0) == columns


async def test_everything_else_is_reported(panel: SandboxPanel, doorman: Doorman) -> None:
    client, other = panel.add_client(), panel.add_client()
    product = panel.add_product(autosetup="never")
    order = await panel.place_order(client.id, [Item(product_id=product.id), Item(domain="a-b.com", register=True)])
    await panel.run_fraud_check(order.id, "fraudlabs", score=72, status="Review")
    assert order.status == "Fraud"
    ticket = await panel.open_ticket(client.id, "Help", "Where is it?")
    await panel.reply_ticket(ticket.id, "Here", by="staff")
    await panel.close_ticket(ticket.id)
    quote = panel.add_quote(client.id, "Work", [("Two hours", "100.00")])
    await panel.accept_quote(quote.id)
    await panel.give_feedback(client.id, 0, comment="slow")
    await panel.change_client(client.id, country="DE")
    await panel.merge_clients(client.id, other.id)
    await panel.close_client(other.id)
    assert doorman.heard == [
        "order.created",
        "order.fraud_checked",
        "ticket.opened",
        "ticket.replied",
        "ticket.closed",
        "quote.accepted",
        "feedback.received",
        "customer.changed",
        "customer.merged",
        "invoice.cancelled",
        "invoice.cancelled",
        "customer.closed",
    ]
    assert doorman.data("feedback.received")["nps"] == 0
    assert doorman.data("customer.merged")["from"] == client.id
    assert panel.state.orders[order.id].client_id == other.id


async def test_a_stored_card_is_charged_by_cron_on_the_due_date(panel: SandboxPanel, doorman: Doorman) -> None:
    client = panel.add_client(stored_card=True)
    panel.add_invoice(client.id, [("Later", "5.00")])
    due = panel.add_invoice(client.id, [("Now", "5.00")], due=panel.ctx.today())
    assert (await panel.run_cron())["captured"] == [due.id]
    assert doorman.data("invoice.paid")["actor"] == {"kind": "cron"}


@pytest.mark.parametrize("both", [False, True])
async def test_two_accepts_at_the_same_moment(panel: SandboxPanel, both: bool) -> None:
    panel.configure(parallel_accepts_both_run=both, module_seconds=0.01)
    order = await panel.place_order(panel.add_client().id, [panel.add_product(autosetup="accept").id])
    answers = await asyncio.gather(*(api(panel, "AcceptOrder", orderid=order.id) for _ in range(2)))
    assert sorted(answer["result"] for answer in answers) == (["success"] * 2 if both else ["error", "success"])
    assert panel.state.services[order.service_ids[0]].creates == (2 if both else 1)


async def test_a_partly_failed_accept_leaves_what_was_built(panel: SandboxPanel) -> None:
    good, broken = panel.add_product(autosetup="accept"), panel.add_product(autosetup="accept")
    panel.break_module(broken.id, "No free IP address")
    order = await panel.place_order(panel.add_client().id, [good.id, broken.id])
    assert (await api(panel, "AcceptOrder", orderid=order.id))["message"] == "No free IP address"
    assert order.status == "Pending"
    assert [panel.state.services[row].status for row in order.service_ids] == ["Active", "Pending"]
    panel.break_module(broken.id, "")
    panel.configure(queue_retried_by_cron=True)
    assert (await panel.run_cron())["retried"] == [order.service_ids[1]]
    assert panel.state.queue[0].completed


async def test_the_stories_go_on_and_on(panel: SandboxPanel) -> None:
    cast = populate(panel)
    told = [line async for line in stories(panel, random.Random(3), cast, pace=0, until=150)]
    assert len(told) == 150
    assert not [line for line in told if "refused" in line]
    await panel.delivered()
    placed = [order for order in panel.state.orders.values() if order.placed_at > datetime.now(UTC) - timedelta(days=1)]
    assert {order.placed_by for order in placed} >= {"customer", "staff"}
