"""``/docs/handbook/…``: the handbook as web pages, for users of ``/docs``; nothing in it is secret."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from html import escape
from itertools import pairwise
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.handbook import PICTURES, Page, pages, picture

PATH: Final = "/docs/handbook/{name}"

_STYLE: Final = """
body { margin: 0 auto; max-width: 62rem; padding: 1rem 1.5rem 4rem; color: #1f2933; background: #fff;
  font: 16px/1.55 system-ui, sans-serif; }
nav { border-bottom: 1px solid #d5dbe1; padding-bottom: .6rem; font-size: .9rem; }
nav a { margin-right: .9rem; white-space: nowrap; }
nav a[aria-current] { color: inherit; font-weight: 600; text-decoration: none; }
a { color: #0b5cad; }
h1, h2, h3 { line-height: 1.25; margin: 2rem 0 .6rem; }
code { background: #f1f4f7; border-radius: 3px; padding: .1em .3em; font-size: .88em; overflow-wrap: anywhere; }
pre { background: #f1f4f7; border-radius: 5px; padding: .8rem 1rem; overflow-x: auto; }
pre code { padding: 0; }
td:first-child code { white-space: nowrap; }
table { display: block; overflow-x: auto; border-collapse: collapse; font-size: .9rem; }
th, td { border: 1px solid #d5dbe1; padding: .3rem .6rem; text-align: left; vertical-align: top; }
img { max-width: 100%; }
"""
_PAGE_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_PICTURE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"  # Rich's SVG carries its own style

_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")


async def serve(request: Request) -> Response:
    """Answer with a page or a picture; 404 if none has that name."""
    name = request.path_params["name"]
    if name in pages():
        return HTMLResponse(_document(name), headers=_headers(_PAGE_POLICY))
    if name in PICTURES:
        return Response(picture(name), media_type="image/svg+xml", headers=_headers(_PICTURE_POLICY))
    raise HTTPException(404, f"the handbook has no such page; its pages are {', '.join(pages())}")


def _headers(policy: str) -> dict[str, str]:
    return {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}


@cache
def _document(name: str) -> str:
    page = pages()[name]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="../assets/favicon.png">'
        f"<title>{escape(page.title)} - Doorman</title><style>{_STYLE}</style>"
    )
    body = f"<nav>{''.join(_links(name))}</nav><main>{_body(page)}</main>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'


def _links(current: str) -> Iterator[str]:
    """Yield a link to each page and back to the Swagger UI; relative, because a proxy may serve us under a path."""
    for page in pages().values():
        here = ' aria-current="page"' if page.name == current else ""
        yield f'<a href="{page.name}"{here}>{escape(page.name)}</a>'
    yield '<a href="../../docs">Swagger UI</a>'


def _body(page: Page) -> str:
    tokens = _MARKDOWN.parse(page.text)
    for token, text in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor(text.content))
    for token in tokens:
        for inner in token.children or ():
            _point_here(inner)
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def anchor(heading: str) -> str:
    """Return the anchor of a heading, the same as on GitHub."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _point_here(token: Token) -> None:
    """Point a link to another page's file to where we serve it."""
    if token.type == "link_open":
        token.attrSet("href", re.sub(r"^([\w-]+)\.md(?=#|$)", r"\1", str(token.attrGet("href"))))
