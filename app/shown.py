"""The API's views: frozen records made from rows, with amounts as text and every text cut to a maximum length.

An order, a page of the default length and any other single object stay under `MAX_BYTES`, however long the panel's
texts are: `fit` builds the record with shorter and shorter texts until it fits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field
from pydantic_core import to_json

from app.config import Settings
from app.core.money import Money
from app.db import storable
from app.panels.kinds import links_to

#: The maximum size of an answer about one object, and of a page at the default limit.
MAX_BYTES: Final = 64_000
#: The maximum size of one list row, so that 25 rows and the frame fit.
MAX_ROW_BYTES: Final = 2_500
#: How many lines of an order, its timeline and its panel calls are shown.
SHOWN: Final = 50
CUT: Final = "…"

_CONTROLS = {code: " " for code in range(32) if code not in (9, 10)} | {127: " "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """The maximum number of characters of each kind of text."""

    request: int
    line: int  # a line of the timeline, a reason, the detail of a signal
    error: int
    name: int  # products, statuses, names of people
    evidence: int  # each value; 0 leaves the evidence of signals out
    reasons: int  # number of reasons


_LEVELS: Final = (
    Lengths(request=12_000, line=1_100, error=500, name=200, evidence=200, reasons=20),
    Lengths(request=6_000, line=300, error=200, name=100, evidence=80, reasons=20),
    Lengths(request=2_000, line=120, error=80, name=50, evidence=30, reasons=8),
    Lengths(request=500, line=40, error=25, name=20, evidence=0, reasons=3),
)

View = TypeVar("View")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonView:
    """A reason: a stable code and a sentence."""

    code: Annotated[str, Field(examples=["custom_work"])]
    text: Annotated[str, Field(examples=["About 60 minutes of work (40.00 USD), earned back by 5.93 months."])]


def fit(build: Callable[[Lengths], View], *, limit: int = MAX_BYTES) -> View:
    """Build a record with the longest texts that keep it within `limit` bytes of JSON."""
    for lengths in _LEVELS[:-1]:
        view = build(lengths)
        if len(to_json(view)) <= limit:
            return view
    return build(_LEVELS[-1])


def cut(text: str | None, length: int) -> str:
    """Return at most the first `length` characters, safe for any database and JSON; cut text ends in "…"."""
    if not text:
        return ""
    shown = text if len(text) <= length else text[: max(0, length - 1)] + CUT
    return str(storable(shown)).translate(_CONTROLS)


def cut_or_none(text: str | None, length: int) -> str | None:
    """Cut a text; None stays None."""
    return None if text is None else cut(text, length)


def amount(minor: int | None, currency: str | None) -> str | None:
    """Return an amount with the currency's decimals; None while amount or currency is unknown."""
    return None if minor is None or not currency else Money(int(minor), currency).to_text()


def money(stored: dict[str, Any] | None) -> str | None:
    """Return an amount of a stored judgement as text."""
    return None if stored is None else amount(stored["amount_minor"], stored["currency"])


def reasons(stored: list[dict[str, Any]] | None, lengths: Lengths) -> tuple[ReasonView, ...]:
    """Return stored reasons as views."""
    return tuple(
        ReasonView(code=cut(str(one.get("code")), 48), text=cut(str(one.get("text")), lengths.line))
        for one in (stored or [])[: lengths.reasons]
    )


def panel_url(settings: Settings, order_id: int | None) -> str | None:
    """Return the URL of an order in the panel's admin area."""
    links = links_to(settings.panel_url)
    return None if links is None or order_id is None else links.order_url(order_id)
