"""Normalise texts to what the customer wrote, without mark-up, quotes and signatures; split them into words.

Every step is linear in the length of the text, and the length is capped, so a hostile text is cheap to process.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

V = TypeVar("V")

MAX_TEXT = 256 * 1024
"""Characters of a text that are read, before and after it is made comparable; `is_cut` says whether there were more."""

#: Longer texts are not cached.
_SHORT = 4 * 1024
#: Longer texts also lose their accents before they are decomposed: NFKD sorts a long run of them slowly.
_FEW_ACCENTS = 256
#: The most characters that one character decomposes to (U+FDFA).
_MOST_FROM_ONE = 18

_TAG = re.compile(r"<(/?)([a-z][a-z0-9]{0,14})\b([^<>]{0,600})>|<!--|<!([^<>]{0,80})>", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"<[^\s<>]{3,400}>")
_BREAKING = frozenset({"br", "p", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "hr", "pre", "blockquote"})
_HIDDEN = frozenset({"blockquote", "script", "style"})
#: Long numeric entities: Python does not parse thousands of digits, and no code point has eight.
_LONG_NUMBER = re.compile(r"&#([0-9]{5,})")
#: Categories of combining or invisible characters: accents, joiners, soft hyphens, direction marks.
_UNSEEN = frozenset({"Mn", "Me", "Cf"})
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
_PLAIN_MARKS = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u00b4": "'", "`": "'", "\u2013": "-", "\u2014": "-"}
    | dict.fromkeys("\u115f\u1160\u180e\u2800\u3164\uffa0", " ")  # characters that show as a blank
)
_SPACES = re.compile(r"[^\S\n]+")
_DROPPED_TAIL = re.compile(
    r"-{2,}\s?(?:original message|forwarded message|urspruengliche nachricht|ursprungliche nachricht|original-nachricht"
    r"|message d'origine|message original|mensaje original|oorspronkelijk bericht)\b"
)
_ATTRIBUTION = re.compile(r"(?:on|am|le|el|op)\b.{4,160}\b(?:wrote|schrieb|a ecrit|escribio|schreef)\b.{0,80}:\s*$")
_MAIL_HEADER = re.compile(r"(?:from|von|de|van)\s?: ?\S")
_MAIL_HEADER_NEXT = re.compile(r"(?:sent|date|gesendet|datum|envoye|enviado|verzonden|to|an)\s?: ?\S")
_SIGNATURE_LINES = 12
#: Domain names and single words: there is nothing to remove from them.
_BARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


def normalise(text: str) -> str:
    """Return the writer's own part of a text, in lower case, without diacritics or mark-up.

    Quoted mail, forwarded originals and the signature are removed; line breaks stay, other white space becomes one
    blank. Offsets of findings refer to this text. Never longer than `MAX_TEXT`.
    """
    return _parts(text).own


def left_out(text: str) -> str:
    """Return what `normalise` removes as quotes or mark-up, normalised too, because people can still read it."""
    return _parts(text).others


def is_cut(text: str) -> bool:
    """Return whether the text is longer than what is read."""
    return len(text) * _MOST_FROM_ONE > MAX_TEXT and (len(text) > MAX_TEXT or _parts(text).cut)


def unescape(text: str) -> str:
    """Return a text with its HTML entities decoded once, however long their numbers are."""
    if "&" not in text:
        return text
    return html.unescape(_LONG_NUMBER.sub(lambda found: f"&#{found[1].lstrip('0')[:8] or 0}", text))


class _Parts(NamedTuple):
    own: str
    others: str = ""
    cut: bool = False


def _parts(text: str) -> _Parts:
    if len(text) <= _SHORT:
        return _short_parts(text)
    return _take_apart(text)


@lru_cache(maxsize=128)
def _short_parts(text: str) -> _Parts:
    """Cached, because the same text is searched several times."""
    return _take_apart(text)


def _take_apart(text: str) -> _Parts:
    if len(text) <= MAX_TEXT and _BARE.fullmatch(text):
        return _Parts(text.lower())
    marked: list[str] = []
    # Twice, because a browser's form may send entities and WHMCS escapes them again.
    plain = _comparable(_without_markup(unescape(unescape(text[:MAX_TEXT])), marked))
    others: list[str] = []
    own = _own_lines(plain[:MAX_TEXT].split("\n"), others)
    if marked:
        others.append(_comparable("\n".join(marked)))
    cut = len(text) > MAX_TEXT or len(plain) > MAX_TEXT
    return _Parts("\n".join(own).strip(), "\n".join(others).strip()[:MAX_TEXT], cut)


def _comparable(text: str) -> str:
    """Return a text in lower case without diacritics; cut only if it grew far beyond `MAX_TEXT`."""
    plain = _UNWANTED.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")).translate(_PLAIN_MARKS)
    if plain.isascii():
        return _SPACES.sub(" ", plain.lower())
    if len(plain) > _FEW_ACCENTS:
        plain = _seen(plain)
    plain = unicodedata.normalize("NFKD", plain)[: 4 * MAX_TEXT].casefold()
    return _SPACES.sub(" ", _seen(plain))


def _seen(text: str) -> str:
    return "".join([char for char in text if char < "\x80" or unicodedata.category(char) not in _UNSEEN])


def _without_markup(text: str, left: list[str]) -> str:
    """Return a text without mark-up and hidden blocks; removed parts with words are appended to `left`."""
    if "<" not in text:
        return text
    parts: list[str] = []
    depth, opened = 0, dict[str, int]()  # open hidden blocks, and the depth at each name's first
    position = 0

    def without_address(match: re.Match[str]) -> str:
        if "@" not in match[0] and "://" not in match[0]:
            return match[0]
        left.append(match[0][1:-1])
        return " "

    text = _IN_BRACKETS.sub(without_address, text)
    for tag in _TAG.finditer(text):
        (left if depth else parts).append(text[position : tag.start()])
        position = tag.end()
        name = (tag[2] or "").lower()
        if name in _HIDDEN:
            if not tag[1]:
                opened.setdefault(name, depth)
                depth += 1
            elif name in opened:
                depth = opened[name]
                opened = {other: at for other, at in opened.items() if at < depth}
        if tag[3] and tag[3].strip(" /"):
            left.append(f"{name} {tag[3]}")
        elif tag[4]:
            left.append(tag[4])
        parts.append("\n" if name in _BREAKING else " ")
    # A block that is never closed is not a quote: better to read too much than to miss a request after it.
    parts.append(text[position:])
    return "".join(parts)


def _own_lines(lines: list[str], others: list[str]) -> list[str]:
    """Return the writer's own lines; all other lines are appended to `others`."""
    kept: list[str] = []
    own_after = _own_after(lines)
    skip_next = False
    for number, line in enumerate(lines):
        if skip_next or _is_quoted(line):
            skip_next = False
            others.append(line.lstrip(" >|"))
            continue
        if _ends_own_text(lines, number, own_after[number]):
            others += lines[number:]
            break
        spread = _attribution_lines(lines, number)
        if spread and not _quote_follows(lines, number + spread):
            others += lines[number:]
            break
        skip_next = spread > 1
        (others if spread else kept).append(line.strip())
    return kept


def _is_quoted(line: str) -> bool:
    return line.lstrip().startswith((">", "|>"))


def _own_after(lines: list[str]) -> list[int]:
    """Return for each line how many of the writer's own lines come later."""
    counts = [0] * len(lines)
    for number in range(len(lines) - 2, -1, -1):
        after = lines[number + 1]
        counts[number] = counts[number + 1] + bool(after.strip() and not _is_quoted(after))
    return counts


def _quote_follows(lines: list[str], number: int) -> bool:
    while number < len(lines) and not lines[number].strip():
        number += 1
    return number < len(lines) and _is_quoted(lines[number])


def _ends_own_text(lines: list[str], number: int, own_after: int) -> bool:
    line = lines[number].strip()
    if line == "--":
        return lines[number].endswith(" ") or own_after <= _SIGNATURE_LINES
    if _DROPPED_TAIL.match(line):
        return True
    return bool(
        _MAIL_HEADER.match(line) and number + 1 < len(lines) and _MAIL_HEADER_NEXT.match(lines[number + 1].strip())
    )


def _attribution_lines(lines: list[str], number: int) -> int:
    """Return the number of lines (0, 1 or 2) of the "On … wrote:" that starts here."""
    line = lines[number].strip()
    if _ATTRIBUTION.match(line[:300]):
        return 1
    if line.startswith(("on ", "am ", "le ", "el ", "op ")) and len(line) < 200 and number + 1 < len(lines):
        return 2 if _ATTRIBUTION.match(f"{line} {lines[number + 1].strip()[:100]}") else 0
    return 0


class Token(NamedTuple):
    """One word or number of a normalised text, or a mark that ends a clause."""

    text: str
    start: int


_HOST_ENDINGS = (
    "com|net|org|info|biz|eu|de|nl|fr|es|at|ch|be|it|uk|us|ca|io|co|dev|app|cloud|online|shop|site|xyz|me|tv|pl|se|dk"
    "|example|test|local|invalid|localhost|host|hosting|tech|store|club|top|ru|cn|br|in|au|nz|ie|pt|cz|hu|ro|gr"
)
# An apostrophe is kept in "don't" and separates "d'installer".
_WORD = r"(?:[cdjlmnst]|qu)(?='[^\W\d_]{2})|[^\W\d_]{1,60}(?:'[^\W\d_]{1,20})?"
_NUMBER = r"\d{1,9}(?:\.\d{1,9}){0,4}"
_PLAIN = re.compile(f"{_NUMBER}|{_WORD}")
_TOKEN = re.compile(
    r"(?P<plain>[^\W\d_]{1,60}(?= ))"  # matches most words without trying the other alternatives
    r"|(?P<host>https?://[^\s<>]{1,300}|[\w.+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,6}+"
    r"|(?<![\w.@-])(?!asp\.net|vb\.net)[a-z0-9][\w-]{0,62}+(?=\.)"
    rf"(?:\.[\w-]{{1,63}}+){{0,5}}\.(?:{_HOST_ENDINGS})(?![\w-]|\.\w))"
    rf"|(?P<number>{_NUMBER})"
    rf"|(?P<word>{_WORD})"
    r"|(?P<stop>[.!?]+(?=\s|$)|[;:](?=\s|$)|\n+ ?(?:[-*\u2022+]|\d{1,2}[.)])? ?)"
    r"|(?P<comma>[,()\[\]\"]|-(?=\s))"
)
HOST = "<host>"
STOP = "<stop>"
COMMA = "<comma>"
COLON = "<colon>"
BULLET = "<bullet>"
QUESTION = "<question>"
_WRAPPED_AT = 58


def tokens(text: str) -> list[Token]:
    """Return the words of a normalised text in order, with marks between clauses; an address counts as one mark.

    Letters and digits are split ("centos6" is two words), so that every spelling of a version gives the same words.
    A line break after a long line is line wrapping, not a mark.
    """
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        start = match.start()
        if kind == "plain":
            found.append(Token(match[0], start))
        elif kind == "host":
            found.append(Token(HOST, start))
        elif kind == "comma":
            found.append(Token(COMMA, start))
        elif kind == "stop":
            mark = _mark(text, match)
            if mark:
                found.append(Token(mark, start))
        else:
            found.append(Token(match[0], start))
    return found


def _mark(text: str, match: re.Match[str]) -> str:
    mark = match[0]
    if "?" in mark:
        return QUESTION
    if mark[0] == ":":
        return COLON
    if mark[0] != "\n":
        return STOP
    if mark.strip():
        return BULLET
    line = text.rfind("\n", max(0, match.start() - _WRAPPED_AT), match.start())
    wrapped = line < 0 and match.start() >= _WRAPPED_AT
    return "" if wrapped and mark.count("\n") == 1 else STOP


def words(text: str) -> Iterator[Token]:
    """Yield only words and numbers, including those inside addresses and domain names."""
    for match in _PLAIN.finditer(text):
        yield Token(match[0], match.start())


def split(phrase: str) -> tuple[str, ...]:
    """Return a phrase as the words that the reader sees."""
    return tuple(_PLAIN.findall(phrase))


def spellings(term: str) -> tuple[tuple[str, ...], ...]:
    """Return the word sequences that find a term: its words, and joined as one; none without words."""
    phrase = split(normalise(term))
    return (phrase, ("".join(phrase),)) if phrase else ()


def expand(pattern: str) -> tuple[str, ...]:
    """Expand a pattern with alternatives to its phrases: "{i|we} can" gives "i can" and "we can"."""
    results = [""]
    for part in re.split(r"(\{[^{}]*\})", pattern):
        choices = part[1:-1].split("|") if part.startswith("{") else [part]
        results = [head + choice for head in results for choice in choices]
    return tuple(" ".join(result.split()) for result in results)


class PhraseBook(Generic[V]):
    """Phrases and their meanings, looked up word by word; the longest phrase at a position wins."""

    def __init__(self, phrases: Iterable[tuple[tuple[str, ...], V]]) -> None:
        """Take phrases as tuples of words; the first of equal phrases counts."""
        self._next: dict[str, Any] = {}
        for phrase, meaning in phrases:
            node = self._next
            for word in phrase:
                node = node.setdefault(word, {})
            node.setdefault("", meaning)

    def begins_with(self, word: str) -> bool:
        """Return whether a phrase begins with this word; few words do."""
        return word in self._next

    def matches(self, found: Sequence[Token], at: int) -> Iterator[tuple[int, V]]:
        """Yield (number of words, meaning) of each phrase that begins at this word, shorter ones first."""
        node: Any = self._next
        for position in range(at, len(found)):
            node = node.get(found[position].text)
            if node is None:
                return
            if "" in node:
                yield position + 1 - at, node[""]

    def match(self, found: Sequence[Token], at: int) -> tuple[int, V] | None:
        """Return (number of words, meaning) of the longest phrase that begins at this word, if one does."""
        if found[at].text not in self._next:
            return None
        every = list(self.matches(found, at))
        return every[-1] if every else None
