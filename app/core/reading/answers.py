"""Read the expected use from the answers to a form: "Visitors per day" answered with "50,000".

The label says what is counted, in which period and sometimes in which unit; the answer is often a bare number. Both
are joined to one sentence, "50,000 visitors per day", and read like any other. The answer's own words take priority.
"""

from __future__ import annotations

import re
from typing import Final

from app.core.reading.kinds import ExpectedUse
from app.core.reading.quantities import (
    BYTES,
    MAILS,
    MAY_HOLD_NUMBERS,
    OTHER_BYTES,
    PEOPLE,
    PERIOD,
    STORAGE,
    TRAFFIC,
    find_expected,
    period_in,
)
from app.core.reading.text import normalise

#: A line of a form in the notes.
_LINE: Final = re.compile(r"^[ \t*•-]*(?P<label>[^:=\n]{3,120}?) ?[:=] ?(?P<answer>[^:=\n]{1,80})$", re.MULTILINE)
_COUNTED: Final = re.compile(
    rf"\b(?:(?P<visitors>{PEOPLE})|(?P<mails>{MAILS})|(?P<traffic>{TRAFFIC})|(?P<storage>{STORAGE})|{OTHER_BYTES})\b"
)
#: The beginning of an answer that is only an amount: "about 50,000", "max. 10 TB", "half a million".
_AMOUNT: Final = re.compile(
    r"(?:(?:about|approx\.?|approximately|around|roughly|circa|ca\.?|etwa|rund|ungefahr|maybe|vielleicht|up to|bis zu"
    r"|no more than|not more than|more than|mehr als|less than|weniger als|at least|mindestens|max\.?|maximum|maximal"
    r"|between|zwischen|[~<>]) ?){0,3}(?:\d|(?:an?|one|half an?|eine?|eine halbe) (?:million|milli|thousand|tausend))"
)
_UNIT: Final = re.compile(rf"\b(?:{BYTES})\b")
_LABEL_CAP: Final = 300


def find_answer(label: str, answer: str, *, where: str) -> tuple[ExpectedUse, ...]:
    """Return the expected use from the answer to one question of a form."""
    if not MAY_HOLD_NUMBERS.search(answer):
        return ()
    return find_expected(answer, where=where) or _read(label, answer, where=where)


def find_in_lines(text: str, *, where: str) -> tuple[ExpectedUse, ...]:
    """Return the expected use from lines like "Visitors per day: 50,000" in a text, each line on its own."""
    if not MAY_HOLD_NUMBERS.search(text) or (":" not in text and "=" not in text):
        return ()
    lines = _LINE.finditer(normalise(text))
    return tuple(use for line in lines for use in _read(line["label"], line["answer"], where=where))


def _read(label: str, answer: str, *, where: str) -> tuple[ExpectedUse, ...]:
    asked, said = normalise(label[:_LABEL_CAP]), normalise(answer)
    counted = _COUNTED.search(said) or _COUNTED.search(asked)
    if counted is None or counted.lastgroup is None or not _AMOUNT.match(said):
        return ()
    own_period = PERIOD.search(said)
    period = period_in(own_period[0]) if own_period else period_in(asked)
    amount = (said[: own_period.start()] if own_period else said).strip(" .!~")
    unit = _UNIT.search(asked)
    bare = counted.lastgroup in {"traffic", "storage"} and unit is not None and not _UNIT.search(amount)
    words = [amount, *([unit[0]] if bare and unit else []), "" if _COUNTED.search(said) else counted.lastgroup]
    sentence = " ".join(filter(None, words)) + (f" per {period}" if period else "")
    return find_expected(sentence, where=where)
