"""Reading a long body as JSON, for a process of its own: a mebibyte of hostile JSON takes a second."""

from __future__ import annotations

import json
from typing import Any, Final

from app.errors import Invalid

#: More values, keys included, are in no request that we know: a thousand ids are the most.
MOST_VALUES: Final = 5_000
_DEEPEST: Final = 50


def read_json(body: bytes) -> Any:
    """Return what a body says. Raises Invalid for what is no JSON, too deep, or made of too many pieces."""
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
            raise _refused(f"has more than {MOST_VALUES} values")
        if depth > _DEEPEST:
            raise _refused("nested too deeply")
        inner = one.values() if isinstance(one, dict) else one
        left += [(each, depth + 1) for each in inner]
    return value


def _refused(message: str) -> Invalid:
    return Invalid("The request can't be understood; `errors` says where.", [{"path": "body", "message": message}])
