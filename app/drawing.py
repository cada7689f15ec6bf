"""Pieces of an SVG drawn by hand: every text escaped, no script, no external resource."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 760
#: Where the area of the bars begins, and how wide it is.
LEFT: Final = 170
BAR: Final = 540


def text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    size: int = 13,
    bold: bool = False,
    colour: str = "#222222",
) -> str:
    """Return words at a place; y is their base line."""
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"{weight}>'
        f"{escape(words)}</text>"
    )


def bar(x: float, y: float, width: float, height: float, *, colour: str, title: str) -> str:
    """Return a rectangle that says its number when pointed at."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}">'
        f"<title>{escape(title)}</title></rect>"
    )


def rule(y: float, *, left: float = LEFT, right: float = LEFT + BAR) -> str:
    """Return a thin horizontal line."""
    return f'<line x1="{left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}" stroke="#cccccc"/>'


def legend(top: float, entries: Iterable[tuple[str, str]], *, left: int = LEFT) -> list[str]:
    """Return (words, colour) side by side."""
    drawn = []
    for words, colour in entries:
        drawn.append(f'<rect x="{left}" y="{top - 11}" width="12" height="12" fill="{colour}"/>')
        drawn.append(text(left + 18, top, words))
        left += 138
    return drawn
