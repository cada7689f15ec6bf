"""The handbook under `/docs`: every page and every link, with no external resources."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

import pytest

from app.handbook import NAMES, PICTURES
from tests.api.api_support import check_problem
from tests.api.conftest import Api

BASE = "http://test/docs/handbook/"


@pytest.mark.parametrize("name", NAMES)
async def test_a_page_is_html_that_may_load_nothing_from_outside(api: Api, name: str) -> None:
    answer = await api.client.get(f"/docs/handbook/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in answer.text
    assert "<!--" not in answer.text
    assert "&lt;!--" not in answer.text


async def test_every_link_of_every_page_leads_to_a_page_and_a_heading(api: Api) -> None:
    broken = []
    for name in NAMES:
        text = (await api.client.get(f"/docs/handbook/{name}")).text
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            parts = urlsplit(urljoin(BASE + name, link))
            if parts.netloc != "test":
                continue
            found = await api.client.get(parts.path)
            if found.status_code != 200 or (parts.fragment and f'id="{parts.fragment}"' not in found.text):
                broken.append(f"{name}: {link}")
    assert broken == []


@pytest.mark.parametrize("name", PICTURES)
async def test_a_picture_is_an_svg_without_a_font_from_elsewhere(api: Api, name: str) -> None:
    answer = await api.client.get(f"/docs/handbook/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "@font-face" not in answer.text
    assert "url(http" not in answer.text
    assert "href=" not in answer.text


@pytest.mark.parametrize("name", ["nothing", "__init__.py", "index.md", "%2e%2e%2fconfig.py"])
async def test_what_is_no_page_is_not_found(api: Api, name: str) -> None:
    check_problem(await api.client.get(f"/docs/handbook/{name}"), 404, "not-found")
