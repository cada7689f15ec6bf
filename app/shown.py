"""The API's answers: frozen views read from rows by the names of their fields, with every text cut to a maximum length.

Each view states once how long its texts may be: long enough to show real orders in full. Only an answer whose lists are
full of such texts would become too large; `within` then cuts the longest texts of the finished view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema, from_json, to_json

from app.config import Settings
from app.core.money import Money
from app.db import storable
from app.panels.links import links_to

#: The maximum size of an answer about one object, and of a page at the default limit.
MAX_BYTES: Final = 64_000
#: The maximum size of one list row: 25 rows take 62,500 bytes and leave 1,500 for the commas and the cursor.
MAX_ROW_BYTES: Final = 2_500
#: How many lines of an order, its timeline and its panel calls are shown.
SHOWN: Final = 50
CUT: Final = "…"

_CONTROLS = {code: " " for code in range(32) if code not in (9, 10)} | {127: " "}


# --- views and their fields ---------------------------------------------------------------------------------------


class View(BaseModel):
    """A part of an answer, read from any object whose attributes have the names of its fields."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    @classmethod
    def of(cls, source: Any, **computed: Any) -> Self:
        """Read the view from an object, except the fields that are computed."""
        return cls.model_validate(_Source(source, computed))


class _Source:
    """An object with some attributes replaced or added."""

    def __init__(self, source: Any, computed: dict[str, Any]) -> None:
        self.__dict__ = computed
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


@dataclass(frozen=True, slots=True)
class Cut:
    """Marks a field whose text, or each of whose texts, is cut to its first `length` characters."""

    length: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Cut before the field's own validation."""
        return core_schema.no_info_before_validator_function(self._cut, handler(source))

    def _cut(self, value: Any) -> Any:
        return _each_text(value, lambda text: cut(text, self.length), marked=True)


def first(count: int) -> BeforeValidator:
    """Show only the first elements of a list; an unknown list is empty."""
    return BeforeValidator(lambda found: (found or ())[:count])


def _evidence(pairs: Any) -> dict[str, Any]:
    return {cut(str(name), 40): value for name, value in (pairs or ())[:12]}


def money(stored: dict[str, Any] | None) -> str | None:
    """Return an amount of a stored judgement as text."""
    return None if stored is None else amount(stored["amount_minor"], stored["currency"])


#: An amount of a stored judgement.
StoredMoney = Annotated[str | None, BeforeValidator(money)]
#: What a signal was found by: its first twelve pairs of a name and a value.
Evidence = Annotated[dict[str, str | int | float | bool | None], Cut(200), BeforeValidator(_evidence)]


class ReasonView(View):
    """A reason: a stable code and a sentence."""

    code: Annotated[str, Cut(48), Field(examples=["custom_work"])]
    text: Annotated[
        str, Cut(1_100), Field(examples=["About 60 minutes of work (40.00 USD), earned back by 5.93 months."])
    ]


#: The reasons of a decision.
Reasons = Annotated[tuple[ReasonView, ...], first(20)]


# --- texts and amounts --------------------------------------------------------------------------------------------


def cut(text: str | None, length: int) -> str:
    """Return at most the first `length` characters, safe for any database and JSON; cut text ends in "…"."""
    if not text:
        return ""
    shown = text if len(text) <= length else text[: max(0, length - 1)] + CUT
    return str(storable(shown)).translate(_CONTROLS)


def amount(minor: int | None, currency: str | None) -> str | None:
    """Return an amount with the currency's decimals; None while amount or currency is unknown."""
    return None if minor is None or not currency else Money(int(minor), currency).to_text()


def panel_url(settings: Settings, order_id: int | None) -> str | None:
    """Return the URL of an order in the panel's admin area."""
    links = links_to(settings.panel_url)
    return None if links is None or order_id is None else links.order_url(order_id)


# --- the size of an answer ----------------------------------------------------------------------------------------

Shown = TypeVar("Shown", bound=View)


def within(view: Shown, limit: int = MAX_BYTES) -> Shown:
    """Return the view; if it takes more than `limit` bytes of JSON, its longest texts are cut to one shared size.

    The texts give up what is too much, so a view fits whenever its frame fits: all that is not marked with `Cut`. With
    all lists full, the frame of an order takes 36,000 bytes of `MAX_BYTES`, that of an explanation 42,000, and that of
    a row 2,350 of `MAX_ROW_BYTES`.
    """
    excess = len(to_json(view)) - limit
    if excess <= 0:
        return view
    sizes: list[int] = []
    _each_text(view, lambda text: sizes.append(_size(text)))  # only measures
    size = _shared_size(sizes, sum(sizes) - excess)
    shortened: Shown = _each_text(view, lambda text: _beginning(text, size))
    return shortened


def _each_text(value: Any, change: Callable[[str], Any], *, marked: bool = False) -> Any:
    """Return a value with all its texts changed; those of a view are in the fields marked with `Cut`."""
    if isinstance(value, View):
        fields = type(value).model_fields.items()
        marks = {name: any(isinstance(mark, Cut) for mark in field.metadata) for name, field in fields}
        changed = {name: _each_text(getattr(value, name), change, marked=mark) for name, mark in marks.items()}
        return value.model_copy(update=changed)
    if isinstance(value, list | tuple):
        return tuple(_each_text(one, change, marked=marked) for one in value)
    if isinstance(value, dict):
        return {name: _each_text(one, change, marked=marked) for name, one in value.items()}
    return change(value) if marked and isinstance(value, str) else value


def _size(text: str) -> int:
    return len(to_json(text)) - 2  # without its quotation marks


def _shared_size(sizes: list[int], total: int) -> int:
    """Return the size to which texts are cut, if they are longer, so that together they take at most `total`."""
    rest = sorted(sizes, reverse=True)
    while rest and rest[-1] * len(rest) <= total:
        total -= rest.pop()
    return max(0, total) // max(1, len(rest))


def _beginning(text: str, size: int) -> str:
    """Return a text cut to at most `size` bytes of JSON."""
    if _size(text) <= size:
        return text
    room = size - _size(CUT)
    return "" if room < 0 else str(from_json(to_json(text)[: 1 + room], allow_partial="trailing-strings")) + CUT
