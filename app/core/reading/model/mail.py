"""What a mail itself says: without quotations, the goodbye and signature, and legal text."""

from __future__ import annotations

import re
from typing import Final

from app.core.reading.lexicon.lists import Lists
from app.core.reading.text import expand, normalise

#: Characters that are read of a text, of which lines that come again are read once: its beginning, and its end.
_HEAD: Final = 8_000
_TAIL: Final = 4_000
#: A goodbye is a short line, and so are those of a signature; a longer one goes on with the mail.
_GOODBYE_WIDTH: Final = 50
_SIGNATURE_WIDTH: Final = 70
_LONGEST_LIGATURE: Final = "\ufdfa"
_FORWARDED: Final = re.compile(
    r"-{2,} ?(?:forwarded message|begin forwarded message|weitergeleitete nachricht|mensaje reenviado"
    r"|message transf[eé]r[eé]|mensagem encaminhada|пересылаемое сообщение) ?-*",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(
    r"(?:from|to|cc|date|sent|subject|von|an|datum|betreff|gesendet|de|para|fecha|asunto|a|objet|data|assunto"
    r"|от|кому|дата|тема) ?:",
    re.IGNORECASE,
)
_POSTSCRIPT: Final = re.compile(r"p\.? ?s\.?\b")

_LISTS: Final = Lists("mail.toml", package=__package__)


def _beginning(name: str) -> re.Pattern[str]:
    """Return what matches a line that begins with a phrase of a list."""
    phrases = {phrase for pattern in _LISTS.phrases(name) for phrase in expand(pattern)}
    return re.compile(rf"(?:{'|'.join(map(re.escape, sorted(phrases)))})(?!\w)")


_GOODBYE: Final = _beginning("goodbyes")
_PROGRAM: Final = _beginning("programs")
_LEGAL: Final = _beginning("legal")


def own_words(text: str) -> str:
    """Return what a writer says in a mail, normalised; empty if that is nothing.

    Of a mail that only forwards another one, it is what that one says, and what stands below it.
    """
    text = _shortened(text)
    own = _without_end(normalise(text))
    if own:
        return own
    _, forwarded, rest = text.partition(found[0]) if (found := _FORWARDED.search(text)) else ("", "", "")
    lines = (line.lstrip("> ") for line in rest.split("\n"))
    return _without_end(normalise("\n".join(line for line in lines if not _HEADER.match(line)))) if forwarded else ""


def _without_end(text: str) -> str:
    """Return a normalised text without signature and legal text."""
    kept: list[str] = []
    in_signature = False
    for line in text.split("\n"):
        bare = line.strip()
        if _LEGAL.match(bare):
            break
        if in_signature and (len(bare) > _SIGNATURE_WIDTH or _POSTSCRIPT.match(bare)):
            in_signature = False
        if kept and _ends(bare):
            in_signature = True
        if not in_signature:
            kept.append(line)
    return "\n".join(kept).strip()[: _HEAD + _TAIL]


def _ends(line: str) -> bool:
    """True if a line is a goodbye, or what a program writes below a mail."""
    if _GOODBYE.match(line):
        return len(line) <= _GOODBYE_WIDTH and not line.endswith("?")
    return _PROGRAM.match(line) is not None


def _shortened(text: str) -> str:
    """Return what is read of a long text; a ligature that stands for four words is none of them."""
    text = text.replace(_LONGEST_LIGATURE, " ")
    if len(text) <= _HEAD + _TAIL:
        return text
    text = "\n".join(dict.fromkeys(text.split("\n")))
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n\n{text[-_TAIL:]}"
