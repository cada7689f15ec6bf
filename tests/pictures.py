"""The handbook's pictures, drawn by Rich from the program's own output: the demo's screen, and one decision."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from typing import Any, Final

from rich.console import Console
from rich.panel import Panel
from rich.terminal_theme import MONOKAI
from rich.text import Text

from app.core.facts import Agreement, Facts, FraudCheck, FraudVerdict, PlacedBy
from app.core.judgement.decide import Judgement, Outcome, decide
from app.core.judgement.explanation.customer import as_message, for_customer
from app.core.judgement.explanation.staff import for_staff
from app.core.policy.document import Policy
from app.core.reading.requests import TermKind
from app.demo.news import Ledger, NewsLine, Tone
from app.demo.screen import footer, story_line
from tests.core.judging import NOW, a_customer, a_request, an_order, some_facts

_WIDTH: Final = 110


def pictures() -> dict[str, str]:
    """Return every picture by its file's name."""
    return {"demo.svg": demo(), "decision.svg": decision()}


def _svg(name: str, title: str, shown: Iterator[Any]) -> str:
    console = Console(record=True, width=_WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor")
    for one in shown:
        console.print(one)
    drawn = console.export_svg(title=title, theme=MONOKAI, unique_id=name)
    return re.sub(
        r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL
    )  # they are on other servers; any monospaced font will do


# --- one decision ---------------------------------------------------------------------------------------------------

INSTALLING: Final = some_facts(order=an_order(requests=(a_request(TermKind.INSTALL, "please install"),)))


def decision() -> str:
    """Draw what staff see for an order with a request for an installation, and what its customer reads."""
    policy = Policy()
    judged = decide(INSTALLING, policy, now=NOW)
    staff = Text("\n".join(for_staff(judged, INSTALLING, policy)))
    staff.highlight_regex(r"(?m)^hold_for_fee", "bold yellow")
    staff.highlight_regex(r"(?m)^[\w -]+(?=:)", "cyan")
    customer = Text(as_message(for_customer(judged, INSTALLING, policy)))

    def shown() -> Iterator[Any]:
        yield Panel(staff, title="what staff see: every point, the work, the money", title_align="left")
        yield Panel(customer, title="what the customer reads", title_align="left")

    return _svg("decision", "one order of 15.00 a month: “please install …”", shown())


# --- the demo's screen ----------------------------------------------------------------------------------------------


def demo() -> str:
    """Draw the demo's screen with five orders."""
    ledger = Ledger(webhooks=22, reads=228, changes=8)
    addresses = {
        "Swagger UI": "http://127.0.0.1:8000/docs",
        "ops key": "(shown here)",
        "admin key (only for policies)": "(shown here)",
        "sandbox page": "http://127.0.0.1:8080/",
    }

    def shown() -> Iterator[Any]:
        for at, told in _story(ledger):
            yield story_line(told, at)
        yield Text()
        yield footer(addresses, ledger, 0.0)

    return _svg("demo", "make demo", shown())


def _story(ledger: Ledger) -> Iterator[tuple[str, NewsLine]]:
    """Return the customers' actions and Doorman's decisions, with the facts of each order judged again."""
    regular = some_facts(order=an_order(order_id=100019))
    installing = replace(INSTALLING, order=replace(INSTALLING.order, order_id=100020))
    entered = some_facts(order=an_order(order_id=100021, placed_by=PlacedBy.STAFF))
    suspicious = some_facts(
        order=an_order(order_id=100022, fraud_check=FraudCheck(module="maxmind", verdict=FraudVerdict.FAIL, score=91)),
        customer=a_customer(email_disposable=True, active_services=0, paid_invoices=0, revenue=0),
    )
    ledger.names.update({100019: "Ruth Adler", 100020: "Gerald Pike", 100021: "Anna Lind", 100022: "Jhon Smiht901"})
    yield (
        "00:02",
        NewsLine(Tone.PANEL, "Ruth Adler orders Web S (15.00 USD), order 100019, in the cart, and pays at once"),
    )
    yield from _news(ledger, "00:03", regular, state="released", panel_status="Active")
    yield (
        "00:06",
        NewsLine(Tone.PANEL, 'Gerald Pike orders Web S (15.00 USD), order 100020, and notes: "Please install ..."'),
    )
    yield from _news(ledger, "00:07", installing, state="held")
    yield "00:11", NewsLine(Tone.PANEL, "Staff enter order 100021 for Anna Lind, who asked for it by e-mail")
    yield from _news(ledger, "00:12", entered, state="held")
    yield "00:15", NewsLine(Tone.PANEL, "New: Jhon Smiht901 orders Web S (15.00 USD), order 100022")
    yield from _news(ledger, "00:17", suspicious, state="held")
    yield "00:21", NewsLine(Tone.PANEL, "Gerald Pike pays the fee (invoice 500337)")
    yield from _news(ledger, "00:24", installing, state="released", panel_status="Active", paid=True)


def _news(ledger: Ledger, at: str, facts: Facts, *, state: str, **more: Any) -> Iterator[tuple[str, NewsLine]]:
    told = ledger.news(_order(facts, at=at, state=state, **more))
    assert told is not None
    yield at, told


def _order(facts: Facts, *, at: str, state: str, panel_status: str = "Pending", paid: bool = False) -> dict[str, Any]:
    """Return an order with the API fields that the demo reads."""
    if paid:
        facts = replace(facts, agreement=Agreement.FEE_PAID)
    judged = decide(facts, Policy(), now=NOW)
    first = decide(INSTALLING, Policy(), now=NOW) if paid else judged
    kinds = {Outcome.HOLD_FOR_FEE: "fee", Outcome.HOLD_FOR_REVIEW: "review"}
    return {
        "order_id": facts.order.order_id,
        "state": state,
        "panel_status": panel_status,
        "payment": {"state": "paid"},
        "currency": "USD",
        "refund_due": None,
        "flags": [],
        "scores": {"self_service": judged.scores.self_service, "risk": judged.scores.risk},
        "signals": [
            {"score": one.score.value, "code": one.code, "points": one.points, "detail": one.detail}
            for one in judged.signals
        ],
        "decision": {
            "outcome": judged.outcome.value,
            "at": at,
            "by": "policy",
            "reasons": [{"text": reason.text} for reason in judged.reasons],
        },
        "hold": {"kind": kinds[judged.outcome]} if state == "held" else None,
        "fee": _fee(first, paid=paid),
    }


def _fee(judged: Judgement, *, paid: bool) -> dict[str, str] | None:
    if judged.fee is None:
        return None
    return {"amount": judged.fee.to_text(), "currency": judged.fee.currency, "state": "paid" if paid else "unpaid"}
