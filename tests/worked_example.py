"""The README's example of a host with 250 orders a month: assumptions, numbers from the default policy, totals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from app.core.facts import Facts, PlacedBy
from app.core.judgement.decide import Judgement, Outcome, decide
from app.core.policy.document import Policy
from app.core.reading.requests import TermKind
from tests.core.judging import NOW, a_request, an_order, some_facts

#: Assumptions about a host of this size. Everything else comes from the default policy.
ORDERS: Final = 250
LOOK_MINUTES: Final = 3
ENTERED: Final = 30
ENTERED_PAID: Final = 15
INSTALLS: Final = 10
INSTALLS_PAID: Final = 4
REVIEWS: Final = 15
REVIEW_MINUTES: Final = 5
CLICK_MINUTES: Final = 2
CANCELLED: Final = 3

_PRICE: Final = Decimal(15)

_ENTERED: Final = some_facts(order=an_order(placed_by=PlacedBy.STAFF))
_INSTALL: Final = some_facts(order=an_order(requests=(a_request(TermKind.INSTALL, "install"),)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One line: minutes of staff today and with Doorman, and where they come from."""

    what: str
    origin: str
    today: int
    after: int


def example_table() -> str:
    """Return the totals as a table."""
    policy = Policy()
    rate = Decimal(policy.currencies["USD"].staff_cost_per_hour)
    rows = _rows()
    today, after = (_hours(sum(getattr(row, side) for row in rows)) for side in ("today", "after"))
    entered, install = _fee(_held(_ENTERED)), _fee(_held(_INSTALL))
    fees = ENTERED_PAID * entered + INSTALLS_PAID * install
    margin = (_PRICE * policy.labour.margin_percent / 100).quantize(Decimal("0.01"))
    months = policy.labour.horizon_months
    lost = CANCELLED * margin * months
    before, now = today * rate, after * rate - fees
    asked = f"{ENTERED_PAID} × {entered} + {INSTALLS_PAID} × {install} (policy)"  # noqa: RUF001 - as people write it
    leave = f"assumed: {CANCELLED}; policy: {margin} margin a month each, {months} months"
    cells = (
        ("a month", "where it comes from", "today", "with Doorman"),
        ("---", "---", "---", "---"),
        *((row.what, row.origin, f"{_hours(row.today)} h", f"{_hours(row.after)} h") for row in rows),
        ("**staff time**", "the sum", f"**{today} h**", f"**{after} h**"),
        ("what it costs", f"policy: {rate} an hour", _money(before), _money(after * rate)),
        ("fees that customers agreed to", asked, "0.00", _money(fees)),
        ("**cost less fees**", "", f"**{_money(before)}**", f"**{_money(now)}**"),
        ("customers who cancel instead", leave, "0.00", _money(lost)),
        (
            "**saved each month**",
            f"{_money(before)} - {_money(now)} - {_money(lost)}",
            "",
            f"**{_money(before - now - lost)} USD, and {today - after} h**",
        ),
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in cells).replace(
        "| --- | --- | --- | --- |", "|---|---|---|---|"
    )


def _rows() -> tuple[_Row, ...]:
    entering, installing = (_held(facts).labour.minutes for facts in (_ENTERED, _INSTALL))
    unpaid = ENTERED - ENTERED_PAID + INSTALLS - INSTALLS_PAID
    return (
        _Row(
            what="somebody looks at new orders",
            origin=f"assumed: all {ORDERS}, {LOOK_MINUTES} minutes each; {REVIEWS} in review, {REVIEW_MINUTES} each",
            today=ORDERS * LOOK_MINUTES, after=REVIEWS * REVIEW_MINUTES,
        ),
        _Row(
            what="staff enter orders that came by ticket or e-mail",
            origin=f"assumed: {ENTERED}; policy: {entering} minutes each",
            today=ENTERED * entering, after=ENTERED * entering,
        ),
        _Row(
            what="staff install what an order's notes ask for",
            origin=f"assumed: {INSTALLS}, {INSTALLS_PAID} of them want it for a fee; policy: {installing} minutes each",
            today=INSTALLS * installing, after=INSTALLS_PAID * installing,
        ),
        _Row(
            what="staff confirm “as sold, then” or “cancel it”",
            origin=f"assumed: the other {unpaid}, {CLICK_MINUTES} minutes each",
            today=0, after=unpaid * CLICK_MINUTES,
        ),
    )  # fmt: skip


def _held(facts: Facts) -> Judgement:
    """Return the default policy's decision on such an order of 15.00 a month: it is held for a fee."""
    judged = decide(facts, Policy(), now=NOW)
    assert judged.outcome is Outcome.HOLD_FOR_FEE
    return judged


def _fee(judged: Judgement) -> Decimal:
    assert judged.fee is not None
    return Decimal(judged.fee.to_text())


def _hours(minutes: int) -> Decimal:
    return (Decimal(minutes) / 60).quantize(Decimal("0.01"))


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
