"""The types of values that the API accepts, each with its limits, description and example."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Header, Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt
from pydantic.json_schema import SkipJsonSchema

from app.core.webhooks import MAX_ID
from app.customers.identities import canonical_email
from app.db import storable
from app.errors import Invalid
from app.paging import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT, Period, Window

#: An optional parameter is left out; unlike a body, a URL has no null.
Absent = SkipJsonSchema[None]

_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
LONGEST_NOTE: Final = 1_000
LONGEST_QUESTION: Final = 4_000
_LONGEST_FILTER: Final = 254
_LONGEST_TIME: Final = 40
_LONGEST_MINUTES: Final = 60 * 24 * 14


def _plain(value: Any) -> Any:
    """Allow one spelling for each id: no sign, no leading zero, no blanks."""
    if isinstance(value, str) and not _ID.fullmatch(value):
        raise ValueError(f"must be a whole number from 1 to {MAX_ID}")
    return value


def storable_text(value: str) -> str:
    """Refuse text that a database can't store."""
    if storable(value) != value:
        raise ValueError("must not contain NUL or half of a surrogate pair")
    return value


def _mailbox(value: str) -> str:
    """Return the mailbox behind an address: what is compared."""
    found = canonical_email(value)
    if found is None:
        raise ValueError("must be an e-mail address, such as ada@example.com")
    return found


def _path_id(text: str) -> Any:
    """Describe an id in a path. No example: the Swagger UI would fill it in, and it may be a real id."""
    return Path(description=text, json_schema_extra={"format": "int64"})


# Bounds belong to the type itself: behind a validator or an optional they would be missing in the OpenAPI document.
_Id = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(_plain)]
_Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
OrderId = Annotated[_Id, _path_id("The panel's order id.")]
CustomerId = Annotated[_Id, _path_id("The panel's client id.")]
TicketId = Annotated[_Id, _path_id("The panel's ticket id.")]
GroupId = Annotated[_Id, _path_id("The id of a group of new accounts.")]
EventId = Annotated[_Id, _path_id("The event's id.")]
PolicyVersion = Annotated[_Version, BeforeValidator(_plain), _path_id("The policy's version.")]
OtherVersion = Annotated[_Version | Absent, Query(alias="with", description="The version to compare with.")]
ListedId = Annotated[_Id, Field(json_schema_extra={"format": "int64"})]
CustomerFilter = Annotated[_Id | Absent, Query(description="The panel's client id.")]

FilterText = Annotated[
    str, Field(min_length=1, max_length=_LONGEST_FILTER, pattern=r"\S"), AfterValidator(storable_text)
]
NumberFilter = Annotated[
    FilterText | Absent,
    Query(description="The number that customers quote, with or without `#`.", examples=["3735928559"]),
]
EmailFilter = Annotated[
    Annotated[FilterText, AfterValidator(_mailbox)] | Absent,
    Query(
        description="The customer's e-mail address. Case, `+tag` and dots that the provider ignores don't count.",
        examples=["ada@example.com"],
    ),
]
StateFilter = Annotated[FilterText | Absent, Query(description="The state, as the panel names it.")]

Text = Annotated[str, AfterValidator(storable_text)]
Note = Annotated[
    Text | None,
    Field(
        max_length=LONGEST_NOTE, description="Shown in the timeline; customers never see it.", examples=["Called them."]
    ),
]
Amount = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,15}(\.[0-9]{1,3})?$",
        description="A decimal number with no more decimals than the currency has.",
        examples=["25.00"],
    ),
]
Minutes = Annotated[StrictInt, Field(ge=1, le=_LONGEST_MINUTES, description="Staff minutes.", examples=[60])]
LoggedMinutes = Annotated[
    StrictInt, Field(ge=0, le=_LONGEST_MINUTES, description="The minutes that it took.", examples=[12])
]
Flag = StrictBool
BodyId = Annotated[StrictInt, Field(ge=1, le=MAX_ID)]


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def window(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The maximum number of results.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        Annotated[str, Field(max_length=MAX_CURSOR)] | Absent,
        Query(description="The `next_cursor` of the previous page; leave it out for the first page."),
    ] = None,
) -> Window:
    """Return the requested part of a list."""
    return Window(limit=limit, cursor=cursor or None)


_Time = Annotated[str, Field(max_length=_LONGEST_TIME)] | Absent


def period(
    since: Annotated[
        _Time, Query(description="From this day or time on: `2026-11-01` (UTC) or `2026-11-01T08:00:00+01:00`.")
    ] = None,
    until: Annotated[_Time, Query(description="Before this time, or to the end of this day.")] = None,
) -> Period:
    """Return the requested part of time. Raises Invalid."""
    found = Period(since=_moment("since", since), until=_moment("until", until, end=True))
    if found.since is not None and found.until is not None and found.since >= found.until:
        raise _not_a_time("until", "must be after since")
    return found


def _moment(name: str, text: str | None, *, end: bool = False) -> datetime | None:
    """Return a time in UTC; of a day its start, or with `end` the start of the next."""
    if text is None:
        return None
    written = text.strip()
    if "T" in written:
        written = written.replace(" ", "+")  # a plus sign that was not escaped in the URL
    try:
        moment = datetime.fromisoformat(written)
        if len(written) == len("2026-11-01"):
            return moment.replace(tzinfo=UTC) + timedelta(days=1 if end else 0)
        if moment.tzinfo is None:
            raise _not_a_time(name, "must name its offset from UTC, such as +01:00 or Z")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _not_a_time(name, "must be a day or a time, such as 2026-11-01 or 2026-11-01T08:00:00Z") from None


def _not_a_time(name: str, message: str) -> Invalid:
    return Invalid(
        "The request can't be understood; `errors` says where.", [{"path": f"query.{name}", "message": message}]
    )


IdempotencyKey = Annotated[
    Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")] | Absent,
    Header(
        alias="Idempotency-Key",
        description="Makes retries safe: the same key and body get the same answer, and nothing happens twice.",
    ),
]
