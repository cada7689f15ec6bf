"""`doorman policy …`: check, publish with confirmation, list, show, compare, roll back, choose a candidate."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.commands import cli
from app.db import Database
from tests.api.routes.test_policies import add_cases

DOCUMENT = "[points.risk]\nshared_phone = 20\n"


class Desk:
    """The command line on one database, with documents in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, name: str, document: str) -> str:
        file = self.folder / name
        file.write_text(document, encoding="utf-8")
        return str(file)

    def run(self, *words: str, status: int = 0, **more: Any) -> str:
        result = CliRunner().invoke(cli, ["policy", *words], **more)
        assert result.exit_code == status, result.output
        return result.output


@pytest.fixture
def desk(tmp_path: Path, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A command line whose settings name the test's database."""
    monkeypatch.setenv("DOORMAN_DATABASE_URL", migrated_url)
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path)


def history(url: str, total: int, *, held: int) -> None:
    async def add() -> None:
        db = Database.open(url)
        await add_cases(db, total, held=held)
        await db.close()

    asyncio.run(add())


def test_a_check_works_without_a_database_and_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path)
    said = desk.run("check", desk.file("policy.toml", "[modes]\naccept = 'suggest'\n"))
    assert "warning: modes.hold is enforce and modes.accept is suggest" in said
    assert said.splitlines()[-1].startswith("valid; hash ")
    assert not (tmp_path / "doorman.db").exists()
    wrong = desk.run("check", desk.file("wrong.toml", "[risk]\nreview_form = 1\n"), status=1)
    assert "risk.review_form: unknown key; did you mean review_from?" in wrong


def test_a_check_says_how_many_orders_it_would_hold(desk: Desk, migrated_url: str) -> None:
    file = desk.file("policy.toml", DOCUMENT)
    assert "0 can be judged, and 50 are needed" in desk.run("check", file)
    assert "warning: modes.hold is enforce: The gate has never been asked" in desk.run("check", file)
    assert "warning: modes.hold is enforce: The gate has never been asked" in desk.run("publish", file)
    history(migrated_url, 80, held=20)
    assert "Of the last 80 orders it would hold 20 (25.0 %)." in desk.run("check", file)


def test_publishing_what_would_hold_many_orders_needs_a_yes(desk: Desk, migrated_url: str) -> None:
    history(migrated_url, 80, held=40)
    file = desk.file("policy.toml", DOCUMENT)
    refused = desk.run("publish", file, status=1)
    assert "more than 30 % (limits.confirm_hold_percent)" in refused
    assert "Confirm with --yes" in refused
    assert "version 1 is published but not active" in refused
    assert "active" not in desk.run("list").split()
    assert "version 1 is active (known; hash" in desk.run("publish", file, "--yes")


def test_publish_list_show_compare_and_roll_back(desk: Desk) -> None:
    first, second = desk.file("first.toml", "# mine\n"), desk.file("second.toml", DOCUMENT)
    assert "version 1 is active (new; hash" in desk.run("publish", first)
    assert "version 1 is the only policy that was ever active" in desk.run("rollback", status=2)
    assert "version 2 is active (new; hash" in desk.run("publish", second)
    assert [line.split()[0] for line in desk.run("list").splitlines()] == ["2", "1"]
    assert desk.run("show", "1") == "# mine\n\n"
    assert "there is no policy version 9" in desk.run("show", "9", status=2)

    words = "A shared phone number now adds 20 risk points instead of 75."
    back = "A shared phone number now adds 75 risk points instead of 20."
    assert desk.run("diff", "2", "1") == f"Points\n  {words}\n"
    assert desk.run("diff", "1") == desk.run("diff", first) == f"Points\n  {back}\n"
    assert desk.run("diff", second, first) == f"Points\n  {words}\n"
    assert desk.run("diff", second) == "no difference\n"
    assert "there is no policy version 7" in desk.run("diff", "7", status=2)
    assert desk.run("diff", str(desk.folder / "none.toml"), status=2)

    assert desk.run("rollback") == "version 1 is active again\n"
    assert desk.run("rollback") == "version 2 is active again\n"


def test_a_candidate_is_chosen_and_dropped(desk: Desk) -> None:
    desk.run("publish", desk.file("first.toml", "# mine\n"))
    desk.run("publish", desk.file("second.toml", DOCUMENT))
    assert desk.run("candidate", "1") == "version 1 runs in shadow next to the active policy\n"
    assert "candidate" in desk.run("list")
    assert "is already the active policy" in desk.run("candidate", "2", status=2)
    assert desk.run("candidate", "none") == "no candidate is running\n"
    assert "candidate" not in desk.run("list")
    assert "a version such as 3, or none" in desk.run("candidate", "x", status=2)


@pytest.mark.parametrize("words", [["check"], ["publish"], ["diff"]])
def test_a_file_without_an_end_is_refused(desk: Desk, words: list[str]) -> None:
    assert "zero is longer than 1000000 characters" in desk.run(*words, "/dev/zero", status=1)
