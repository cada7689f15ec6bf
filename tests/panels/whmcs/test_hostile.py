"""Random JSON in place of any field: a value, None, or one of the failures, never another exception."""

import copy
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.actions import AcceptOrder, AddClientNote, OpenTicket
from app.panels.base import PanelError, PanelOutcomeUnknown, PanelRejected
from app.panels.whmcs.panel import WhmcsPanel
from tests.contract.samples import (
    ADMIN,
    CANCEL,
    CREDIT,
    DETAILS,
    FEE,
    INVOICE,
    OPEN,
    ORDER,
    PRODUCT,
    REF,
    SERVICE,
    TICKET,
)  # fmt: skip
from tests.contract.worlds import adapter

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(
        ["93", "812", "2210", "0000-00-00", "Unpaid", "\0", "\ud800", "error", "1e999", "{", "-", "1,2.3"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.just("0"), inner, max_size=3),
    max_leaves=6,
)

COUNTERS = {"totalresults": 1, "startnumber": 0, "numreturned": 1}
ANSWERS: dict[str, dict[str, Any]] = {
    "GetOrders": {**COUNTERS, "orders": {"order": [ORDER]}},
    "GetClientsDetails": DETAILS,
    "GetUsers": {
        "totalresults": 1,
        "numreturned": 1,
        "users": [{"id": 1, "datecreated": "2020-12-15 15:29:49", "clients": [{"id": 93, "isOwner": True}]}],
    },
    "GetClients": {**COUNTERS, "clients": {"client": [{"id": 93, "datecreated": "2020-01-01"}]}},
    "GetClientsProducts": {**COUNTERS, "products": {"product": [SERVICE]}},
    "GetInvoice": OPEN,
    "GetInvoices": {**COUNTERS, "invoices": {"invoice": [INVOICE | {"id": 2210, "notes": REF}]}},
    "GetProducts": {"totalresults": 1, "products": {"product": [PRODUCT]}},
    "GetTickets": {**COUNTERS, "tickets": {"ticket": [TICKET | {"subject": "Hi"}]}},
    "GetTicket": TICKET,
    "GetCredits": {"totalresults": 1, "credits": {"credit": [{"id": 1, "description": REF, "amount": "1.00"}]}},
    "GetAdminDetails": ADMIN,
    "CreateInvoice": {"invoiceid": 2211, "status": "Unpaid"},
    "AddCredit": {"newbalance": "7.50"},
    "OpenTicket": {"id": 5, "tid": "1", "c": "x"},
    "AddClientNote": {"noteid": 1},
    "UpdateInvoice": {"invoiceid": 2210},
    "AcceptOrder": {},
}
TICKET_TO_OPEN = OpenTicket(customer_id=93, reference=REF, department_id=1, subject="Hi", message="x")
ACCEPT = AcceptOrder(order_id=812, autosetup=True, sendemail=True, sendregistrar=True)

Call = Callable[[WhmcsPanel], Coroutine[Any, Any, Any]]
READS: dict[str, list[Call]] = {
    "GetOrders": [lambda p: p.order(812), lambda p: p.customer_orders(93), lambda p: p.look_up(ACCEPT)],
    "GetClientsDetails": [lambda p: p.customer(93), lambda p: p.invoice(2210), lambda p: p.services(customer_id=93)],
    "GetClients": [lambda p: p.signed_up_on(93, "zoe@example.com")],
    "GetUsers": [lambda p: p.signed_up_at(93, "zoe@example.com")],
    "GetClientsProducts": [lambda p: p.services(customer_id=93)],
    "GetInvoice": [lambda p: p.invoice(2210), lambda p: p.look_up(CANCEL), lambda p: p.look_up(FEE)],
    "GetInvoices": [lambda p: p.look_up(FEE)],
    "GetProducts": [lambda p: p.catalogue()],
    "GetTickets": [lambda p: p.tickets(93), lambda p: p.look_up(TICKET_TO_OPEN)],
    "GetTicket": [lambda p: p.ticket(5), lambda p: p.look_up(TICKET_TO_OPEN)],
    "GetCredits": [lambda p: p.look_up(CREDIT)],
    "GetAdminDetails": [lambda p: p.identity()],
}
WRITES: dict[str, Call] = {
    "CreateInvoice": lambda p: p.perform(FEE),
    "AddCredit": lambda p: p.perform(CREDIT),
    "OpenTicket": lambda p: p.perform(TICKET_TO_OPEN),
    "AddClientNote": lambda p: p.perform(AddClientNote(customer_id=93, notes="x")),
    "UpdateInvoice": lambda p: p.perform(CANCEL),
    "AcceptOrder": lambda p: p.perform(ACCEPT),
}


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each field and row."""
    if here:
        yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from paths(item, (*here, key))


def spoiled(answer: dict[str, Any], way: tuple[Any, ...], value: Any) -> dict[str, Any]:
    answer = copy.deepcopy(answer)
    level: Any = answer
    for step in way[:-1]:
        level = level[step]
    level[way[-1]] = value
    return answer


async def call(panel_call: Call, action: str, answer: dict[str, Any]) -> Any:
    """Run one call with this answer to `action` and good ones to all others."""

    def serve(request: httpx.Request) -> httpx.Response:
        name = dict(httpx.QueryParams(request.content.decode()))["action"]
        body = {"result": "success", **(answer if name == action else ANSWERS[name])}
        return httpx.Response(200, content=json.dumps(body).encode())

    panel = adapter("https://billing.example", httpx.MockTransport(serve), identifier="i-d", secret="s-t")
    try:
        return await panel_call(panel)
    except PanelError as error:
        return error
    finally:
        await panel.aclose()


def storable(value: Any) -> bool:
    """True if every text in it can be stored in a database column."""
    json.dumps(str(value), ensure_ascii=False).encode()
    return "\\x00" not in repr(value)


@pytest.mark.parametrize("action", READS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
async def test_reads_survive_any_field(action: str, data: st.DataObject) -> None:
    way = data.draw(st.sampled_from(list(paths(ANSWERS[action]))))
    answer = spoiled(ANSWERS[action], way, data.draw(ANYTHING))
    for read in READS[action]:
        outcome = await call(read, action, answer)
        assert not isinstance(outcome, PanelOutcomeUnknown | PanelRejected)
        assert storable(outcome)


@pytest.mark.parametrize("action", WRITES)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
async def test_writes_survive_any_field(action: str, data: st.DataObject) -> None:
    ways = list(paths(ANSWERS[action])) or [("message",)]
    answer = spoiled(ANSWERS[action], data.draw(st.sampled_from([*ways, ("result",)])), data.draw(ANYTHING))
    assert storable(await call(WRITES[action], action, answer))


@settings(max_examples=25, deadline=None)
@given(answer=st.dictionaries(st.sampled_from(["result", "orders", "credits", "a[b]", "a[b][c]", "a"]), ANYTHING))
async def test_whole_answers_of_nonsense(answer: dict[str, Any]) -> None:
    for action, reads in READS.items():
        for read in reads:
            assert storable(await call(read, action, answer))


async def test_ten_thousand_lines_and_long_texts_are_read() -> None:
    lines = [{"type": "product", "relid": number, "amount": "1.00"} for number in range(1, 10_001)]
    long = ORDER | {"lineitems": {"lineitem": lines}, "notes": "x" * 1_000_000}
    order = await call(lambda p: p.order(812), "GetOrders", {**COUNTERS, "orders": {"order": [long]}})
    assert (len(order.lines), len(order.notes)) == (10_000, 1_000_000)


async def test_good_answers_give_values() -> None:
    for action, reads in READS.items():
        for read in reads:
            outcome = await call(read, action, ANSWERS[action])
            assert outcome is not None
            assert not isinstance(outcome, PanelError), (action, outcome)
