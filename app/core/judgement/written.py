"""Read the texts of one order, as far as no policy is needed; report what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from app.core.facts import Cut, TextCut
from app.core.judgement import vetting
from app.core.policy.document import Policy
from app.core.reading.hosted import DOMAIN, Excuses, Hosted, read_domain, read_hosted
from app.core.reading.kinds import ExpectedUse, HostedFinding, Likeness, LookAlike, TermFinding, TermKind
from app.core.reading.look_alikes import brands_of, find_look_alike
from app.core.reading.quantities import UseUnit
from app.core.reading.requests import find_asked, find_listed, words_of
from app.core.reading.text import MAX_TEXT, Token, is_cut, left_out, normalise, tokens, words

_OWN_NAME: Final = frozenset({Likeness.NAME, Likeness.MENTION})


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
    hosted: tuple[HostedFinding, ...] = ()
    for_others: bool = False  # an agency or employee speaks
    names: tuple[str, ...] = ()  # the domain names as they are written
    words: tuple[tuple[str, Sequence[Token]], ...]
    excuses: tuple[Excuses, ...]  # of each of these texts
    domains: tuple[tuple[str, Sequence[Token]], ...]
    others: tuple[tuple[str, Sequence[Token]], ...]

    def listed(self, terms: tuple[str, ...], *, domains: bool) -> tuple[TermFinding, ...]:
        """Return which of the policy's terms are in the texts and, if `domains`, in the domain names."""
        texts = (*self.words, *self.domains) if domains else self.words
        return tuple(finding for where, found in texts for finding in find_listed(found, terms, where=where))

    def meant(self, terms: tuple[str, ...]) -> tuple[TermFinding, ...]:
        """Return which terms are in the texts, except where they are denied, taught or studied."""
        return tuple(
            finding
            for (where, found), excuses in zip(self.words, self.excuses, strict=True)
            for finding in find_listed(found, terms, where=where, skip=excuses.excuses)
        )

    def not_denied(self, terms: tuple[str, ...]) -> tuple[TermFinding, ...]:
        """Return which terms are in the texts and domain names, except where the text denies them."""
        found_in_texts = tuple(
            finding
            for (where, found), excuses in zip(self.words, self.excuses, strict=True)
            for finding in find_listed(found, terms, where=where, skip=excuses.denies)
        )
        return found_in_texts + tuple(
            finding for where, found in self.domains for finding in find_listed(found, terms, where=where)
        )

    def cut_by(self, terms: tuple[str, ...]) -> tuple[TextCut, ...]:
        """Return all cuts when searching for these terms, including terms found only in skipped text."""
        known = {finding.term for finding in self.listed(terms, domains=True)} if self.others else set()
        hidden = [
            TextCut(where=where, why=Cut.TERM_LEFT_OUT)
            for where, found in self.others
            if any(finding.term not in known for finding in find_listed(found, terms, where=where))
        ]
        return _in_order((*self.cut, *hidden))


_NOTHING: Final = Reading(words=(), excuses=(), domains=(), others=())


def look_alikes(reading: Reading, policy: Policy) -> tuple[LookAlike, ...]:
    """Return the policy's brands that the domain names resemble, each once.

    A name that only holds a brand's own name is no sign where an agency or an employee of the brand speaks.
    """
    listed = policy.acceptable_use
    brands = brands_of(listed.brands, listed.everyday_brands)
    found: dict[str, LookAlike] = {}
    for name in reading.names:
        one = find_look_alike(name, brands)
        if one is not None and not (reading.for_others and one.likeness in _OWN_NAME):
            found.setdefault(one.brand, one)
    return tuple(found.values())


def read(texts: Iterable[Written], *, catalogue: frozenset[str] = frozenset(), on: date) -> Reading:
    """Read texts, up to `MAX_TEXT` characters in total; the rest is cut."""
    kept, cut = within(texts)
    if not kept:
        return _NOTHING
    written = [one for one in kept if one.where != DOMAIN]
    spoken = [tokens(normalise(one.text)) for one in written]
    requests: dict[tuple[TermKind, str], TermFinding] = {}
    for one, found in zip(written, spoken, strict=True):
        for finding in find_asked(found, where=one.where, catalogue=catalogue, on=on):
            requests.setdefault((finding.kind, finding.term), finding)
    for one in written:
        asked = _left_out_requests(one, catalogue, on)
        if any((finding.kind, finding.term) not in requests for finding in asked):
            cut.append(TextCut(where=one.where, why=Cut.REQUEST_LEFT_OUT))
    answers = ((one.label, one.text) for one in written if one.label)
    expected = vetting.expected_uses(((one.where, one.text) for one in written), answers)
    hosted = _hosted(written, spoken)
    return replace(
        _words(kept, hosted),
        requests=tuple(requests.values()),
        expected=largest((*expected, *_amounts(written, hosted))),
        cut=_in_order(cut),
    )


def _hosted(written: list[Written], spoken: list[list[Token]]) -> list[Hosted]:
    return [
        read_hosted(normalise(one.text), found, where=one.where) for one, found in zip(written, spoken, strict=True)
    ]


def _amounts(written: list[Written], hosted: list[Hosted]) -> Iterator[ExpectedUse]:
    """Yield the amounts that go with what is hosted."""
    for one, text in zip(hosted, written, strict=True):
        for unit, amount in ((UseUnit.GB_STORAGE, one.gigabytes), (UseUnit.NEWSLETTER_READERS, one.readers)):
            if amount:
                yield ExpectedUse(unit=unit.value, amount=amount, where=text.where)


def largest(expected: Iterable[ExpectedUse]) -> tuple[ExpectedUse, ...]:
    """Return the largest amount of each unit, the first of equal ones, in the order of `UseUnit`."""
    most: dict[str, ExpectedUse] = {}
    for use in expected:
        if use.unit not in most or use.amount > most[use.unit].amount:
            most[use.unit] = use
    return tuple(most[unit] for unit in UseUnit if unit in most)


def read_words(texts: Iterable[Written]) -> Reading:
    """Read texts only for listed terms and for what is hosted, not for requests and other amounts."""
    kept, cut = within(texts)
    written = [one for one in kept if one.where != DOMAIN]
    hosted = _hosted(written, [tokens(normalise(one.text)) for one in written])
    return replace(_words(kept, hosted), expected=largest(_amounts(written, hosted)), cut=_in_order(cut))


def _left_out_requests(one: Written, catalogue: frozenset[str], on: date) -> tuple[TermFinding, ...]:
    others = left_out(one.text)
    return find_asked(tokens(others), where=one.where, catalogue=catalogue, on=on) if others else ()


def _words(kept: list[Written], hosted: list[Hosted]) -> Reading:
    written = [one for one in kept if one.where != DOMAIN]
    names = [one for one in kept if one.where == DOMAIN]
    hidden = [(one.where, left_out(one.text)) for one in written]
    found: dict[str, HostedFinding] = {}
    for finding in (*_findings(hosted), *_findings(read_domain(one.text) for one in names)):
        found.setdefault(finding.kind, finding)
    return Reading(
        words=tuple((one.where, words_of(one.text)) for one in written),
        excuses=tuple(one.excuses for one in hosted),
        domains=tuple((one.where, words_of(one.text)) for one in names),
        others=tuple((where, tuple(words(others))) for where, others in hidden if others),
        names=tuple(one.text for one in names),
        hosted=tuple(found.values()),
        for_others=any(one.for_others for one in hosted),
    )


def _findings(hosted: Iterable[Hosted]) -> list[HostedFinding]:
    return [finding for one in hosted for finding in one.findings]


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
