"""The names of query parameters: a name that a route does not know is refused, because a filter that is misspelt and
ignored would return the rows of other customers.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, get_origin

from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant

from app.errors import Invalid

_LONGEST: Final = 60
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryNames:
    """The query parameters that a route reads; `lists` may be given more than once."""

    known: frozenset[str]
    lists: frozenset[str]

    @classmethod
    def of(cls, dependant: Dependant) -> QueryNames:
        """Return the parameters of a route and of its dependencies."""
        fields = tuple(_fields(dependant))
        lists = (field.alias for field in fields if get_origin(field.field_info.annotation) is list)
        return cls(known=frozenset(field.alias for field in fields), lists=frozenset(lists))

    def check(self, given: Sequence[str]) -> None:
        """Refuse unknown parameters, and repeated ones of which only the last would count.

        Raises Invalid, which names the most similar parameter, else all of them.
        """
        counts = Counter(given)
        wrong = {name: self._unknown(name) for name in counts if name not in self.known}
        wrong |= {name: "given more than once" for name in self.known - self.lists if counts[name] > 1}
        if wrong:
            errors = [{"path": f"query.{name[:_LONGEST]}", "message": text} for name, text in wrong.items()]
            raise Invalid("The request can't be understood; `errors` says where.", errors[:_SHOWN])

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name[:_LONGEST].lower(), sorted(self.known), n=1)
        if near:
            return f"unknown parameter; did you mean {near[0]}?"
        if not self.known:
            return "unknown parameter; there are none here"
        return f"unknown parameter; known here are {', '.join(sorted(self.known))}"


def _fields(dependant: Dependant) -> Iterator[ModelField]:
    yield from dependant.query_params
    for inner in dependant.dependencies:
        yield from _fields(inner)
