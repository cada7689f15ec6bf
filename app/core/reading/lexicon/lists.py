"""The lists of a data file of a package, by default this one, checked as they are taken.

The files are a part of the package like its code: each is read once, when the module of its name is imported, so that
reading a text stays pure.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import TypeVar

import msgspec

T = TypeVar("T")


class LexiconError(Exception):
    """A data file can't be read, or a list of it is missing or has another form; the message says which."""


class Lists:
    """The lists of one data file, by their names."""

    def __init__(self, file: str, *, package: str = __package__) -> None:
        self._file = file
        try:
            self._lists = tomllib.loads((files(package) / file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise LexiconError(f"{file}: {error}") from error

    def take(self, name: str, form: type[T]) -> T:
        """Return a list in this form."""
        if name not in self._lists:
            raise LexiconError(f"{self._file}: the list {name} is missing")
        try:
            return msgspec.convert(self._lists[name], form, str_keys=True)
        except msgspec.ValidationError as error:
            raise LexiconError(f"{self._file}: {name}: {error}") from error

    def phrases(self, name: str) -> tuple[str, ...]:
        """Return the phrases of a list."""
        return self.take(name, tuple[str, ...])

    def groups(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return the phrases of a table by the names of its lists."""
        return self.take(name, dict[str, tuple[str, ...]])

    def words(self, name: str) -> frozenset[str]:
        """Return the words of a text."""
        return frozenset(self.take(name, str).split())
