"""How WHMCS reads forms and writes JSON, including its quirks."""

import html
import json
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import phpserialize

from app.sandbox.behaviours import Behaviours
from app.sandbox.context import BusinessError

_BRACKETS = re.compile(r"^([^\[\]]+)\[([^\[\]]*)\]$")
_DATE_PATTERNS = {"Y-m-d": "%Y-%m-%d", "d/m/Y": "%d/%m/%Y", "m/d/Y": "%m/%d/%Y", "d.m.Y": "%d.%m.%Y"}
_TEXT_NUMBERS = frozenset({"userid", "clientid", "invoiceid", "count", "adminid", "taxed", "quantity", "groupid"})
NOTICE = "<br />\n<b>Notice</b>:  Undefined index: foo in <b>/whmcs/includes/hooks/x.php</b> on line <b>12</b><br />\n"
NO_DATE = "0000-00-00"
NO_TIME = "0000-00-00 00:00:00"


class FieldError(BusinessError):
    """A field that can't be parsed as the expected type."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Invalid value for {name}")


class Fields:
    """One call's form fields; PHP arrays (`pid[0]=1`, `pid[]=1`) are dicts keyed by text."""

    def __init__(self, body: str) -> None:
        self.plain: dict[str, str] = {}
        self.arrays: dict[str, dict[str, str]] = {}
        for name, value in parse_qsl(body, keep_blank_values=True):
            match = _BRACKETS.match(name)
            if match is None:
                self.plain[name] = value
                continue
            rows = self.arrays.setdefault(match[1], {})
            rows[match[2] or str(len(rows))] = value

    def has(self, name: str) -> bool:
        return name in self.plain

    def text(self, name: str, default: str = "") -> str:
        return self.plain.get(name, default)

    def number(self, name: str, default: int = 0) -> int:
        """PHP's integer cast: a text that does not start with digits is 0."""
        match = re.match(r"\s*-?\d+", self.plain.get(name, ""))
        return int(match[0]) if match else default

    def flag(self, name: str) -> bool | None:
        """PHP truthiness, except for the text ``false``; None if the field was not sent."""
        if name not in self.plain:
            return None
        return self.plain[name].strip().lower() not in {"", "0", "false"}

    def amount(self, name: str) -> Decimal | None:
        return decimal(self.plain[name], name) if name in self.plain else None

    def day(self, name: str, pattern: str = "Y-m-d") -> date | None:
        """A date in the documented format; WHMCS accepts the database's format if that is the setting."""
        raw = self.plain.get(name, "")
        if not raw:
            return None
        try:
            return datetime.strptime(raw, _DATE_PATTERNS[pattern]).replace(tzinfo=UTC).date()
        except ValueError as error:
            raise FieldError(name) from error

    def array(self, name: str) -> list[str]:
        """An array in key order; a scalar counts as an array of one."""
        if name in self.arrays:
            return list(self.arrays[name].values())
        return [self.plain[name]] if self.plain.get(name) else []

    def serialized(self, name: str) -> Any:
        """`base64(serialize(array))`, with texts decoded."""
        raw = self.plain.get(name, "")
        if not raw:
            return {}
        try:
            return _decoded(phpserialize.loads(b64decode(raw, validate=True)))
        except (ValueError, Base64Error, IndexError) as error:
            raise FieldError(name) from error

    def recorded(self) -> dict[str, Any]:
        """The fields without credentials, for the log of calls."""
        hidden = {"identifier", "secret", "username", "password", "accesskey", "responsetype", "action"}
        return {key: value for key, value in self.plain.items() if key not in hidden} | dict(self.arrays)


def decimal(text: str, name: str) -> Decimal:
    """Money as it was sent; `name` is the field name for the error."""
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise FieldError(name) from error


def _decoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {_decoded(key): _decoded(row) for key, row in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Rows:
    """A list that WHMCS nests in two levels: ``orders.order[]``."""

    name: str
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Raw:
    """A text that is not entity-encoded: JSON text, or HTML that WHMCS generates."""

    text: str


class Renderer:
    """Renders an action's answer as JSON according to this panel's behaviours."""

    def __init__(self, behaviours: Behaviours) -> None:
        self._behaviours = behaviours
        self._zone = ZoneInfo(behaviours.timezone)

    def body(self, answer: Mapping[str, Any]) -> bytes:
        text = json.dumps(self.value(answer), ensure_ascii=False)
        if self._behaviours.noise == "notice":
            text = NOTICE + text
        encoded = text.encode()
        return b"\xef\xbb\xbf" + encoded if self._behaviours.noise == "bom" else encoded

    def value(self, given: Any, key: str = "") -> Any:
        match given:
            case Rows():
                return self._rows(given)
            case Mapping():
                return self._mapping(given)
            case list() | tuple():
                return [self.value(row) for row in given]
            case bool() | None:
                return given
            case int():
                return self._number(given, key)
            case _:
                return self._scalar(given)

    def _mapping(self, given: Mapping[str, Any]) -> dict[str, Any]:
        missing = self._behaviours.empty_list == "missing"
        return {
            key: self.value(row, key)
            for key, row in given.items()
            if not (missing and isinstance(row, Rows) and not row.rows)
        }

    def _rows(self, given: Rows) -> Any:
        if not given.rows:
            empty: dict[str, Any] = {"text": "", "list": [], "object": {}, "nested": {given.name: []}}
            return empty[self._behaviours.empty_list]
        rows = [self.value(row) for row in given.rows]
        if len(rows) == 1 and self._behaviours.single_item == "object":
            return {given.name: rows[0]}
        return {given.name: rows}

    def _number(self, given: int, key: str) -> int | str:
        numbers = self._behaviours.numbers
        as_text = numbers == "text" or (numbers == "mixed" and key in _TEXT_NUMBERS)
        return str(given) if as_text else given

    def _scalar(self, given: Any) -> Any:
        match given:
            case Decimal():
                return f"{given:.2f}"
            case datetime():
                return given.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")
            case date():
                return given.isoformat()
            case Raw():
                return given.text
            case str() if self._behaviours.encode_entities:
                return html.escape(given, quote=True).replace("&#x27;", "&#039;")
            case _:
                return given


def paged(rows: Sequence[Any], fields: Fields) -> tuple[list[Any], dict[str, int]]:
    """One page and its three counters."""
    start = max(fields.number("limitstart"), 0)
    size = max(fields.number("limitnum", 25), 0)
    page = list(rows[start : start + size])
    return page, {"totalresults": len(rows), "startnumber": start, "numreturned": len(page)}
