"""The corpus: several texts from each seed, as different people would send it. The same seeds give the same texts.

Each seed has a random generator of its own, started by its text, so that a new seed changes no other's texts.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.core.reading.kinds import OrderIntent, Topic
from tests.training.fillings import ASIDES, GOODBYES, GREETINGS, MISSPELT, NEIGHBOURS, QUOTES, SLOTS, SUBJECTS
from tests.training.seeds import Seed

_SLOT = re.compile(rf"\$({'|'.join(sorted(SLOTS, key=len, reverse=True))})")
#: Slots for what is ordered: a seed with one stands for many texts.
_THINGS = ("$THING", "$DING", "$COSA", "$CHOSE", "$COISA", "$VESHCH")
_CHOICE = re.compile(r"\{([^{}]*)\}")
_LETTERS = re.compile(r"(\W+)")
_BARE_MARKS = re.compile(r"[.,!?;:]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One text of the corpus with the seed that it came from."""

    subject: str
    message: str
    seed: Seed


def corpus(seeds: Sequence[Seed]) -> list[Labelled]:
    """Return the texts of all seeds, in the seeds' order."""
    return [text for seed in seeds for text in _texts(seed)]


def digest(texts: Sequence[Labelled]) -> str:
    """Return the SHA-256 of a corpus: of its texts and labels."""
    whole = hashlib.sha256()
    for text in texts:
        whole.update("\x00".join((text.seed.label, text.seed.language, text.subject, text.message, "")).encode())
    return whole.hexdigest()


def _count(seed: Seed) -> int:
    """Return how many texts a seed gives."""
    if not seed.has_choices:
        return 2
    if seed.topic is Topic.UNKNOWN or any(slot in seed.message for slot in _THINGS):
        return 8
    if seed.is_near_miss:
        return 6
    return 5 if seed.is_long or seed.intent is not OrderIntent.NONE else 4


def _texts(seed: Seed) -> Iterator[Labelled]:
    chance = random.Random(f"{seed.label} {seed.subject} || {seed.message}")
    seen: set[tuple[str, str]] = set()
    wanted = _count(seed)
    for number in range(wanted * 3):
        subject, message = _written(seed.subject, chance), _written(seed.message, chance)
        if number and seed.topic is not Topic.UNKNOWN:
            subject, message = _around(subject, message, seed, chance)
        subject = _other_subject(subject, seed, chance) if number else subject
        key = (subject.strip(), message.strip())
        if key not in seen and any(key):
            seen.add(key)
            yield Labelled(subject=key[0], message=key[1], seed=seed)
        if len(seen) == wanted:
            return


def _written(text: str, chance: random.Random) -> str:
    """Return a seed's text with one of each alternative and its slots filled."""
    while match := _CHOICE.search(text):
        text = text[: match.start()] + chance.choice(match[1].split("|")) + text[match.end() :]
    while _SLOT.search(text):
        text = _SLOT.sub(lambda slot: chance.choice(SLOTS[slot[1]]), text)
    return text


def _around(subject: str, message: str, seed: Seed, chance: random.Random) -> tuple[str, str]:
    """Return a text as a mail: greeted, with asides, a quotation, in capitals, with slips of the finger."""
    language = seed.language
    if not seed.is_long and chance.random() < 0.4:
        message = _as_mail(message, language, chance)
    if not seed.is_long and chance.random() < 0.25:
        message = _padded(message, language, chance)
    if chance.random() < 0.08:
        message = f"{message}\n\n{_written(chance.choice(QUOTES), chance)}"
    how = chance.random()
    if how < 0.12:
        subject, message = subject.lower(), message.lower()
    elif how < 0.15:
        message = message.upper()
    elif how < 0.21:
        message = _BARE_MARKS.sub("", message)
    if chance.random() < 0.15 and language in ("en", "de"):
        message = _mistyped(message, chance)
    return subject, message


def _as_mail(message: str, language: str, chance: random.Random) -> str:
    if chance.random() < 0.7:
        message = chance.choice(GREETINGS[language]) + chance.choice([" ", "\n", "\n\n"]) + message
    if chance.random() < 0.7:
        message = message + chance.choice(["\n", " ", "\n\n"]) + _written(chance.choice(GOODBYES[language]), chance)
    return message


def _padded(message: str, language: str, chance: random.Random) -> str:
    """Return a text between sentences that say nothing about what is wanted."""
    asides = [
        _written(one, chance)
        for one in chance.sample(ASIDES[language], min(chance.choice([1, 1, 2, 3, 7]), len(ASIDES[language])))
    ]
    at = chance.randrange(len(asides) + 1)
    end = "" if message[-1:] in ".!?" else "."
    return chance.choice([" ", "\n", "\n\n"]).join([*asides[:at], message + end, *asides[at:]])


def _other_subject(subject: str, seed: Seed, chance: random.Random) -> str:
    how = chance.random()
    if how < 0.22:
        return ""
    if how < 0.34 or (not subject and how < 0.6):
        return _written(chance.choice(SUBJECTS[seed.language]), chance)
    return subject


def _mistyped(text: str, chance: random.Random) -> str:
    return "".join(_slipped(word, chance) for word in _LETTERS.split(text))


def _slipped(word: str, chance: random.Random) -> str:
    if word.lower() in MISSPELT and chance.random() < 0.35:
        return chance.choice(MISSPELT[word.lower()])
    if len(word) < 5 or not word.isalpha() or chance.random() >= 0.07:
        return word
    at, how = chance.randrange(1, len(word) - 1), chance.random()
    if how < 0.35:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if how < 0.65:
        return word[:at] + word[at + 1 :]
    if how < 0.85:
        return word[:at] + word[at] + word[at:]
    return word[:at] + NEIGHBOURS.get(word[at], word[at]) + word[at + 1 :]
