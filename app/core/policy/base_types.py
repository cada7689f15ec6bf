"""The basic types of the policy document: strict, frozen, bounded."""

from __future__ import annotations

import ipaddress
import string
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

#: The placeholders allowed in a message to a customer; the sender fills them in and escapes them.
PLACEHOLDERS = frozenset(
    {
        "order_number",
        "order_total",
        "fee",
        "work",
        "invoice_url",
        "cart_url",
        "expires_on",
        "question",
    }
)
#: Errors show this many characters of a wrong placeholder, to leave room for the list of known ones.
_SHOWN = 40


class PolicyPart(BaseModel):
    """One table of the policy document: unknown keys are errors, values are not coerced, instances are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True)


def _amount(text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("must be an amount such as 7.00") from error
    if not 0 <= value <= 10_000_000:
        raise ValueError("must be an amount between 0 and 10000000")
    return text


def readable(text: str) -> str:
    """Refuse characters that no panel can store. Raises ValueError."""
    if any((ord(char) < 32 and char not in "\n\t") or 0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise ValueError("control characters and lone surrogates are not allowed")
    return text


def naming(*names: str) -> Callable[[str], str]:
    """Return a validator that a template has only these placeholders, each as a bare name in braces."""
    known = ", ".join(sorted(names)) or "none; write {{ and }} for braces"

    def check(text: str) -> str:
        try:
            fields = [part for part in string.Formatter().parse(text) if part[1] is not None]
        except ValueError as error:
            raise ValueError(f"braces do not match: {error}") from error
        for _, name, spec, conversion in fields:
            if name in names and (spec or conversion):
                written = f"{name}{f'!{conversion}' if conversion else ''}{f':{spec}' if spec else ''}"
                raise ValueError(f"write {{{name}}} instead of {{{written[:_SHOWN]}}}: a placeholder has no format")
            if name not in names:
                raise ValueError(f"unknown placeholder {{{(name or '')[:_SHOWN]}}}; known are {known}")
        return text

    return check


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError("must be an IP address or network such as 203.0.113.0/24") from error
    return text


def _hundredths(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"))


#: A decimal amount as text, in the major unit of its currency: ``"7.00"``.
Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,8}(\.[0-9]{1,3})?$"), AfterValidator(_amount)]
#: ISO 4217.
CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
#: A short text of one line, such as a code, a name or a term.
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(readable)]
#: An IP address or network.
Network = Annotated[Line, AfterValidator(_network)]
#: A text for a customer with placeholders in braces.
Template = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4000),
    AfterValidator(readable),
    AfterValidator(naming(*PLACEHOLDERS)),
]
#: The same for the body of a message, which may also contain the whole explanation of the decision.
MessageBody = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4000),
    AfterValidator(readable),
    AfterValidator(naming(*PLACEHOLDERS, "explanation")),
]
#: Points of a signal; the signal determines the sign.
Points = Annotated[int, Field(ge=0, le=100)]
#: Staff minutes, at most one day.
Minutes = Annotated[int, Field(ge=0, le=1440)]
#: A percentage.
Percent = Annotated[int, Field(ge=0, le=100)]
#: A count; 0 may mean "never", as documented by the field.
Count = Annotated[int, Field(ge=0, le=1_000_000)]
#: A number of months, with two decimals.
Months = Annotated[Decimal, Field(ge=0, le=120), AfterValidator(_hundredths)]
#: An id in the panel.
PanelId = Annotated[int, Field(ge=1, lt=2**63)]
#: A product group or client group: its id, or (product groups) its name.
GroupRef = PanelId | Line
