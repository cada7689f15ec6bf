"""Read how much a customer expects to use: "10 TB traffic a month", "500k visitors per day", "50 GB Dateien".

Amounts are rounded up to whole numbers of their unit, in decimal gigabytes, and never above `MOST`. A month has 30
days. Ambiguous amounts (10 TB of what? 5000 mails when?) are ignored: a missed amount is only a question not
asked, a misread one holds a good customer's order. Each step is linear in the text, whose length is capped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from fractions import Fraction
from typing import Final

from app.core.reading.kinds import ExpectedUse
from app.core.reading.text import normalise

#: The upper limit of amounts.
MOST: Final = 10**12


class UseUnit(StrEnum):
    """The units of expected use."""

    GB_STORAGE = "gb_storage"
    GB_TRAFFIC_MONTH = "gb_traffic_month"
    VISITORS_DAY = "visitors_day"
    MAILS_DAY = "mails_day"
    NEWSLETTER_READERS = "newsletter_readers"


_NUMBER = r"\d{1,3}(?:[ \u00a0\u202f]000){1,4}|\d[\d.,']{0,24}"
_SCALE = r"k|tsd\.?|thousand|tausend|m|mio\.?|mill\.|millions?|millionen|bn|mrd\.?|billions?|milliarden?"
BYTES = r"[mgtp]i?b|[mgtp]bytes?|(?:mega|giga|tera|peta)bytes?|gigs?|terra?"
PEOPLE = (
    r"visitors?|visits?|besucher|besuchern|besuche|page ?views?|pageviews?|page ?impressions?|seitenaufrufe[n]?"
    r"|aufrufe[n]?|hits|users?|nutzer|nutzern|sessions"
)
MAILS = r"e-?mails?|mails?|newsletters?|messages|nachrichten"
_KINDS = r"(?:(?:unique|daily|monthly|weekly|new|outgoing|tagliche?n?|monatliche?n?|eindeutige?n?|neue?n?) ){0,2}"

MAY_HOLD_NUMBERS = re.compile(r"\d|mill?i|billion|thousand|tausend", re.IGNORECASE)
_QUANTITY = re.compile(
    rf"(?<![\w.,'@/\\$\u20ac\u00a3#-])(?:(?P<low>{_NUMBER})(?: ?(?P<low_scale>{_SCALE})\b)?"
    rf"(?: ?(?:{BYTES})\b)? ?(?:-|to|bis|until|and|und|or|oder) ?)?"
    rf"(?P<number>{_NUMBER})(?: ?(?P<scale>{_SCALE})(?![\w]))?\+? ?"
    rf"(?:(?P<bytes>{BYTES})|(?P<kind>{_KINDS})(?:(?P<people>{PEOPLE})|(?P<mails>{MAILS})))(?![\w])"
)
_WORD_NUMBER = re.compile(
    r"\b(?:a|an|one|eine|einer|half a|eine halbe)(?= (?:million|billion|milliarde|tausend|thousand)\b)"
)

_PERIODS: Final = {
    "hour": Fraction(1, 24),
    "day": Fraction(1),
    "week": Fraction(7),
    "month": Fraction(30),
    "year": Fraction(365),
}
_PERIOD_WORDS = {
    "hour": r"hour|hr|stunde|hourly|stundlich",
    "day": r"day|tag|24 ?h|daily|taglich",
    "week": r"week|woche|weekly|wochentlich",
    "month": r"month|monat|mo|mth|monthly|monatlich",
    "year": r"year|jahr|annum|yearly|annually|jahrlich",
}
_BARE = r"daily|hourly|weekly|monthly|yearly|annually|stundlich|taglich|wochentlich|monatlich|jahrlich"
PERIOD = re.compile(
    rf"(?:(?:/|per|a|an|each|every|pro|am|im|je|in der|p\.) ?(?P<of>{'|'.join(_PERIOD_WORDS.values())})"
    rf"|(?P<bare>{_BARE})|(?P<short>p\.? ?m\.?|pm))(?!\w)"
)
_PERIOD_BEFORE = re.compile(
    rf"(?:(?P<bare>{_BARE})|(?:per|each|every|a|pro|jeden|am|im) (?P<of>day|month|week|hour|tag|monat|woche|stunde))"
    r"(?: \w+){0,3}:? ?$"
)
TRAFFIC = r"traffic|bandwidth|data ?transfer|transfer|egress|datenverkehr|datentransfer|bandbreite|downloads?|uploads?"
STORAGE = (
    r"files?|dateien|storage|disk ?space|disk|space|webspace|speicherplatz|speicher|festplatte|data|daten|backups?"
    r"|photos?|fotos?|bilder|pictures?|images?|videos?|archives?|archiv|mailboxes|postfacher|database|datenbank|hdd|ssd|nvme"
)
#: Other things measured in bytes, which are ignored.
OTHER_BYTES = r"ram|memory|arbeitsspeicher|vram|swap|port|uplink"
_CONTEXT = re.compile(rf"\b(?:(?P<traffic>{TRAFFIC})|(?P<storage>{STORAGE})|(?P<other>{OTHER_BYTES}))\b")
_CONTEXT_BEFORE = re.compile(
    rf"\b(?:(?P<traffic>{TRAFFIC})|(?P<storage>{STORAGE}))\b"
    r"(?: ?[:=~]| (?:of|about|approx\.?|around|up to|roughly|ca\.?|circa|etwa|rund|bis zu|von|is|will be|usage|volume))"
    r"{0,3} ?$"
)
_CLAUSE_ENDS = re.compile(r"[,;\n()!?]|\.(?=\s|$)|\b(?:and|und|plus|with|mit|for|fur)\b|&|\d")
_BEFORE, _AFTER = 48, 60

_POWERS = {"k": 10**3, "t": 10**3, "m": 10**6, "b": 10**9}
_GIGABYTES = {"m": Fraction(1, 1000), "g": Fraction(1), "t": Fraction(1000), "p": Fraction(10**6)}


def find_expected(text: str, *, where: str) -> tuple[ExpectedUse, ...]:
    """Return the expected use from a text, the largest amount of each unit, in the order of `UseUnit`."""
    if not MAY_HOLD_NUMBERS.search(text):
        return ()  # most notes have no numbers
    most: dict[UseUnit, int] = {}
    for unit, amount in _amounts(normalise(text)):
        most[unit] = max(most.get(unit, 0), amount)
    return tuple(ExpectedUse(unit=unit.value, amount=most[unit], where=where) for unit in UseUnit if most.get(unit))


def _amounts(text: str) -> Iterator[tuple[UseUnit, int]]:
    text = _WORD_NUMBER.sub(lambda match: "0.5" if "hal" in match[0] else "1", text)
    known: dict[tuple[str, str, str], _Reading] = {}  # a cache, because padded texts repeat themselves
    read_to = 0  # a word that named one amount does not name the next
    for match in _QUANTITY.finditer(text):
        before = text[max(read_to, match.start() - _BEFORE) : match.start()]
        after = _clause(text[match.end() : match.end() + _AFTER])
        read_to = match.end()
        same = match[0], before, after
        if same not in known:
            known[same] = _amount(match, before, after)
        unit, amount, used = known[same]
        read_to += used
        if unit is not None and amount > 0:
            yield unit, min(MOST, -(-amount.numerator // amount.denominator))


def _amount(match: re.Match[str], before: str, after: str) -> _Reading:
    value = _upper(match)
    if value is None:
        return _NOTHING
    return (_of_bytes if match["bytes"] else _of_counts)(match, value, before, after)


def _clause(after: str) -> str:
    """Cut the text after an amount where the next clause begins; "per 24h" does not begin one."""
    for end in _CLAUSE_ENDS.finditer(after):
        if not (end[0].isdigit() and re.search(r"(?:/|per|in|pro) ?2?$", after[: end.start()])):
            return after[: end.start()]
    return after


# --- numbers ------------------------------------------------------------------------------------------------------


def _upper(match: re.Match[str]) -> Fraction | None:
    """Return the upper end of a range, or the single number."""
    scale = match["scale"]
    high = _number(match["number"], scale, large=match["bytes"] is not None and match["bytes"][0] in "tp")
    low = match["low"] and _number(match["low"], match["low_scale"] or scale, large=False)
    if high is None or not low:
        return high
    return max(high, low) if not match["low_scale"] and not match["bytes"] else high


def _number(text: str, scale: str | None, *, large: bool) -> Fraction | None:
    """Parse digits with points, commas or blanks, English or German; None if not a number (a version, a date).

    A single mark before three digits separates thousands ("1.500 visitors"), except before a unit or scale so `large`
    that nobody has thousands of it ("1.500 TB", "1,250 million").
    """
    plain = re.sub(r"[ \u00a0\u202f']", "", text).rstrip(".,")
    marks = re.sub(r"\d", "", plain)
    if len(plain) > 20 or not plain:
        return None
    large = large or (scale is not None and _power(scale) > 1)
    if not marks:
        whole, part = plain, ""
    elif len(set(marks)) == 2 and marks.count(marks[-1]) == 1:
        whole, _, part = plain.rpartition(marks[-1])
        whole = _grouped(whole, marks[0]) or ""
    elif len(set(marks)) == 1 and len(marks) > 1:
        whole, part = _grouped(plain, marks[0]) or "", ""
    elif len(marks) == 1:
        whole, _, part = plain.partition(marks)
        if len(part) == 3 and not large and not whole.startswith("0") and len(whole) <= 3:
            whole, part = whole + part, ""
    else:
        return None
    if not whole.isdecimal() or not (part.isdecimal() or not part):
        return None
    value = Fraction(int(whole + part), 10 ** len(part))
    return value * _power(scale) if scale else value


def _grouped(text: str, mark: str) -> str | None:
    """Return the digits of a number grouped in threes; None if they are not, as in a version or an address."""
    first, *groups = text.split(mark)
    well = 0 < len(first) <= 3 and first != "0" and all(len(group) == 3 for group in groups)
    return first + "".join(groups) if well else None


def _power(scale: str) -> int:
    if scale.startswith(("mrd", "milliard")):
        return _POWERS["b"]
    return _POWERS[scale[0]]


# --- what is counted ----------------------------------------------------------------------------------------------

_Reading = tuple[UseUnit | None, Fraction, int]
_NOTHING: Final[_Reading] = (None, Fraction(0), 0)


def _of_bytes(match: re.Match[str], value: Fraction, before: str, after: str) -> _Reading:
    """Read bytes as traffic or files, by the word next to them; with a period and no such word they are traffic."""
    gigabytes = value * _GIGABYTES[match["bytes"][0]]
    period = PERIOD.match(after.lstrip()) if after.strip() else None
    named, used = _CONTEXT_BEFORE.search(before), 0
    if named is None:
        named = _CONTEXT.search(after)
        used = named.end() if named else 0
    if named is not None and named.groupdict().get("other"):
        return _NOTHING
    if re.match(r" ?(?:/ ?s\b|ps\b|per sec|pro sek)", after):
        return _NOTHING
    if named is not None and named["storage"]:
        return UseUnit.GB_STORAGE, gigabytes, used
    if named is None and period is None:
        return _NOTHING
    days = _days(before, after) or _PERIODS["month"]
    return UseUnit.GB_TRAFFIC_MONTH, gigabytes * _PERIODS["month"] / days, used


def _of_counts(match: re.Match[str], value: Fraction, before: str, after: str) -> _Reading:
    """Read visitors and mails, which count only if the text names a period."""
    days = _days_of(match["kind"] or "") or _days(before, after)
    if days is None:
        return _NOTHING
    return (UseUnit.MAILS_DAY if match["mails"] else UseUnit.VISITORS_DAY), value / days, 0


def _days(before: str, after: str) -> Fraction | None:
    """Return the days of the period next to an amount."""
    found = PERIOD.search(after) or _PERIOD_BEFORE.search(before)
    if found is None:
        return None
    if found.groupdict().get("short"):
        return _PERIODS["month"]
    return _days_of(found["of"] or found["bare"])


def _days_of(words: str) -> Fraction | None:
    period = period_in(words)
    return None if period is None else _PERIODS[period]


def period_in(words: str) -> str | None:
    """Return the period that normalised words name: hour, day, week, month, year."""
    for period, known in _PERIOD_WORDS.items():
        if re.search(rf"\b(?:{known})(?:e[nrs]?)?\b", words):
            return period
    return None
