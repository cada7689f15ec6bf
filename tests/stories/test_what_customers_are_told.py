"""What really reaches the customer: the hold's one message with the whole explanation, once, and nothing of ours."""

from __future__ import annotations

from app.db import Database
from tests.stories.house import House, open_house

SHOP = "https://shop.example/cart.php"
POLICY = f"[cart]\nurl = '{SHOP}'\nproduct_url = '{SHOP}?a=add&pid={{product_id}}'\n[messages]\n"
BY_TICKET = "department_id = 1\n"
ALL_SENT = "\n".join(
    f"[messages.{name}]\nsend = true\nbody = '''{{order_number}} {{fee}} {{work}} {{explanation}}'''"
    for name in ("review_hold", "fee_waived", "request_dropped", "rejected", "cancelled", "hold_expired")
)
WISH = "Please migrate my old site. My password is Zebraquill, see http://zebraquill.example <b>zebraquill</b>"
NOTE = "Staffonlyword: he was rude on the phone"


def shop(house: House, name: str = "Starter") -> tuple[int, int]:
    product = house.panel.add_product(name, autosetup="payment", pricing={"USD": {"monthly": "10.00"}})
    client = house.panel.add_client("Rita", "Regular", email="r@example.com", created_at="2019-05-01", currency="USD")
    return client.id, product.id


def tickets_of(house: House, client: int) -> list[str]:
    """Return all that stands in the customer's tickets, each ticket one text."""
    found = [ticket for ticket in house.panel.state.tickets.values() if ticket.client_id == client]
    return ["\n".join((ticket.subject, *(reply.message for reply in ticket.replies))) for ticket in found]


def told(house: House, client: int) -> str:
    """Return all that the customer can read: tickets, mails and the lines of invoices."""
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
        until = order["hold"]["expires_at"][:10]
        explained = (await house.api.get(f"/v1/orders/{placed.id}/explanation")).json()

        for once in (
            f"Thank you for your order {order['order_number']}.",
            "Your order waits for your word.",
            "moving existing data or sites",
            "For this we would charge 100.00 USD plus tax where tax applies, once.",
            f"and we do the work and go on with your order: http://127.0.0.1:9/viewinvoice.php?id={order['fee']['invoice_id']}",
            "2. Take the order as it is sold in our cart",
            "3. Cancel the order.",
            f"starts at once: {SHOP}?a=add&pid={product}",
            "a person will look at it",
            "just answer this message",
        ):
            assert ticket.count(once) == 1, once
        assert until[:4] in ticket
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
        (mail,) = [one.body for one in house.panel.state.mails if "needs your word" in one.subject]

        assert f"Plan B: {SHOP}?a=add&amp;pid={second.id}<br>" in mail
        assert "script alert(1)" in mail
        assert "Our staff entered this order for you" in mail
        for hostile in ("<script", "{", "}", "](", "http://evil", "evil.example"):
            assert hostile not in mail


async def test_no_note_of_staff_and_no_reason_of_ours_reaches_a_customer(db: Database) -> None:
    """Every action with a note, every message sent, and notes in the order that are meant for us."""
    async with open_house(db, policy=POLICY + BY_TICKET + ALL_SENT) as house:
        client, product = shop(house)
        ways = (
            ("hold", {}), ("charge-fee", {"amount": "25.00"}), ("waive-fee", {}), ("hold", {}), ("charge-fee", {}),
            ("drop-request", {}), ("hold", {}), ("approve", {}), ("hold", {}),
        )  # fmt: skip
        ends = (("cancel", {"reason": "other"}), ("reject", {}), ("reject", {"fraud": True}))
        first = await house.panel.place_order(client, [product], notes=f"{WISH} (staffonlyword)")
        ours = await house.panel.place_order(client, [product], notes=f"#ours {NOTE}. {WISH}")
        suspect = await house.panel.place_order(client, [product], notes="It is for carding.")
        await house.wait(100)
        done = []
        courses = {first.id: (*ways, ends[0]), ours.id: (*ways[:2], ends[1]), suspect.id: (*ways[:2], ends[2])}
        for order_id, course in courses.items():
            for action, body in course:
                answer = await house.act(order_id, action, note=NOTE, **body)
                done.append((action, answer.status_code))
                await house.settle(seconds=20)
                customers = await house.api.get(f"/v1/orders/{order_id}/explanation")
                assert "staffonlyword" not in customers.text.lower()
        accepted = {action for action, status in done if status == 200}
        assert accepted == {"hold", "charge-fee", "waive-fee", "drop-request", "approve", "cancel", "reject"}

        read = told(house, client).lower()
        assert "your order waits for your word" in read
        assert "we cannot take your order" in read
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

        assert ticket.count("We mean to be done within 4 hours. Nothing is charged for this.") == 1
        assert ticket.count(f"{SHOP}?a=add&pid={product}") == 1
        assert ticket.count("You need not do anything.") == 1
        assert "carding" not in ticket


async def test_a_fee_that_a_person_asks_for_is_told_as_it_is(db: Database) -> None:
    """Nothing was wished for: the ticket names the amount of the person, not the policy's, and no minutes."""
    async with open_house(db, policy=POLICY + BY_TICKET) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], notes="It is for carding.")
        await house.wait(100)
        assert (await house.act(placed.id, "charge-fee", amount="25.00", note=NOTE)).status_code == 200
        await house.settle(seconds=20)
        (ticket,) = tickets_of(house, client)

        assert "Your order asks for work that its price does not cover: work by our staff." in ticket
        assert "For this we would charge 25.00 USD plus tax" in ticket
        assert "minutes" not in ticket
        assert "Our staff entered" not in ticket
