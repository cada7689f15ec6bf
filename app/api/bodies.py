"""Reading a long body as JSON in a separate process: a mebibyte of hostile JSON takes a second."""

from __future__ import annotations

import json
from typing import Any, Final

from app.errors import Invalid

#: The most values, keys included, in a body: the largest valid request has a thousand ids.
MOST_VALUES: Final = 5_000
_DEEPEST: Final = 50


def read_json(body: bytes) -> Any:
    """Return the JSON value of a body. Raises Invalid if it is not JSON, too deep, or has too many values."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise _refused("can't be read as JSON") from None
    left, values = [(value, 1)], 0
    while left:
        one, depth = left.pop()
        if not isinstance(one, dict | list):
            continue
        values += len(one)
        if values > MOST_VALUES:
            raise _refused(f"must not have more than {MOST_VALUES} values")
        if depth > _DEEPEST:
            raise _refused("nested too deeply")
        inner = one.values() if isinstance(one, dict) else one
        left += [(each, depth + 1) for each in inner]
    return value


def _refused(message: str) -> Invalid:
    return Invalid("The request can't be understood; `errors` says where.", [{"path": "body", "message": message}])
