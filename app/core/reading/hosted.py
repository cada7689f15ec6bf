"""Read what a customer hosts from the words of an order: mass mail, phishing, game servers, video, …

A use is a *sign*: words of a few concepts near each other. What the text denies ("no newsletters") is no sign; nor,
for most signs of abuse, is what it teaches, warns of or studies, or says of an innocent trade that shares a word with
it. Each word is looked up once, and the nearest of each concept is found by bisection, so that the time grows with
the length of the text and no faster than n log n.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.core.reading.hosted_amounts import Hit, read_amounts
from app.core.reading.kinds import AbuseKind, HostedFinding
from app.core.reading.lexicon.hosted import CONCEPTS, SIGNS, Sign
from app.core.reading.text import BULLET, COLON, COMMA, QUESTION, STOP, Token, normalise, words

_SENTENCE_ENDS: Final = frozenset({STOP, QUESTION, BULLET})
_CLAUSE_ENDS: Final = _SENTENCE_ENDS | {COMMA, COLON}
#: A denial reaches this many words on, within its clause.
_DENIED_FOR: Final = 8
#: In a text of at most this many words, one word of teaching is about all of it.
_SHORT_TEXT: Final = 40
_ABUSE: Final = frozenset(kind.value for kind in AbuseKind)

#: "A site like YouTube" is not on YouTube.
_OWN_SITE: Final = frozenset({"video_site", "like_tube"})
#: The `where` of domain names.
DOMAIN: Final = "domain"
#: Words of ours written together in a domain name have at least this many letters each.
_SHORTEST_PART: Final = 4


class _Alternative(NamedTuple):
    """Concepts that speak for the use of a sign where they stand together."""

    sign: Sign
    concepts: frozenset[str]


_ALTERNATIVES: Final = tuple(_Alternative(sign, frozenset(concepts)) for sign in SIGNS for concepts in sign.needs)
_WITH_TRADES: Final = tuple(sign for sign in SIGNS if sign.unless)


@dataclass(frozen=True, slots=True)
class Excuses:
    """Where in one text its words don't mean what they say, by the offsets of the words."""

    denied: frozenset[int]
    explained: frozenset[int]
    studied: bool
    innocent: frozenset[int] = frozenset()  # words of abuse that mean something else in that trade

    def denies(self, start: int) -> bool:
        """Return whether the word at this offset is denied."""
        return start in self.denied

    def excuses(self, start: int) -> bool:
        """Return whether the word at this offset is denied, taught, studied, or a word of an innocent trade."""
        return self.studied or start in self.denied or start in self.explained or start in self.innocent


class Hosted(NamedTuple):
    """What one text says of its use."""

    findings: tuple[HostedFinding, ...]
    excuses: Excuses
    for_others: bool  # an agency or employee speaks
    readers: int = 0  # of a newsletter, the most that the text names
    gigabytes: int = 0  # to be kept, likewise


_NOTHING: Final = Hosted((), Excuses(frozenset(), frozenset(), studied=False), for_others=False)


def read_hosted(text: str, found: Sequence[Token], *, where: str) -> Hosted:
    """Return the uses that a normalised text speaks of, each kind once; `found` are its `tokens`."""
    hits = _hits(found)
    if not hits:
        return _NOTHING
    amounts = read_amounts(text, found, hits)
    excuses = _excuses(found, hits)
    findings = tuple(_findings(found, hits, excuses, where))
    return Hosted(findings, excuses, for_others="agency" in hits, readers=amounts.readers, gigabytes=amounts.gigabytes)


def read_domain(domain: str) -> Hosted:
    """Return the kinds of abuse that a domain name speaks of: "cheap-ddos-service.example", "pelisgratis.example"."""
    found = list(_words_of_domain(domain))
    hosted = read_hosted("", found, where=DOMAIN)
    return hosted._replace(findings=tuple(one for one in hosted.findings if one.kind in _ABUSE))


def _words_of_domain(domain: str) -> Iterator[Token]:
    """Yield the words of a domain name, also two of ours that are written together."""
    for token in words(normalise(domain)):
        two = () if CONCEPTS.is_word(token.text) else _two_words(token.text)
        yield from (Token(word, token.start) for word in two or (token.text,))


def _two_words(text: str) -> tuple[str, str] | tuple[()]:
    for at in range(_SHORTEST_PART, len(text) - _SHORTEST_PART + 1):
        if CONCEPTS.knows(text[:at]) and CONCEPTS.knows(text[at:]):
            return text[:at], text[at:]
    return ()


def _hits(found: Sequence[Token]) -> dict[str, list[Hit]]:
    hits: dict[str, list[Hit]] = {}
    texts = [token.text for token in found]
    for at, word in enumerate(texts):
        if not CONCEPTS.begins_with(word):
            continue
        for length, meaning in CONCEPTS.at(texts, at):
            for concept in meaning.concepts:
                hits.setdefault(concept, []).append(Hit(at, at + length, meaning.shown))
    return hits


# --- what turns a word around -------------------------------------------------------------------------------------


def _excuses(found: Sequence[Token], hits: dict[str, list[Hit]]) -> Excuses:
    paid = {hit.at for hit in hits.get("paid_for", ())}
    taught = [hit for hit in hits.get("teaching", ()) if hit.at not in paid]
    explained: frozenset[int] = frozenset()
    if taught:
        short = len(found) <= _SHORT_TEXT
        places = range(len(found)) if short else _sentences_of(found, (hit.at for hit in taught))
        explained = frozenset(found[at].start for at in places)
    denied = frozenset(found[at].start for at in _denied(found, hits))
    innocent = frozenset(
        found[at].start
        for sign in _WITH_TRADES
        if not sign.unless.isdisjoint(hits)
        for concept in {name for names in sign.needs for name in names}
        for hit in hits.get(concept, ())
        for at in range(hit.at, hit.end)
    )
    return Excuses(denied, explained, studied="research" in hits, innocent=innocent)


def _sentences_of(found: Sequence[Token], places: Iterable[int]) -> list[int]:
    """Return the places of all words of the sentences that hold one of these places, which come in order."""
    inside: list[int] = []
    for place in places:
        if inside and place <= inside[-1]:
            continue
        first = place
        while first > 0 and found[first - 1].text not in _SENTENCE_ENDS and (not inside or first - 1 > inside[-1]):
            first -= 1
        last = place
        while last + 1 < len(found) and found[last + 1].text not in _SENTENCE_ENDS:
            last += 1
        inside += range(first, last + 1)
    return inside


def _denied(found: Sequence[Token], hits: dict[str, list[Hit]]) -> set[int]:
    """Return the places of the words that a denial in their clause is about: those after it, or before "не делаем"."""
    if "not" not in hits:
        return set()
    empty = {hit.at for hit in hits.get("nothing_denied", ())}
    done = {hit.at for hit in hits.get("do", ())}
    denied: set[int] = set()
    begun = marked = 0
    negations = iter(hits.get("not", ()))
    current = next(negations, None)
    for at, token in enumerate(found):
        if token.text in _CLAUSE_ENDS:
            begun = at + 1
        while current is not None and current.at == at:
            reached = _clause(found, current.end)
            if empty.isdisjoint(reached[:3]):
                denied.update(reached)
                if not done.isdisjoint(range(current.end, current.end + 2)):
                    denied.update(range(max(begun, marked), at))
                    marked = at
            current = next(negations, None)
    return denied


def _clause(found: Sequence[Token], first: int) -> list[int]:
    reached: list[int] = []
    for at in range(first, min(len(found), first + _DENIED_FOR)):
        if found[at].text in _CLAUSE_ENDS:
            break
        reached.append(at)
    return reached


# --- signs --------------------------------------------------------------------------------------------------------


def _findings(
    found: Sequence[Token], hits: dict[str, list[Hit]], excuses: Excuses, where: str
) -> Iterable[HostedFinding]:
    possible = [one for one in _ALTERNATIVES if one.concepts <= hits.keys()]
    if not possible:
        return
    standing = {
        concept: [hit for hit in every if not excuses.denies(found[hit.at].start)] for concept, every in hits.items()
    }
    places = {concept: [hit.at for hit in every] for concept, every in standing.items()}
    known: set[str] = set()
    for one in possible:
        sign = one.sign
        if sign.kind in known or (sign.elsewhere and "elsewhere" in hits and _OWN_SITE.isdisjoint(hits)):
            continue
        if not sign.unless.isdisjoint(hits):
            continue
        shown = _first_match(one, found, standing, places, excuses)
        if shown:
            known.add(sign.kind)
            yield HostedFinding(kind=sign.kind, words=shown, where=where)


def _first_match(
    one: _Alternative,
    found: Sequence[Token],
    standing: dict[str, list[Hit]],
    places: dict[str, list[int]],
    excuses: Excuses,
) -> tuple[str, ...]:
    """Return the words of the first place where all concepts stand together; nothing if there is none."""
    sign = one.sign
    rarest, *others = sorted(one.concepts, key=lambda concept: (len(standing[concept]), concept))
    for hit in standing[rarest]:
        if sign.excused and excuses.excuses(found[hit.at].start):
            continue
        near = _near(hit, others, standing, places, sign.near)
        if near is not None:
            return tuple(dict.fromkeys(word.shown for word in sorted([hit, *near])))
    return ()


def _near(
    hit: Hit, others: list[str], standing: dict[str, list[Hit]], places: dict[str, list[int]], within: int
) -> list[Hit] | None:
    """Return one hit of each concept near this one, none in the place of another; None if one is missing."""
    chosen = [hit]
    for concept in others:
        every, at = standing[concept], bisect_left(places[concept], hit.at - within)
        while at < len(every) and every[at].at <= hit.end + within:
            if all(every[at].end <= one.at or one.end <= every[at].at for one in chosen):
                chosen.append(every[at])
                break
            at += 1
        else:
            return None
    return chosen[1:]
