"""Money as integer minor units and a currency; `Decimal` is used only to read and write text."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

#: The number of decimals of ISO 4217 currencies that don't have two.
_EXPONENTS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
_LIMIT = 10**15


class BadAmount(ValueError):
    """The text is not an amount of this currency."""


def exponent(currency: str) -> int:
    """Return how many decimals the currency has (2 unless ISO 4217 says otherwise)."""
    return _EXPONENTS.get(currency.upper(), 2)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in minor units (cents for USD) of one currency."""

    amount_minor: int
    currency: str

    @classmethod
    def from_text(cls, text: str, currency: str) -> Money:
        """Read a plain decimal such as ``25.00``.

        Raises BadAmount when it is not a plain decimal or has more decimals than the currency.
        """
        try:
            value = Decimal(text.strip())
        except InvalidOperation as error:
            raise BadAmount(f"not an amount: {text[:40]!r}") from error
        scaled = value.scaleb(exponent(currency)) if value.is_finite() else None
        if scaled is None or abs(scaled) > _LIMIT:
            raise BadAmount(f"not a possible amount: {text[:40]!r}")
        if scaled != scaled.to_integral_value():
            raise BadAmount(f"{currency} has {exponent(currency)} decimals")
        return cls(int(scaled), currency)

    def to_text(self) -> str:
        """Write it with the currency's own number of decimals: ``7.00``, ``1500`` for JPY."""
        return str(Decimal(self.amount_minor).scaleb(-exponent(self.currency)).quantize(self._quantum()))

    def _quantum(self) -> Decimal:
        return Decimal(1).scaleb(-exponent(self.currency))

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise BadAmount(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __str__(self) -> str:
        return f"{self.to_text()} {self.currency}"
