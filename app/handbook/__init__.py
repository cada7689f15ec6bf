"""The handbook, a Markdown page for each reader, shipped with the program; imports nothing. A new page comes here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

#: Every page, in the order in which they are listed.
NAMES: Final = (
    "index", "owner", "judgement", "guarantees", "ops", "runbook", "whmcs-admin", "server", "api", "developer",
    "design",
)  # fmt: skip
#: Every picture that a page shows.
PICTURES: Final = ("demo.svg", "decision.svg")

_MARKS: Final = re.compile(r"<!-- .*? -->\n", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page; `text` is Markdown that starts with the title."""

    name: str
    title: str
    text: str


@cache
def pages() -> Mapping[str, Page]:
    """Return every page by its name."""
    return MappingProxyType({name: _read(name) for name in NAMES})


@cache
def picture(name: str) -> bytes:
    """Return one of the pictures, an SVG document."""
    return (files(__name__) / name).read_bytes()


def _read(name: str) -> Page:
    """Read a page; the marks around generated tables are for whoever writes it."""
    text = _MARKS.sub("", (files(__name__) / f"{name}.md").read_text(encoding="utf-8"))
    return Page(name=name, title=text.splitlines()[0].removeprefix("# "), text=text)
