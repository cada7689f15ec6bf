"""Read one text word by word to tell requests from what is refused, only asked about, or already done.

A small state machine goes through the words of a sentence. Cues change its state; things and verbs become findings in
the states in which they are requests. No word is read twice, so the time is linear.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import Enum, auto

from app.core.reading.kinds import TermFinding, TermKind
from app.core.reading.lexicon import asking, software, systems, work
from app.core.reading.lexicon.asking import Cue
from app.core.reading.phrases import BOOK, Catalogue, Entry, PhraseRole, Version, ended, read_system
from app.core.reading.text import BULLET, COLON, COMMA, HOST, QUESTION, STOP, Token

_THINGS = frozenset({TermKind.OS_OLD, TermKind.OS_UNUSUAL, TermKind.PACKAGE, TermKind.HARDWARE, TermKind.CUSTOM_CONFIG})
_VERBS = frozenset(
    {
        PhraseRole.INSTALL,
        PhraseRole.INSTALL_DONE,
        PhraseRole.INSTALL_NOUN,
        PhraseRole.MIGRATION,
        PhraseRole.MOVE,
        PhraseRole.PHYSICAL,
        PhraseRole.ORDER,
        PhraseRole.ORDER_ASKED,
        PhraseRole.LIGHT,
    }
)
_ENDS = frozenset({STOP, QUESTION, COLON, BULLET})
_SHORT = 14
#: In texts of at least this many words, repeated sentences are read only once, against padded texts.
_LONG_TEXT = 2_000
_NEAR = 5
_CLOSE = 3
_POLITE = frozenset({"please", "pls", "plz", "kindly", "bitte", "graag", "svp"})


class _State(Enum):
    OPEN = auto()
    WITH = auto()
    ASKED = auto()
    WANTED = auto()
    BLOCKED = auto()


class _Hold(Enum):
    """How certain a finding is."""

    FIRM = auto()
    MENTIONED = auto()  # a request unless the sentence is a question
    PENDING = auto()  # a request only if somebody asks later in the sentence


@dataclass(slots=True)
class _Found:
    kind: TermKind
    term: str
    token: Token
    index: int
    hold: _Hold


@dataclass(slots=True)
class _Sentence:
    first: int
    last: int
    short: bool
    state: _State = _State.OPEN
    acted: bool = False  # somebody is asked to install something
    anchor: int = 0  # a later "not needed" removes what was found from here on
    asked_at: int = -1
    fresh: bool = True  # the next word starts a clause
    blocked_at: int = -9  # where the latest negation or question ended
    extra: int = -99
    system: bool = False
    numbers: bool = False
    found: list[_Found] = field(default_factory=list)
    waiting: list[_Found] = field(default_factory=list)  # programs named before the action is known
    offered: list[int] = field(default_factory=list)
    installs: int = 0  # how many of `found` are of the kind INSTALL
    # A sentence may be as long as the whole text, so lists must not be scanned repeatedly:
    confirmed: int = 0  # this many of `found` are certainly requests
    staying: int = 0  # this many of `found` (and of `waiting`) can't be removed any more
    waiting_staying: int = 0


class Reader:
    """Reads the words of one text; `findings` returns its requests."""

    def __init__(self, found: list[Token], *, where: str, catalogue: Catalogue, on: date) -> None:
        """Take the words of a normalised text, what the cart sells, and the date for end-of-life checks."""
        self._tokens = found
        self._where = where
        self._catalogue = catalogue
        self._on = on
        self._carry: _State | None = None
        self._carry_acted = False

    def findings(self) -> tuple[TermFinding, ...]:
        """Return the requests in order of appearance, each term once per kind."""
        seen: dict[tuple[TermKind, str], TermFinding] = {}
        known: dict[tuple[object, ...], tuple[_State | None, bool]] = {}
        long = len(self._tokens) > _LONG_TEXT
        first = 0
        for index, token in enumerate([*self._tokens, Token(STOP, 0)]):
            if token.text not in _ENDS:
                continue
            if index > first:
                same = self._same(first, index, token.text) if long else ()
                if same in known:
                    self._carry, self._carry_acted = known[same]
                else:
                    for item in self._read_sentence(first, index, token.text):
                        finding = TermFinding(kind=item.kind, term=item.term, where=self._where, start=item.token.start)
                        seen.setdefault((item.kind, item.term), finding)
                    if long:
                        known[same] = self._carry, self._carry_acted
            first = index + 1
        return tuple(sorted(seen.values(), key=lambda finding: (finding.start, finding.kind)))

    def _same(self, first: int, last: int, mark: str) -> tuple[object, ...]:
        """Return everything that the reading of a sentence depends on, as a cache key."""
        return self._carry, self._carry_acted, mark, *[token.text for token in self._tokens[first:last]]

    def _read_sentence(self, first: int, last: int, mark: str) -> list[_Found]:
        told = any(token.text in asking.STORYTELLERS for token in self._tokens[first : min(last, first + _SHORT)])
        sentence = _Sentence(first, last, short=last - first <= _SHORT and not told, anchor=first)
        sentence.numbers = any(token.text[0].isdecimal() for token in self._tokens[first:last])
        if self._carry is not None:
            sentence.state, sentence.acted = self._carry, self._carry_acted
        position = first
        while position < last:
            position += self._step(sentence, position)
        keeps = mark == COLON or (mark == BULLET and self._carry is not None)
        asks = sentence.state in (_State.ASKED, _State.WANTED)
        self._carry = sentence.state if keeps and asks else None
        self._carry_acted = sentence.acted
        return _close(sentence, asked=mark == QUESTION)

    def _step(self, sentence: _Sentence, at: int) -> int:
        """Read the phrase or word at this position and return the number of its words."""
        token = self._tokens[at]
        if token.text in (COMMA, HOST):
            sentence.anchor, sentence.fresh = (at, True) if token.text == COMMA else (sentence.anchor, False)
            return 1
        match = BOOK.match(self._tokens, at)
        length, entry = match or (1, None)
        if entry is not None and entry.role is PhraseRole.SYSTEM:
            length = self._system(sentence, at, length, entry)
        elif entry is not None:
            self._apply(sentence, at, length, entry)
        last_word = self._tokens[at + length - 1].text
        if last_word in work.PARTS and at + length - 1 - sentence.extra <= _NEAR:
            self._thing(sentence, TermKind.HARDWARE, "extra hardware", at, PhraseRole.HARDWARE)
        resumed = entry is not None and entry.cue in (Cue.RESUME, Cue.NEUTRAL)
        sentence.fresh = resumed or token.text in asking.CLAUSE_OPENERS
        return length

    def _apply(self, sentence: _Sentence, at: int, length: int, entry: Entry) -> None:
        if entry.role is PhraseRole.CUE:
            self._cue(sentence, at, length, entry)
        elif entry.role in (PhraseRole.NEGATION, PhraseRole.BLOCK):
            self._block(sentence, at, length, negation=entry.role is PhraseRole.NEGATION)
        elif entry.role in _VERBS:
            self._do(sentence, at, length, entry)
        else:
            self._name(sentence, at, length, entry)

    def _do(self, sentence: _Sentence, at: int, length: int, entry: Entry) -> None:
        """Read a phrase for an action."""
        if entry.role in (PhraseRole.INSTALL, PhraseRole.INSTALL_DONE, PhraseRole.INSTALL_NOUN):
            self._install(sentence, at, length, entry)
        elif entry.role is PhraseRole.MIGRATION or (entry.role is PhraseRole.MOVE and self._moves_data(sentence, at)):
            self._verb(sentence, TermKind.MIGRATION, entry.term, at, length)
        elif entry.role in (PhraseRole.MOVE, PhraseRole.PHYSICAL):
            self._physical(sentence, at)
        elif entry.role is PhraseRole.ORDER_ASKED:
            self._verb(sentence, TermKind.MANUAL_ORDER, entry.term, at, length)
        elif entry.role is PhraseRole.ORDER:
            if sentence.state is not _State.BLOCKED:
                self._add(sentence, TermKind.MANUAL_ORDER, entry.term, at, _Hold.FIRM)
            sentence.state = _State.WANTED
        elif sentence.state is _State.ASKED or (sentence.state is _State.OPEN and sentence.fresh):
            sentence.state = _State.WANTED
            self._adds(sentence, at, length)

    def _name(self, sentence: _Sentence, at: int, length: int, entry: Entry) -> None:
        """Read the name of a thing."""
        if entry.role is PhraseRole.UNUSUAL:
            self._unusual(sentence, at, length, entry.term)
        elif entry.role is PhraseRole.PACKAGE:
            self._package(sentence, at, length, entry.term)
        elif entry.role is PhraseRole.HARDWARE:
            self._thing(sentence, TermKind.HARDWARE, entry.term, at, entry.role)
        elif entry.role is PhraseRole.EXTRA:
            sentence.extra = at if sentence.state is not _State.BLOCKED else -99
        else:
            self._thing(sentence, TermKind.CUSTOM_CONFIG, entry.term, at, entry.role)

    def _cue(self, sentence: _Sentence, at: int, length: int, entry: Entry) -> None:
        word = self._tokens[at].text
        if entry.cue in (Cue.ASK, Cue.WANT):
            if sentence.blocked_at >= at - (entry.cue is Cue.WANT) and word not in _POLITE:
                return
            if entry.cue is Cue.ASK:
                _confirm(sentence, programs=sentence.short)
            sentence.state = _State.ASKED if entry.cue is Cue.ASK else _State.WANTED
            sentence.anchor = sentence.asked_at = at
            self._adds(sentence, at, length)
        elif entry.cue is Cue.WITH:
            sentence.extra = -99
            sentence.state = _State.WITH if sentence.state is _State.OPEN else sentence.state
        elif entry.cue is Cue.RESUME and sentence.state is _State.BLOCKED:
            sentence.state, sentence.anchor = _State.OPEN, at
        elif entry.cue is Cue.AFTER and sentence.state is not _State.BLOCKED:
            _confirm(sentence, programs=True)
        elif entry.cue is Cue.BACK:
            _take_back(sentence)
            sentence.state, sentence.blocked_at = _State.BLOCKED, at + length

    def _adds(self, sentence: _Sentence, at: int, length: int) -> None:
        """Note an "add": a server part that follows is an extra one."""
        if self._tokens[at + length - 1].text == "add":
            sentence.extra = at + length - 1

    def _block(self, sentence: _Sentence, at: int, length: int, *, negation: bool) -> None:
        last = sentence.found[-1] if sentence.found else None
        if negation and last and last.kind is TermKind.INSTALL and at - last.index <= _CLOSE:
            sentence.found.pop()  # "install nothing", "installieren Sie keine Software"
            sentence.acted = False
            sentence.installs -= 1
            sentence.staying = min(sentence.staying, len(sentence.found))
            sentence.confirmed = min(sentence.confirmed, len(sentence.found))
        first = self._tokens[at].text
        if first in asking.COPULAS and length == 1 and sentence.asked_at == sentence.anchor:
            return
        sentence.state, sentence.anchor = _State.BLOCKED, at
        if negation or first in asking.QUESTION_WORDS:
            sentence.blocked_at = at + length

    def _word(self, sentence: _Sentence, at: int) -> str:
        return self._tokens[at].text if sentence.first <= at < sentence.last else ""

    def _add(self, sentence: _Sentence, kind: TermKind, term: str, at: int, hold: _Hold) -> None:
        sentence.found.append(_Found(kind, term, self._tokens[at], at, hold))
        sentence.installs += kind is TermKind.INSTALL

    def _verb(self, sentence: _Sentence, kind: TermKind, term: str, at: int, length: int) -> bool:
        """Record a verb if it may be a request here; return whether it certainly is one."""
        if sentence.state is _State.BLOCKED or self._word(sentence, at + length) in asking.NOT_A_VERB:
            return False
        firm = sentence.state in (_State.ASKED, _State.WANTED)
        if not firm and sentence.fresh and self._word(sentence, at) in asking.IMPERATIVES:
            firm, sentence.state = True, _State.ASKED
        self._add(sentence, kind, term, at, _Hold.FIRM if firm else _Hold.PENDING)
        return firm

    def _install(self, sentence: _Sentence, at: int, length: int, entry: Entry) -> None:
        if entry.term == work.WEAK:
            if sentence.state is _State.OPEN and sentence.fresh:
                sentence.state = _State.ASKED
            if sentence.state is not _State.ASKED:
                return
            self._add(sentence, TermKind.INSTALL, entry.term, at, _Hold.FIRM)
        elif entry.role is PhraseRole.INSTALL_DONE and sentence.state is _State.WITH:
            self._add(sentence, TermKind.INSTALL, entry.term, at, _Hold.FIRM)
        elif not self._verb(sentence, TermKind.INSTALL, entry.term, at, length):
            return
        sentence.acted = True
        _include_waiting(sentence)

    def _moves_data(self, sentence: _Sentence, at: int) -> bool:
        ahead = [self._word(sentence, at + step) for step in range(1, 9)]
        behind = [self._word(sentence, at - step) for step in range(1, 7)]
        if work.NOT_MOVABLE.intersection(ahead[:4]):
            return False
        return bool(work.MOVABLE.intersection(ahead) or work.MOVABLE.intersection(behind))

    def _physical(self, sentence: _Sentence, at: int) -> None:
        if sentence.state in (_State.ASKED, _State.WANTED) or (sentence.state is _State.OPEN and sentence.fresh):
            sentence.state = _State.ASKED
            sentence.extra = at

    def _thing(self, sentence: _Sentence, kind: TermKind, term: str, at: int, role: PhraseRole) -> None:
        if sentence.state is _State.BLOCKED or self._word(sentence, at - 1) in ("for", "about", "fur"):
            return
        described = role is PhraseRole.CONFIG_ASKED and self._word(sentence, sentence.asked_at) not in _POLITE
        if sentence.state in (_State.ASKED, _State.WANTED) and not (described and sentence.state is _State.WANTED):
            hold = _Hold.FIRM
        elif sentence.short and role is not PhraseRole.CONFIG_ASKED:
            hold = _Hold.MENTIONED
        else:
            hold = _Hold.PENDING
        self._add(sentence, kind, term, at, hold)

    def _system(self, sentence: _Sentence, at: int, length: int, entry: Entry) -> int:
        system = read_system(self._tokens, at, length, entry.term)
        before = self._word(sentence, at - 1)
        spoken_of = before in asking.SYSTEM_PREPOSITIONS or (before == "for" and sentence.state is _State.OPEN)
        own = self._word(sentence, at + system.length) in asking.NOT_A_SYSTEM_WISH
        if sentence.state is _State.BLOCKED or spoken_of or own:
            return system.length
        sentence.system = True
        if self._catalogue.offers_system(system.family, system.version):
            sentence.offered.append(at)
            return system.length
        hold = _Hold.MENTIONED if sentence.state in (_State.OPEN, _State.WITH) else _Hold.FIRM
        old = ended(system, self._on)
        if old:
            self._add(sentence, TermKind.OS_OLD, f"{system.family} {old}", at, hold)
        elif self._is_unusual(system, hold):
            self._add(sentence, TermKind.OS_UNUSUAL, system.family, at, hold)
        return system.length

    def _is_unusual(self, system: Version, hold: _Hold) -> bool:
        if system.family not in systems.COMMON:
            return True
        if not self._catalogue.systems:
            return False
        return bool(system.version) or (hold is _Hold.FIRM and system.family != "windows")

    def _unusual(self, sentence: _Sentence, at: int, length: int, term: str) -> None:
        spoken_of = self._word(sentence, at - 1) in asking.SYSTEM_PREPOSITIONS and term != "custom iso"
        own = self._word(sentence, at + length) in asking.NOT_A_SYSTEM_WISH
        if sentence.state is _State.BLOCKED or spoken_of or own:
            return
        sentence.system = True
        if self._catalogue.offers(term):
            sentence.offered.append(at)
            return
        hold = _Hold.MENTIONED if sentence.state in (_State.OPEN, _State.WITH) else _Hold.FIRM
        kind = TermKind.OS_OLD if term == "windows desktop" else TermKind.OS_UNUSUAL
        self._add(sentence, kind, "windows xp" if term == "windows desktop" else term, at, hold)

    def _package(self, sentence: _Sentence, at: int, length: int, term: str) -> None:
        before, after = self._word(sentence, at - 1), self._word(sentence, at + length)
        if sentence.state is _State.BLOCKED or before in asking.HOST_PREPOSITIONS:
            return
        if self._catalogue.offers(term):
            sentence.offered.append(at)
            return
        item = _Found(TermKind.PACKAGE, term, self._tokens[at], at, _Hold.FIRM)
        everyday = term in software.VERSIONED and not after[:1].isdecimal()
        wished = sentence.state is _State.WANTED or (sentence.state is _State.WITH and sentence.system)
        if sentence.acted or (wished and not everyday and after not in asking.NOT_A_PACKAGE_WISH):
            sentence.found.append(item)
        else:
            sentence.waiting.append(item)


def _confirm(sentence: _Sentence, *, programs: bool) -> None:
    """Turn everything named so far into requests, because the sentence asks at its end."""
    for at in range(sentence.confirmed, len(sentence.found)):
        sentence.found[at].hold = _Hold.FIRM
    sentence.confirmed = len(sentence.found)
    sentence.acted = sentence.acted or sentence.installs > 0
    if sentence.acted or programs:
        _include_waiting(sentence)


def _include_waiting(sentence: _Sentence) -> None:
    sentence.found += sentence.waiting
    sentence.waiting = []
    sentence.waiting_staying = 0


def _take_back(sentence: _Sentence) -> None:
    """Remove what was named since the anchor, because it is not wanted."""
    named = sentence.found[sentence.staying :]
    del sentence.found[sentence.staying :]
    sentence.confirmed = min(sentence.confirmed, sentence.staying)
    sentence.found += [item for item in named if item.index < sentence.anchor]
    sentence.installs -= sum(item.kind is TermKind.INSTALL for item in named if item.index >= sentence.anchor)
    waiting = sentence.waiting[sentence.waiting_staying :]
    sentence.waiting[sentence.waiting_staying :] = [item for item in waiting if item.index < sentence.anchor]
    sentence.staying, sentence.waiting_staying = len(sentence.found), len(sentence.waiting)


def _close(sentence: _Sentence, *, asked: bool) -> list[_Found]:
    """Return what the whole sentence asks for."""
    if sentence.short and not asked and _lists_programs(sentence):
        sentence.found += sentence.waiting
    kept = [item for item in sentence.found if item.hold is _Hold.FIRM or (item.hold is _Hold.MENTIONED and not asked)]
    things = {item.index: item.kind for item in kept if item.kind in _THINGS}
    offered = set(sentence.offered)
    return [item for item in kept if item.kind is not TermKind.INSTALL or _is_work(item, things, offered)]


def _is_work(item: _Found, things: dict[int, TermKind], offered: set[int]) -> bool:
    """Return whether "install" is work of its own: not if its object is sold by the cart, or is hardware."""
    ahead = [item.index + step for step in range(1, _NEAR + 2)]
    behind = [item.index - step for step in range(1, _NEAR)]
    for index in (*ahead, *behind):
        if index in offered:
            return False
        if index in things:
            return things[index] not in (TermKind.HARDWARE, TermKind.CUSTOM_CONFIG)
    return item.term != work.WEAK


def _lists_programs(sentence: _Sentence) -> bool:
    """Return whether the sentence is just a list of programs ("asterisk 13 + freepbx 14")."""
    opens = bool(sentence.waiting) and sentence.waiting[0].index == sentence.first
    return opens and len(sentence.waiting) > 1 and sentence.numbers
