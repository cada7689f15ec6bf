"""Read the texts of one order, as far as no policy is needed; report what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from app.core.facts import Cut, TextCut
from app.core.judgement import vetting
from app.core.reading.kinds import ExpectedUse
from app.core.reading.requests import TermFinding, TermKind, find_asked, find_listed, find_requests, words_of
from app.core.reading.text import MAX_TEXT, Token, is_cut, left_out, tokens, words

#: The `where` of domain names, which are not searched for requests.
DOMAIN: Final = "domain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One text of an order. `label` is the question that a custom field answers."""

    where: str  # notes, custom_field, ticket, domain
    text: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Findings from the texts, and their words to search for terms; `others` are words that others may have written.

    Personal data: used, never stored.
    """

    requests: tuple[TermFinding, ...] = ()
    expected: tuple[ExpectedUse, ...] = ()
    cut: tuple[TextCut, ...] = ()
    words: tuple[tuple[str, Sequence[Token]], ...]
    domains: tuple[tuple[str, Sequence[Token]], ...]
    others: tuple[tuple[str, Sequence[Token]], ...]

    def listed(self, terms: tuple[str, ...], *, domains: bool) -> tuple[TermFinding, ...]:
        """Return which of the policy's terms are in the texts and, if `domains`, in the domain names."""
        texts = (*self.words, *self.domains) if domains else self.words
        return tuple(finding for where, found in texts for finding in find_listed(found, terms, where=where))

    def cut_by(self, terms: tuple[str, ...]) -> tuple[TextCut, ...]:
        """Return all cuts when searching for these terms, including terms found only in skipped text."""
        known = {finding.term for finding in self.listed(terms, domains=True)} if self.others else set()
        hidden = [
            TextCut(where=where, why=Cut.TERM_LEFT_OUT)
            for where, found in self.others
            if any(finding.term not in known for finding in find_listed(found, terms, where=where))
        ]
        return _in_order((*self.cut, *hidden))


def read(texts: Iterable[Written], *, catalogue: frozenset[str] = frozenset(), on: date) -> Reading:
    """Read texts, up to `MAX_TEXT` characters in total; the rest is cut."""
    kept, cut = within(texts)
    written = [one for one in kept if one.where != DOMAIN]
    requests: dict[tuple[TermKind, str], TermFinding] = {}
    for one in written:
        for finding in find_requests(one.text, where=one.where, catalogue=catalogue, on=on):
            requests.setdefault((finding.kind, finding.term), finding)
    for one in written:
        asked = _left_out_requests(one, catalogue, on)
        if any((finding.kind, finding.term) not in requests for finding in asked):
            cut.append(TextCut(where=one.where, why=Cut.REQUEST_LEFT_OUT))
    answers = ((one.label, one.text) for one in written if one.label)
    expected = vetting.expected_uses(((one.where, one.text) for one in written), answers)
    return replace(_words(kept), requests=tuple(requests.values()), expected=expected, cut=_in_order(cut))


def read_words(texts: Iterable[Written]) -> Reading:
    """Read texts only for listed terms, not for requests and amounts."""
    kept, cut = within(texts)
    return replace(_words(kept), cut=_in_order(cut))


def _left_out_requests(one: Written, catalogue: frozenset[str], on: date) -> tuple[TermFinding, ...]:
    others = left_out(one.text)
    return find_asked(tokens(others), where=one.where, catalogue=catalogue, on=on) if others else ()


def _words(kept: list[Written]) -> Reading:
    hidden = [(one.where, left_out(one.text)) for one in kept if one.where != DOMAIN]
    return Reading(
        words=tuple((one.where, words_of(one.text)) for one in kept if one.where != DOMAIN),
        domains=tuple((one.where, words_of(one.text)) for one in kept if one.where == DOMAIN),
        others=tuple((where, tuple(words(others))) for where, others in hidden if others),
    )


def within(texts: Iterable[Written]) -> tuple[list[Written], list[TextCut]]:
    """Return the part of the texts that is read, and where they are cut."""
    left, kept, cut = MAX_TEXT, list[Written](), list[TextCut]()
    for one in texts:
        if len(one.text) > left or is_cut(one.text):
            cut.append(TextCut(where=one.where, why=Cut.TOO_LONG))
        if left > 0:
            kept.append(Written(where=one.where, text=one.text[:left], label=one.label))
        left -= len(one.text)
    return kept, cut


def _in_order(cut: Iterable[TextCut]) -> tuple[TextCut, ...]:
    return tuple(sorted(set(cut), key=lambda one: (one.where, one.why)))
