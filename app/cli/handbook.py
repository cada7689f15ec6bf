"""``doorman handbook``: a page of the handbook, formatted on a terminal, else as plain Markdown."""

from __future__ import annotations

from rich.console import Console
from rich.markdown import Markdown

from app.errors import NotFound
from app.handbook import pages

_WIDEST = 120


def console() -> Console:
    """Return a console of limited width, because very long lines are hard to read."""
    wide = Console(highlight=False)
    return Console(highlight=False, width=min(wide.width, _WIDEST)) if wide.is_terminal else wide


def show(out: Console, name: str | None) -> None:
    """Print a page, or the list of all. Raises NotFound."""
    if name is None:
        longest = max(len(page) for page in pages())
        for page in pages().values():
            out.print(f"{page.name:<{longest}}  {page.title}", markup=False, soft_wrap=True)
        return
    if name not in pages():
        raise NotFound(f"the handbook has no page {name!r}; its pages are {', '.join(pages())}")
    text = pages()[name].text
    if out.is_terminal:
        out.print(Markdown(text))
    else:
        out.print(text, markup=False, soft_wrap=True, end="")
