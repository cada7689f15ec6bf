"""The seeds: texts written by hand, with alternatives and slots, in a folder for each author.

A line `## topic intent language` says what the lines below it are; each is `subject || message`, where `{a|b}` means
either, `$SLOT` is filled in, and `\\n` is a line break. The word `contrast` as a subject marks near misses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.core.reading.kinds import OrderIntent, Topic

FOLDER = Path(__file__).parent / "seeds"
LANGUAGES = frozenset({"en", "de", "es", "fr", "pt", "ru"})
_LONG = 60  # words


class SeedError(Exception):
    """A line of a seed file is not in the form of seeds; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """One text as written, with its labels, its author, and the line where it stands."""

    topic: Topic
    intent: OrderIntent
    language: str
    subject: str
    message: str
    author: str
    source: str
    is_near_miss: bool

    @property
    def is_long(self) -> bool:
        """True for mails of many words."""
        return len(self.message.split()) >= _LONG

    @property
    def has_choices(self) -> bool:
        """True if the seed stands for several texts."""
        return "{" in self.message + self.subject or "$" in self.message + self.subject

    @property
    def label(self) -> str:
        """What the model learns: the topic, and for an order its intent."""
        return self.topic.value if self.intent is OrderIntent.NONE else f"{self.topic.value}:{self.intent.value}"


def read_seeds(folder: Path = FOLDER) -> list[Seed]:
    """Return every seed, by author and file. Raises SeedError."""
    return [seed for path in sorted(folder.glob("*/*.txt")) for seed in _of_file(path)]


def _of_file(path: Path) -> Iterator[Seed]:
    labels: tuple[Topic, OrderIntent, str] | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("## "):
            labels = _labels(line, f"{path.name}:{number}")
        elif line.strip():
            if labels is None or "||" not in line or line.count("{") != line.count("}"):
                raise SeedError(f"{path.name}:{number}: {line[:60]}")
            subject, _, message = (part.strip() for part in line.partition("||"))
            topic, intent, language = labels
            yield Seed(
                topic=topic,
                intent=intent,
                language=language,
                subject="" if subject == "contrast" else subject,
                message=message.replace("\\n", "\n"),
                author=path.parent.name,
                source=f"{path.parent.name}/{path.stem}:{number}",
                is_near_miss=subject == "contrast" or "miss" in path.stem,
            )


def _labels(line: str, where: str) -> tuple[Topic, OrderIntent, str]:
    try:
        topic, intent, language = line[3:].split()
        if language not in LANGUAGES:
            raise SeedError(f"{where}: no language {language}")
        return Topic(topic), OrderIntent(intent), language
    except ValueError as error:
        raise SeedError(f"{where}: {error}") from error
