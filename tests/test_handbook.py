"""`doorman handbook` prints the list of pages, and each page, to a terminal and into a pipe."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from typer.testing import CliRunner

from app.cli.commands import cli
from app.cli.handbook import show
from app.handbook import NAMES, pages
from tests.documents import HANDBOOK


def test_every_page_is_listed_with_its_title() -> None:
    said = CliRunner().invoke(cli, ["handbook"])
    assert said.exit_code == 0
    assert [line.split()[0] for line in said.output.splitlines()] == list(NAMES)
    assert all(page.title in said.output for page in pages().values())


def test_the_pages_are_the_files() -> None:
    assert sorted(NAMES) == sorted(file.stem for file in HANDBOOK.glob("*.md"))


@pytest.mark.parametrize("name", NAMES)
def test_a_page_goes_into_a_pipe_as_it_was_written(name: str) -> None:
    said = CliRunner().invoke(cli, ["handbook", name])
    assert said.exit_code == 0
    assert said.output == pages()[name].text
    assert "<!--" not in said.output


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_set_for_a_terminal(name: str) -> None:
    written = StringIO()
    show(Console(file=written, force_terminal=True, width=100), name)
    assert "\n## " not in written.getvalue()
    assert pages()[name].title in written.getvalue()


def test_an_unknown_page_is_answered_with_the_pages_there_are() -> None:
    said = CliRunner().invoke(cli, ["handbook", "ownr"])
    assert said.exit_code == 2
    assert "the handbook has no page 'ownr'; its pages are index, owner, " in said.output


def test_every_page_says_first_who_reads_it() -> None:
    for page in pages().values():
        assert page.text.splitlines()[2].startswith("For "), page.name
