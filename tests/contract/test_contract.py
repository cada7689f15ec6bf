"""The contract of a panel, run on both the sandbox and a fake WHMCS.

The outbox relies on these rules: after an action its look-up says *applied*; the effect of a call whose answer was lost
is found again; each failure has its kind; an action that is no longer possible is *moot*.
"""

from collections.abc import AsyncIterator

import pytest
import respx

from app.core.actions import (
    Action,
    AddClientNote,
    AddCredit,
    CancelInvoice,
    CreateInvoice,
    CreateQuote,
    NotifyStaff,
    PanelAction,
    ReplyTicket,
    SendEmail,
    action_from_params,
)
from app.core.facts import PlacedBy
from app.core.statuses import PanelInvoiceStatus, PanelOrderStatus
from app.panels.base import PanelOutcomeUnknown, PanelRejected, PanelUnavailable, Standing
from app.sandbox import Behaviours
from tests.contract.actions import (
    REFERENCE,
    Make,
    accept,
    actions,
    cancel,
    cancel_invoice,
    credit,
    invoice,
    quote,
    reply,
    ticket,
)
from tests.contract.worlds import FakeWorld, FaultKind, SandboxWorld, World

ODD = Behaviours(
    numbers="text", empty_list="missing", single_item="object", noise="notice", orders_newest_first=False,
    date_format="d/m/Y",
)  # fmt: skip
ODDER = Behaviours(numbers="int", empty_list="nested", noise="bom", issued_invoices="editable", date_format="m/d/Y")


@pytest.fixture(params=["sandbox", "odd sandbox", "odder sandbox", "fake"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    with respx.mock(assert_all_called=False) as router:
        made: World
        if request.param == "fake":
            fake = FakeWorld()
            fake.whmcs.install(router)
            made = fake
        else:
            made = SandboxWorld({"sandbox": None, "odd sandbox": ODD, "odder sandbox": ODDER}[request.param])
        yield made
        await made.aclose()


@actions
async def test_an_action_is_absent_before_and_applied_after(world: World, make: Make, name: str) -> None:
    action = await make(world)
    assert (await world.panel.look_up(action)).standing is Standing.ABSENT
    performed = await world.panel.perform(action)
    found = await world.panel.look_up(action)
    assert found.standing is Standing.APPLIED
    assert found.result.keys() == performed.keys()
    for key in set(performed) - {"total", "balance", "credit_id", "reply_id", "valid_until"}:
        assert found.result[key] == performed[key]
    assert world.effects(name) == 1


@actions
async def test_a_second_call_does_not_take_the_effect_away(world: World, make: Make, name: str) -> None:
    action = await make(world)
    first = await world.panel.perform(action)
    if make in {accept, cancel}:
        with pytest.raises(PanelRejected) as refusal:
            await world.panel.perform(action)
        assert refusal.value.code == "order-not-pending"
    else:
        await world.panel.perform(action)
    found = await world.panel.look_up(action)
    assert found.standing is Standing.APPLIED
    if "invoice_id" in first:
        assert found.result["invoice_id"] in {first["invoice_id"], first["invoice_id"] + 1}


APPLIED_BUT_LOST: list[tuple[FaultKind, bool]] = [
    ("error_500_after", True),
    ("garbage_after", True),
    ("reset_after", False),
    ("hang_after", False),
]


@pytest.mark.parametrize(("fault", "complete"), APPLIED_BUT_LOST)
@actions
async def test_a_lost_answer_is_found_again(
    world: World, make: Make, name: str, fault: FaultKind, complete: bool
) -> None:
    action = await make(world)
    world.fail_next(name, fault)
    world.deadline.seconds = 0.2 if fault == "hang_after" else 10
    with pytest.raises(PanelOutcomeUnknown) as unknown:
        await world.panel.perform(action)
    world.deadline.seconds = 10
    assert unknown.value.complete is complete
    assert (await world.panel.look_up(action)).standing is Standing.APPLIED
    await world.settled()
    assert world.effects(name) == 1


@pytest.mark.parametrize(("fault", "complete"), [("error_500_before", True), ("reset_before", False)])
@actions
async def test_what_was_not_applied_is_absent_and_can_be_sent_again(
    world: World, make: Make, name: str, fault: FaultKind, complete: bool
) -> None:
    action = await make(world)
    world.fail_next(name, fault)
    with pytest.raises(PanelOutcomeUnknown) as unknown:
        await world.panel.perform(action)
    assert unknown.value.complete is complete
    assert (await world.panel.look_up(action)).standing is Standing.ABSENT
    await world.panel.perform(action)
    assert (await world.panel.look_up(action)).standing is Standing.APPLIED
    assert world.effects(name) == 1


@actions
async def test_what_surely_was_not_applied_says_so(world: World, make: Make, name: str) -> None:
    action = await make(world)
    refused: list[tuple[FaultKind, bool, float | None]] = [
        ("http_429", False, 1.0),
        ("http_403_ip", True, None),
        ("http_403_permission", True, None),
    ]
    for fault, alarm, wait in refused:
        world.fail_next(name, fault)
        with pytest.raises(PanelUnavailable) as unavailable:
            await world.panel.perform(action)
        assert (unavailable.value.alarm, unavailable.value.retry_after) == (alarm, wait)
    assert world.effects(name) == 0
    assert (await world.panel.look_up(action)).standing is Standing.ABSENT


@actions
async def test_a_look_up_without_a_clear_answer_never_says_absent(world: World, make: Make, name: str) -> None:
    action = await make(world)
    await world.panel.perform(action)
    faults: list[FaultKind] = ["error_500_before", "garbage_after", "reset_before", "http_403_permission"]
    for read in ("GetOrders", "GetInvoices", "GetInvoice", "GetCredits", "GetQuotes", "GetTickets"):
        for fault in faults:
            world.fail_next(read, fault)
    if isinstance(action, ReplyTicket):  # its look-up reads one ticket; the others read a list first
        for fault in faults:
            world.fail_next("GetTicket", fault)
    for _ in range(4):
        with pytest.raises(PanelUnavailable):
            await world.panel.look_up(action)


def order_action(action: Action, order_id: int) -> PanelAction:
    flags = {"autosetup": False, "sendemail": False, "sendregistrar": False}
    return action_from_params(action, {"order_id": order_id, **flags})


ACCEPT, PENDING, CANCEL, FRAUD = Action.ACCEPT_ORDER, Action.PENDING_ORDER, Action.CANCEL_ORDER, Action.FRAUD_ORDER


@pytest.mark.parametrize(
    ("done", "wanted", "standing"),
    [
        (FRAUD, ACCEPT, Standing.MOOT),
        (CANCEL, ACCEPT, Standing.MOOT),
        (ACCEPT, CANCEL, Standing.MOOT),
        (ACCEPT, FRAUD, Standing.MOOT),
        (CANCEL, FRAUD, Standing.MOOT),
        (FRAUD, CANCEL, Standing.MOOT),
        (FRAUD, PENDING, Standing.ABSENT),
        (ACCEPT, PENDING, Standing.ABSENT),
    ],
)
async def test_an_order_that_went_elsewhere_is_left_alone(
    world: World, done: Action, wanted: Action, standing: Standing
) -> None:
    order_id = await world.place_order()
    await world.panel.perform(order_action(done, order_id))
    assert (await world.panel.look_up(order_action(wanted, order_id))).standing is standing


@pytest.mark.parametrize("wanted", [ACCEPT, CANCEL, FRAUD, PENDING])
async def test_a_deleted_order_is_moot(world: World, wanted: Action) -> None:
    order_id = await world.place_order()
    await world.delete_order(order_id)
    action = order_action(wanted, order_id)
    assert (await world.panel.look_up(action)).standing is Standing.MOOT
    with pytest.raises(PanelRejected) as refusal:
        await world.panel.perform(action)
    assert refusal.value.code in {"order-not-pending", "order-not-found"}


async def test_a_paid_invoice_is_never_cancelled(world: World) -> None:
    action = await cancel_invoice(world)
    await world.pay(action.invoice_id)
    assert (await world.panel.look_up(action)).standing is Standing.MOOT
    with pytest.raises(PanelRejected) as refusal:
        await world.panel.perform(action)
    assert refusal.value.code == "invoice-paid"
    assert world.effects("UpdateInvoice") == 0


async def test_an_invoice_that_is_gone_is_moot(world: World) -> None:
    action = CancelInvoice(customer_id=world.customer_id, invoice_id=999_999_001)
    assert (await world.panel.look_up(action)).standing is Standing.MOOT
    with pytest.raises(PanelRejected) as refusal:
        await world.panel.perform(action)
    assert refusal.value.code == "invoice-not-found"


async def test_what_was_cancelled_already_is_not_cancelled_again(world: World) -> None:
    action = await cancel_invoice(world)
    await world.panel.perform(action)
    assert await world.panel.perform(action) == {"invoice_id": action.invoice_id, "status": "Cancelled"}
    assert world.effects("UpdateInvoice") == 1


async def test_the_invoice_we_made_reads_as_we_wanted_it(world: World) -> None:
    action = await invoice(world)
    made = await world.panel.perform(action)
    found = await world.panel.look_up(action)
    assert found.result == {
        "invoice_id": made["invoice_id"], "status": "Unpaid", "total": "50.00", "balance": "50.00"
    }  # fmt: skip
    await world.pay(made["invoice_id"])
    assert (await world.panel.look_up(action)).result["status"] == "Paid"


async def test_other_peoples_references_are_not_ours(world: World) -> None:
    for number in range(5):
        other = await invoice(world)
        await world.panel.perform(CreateInvoice(**other.to_params() | {"reference": f"{REFERENCE}-{number}"}))
        await world.panel.perform(
            AddCredit(customer_id=world.customer_id, reference=f"{REFERENCE}{number}", description="x", amount="1.00")
        )
    assert (await world.panel.look_up(await invoice(world))).standing is Standing.ABSENT
    assert (await world.panel.look_up(await credit(world))).standing is Standing.ABSENT
    await world.panel.perform(await credit(world))
    assert (await world.panel.look_up(await credit(world))).standing is Standing.APPLIED


async def test_customers_that_do_not_exist_are_refused(world: World) -> None:
    for make in (invoice, credit, quote, ticket):
        wanted = await make(world)
        action = type(wanted)(**wanted.to_params() | {"customer_id": 999_999_001})
        assert (await world.panel.look_up(action)).standing in {Standing.ABSENT, Standing.MOOT}
        with pytest.raises(PanelRejected) as refusal:
            await world.panel.perform(action)
        assert refusal.value.code == "customer-not-found"


async def test_a_quote_is_valid_until_the_day_that_was_meant(world: World) -> None:
    action = await quote(world)
    await world.panel.perform(action)
    found = await world.panel.look_up(action)
    assert (found.result["valid_until"], found.result["total"]) == ("2026-09-04", "500.00")


async def test_a_quote_is_found_among_many(world: World) -> None:
    wanted = await quote(world)
    await world.panel.perform(wanted)
    for number in range(7):
        await world.panel.perform(CreateQuote(**wanted.to_params() | {"reference": f"{REFERENCE}-{number}"}))
    last = CreateQuote(**wanted.to_params() | {"reference": f"{REFERENCE}-6"})
    found, other = await world.panel.look_up(wanted), await world.panel.look_up(last)
    assert found.standing is other.standing is Standing.APPLIED
    assert other.result["quote_id"] == found.result["quote_id"] + 7
    absent = CreateQuote(**wanted.to_params() | {"reference": f"{REFERENCE}-60"})
    assert (await world.panel.look_up(absent)).standing is Standing.ABSENT


async def test_a_reply_to_a_ticket_that_is_gone_is_moot(world: World) -> None:
    action = ReplyTicket(ticket_id=999_999_001, reference=REFERENCE, message="Hello", signed="The team")
    assert (await world.panel.look_up(action)).standing is Standing.MOOT
    with pytest.raises(PanelRejected) as refusal:
        await world.panel.perform(action)
    assert refusal.value.code == "ticket-not-found"


async def test_a_reply_is_by_staff(world: World) -> None:
    action = await reply(world)
    await world.panel.perform(action)
    read = await world.panel.ticket(action.ticket_id)
    assert read is not None
    assert [(message.by_staff, REFERENCE[13:] in message.message) for message in read.replies] == [
        (False, True),
        (True, True),
    ]


ALERT = NotifyStaff(
    title="2 orders wait", message="Order 812 <held>\nOrder 813", url="https://doorman.example/docs?a&b"
)


async def test_staff_are_rung_by_notification(world: World) -> None:
    assert await world.panel.perform(ALERT) == {"told_by": "notification"}
    assert (world.effects("TriggerNotificationEvent"), world.effects("SendAdminEmail")) == (1, 0)


async def test_staff_are_rung_by_mail_where_our_role_lacks_notifications(world: World) -> None:
    world.fail_next("TriggerNotificationEvent", "http_403_permission")
    assert await world.panel.perform(ALERT) == {"told_by": "email"}
    assert (world.effects("TriggerNotificationEvent"), world.effects("SendAdminEmail")) == (0, 1)


async def test_where_neither_way_is_allowed_both_messages_are_told(world: World) -> None:
    world.fail_next("TriggerNotificationEvent", "http_403_permission")
    world.fail_next("SendAdminEmail", "http_403_permission")
    with pytest.raises(PanelRejected) as refusal:
        await world.panel.perform(ALERT)
    assert refusal.value.code == "not-rung"
    assert '"triggernotificationevent" is not allowed' in refusal.value.message
    assert '"sendadminemail" is not allowed' in refusal.value.message


@pytest.mark.parametrize("fault", ["error_500_after", "reset_after", "garbage_after"])
async def test_a_ring_whose_answer_is_lost_is_not_rung_again_by_mail(world: World, fault: FaultKind) -> None:
    world.fail_next("TriggerNotificationEvent", fault)
    with pytest.raises(PanelOutcomeUnknown):
        await world.panel.perform(ALERT)
    assert (world.effects("TriggerNotificationEvent"), world.effects("SendAdminEmail")) == (1, 0)


async def test_a_ring_that_the_ip_list_stops_can_be_tried_later(world: World) -> None:
    world.fail_next("TriggerNotificationEvent", "http_403_ip")
    with pytest.raises(PanelUnavailable):
        await world.panel.perform(ALERT)
    assert world.effects("SendAdminEmail") == 0


async def test_courtesies_go_out_and_are_not_looked_up(world: World) -> None:
    mail = SendEmail(customer_id=world.customer_id, subject="Hello", message="<p>Hello</p>")
    note = AddClientNote(customer_id=world.customer_id, notes="Held for a fee")
    for courtesy in (mail, note, ALERT):
        await world.panel.perform(courtesy)
        with pytest.raises(TypeError):
            await world.panel.look_up(courtesy)
    assert (world.effects("SendEmail"), world.effects("AddClientNote")) == (1, 1)


async def test_stored_cards_read_the_same_everywhere(world: World) -> None:
    assert await world.panel.pay_methods(world.customer_id) == ()
    world.store_card("4242", "02/28", "cus_1|pm_1")
    [card] = await world.panel.pay_methods(world.customer_id)
    assert (card.gateway, card.brand, card.last_four, card.expires) == ("stripe", "visa", "4242", "0228")
    assert card.token_digest is not None
    world.store_card("1881", "11/27", "cus_1|pm_2")
    assert [one.last_four for one in await world.panel.pay_methods(world.customer_id)] == ["4242", "1881"]
    assert await world.panel.pay_methods(424242) == ()


# --- our words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("done", "status"),
    [
        (None, PanelOrderStatus.PENDING),
        (ACCEPT, PanelOrderStatus.ACTIVE),
        (CANCEL, PanelOrderStatus.CANCELLED),
        (FRAUD, PanelOrderStatus.FRAUD),
    ],
)
async def test_an_order_has_one_of_our_statuses(world: World, done: Action | None, status: PanelOrderStatus) -> None:
    order_id = await world.place_order()
    if done is not None:
        await world.panel.perform(order_action(done, order_id))
    order = await world.panel.order(order_id)
    assert order is not None
    assert order.status == status
    assert (order.placed_by, order.staff_id) == (PlacedBy.CUSTOMER, None)


async def test_an_invoice_has_one_of_our_statuses(world: World) -> None:
    made = await world.panel.perform(await invoice(world))

    async def status() -> str | None:
        found = await world.panel.invoice(made["invoice_id"])
        return found and found.status

    assert await status() == PanelInvoiceStatus.UNPAID
    await world.pay(made["invoice_id"])
    assert await status() == PanelInvoiceStatus.PAID


async def test_a_cancelled_invoice_has_our_status(world: World) -> None:
    action = await cancel_invoice(world)
    assert isinstance(action, CancelInvoice)
    await world.panel.perform(action)
    found = await world.panel.invoice(action.invoice_id)
    assert found is not None
    assert found.status == PanelInvoiceStatus.CANCELLED
