"""What reaches the customer: one message about the hold with the whole explanation, and nothing internal."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.core.states import STAFF_ACTIONS
from app.db import Database
from tests.stories.house import House, open_house

SHOP = "https://shop.example/cart.php"
POLICY = f"[cart]\nurl = '{SHOP}'\nproduct_url = '{SHOP}?a=add&pid={{product_id}}'\n[messages]\n"
BY_TICKET = "department_id = 1\n"
ALL_SENT = "\n".join(
    f"[messages.{name}]\nsend = true\nbody = '''{{order_number}} {{fee}} {{work}} {{explanation}}'''"
    for name in (
        "review_hold", "fee_paid", "fee_waived", "request_dropped", "rejected", "declined", "cancelled", "hold_expired",
    )
)  # fmt: skip
DAY = 86_400.0
WISH = "Please migrate my old site. My password is Zebraquill, see http://zebraquill.example <b>zebraquill</b>"
NOTE = "Staffonlyword: he was rude on the phone"


def shop(house: House, name: str = "Starter") -> tuple[int, int]:
    product = house.panel.add_product(name, autosetup="payment", pricing={"USD": {"monthly": "10.00"}})
    client = house.panel.add_client("Rita", "Regular", email="r@example.com", created_at="2019-05-01", currency="USD")
    return client.id, product.id


def tickets_of(house: House, client: int) -> list[str]:
    """Return the text of each of the customer's tickets."""
    found = [ticket for ticket in house.panel.state.tickets.values() if ticket.client_id == client]
    return ["\n".join((ticket.subject, *(reply.message for reply in ticket.replies))) for ticket in found]


def told(house: House, client: int) -> str:
    """Return all that the customer can read: tickets, mails and invoice lines."""
    bills = [bill for bill in house.panel.state.invoices.values() if bill.client_id == client]
    lines = [f"{bill.notes} {line.description}" for bill in bills for line in bill.lines]
    mails = [f"{mail.subject}\n{mail.body}" for mail in house.panel.state.mails]
    return "\n".join((*tickets_of(house, client), *mails, *lines))


async def test_the_ticket_of_a_fee_hold_explains_it_once(db: Database) -> None:
    async with open_house(db, policy=POLICY + BY_TICKET) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], notes=WISH)
        await house.wait(100)
        order = await house.order(placed.id)
        assert order["hold"]["kind"] == "fee"
        (ticket,) = tickets_of(house, client)
        ends = datetime.fromisoformat(order["hold"]["expires_at"]).astimezone(ZoneInfo("Europe/Berlin"))
        explained = (await house.api.get(f"/v1/orders/{placed.id}/explanation")).json()

        for once in (
            f"Thank you for your order {order['order_number']}.",
            "Please tell us how to proceed with your order.",
            "moving existing data or sites",
            "The one-time charge for this is 100.00 USD plus tax where applicable.",
            f"we will carry out your order as requested: http://127.0.0.1:9/viewinvoice.php?id={order['fee']['invoice_id']}",
            "The invoice for the order itself must also be paid before we can set it up.",
            "2. Take the order as sold in our cart",
            "3. Cancel the order.",
            f"need no confirmation: {SHOP}?a=add&pid={product}",
            "our team will check it",
            "just reply to this message",
        ):
            assert ticket.count(once) == 1, once
        assert f"Please choose by {ends:%Y-%m-%d %H:%M %Z}." in ticket
        for paragraph in (explained["outcome_text"], *explained["paragraphs"], explained["contest"]):
            assert ticket.count(paragraph) == 1, "the API says the same"
        assert "zebraquill" not in told(house, client).lower()

        await house.wait(12 * 3600)
        assert tickets_of(house, client) == [ticket]


async def test_the_mail_of_a_hold_is_html_and_hostile_names_do_nothing_in_it(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        client, product = shop(house, "<script>alert(1)</script> {$client_password} [x](http://evil.example)")
        second = house.panel.add_product("Plan B", autosetup="payment", pricing={"USD": {"monthly": "9.00"}})
        placed = await house.panel.place_order(client, [product, second.id], by="staff")
        await house.settle(seconds=20)
        assert (await house.order(placed.id))["fee"]["amount"] == "7.00"
        (mail,) = [one.body for one in house.panel.state.mails if "Please confirm" in one.subject]

        assert f"Plan B: {SHOP}?a=add&amp;pid={second.id}<br>" in mail
        assert "script alert(1)" in mail
        assert "Our team entered this order for you" in mail
        for hostile in ("<script", "{", "}", "](", "http://evil", "evil.example"):
            assert hostile not in mail


async def test_no_note_of_staff_and_no_reason_of_ours_reaches_a_customer(db: Database) -> None:
    """Every action with a note, every message sent, and internal notes in the order."""
    async with open_house(db, policy=POLICY + BY_TICKET + ALL_SENT) as house:
        client, product = shop(house)
        ways = (
            ("hold", {}), ("charge-fee", {"amount": "25.00"}), ("waive-fee", {}), ("hold", {}), ("charge-fee", {}),
            ("drop-request", {}), ("hold", {}), ("approve", {}), ("hold", {}),
        )  # fmt: skip
        ends = (("cancel", {"reason": "other"}), ("reject", {}), ("reject", {"fraud": True}))
        first = await house.panel.place_order(client, [product], notes=f"{WISH} (staffonlyword)")
        ours = await house.panel.place_order(client, [product], notes=f"#ours {NOTE}. {WISH}")
        suspect = await house.panel.place_order(client, [product], notes="It is for carding.", pay=True)
        await house.wait(100)
        done = []
        last = (("ask", {"question": "What is it for?"}), ends[2], ("refund-done", {}))
        courses = {first.id: (*ways, ends[0]), ours.id: (*ways[:2], ends[1]), suspect.id: (*ways[:2], *last)}
        for order_id, course in courses.items():
            for action, body in course:
                answer = await house.act(order_id, action, note=NOTE, **body)
                done.append((action, answer.status_code))
                await house.settle(seconds=20)
                customers = await house.api.get(f"/v1/orders/{order_id}/explanation")
                assert "staffonlyword" not in customers.text.lower()
        accepted = {action for action, status in done if status == 200}
        assert accepted == {action.value for action in STAFF_ACTIONS}

        read = told(house, client).lower()
        assert "what is it for?" in read
        assert "please tell us how to proceed with your order" in read
        assert "we are unable to accept your order" in read
        for secret in ("staffonlyword", "zebraquill", "carding", "fraud", "risk", "#ours", "own fault", "admin-key"):
            assert secret not in read
        staff = await house.api.get(f"/v1/orders/{first.id}/explanation", params={"for": "staff"})
        assert staff.json()["note"] == NOTE


async def test_a_review_that_is_told_of_says_how_long_and_what_it_costs(db: Database) -> None:
    async with open_house(db, policy=POLICY + BY_TICKET + "[messages.review_hold]\nsend = true\n") as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], notes="It is for carding.", pay=True)
        await house.settle(seconds=20)
        assert (await house.order(placed.id))["hold"]["kind"] == "review"
        (ticket,) = tickets_of(house, client)

        assert ticket.count("We aim to finish within 4 hours. There is no charge for this.") == 1
        assert ticket.count(f"{SHOP}?a=add&pid={product}") == 1
        assert ticket.count("You do not need to do anything.") == 1
        assert "carding" not in ticket


async def test_a_fee_that_a_person_asks_for_is_told_as_it_is(db: Database) -> None:
    """There was no request: the ticket names the person's amount, not the policy's, and no minutes."""
    async with open_house(db, policy=POLICY + BY_TICKET) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], notes="It is for carding.")
        await house.wait(100)
        assert (await house.act(placed.id, "charge-fee", amount="25.00", note=NOTE)).status_code == 200
        await house.settle(seconds=20)
        (ticket,) = tickets_of(house, client)

        assert "Your order asks for work that its price does not include: work by our staff." in ticket
        assert "The one-time charge for this is 25.00 USD plus tax" in ticket
        assert "minutes" not in ticket
        assert "Our team entered" not in ticket


@pytest.mark.parametrize(("asked", "minutes"), [({}, False), ({"amount": "25.00"}, False), ({"minutes": 90}, True)])
async def test_who_paid_a_fee_is_thanked_for_it_and_told_what_is_left(
    db: Database, asked: dict[str, object], minutes: bool
) -> None:
    """For fees requested by the policy or by a person; the order itself is not paid yet."""
    thanks = "[messages.fee_paid]\nsend = true\n"
    async with open_house(db, policy=POLICY + BY_TICKET + thanks) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], by="staff")
        await house.settle(seconds=20)
        if asked:
            assert (await house.act(placed.id, "charge-fee", **asked)).status_code == 200
            await house.settle(seconds=20)
        fee = (await house.order(placed.id))["fee"]
        assert ("about 90 minutes" in tickets_of(house, client)[-1]) is minutes
        await house.panel.pay_invoice(fee["invoice_id"])
        await house.settle(seconds=20)
        assert (await house.order(placed.id))["state"] == "awaiting_payment"

        (thanked,) = [text for text in tickets_of(house, client) if "your payment for the work" in text]
        explained = (await house.api.get(f"/v1/orders/{placed.id}/explanation")).json()
        assert "We will process it as soon as its invoice is paid." in thanked
        assert "no extra charge" not in thanked
        assert explained["paragraphs"] == ["We will process it as soon as its invoice is paid."]

        await house.panel.pay_invoice(placed.invoice_id)
        await house.wait(1_000)
        explained = (await house.api.get(f"/v1/orders/{placed.id}/explanation")).json()
        assert (explained["outcome_text"], explained["paragraphs"]) == ("Your order has been accepted.", [])
        assert len([text for text in tickets_of(house, client) if "your payment for the work" in text]) == 1


async def test_an_offer_that_ran_out_names_what_was_withdrawn_and_when_a_person_looks(db: Database) -> None:
    expired = "[messages.hold_expired]\nsend = true\n"
    body = "body = '{fee} for {work} of {order_total} until {expires_on}. {explanation}'"
    async with open_house(db, policy=POLICY + BY_TICKET + expired + body) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], by="staff", pay=True)
        await house.settle(seconds=20)
        ends = datetime.fromisoformat((await house.order(placed.id))["hold"]["expires_at"])
        await house.wait(7 * DAY + 60)
        due = datetime.fromisoformat((await house.order(placed.id))["hold"]["due_at"])
        (text,) = [text for text in tickets_of(house, client) if "is still waiting for your decision" in text]

        at = f"{ends.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%d %H:%M %Z}"
        assert f"7.00 USD for entering the order for you of 10.00 USD until {at}." in text
        assert "We aim to finish within 4 hours." in text
        assert due == ends + timedelta(hours=4)


async def test_who_was_asked_or_has_withdrawn_reads_just_that(db: Database) -> None:
    async with open_house(db, policy=POLICY + BY_TICKET + ALL_SENT) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product])
        await house.wait(100)

        async def explained() -> str:
            return (await house.api.get(f"/v1/orders/{placed.id}/explanation")).text

        assert (await house.act(placed.id, "ask", question="Which system?")).status_code == 200
        await house.settle(seconds=20)
        assert "continue as soon as we have read your answer" in await explained()
        assert "within 24 hours" not in await explained()

        (ticket,) = [one for one in house.panel.state.tickets.values() if "question" in one.subject]
        await house.panel.reply_ticket(ticket.id, "Debian. But never mind, cancel it.")
        await house.settle(seconds=20)
        assert "our team will check your order" in await explained()

        assert (await house.act(placed.id, "cancel", reason="customer_withdrew")).status_code == 200
        await house.settle(seconds=20)
        assert "Your order has been cancelled." in await explained()
        assert "Your order has been cancelled." in tickets_of(house, client)[-1]
        assert "We are unable to accept your order" not in told(house, client)


@pytest.mark.parametrize("action", ["waive-fee", "drop-request"])
async def test_who_is_let_off_still_learns_that_the_order_is_to_be_paid(db: Database, action: str) -> None:
    async with open_house(db, policy=POLICY + BY_TICKET) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], by="staff")
        await house.settle(seconds=20)
        assert (await house.act(placed.id, action)).status_code == 200
        await house.settle(seconds=20)

        assert "not paid yet, it will go ahead as soon as it is." in tickets_of(house, client)[-1]


async def test_the_flat_fee_stays_the_flat_fee_when_a_person_asks_for_it(db: Database) -> None:
    async with open_house(db, policy=POLICY + BY_TICKET) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], by="staff")
        await house.settle(seconds=20)
        for action in ("hold", "charge-fee"):
            assert (await house.act(placed.id, action)).status_code == 200
            await house.settle(seconds=20)

        assert "Our team entered this order for you." in tickets_of(house, client)[-1]
        bill = house.panel.state.invoices[(await house.order(placed.id))["fee"]["invoice_id"]]
        assert bill.lines[0].description.startswith(f"Handling of order {placed.number}")
