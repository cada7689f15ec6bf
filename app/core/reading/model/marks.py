"""Split a text into sentences of words, with addresses, names of machines, amounts and sizes as marks.

A mark stands for what differs from text to text, so that a text is read by what it says about a server and not by the
server's name, and so that no address or amount of a customer gets into the model or into evidence.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Word(NamedTuple):
    """A word or mark of a text, and where it stands in it (offsets of its first character and behind its last)."""

    text: str
    start: int
    end: int


class Sentence(NamedTuple):
    """The words of a sentence, and whether it ends with a question mark."""

    words: tuple[Word, ...]
    asks: bool


MAIL: Final = "<mail>"
URL: Final = "<url>"
DOMAIN: Final = "<domain>"
HOST: Final = "<host>"
IP: Final = "<ip>"
RANGE: Final = "<range>"
AMOUNT: Final = "<amount>"
SIZE: Final = "<size>"
SYSTEM: Final = "<os>"
NUMBERED: Final = "<number>"
COUNT: Final = "<count>"

_MARKS: Final = {
    "mail": MAIL, "url": URL, "domain": DOMAIN, "host": HOST, "ip": IP, "range": RANGE, "amount": AMOUNT,
    "size": SIZE, "numbered": NUMBERED,
}  # fmt: skip
_SYSTEMS: Final = frozenset(
    [
        "debian",
        "ubuntu",
        "centos",
        "alma",
        "almalinux",
        "rocky",
        "fedora",
        "freebsd",
        "proxmox",
        "opensuse",
        "windows",
        "win",
        "esxi",
        "vyos",
        "rhel",
    ]
)
_OF_SYSTEM: Final = frozenset({"server", "stream", "linux", "lts", "r2"})
_TLD: Final = (
    "com|net|org|de|es|fr|pt|ru|io|info|biz|eu|uk|us|at|ch|nl|br|dev|app|shop|online|example|test|co|me|it|pl|be|tv"
    "|cloud"
)
_MONEY: Final = "usd|eur|euros?|gbp|chf|dollars?|bucks|brl|reais|rub|rubles?"
_PIECE: Final = re.compile(
    r"(?P<word>[^\W\d_]{1,40}(?:'[^\W\d_]{1,20})?(?![\w@]|[.]\w|[-_]\w*\d|:/|-[\w-]{1,40}\.[a-z]))"
    r"|(?P<url>https?://[^\s<>]{1,400})"
    r"|(?P<mail>[\w.+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,6}+)"
    r"|(?P<ip>(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?![\w.]*\d)|(?<![\w:])[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7})"
    rf"|(?P<amount>[$€£]\s?\d[\d.,]{{0,12}}|(?:usd|eur|gbp|chf|r\$)\s?\d[\d.,]{{0,12}}"
    rf"|(?<![\w.])\d[\d.,]{{0,12}}\s?(?:[$€£₽]|(?:{_MONEY})(?!\w)))"
    r"|(?P<size>(?<![\w.])\d{1,6}(?:[.,]\d{1,3})?\s?(?:[gtm]b|gig|gigs|[gm]bit|[gm]bps|cores?|v?cpus?|ghz|kw|u|\u0433\u0431)(?![^\W_]))"
    rf"|(?P<domain>(?<![\w.@-])[a-z0-9][\w-]{{0,62}}+(?:\.[\w-]{{1,63}}+){{0,4}}?\.(?:{_TLD})(?:\.(?:uk|br))?(?![\w-]|\.\w))"
    r"|(?P<host>(?<![\w-])[a-z]{1,20}\d{0,6}(?:[-_][a-z]{0,20}\d{1,8}[a-z]{0,8}){1,4}|(?<![\w-])[a-z]{1,20}\d{1,8}(?![\w-]))"
    r"|(?P<range>(?<!\w)/[123]?\d(?!\w))"
    r"|(?P<numbered>\#\s?\w{1,20})"
    r"|(?P<count>\d[\d.,:]{0,20})"
    r"|(?P<rest>[^\W\d_]{1,40}(?:'[^\W\d_]{1,20})?)"
    r"|(?P<stop>[.!;:]+(?=\s|$)|\n)"
    r"|(?P<asks>\?)"
)
_SAME: Final = {
    "pls": "please", "plz": "please", "plse": "please", "pleas": "please", "u": "you", "ur": "your", "thx": "thanks",
    "ty": "thanks", "tks": "thanks", "cant": "can't", "cannot": "can't", "dont": "don't", "hasnt": "hasn't",
    "havent": "haven't", "didnt": "didn't", "doesnt": "doesn't", "wont": "won't", "isnt": "isn't", "im": "i'm",
    "ive": "i've", "wanna": "want", "gonna": "going",
}  # fmt: skip
_WRAPPED_AT: Final = 58


def sentences(text: str) -> list[Sentence]:
    """Return the sentences of a normalised text; a line break after a long line is line wrapping, not an end."""
    found: list[Sentence] = []
    words: list[Word] = []
    for match in _PIECE.finditer(text):
        kind = match.lastgroup
        if kind in ("word", "rest"):
            _add(words, match[0], match.start(), match.end())
        elif kind == "stop":
            if words and not _is_wrapped(text, match):
                found.append(Sentence(tuple(words), asks=False))
                words = []
        elif kind == "asks":
            if words:
                found.append(Sentence(tuple(words), asks=True))
                words = []
        elif kind == "count":
            if not (words and words[-1].text == SYSTEM):
                words.append(Word(COUNT if len(match[0]) > 1 else match[0], match.start(), match.end()))
        else:
            words.append(Word(_MARKS[kind or ""], match.start(), match.end()))
    if words:
        found.append(Sentence(tuple(words), asks=False))
    return found


def _add(words: list[Word], text: str, start: int, end: int) -> None:
    if text in _SYSTEMS:
        text = SYSTEM
    elif text in _OF_SYSTEM and words and words[-1].text == SYSTEM:
        return
    words.append(Word(_SAME.get(text, text), start, end))


def _is_wrapped(text: str, match: re.Match[str]) -> bool:
    if match[0] != "\n" or text[match.end() : match.end() + 1] in ("\n", "-", "*", ">"):
        return False
    start = match.start()
    return start >= _WRAPPED_AT and text.rfind("\n", start - _WRAPPED_AT, start) < 0
