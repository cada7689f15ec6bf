"""Compare domain names with the names of banks and brands: look-alike characters, typos, and names used as bait.

Characters that look alike come from the tables of Unicode's UTS #39 (`confusable-homoglyphs`), typing errors are
counted as optimal string alignment (`rapidfuzz`). A name has 253 characters at most, so everything here is bounded.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from rapidfuzz.distance import OSA

from app.core.reading.kinds import Likeness, LookAlike
from app.core.reading.lexicon.hosted import FILLERS, LURES, WEAK_LURES

#: RFC 1035: the longest domain name.
_LONGEST: Final = 253
#: Shorter names are compared only as they are: a letter changed makes another word.
_SPELT_FROM: Final = 5
_TYPOS_FROM: Final = 6
#: A letter left out of a shorter name makes another word too easily.
_LEFT_OUT_FROM: Final = 8
#: The most parts of a label that a name is spread over: "banco-do-brasil".
_MOST_PARTS: Final = 4
_LONGEST_WORD: Final = max(map(len, LURES | FILLERS))
#: Digits in place of letters, as read by people, and "i" for "l"; UTS #39 has the other scripts.
_DIGITS: Final = str.maketrans("013458", "oleasb")
_STROKES: Final = str.maketrans("013458i", "oleasbl")


class _Brand(NamedTuple):
    name: str  # without hyphens
    everyday: bool  # also a word, a place or very short: only bait gives it away


@dataclass(frozen=True, slots=True)
class Brands:
    """The policy's brands, prepared for comparing. Created by `brands_of`."""

    own: frozenset[str]  # domain names of the brands themselves
    by_name: dict[str, _Brand]
    by_shape: dict[str, _Brand]
    by_first: dict[str, tuple[_Brand, ...]]  # those whose typos are looked for
    within: tuple[_Brand, ...]  # those that are looked for within longer words


@lru_cache(maxsize=16)
def brands_of(brands: tuple[str, ...], everyday: tuple[str, ...]) -> Brands:
    """Prepare a policy's brands: their domain names ("paypal.com"), or just names."""
    named: dict[str, _Brand] = {}
    own: set[str] = set()
    for listed, is_everyday in ((everyday, True), (brands, False)):
        for entry in listed:
            plain = unicodedata.normalize("NFKC", entry.strip().casefold()).strip(".")
            if "." in plain:
                own.add(plain)
            name = _unaccented(plain.partition(".")[0]).replace("-", "")
            if name:
                named.setdefault(name, _Brand(name, is_everyday or len(name) < _SPELT_FROM))
    spelt = [brand for brand in named.values() if len(brand.name) >= _SPELT_FROM]
    by_first: defaultdict[str, list[_Brand]] = defaultdict(list)
    for brand in spelt:
        if not brand.everyday and len(brand.name) >= _TYPOS_FROM:
            by_first[brand.name[0]].append(brand)
    return Brands(
        own=frozenset(own),
        by_name=named,
        by_shape={_shape(brand.name): brand for brand in reversed(spelt)},
        by_first={first: tuple(every) for first, every in by_first.items()},
        within=tuple(sorted(spelt, key=lambda brand: -len(brand.name))),
    )


def find_look_alike(domain: str, brands: Brands) -> LookAlike | None:
    """Return the brand that a domain name resembles most strikingly, or None; a brand's own domain resembles none."""
    host = _readable(domain[:_LONGEST])
    if not brands.by_name or any(_is_below(host, own) for own in _parents(host) & brands.own):
        return None
    labels = [label for label in host.split(".")[:-1] if label] or [host]
    parts = [[part for part in label.split("-") if part] for label in labels]
    found: list[LookAlike] = []
    for place, every in enumerate(parts):
        elsewhere = [part for other in parts[:place] + parts[place + 1 :] for part in other]
        found += _in_label(every, elsewhere, brands)
    return min(found, key=lambda one: list(Likeness).index(one.likeness), default=None)


def _in_label(parts: list[str], elsewhere: list[str], brands: Brands) -> Iterator[LookAlike]:
    """Compare the parts of one label; `elsewhere` are those of the others."""
    for first in range(len(parts)):
        for last in range(first + 1, min(len(parts), first + _MOST_PARTS) + 1):
            beside = parts[:first] + parts[last:]
            lures = tuple(dict.fromkeys(part for part in map(_unaccented, (*beside, *elsewhere)) if part in LURES))
            alone = all(part in FILLERS or part.isdecimal() for part in beside)
            yield from _of_run("".join(parts[first:last]), lures, brands, alone=alone)
    for part in parts:
        yield from _within_word(part, parts, brands)


def _of_run(run: str, lures: tuple[str, ...], brands: Brands, *, alone: bool) -> Iterator[LookAlike]:
    """Compare one word of a name, or words between hyphens taken as one; `alone`: nothing else says anything."""
    plain = _unaccented(run)
    brand = brands.by_name.get(plain) or brands.by_name.get(plain.rstrip("0123456789"))
    # "impôts-conseil" is French; "lédger" alone wants to look like another name.
    if brand is not None and (plain == run or (brand.everyday and not alone)):
        if _baits(brand, lures):
            yield LookAlike(brand=brand.name, likeness=Likeness.LURE, words=lures)
        elif not brand.everyday:
            yield LookAlike(brand=brand.name, likeness=Likeness.NAME if alone else Likeness.MENTION)
        return
    if brand is None and len(run) >= _SPELT_FROM:
        brand = brands.by_shape.get(_shape(_ascii(run)))
    if brand is not None:
        yield LookAlike(brand=brand.name, likeness=Likeness.LETTERS)
        return
    if not alone and not lures:
        return
    for one in brands.by_first.get(plain[:1], ()):
        if OSA.distance(plain, one.name, score_cutoff=1) != 1 or _is_inflected(plain, one.name):
            continue
        if lures or _is_slip(plain, one.name):
            yield LookAlike(brand=one.name, likeness=Likeness.TYPO, words=lures)


def _within_word(part: str, parts: list[str], brands: Brands) -> Iterator[LookAlike]:
    """Compare names that are written together with bait: "paypalsecurelogin"."""
    plain = _unaccented(part)
    for text in dict.fromkeys((plain, plain.translate(_DIGITS))):
        for brand in brands.within:
            at = text.find(brand.name)
            if at < 0 or len(text) == len(brand.name):
                continue
            around = (_words_of(plain[:at]), _words_of(plain[at + len(brand.name) :]))
            if around[0] is None or around[1] is None:
                continue
            beside = tuple(word for word in (*around[0], *around[1], *parts) if word in LURES)
            if _baits(brand, beside):
                yield LookAlike(brand=brand.name, likeness=Likeness.LURE, words=tuple(dict.fromkeys(beside)))
            return


def _baits(brand: _Brand, lures: tuple[str, ...]) -> bool:
    if not brand.everyday:
        return bool(lures)
    return len(set(lures)) > 1 or any(lure not in WEAK_LURES for lure in lures)


def _is_inflected(word: str, name: str) -> bool:
    """Return whether a word is the name with an ending, or without its plural: "barclay", "revoluts"."""
    return (word[:-1] == name and word[-1] != name[-1]) or name == word + "s"


def _is_slip(word: str, name: str) -> bool:
    """Return whether a word one step from a name is a slip of the fingers, not another word.

    A slip is a letter typed twice, one left out, or two swapped. Another letter instead ("metatask") is another word.
    """
    if len(word) == len(name):
        return sorted(word) == sorted(name)
    if len(word) < len(name):
        return len(name) >= _LEFT_OUT_FROM
    return any(word[at] == word[at + 1] and word[:at] + word[at + 1 :] == name for at in range(len(word) - 1))


def _words_of(text: str) -> tuple[str, ...] | None:
    """Split text that is written together into lures and fillers, digits left out; None if it is anything else."""
    ways: list[tuple[str, ...] | None] = [()] + [None] * len(text)
    for end in range(1, len(text) + 1):
        if text[end - 1].isdecimal():
            ways[end] = ways[end - 1]
        for start in range(max(0, end - _LONGEST_WORD), end):
            before = ways[start]
            if before is not None and (text[start:end] in LURES or text[start:end] in FILLERS):
                ways[end] = (*before, text[start:end])
                break
    return ways[-1]


# --- characters ---------------------------------------------------------------------------------------------------


def _readable(domain: str) -> str:
    """Return a domain name in lower case as people see it, with punycode decoded where it can be."""
    labels = unicodedata.normalize("NFKC", domain.strip().casefold()).strip(".").split(".")
    return ".".join(_decoded(label) for label in labels)


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode").casefold()
    except ValueError:
        return label


def _parents(host: str) -> frozenset[str]:
    labels = host.split(".")
    return frozenset(".".join(labels[start:]) for start in range(len(labels)))


def _is_below(host: str, own: str) -> bool:
    return host == own or host.endswith(f".{own}")


def _unaccented(text: str) -> str:
    if text.isascii():
        return text
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


def _shape(text: str) -> str:
    """Return what a name looks like at a glance: equal shapes are easily confused."""
    return text.translate(_STROKES).replace("rn", "m").replace("vv", "w")


def _ascii(text: str) -> str:
    """Return a name with each character replaced by the ASCII letter that it looks like, where there is one."""
    text = _unaccented(text)
    return text if text.isascii() else "".join(char if char.isascii() else _prototype(char) for char in text)


@lru_cache(maxsize=4_096)
def _prototype(char: str) -> str:
    # Imported here: its tables are as large as all our lexicons, and few domain names are not in ASCII.
    from confusable_homoglyphs.confusables import confusables_data

    alike = [one["c"] for one in confusables_data.get(char, ())]
    return next((one.lower() for one in alike if len(one) == 1 and one.isascii() and one.isalnum()), char)
