"""GetProducts → the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from app.core.money import Money
from app.panels.records import PanelProduct
from app.panels.whmcs import amounts, wire

#: Price column → set-up column; we name cycles after the columns.
_COLUMNS: Final = {
    "monthly": "msetupfee",
    "quarterly": "qsetupfee",
    "semiannually": "ssetupfee",
    "annually": "asetupfee",
    "biennially": "bsetupfee",
    "triennially": "tsetupfee",
}
_Prices = dict[str, dict[str, Money]]


def product(row: wire.Row) -> PanelProduct | None:
    """Return the product of a row; None without an id.

    WHMCS keeps a one-time price in the monthly column; it becomes ``onetime``. A free product has the cycle ``free``
    at zero. ``-1.00`` marks a cycle that is not offered.
    """
    product_id = wire.identifier(row.get("pid"))
    if product_id is None:
        return None
    pay_type = wire.text(row.get("paytype")).strip().lower()
    prices, setup_fees = _pricing(wire.mapping(row.get("pricing")), pay_type)
    return PanelProduct(
        product_id=product_id,
        group_id=wire.identifier(row.get("gid")),
        kind=wire.text(row.get("type")).strip().lower(),
        name=wire.text(row.get("name")).strip(),
        module=wire.text(row.get("module")).strip(),
        pay_type=pay_type,
        prices=prices,
        setup_fees=setup_fees,
        options=tuple(dict.fromkeys(name for name in _choices(row) if name)),
    )


def _pricing(pricing: wire.Row, pay_type: str) -> tuple[_Prices, _Prices]:
    prices: _Prices = {}
    setup_fees: _Prices = {}
    for code, columns in pricing.items():
        currency = amounts.client_currency({"currency_code": code})
        if currency is None or not isinstance(columns, dict):
            continue
        if pay_type == "free":
            prices[currency], setup_fees[currency] = {"free": Money(0, currency)}, {}
            continue
        offered = {
            cycle: price
            for cycle in _COLUMNS
            if (price := amounts.amount(columns.get(cycle), currency)) is not None and price.amount_minor >= 0
        }
        fees = {
            cycle: fee
            for cycle in offered
            if (fee := amounts.amount(columns.get(_COLUMNS[cycle]), currency)) is not None and fee.amount_minor > 0
        }
        prices[currency] = _named(offered, pay_type)
        setup_fees[currency] = _named(fees, pay_type)
    return prices, setup_fees


def _named(by_cycle: dict[str, Money], pay_type: str) -> dict[str, Money]:
    if pay_type != "onetime":
        return by_cycle
    return {"onetime": by_cycle["monthly"]} if "monthly" in by_cycle else {}


def _choices(row: wire.Row) -> Iterator[str]:
    """Yield the lower-case names of custom fields, configurable options and their choices.

    WHMCS allows a name to be written as ``raw|Shown to the customer``; both halves are yielded.
    """
    for field in wire.as_list(row.get("customfields"), "customfield"):
        yield from _names(field)
    for option in wire.as_list(row.get("configoptions"), "configoption"):
        yield from _names(option)
        for choice in wire.as_list(option.get("options"), "option"):
            yield from _names(choice)


def _names(row: wire.Row) -> Iterator[str]:
    for part in wire.text(row.get("name")).lower().split("|"):
        yield part.strip()
