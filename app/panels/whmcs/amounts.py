"""Amounts and currencies as WHMCS writes them: ``49.00``, ``$12.00 USD``, ``1.234,56 €``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from app.core.money import BadAmount, Money, exponent
from app.panels.whmcs import wire

_CORE: Final = re.compile(r"[0-9](?:[0-9.,'\u2019 \u00a0\u202f]*[0-9])?")
_SPACED: Final = re.compile(r"[0-9]{1,3}(?:['\u2019 \u00a0\u202f][0-9]{3})+(?:[.,][0-9]+)?")
_PLAIN: Final = re.compile(r"(-?[0-9]{1,12})\.([0-9]{2})")
_SPACES: Final = re.compile(r"['\u2019 \u00a0\u202f]")
_CODE: Final = re.compile(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])")
_CLIENT_CODE: Final = re.compile(r"[A-Z]{3,5}")
_LONGEST: Final = 60

_CODES: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
    "CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG "
    "HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA "
    "MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD "
    "RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX "
    "USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)
ISO_CODES: Final = frozenset(_CODES.split())


def client_currency(client: wire.Row) -> str | None:
    """Return the client's currency code (`currency_code` of GetClientsDetails), which is authoritative."""
    code = wire.text(client.get("currency_code")).strip().upper()
    return code if _CLIENT_CODE.fullmatch(code) else None


def written_currency(row: wire.Row) -> str | None:
    """Return the currency named in the row itself; None if it is unclear.

    `currencycode`, and an ISO 4217 code in `currencysuffix` or `currencyprefix`, are reliable. Signs are not: ``$`` and
    ``kr`` stand for many currencies, and the provider can write anything there.
    """
    for key in ("currencycode", "currencysuffix", "currencyprefix"):
        code = wire.text(row.get(key)).strip()
        if code in ISO_CODES:
            return code
    return None


def amount(value: object, currency: str | None) -> Money | None:
    """Return an amount in this currency; None if it is missing, ambiguous, or names another currency."""
    if currency is None:
        return None
    plain = _PLAIN.fullmatch(value) if isinstance(value, str) else None
    if plain is not None and exponent(currency) == 2:  # the fast path for nearly all amounts; an import reads a million
        return Money(int(plain[1] + plain[2]), currency)
    if any(code in ISO_CODES and code != currency for code in _CODE.findall(wire.text(value)[:_LONGEST])):
        return None
    figure = number(value, decimals=exponent(currency))
    if figure is None:
        return None
    try:
        return Money.from_text(str(figure), currency)
    except BadAmount:
        return None


def number(value: object, *, decimals: int = 2) -> Decimal | None:
    """Return the single number in a text; None if there is none, more than one, or it is ambiguous.

    WHMCS has four formats: ``1234.56``, ``1,234.56``, ``1.234,56``, ``1,234``. `decimals` is the currency's number of
    decimals: it decides whether the comma of ``1,234`` separates thousands (2) or could be a decimal comma (3).
    """
    raw = wire.text(value).strip()
    if not raw or len(raw) > _LONGEST:
        return None
    found = list(_CORE.finditer(raw))
    if len(found) != 1:
        return None
    before, after = raw[: found[0].start()], raw[found[0].end() :]
    figure = _figure(found[0][0], decimals)
    if figure is None or "-" in after or "\u2212" in after:
        return None
    negative = "-" in before or "\u2212" in before or (before.startswith("(") and after.endswith(")"))
    return -figure if negative else figure


def _figure(core: str, decimals: int) -> Decimal | None:
    if not _SPACES.search(core):
        return _separated(core, decimals)
    return _separated(_SPACES.sub("", core), decimals) if _SPACED.fullmatch(core) else None


def _separated(core: str, decimals: int) -> Decimal | None:
    marks = [mark for mark in core if mark in ".,"]
    if not marks:
        return Decimal(core)
    if len(set(marks)) == 2:
        point = marks[-1]
        whole, _, rest = core.rpartition(point)
        grouped = _grouped(whole, "," if point == "." else ".")
        return None if grouped is None else Decimal(f"{grouped}.{rest}")
    mark = marks[0]
    if len(marks) > 1:
        grouped = _grouped(core, mark)
        return None if grouped is None else Decimal(grouped)
    whole, _, rest = core.partition(mark)
    if len(rest) != 3 or len(whole) > 3:
        return _fraction(core, mark)
    if decimals == 3:
        return _fraction(core, mark) if mark == "." else None
    return Decimal(whole + rest) if mark == "," and whole[0] != "0" else None


def _fraction(core: str, mark: str) -> Decimal:
    whole, _, rest = core.partition(mark)
    return Decimal(f"{whole}.{rest}")


def _grouped(whole: str, mark: str) -> str | None:
    first, *rest = whole.split(mark)
    return whole.replace(mark, "") if 1 <= len(first) <= 3 and all(len(part) == 3 for part in rest) else None


def as_text(value: Any) -> str | None:
    """Return a plain decimal as text, for results; None if there is no number."""
    figure = number(value)
    return None if figure is None else f"{figure:f}"
