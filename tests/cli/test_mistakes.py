"""What the command line says about likely mistakes: a line or two, with what to do, and a status; never a traceback."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.commands import cli
from app.installation import schema

NOBODY = "postgresql://postgres@127.0.0.1:1/doorman"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(*words: str, status: int = 2) -> str:
    result = CliRunner().invoke(cli, list(words))
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    assert len(result.output.splitlines()) <= 2, result.output
    return result.output


@pytest.mark.parametrize("command", [("migrate",), ("keys", "list"), ("policy", "list"), ("serve", "--port", "0")])
def test_a_database_that_does_not_answer_is_named(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORMAN_DATABASE_URL", NOBODY)

    text = said(*command)

    assert "the database can't be reached" in text
    assert "DOORMAN_DATABASE_URL" in text


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:////nowhere/doorman.db", "DOORMAN_DATABASE_URL: the folder /nowhere does not exist"),
        ("mysql://127.0.0.1/doorman", "DOORMAN_DATABASE_URL: must be sqlite or postgresql, not mysql"),
        ("doorman.db", "DOORMAN_DATABASE_URL: must look like sqlite:///doorman.db or postgresql://"),
    ],
)
def test_a_wrong_address_of_the_database(url: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORMAN_DATABASE_URL", url)

    assert says in said("migrate")


@pytest.mark.parametrize("command", [("migrate",), ("keys", "list"), ("serve", "--port", "0")])
def test_a_database_of_a_newer_version_is_not_to_be_migrated(command: tuple[str, ...], tmp_path: Path) -> None:
    schema.migrate("sqlite:///doorman.db")
    with sqlite3.connect(tmp_path / "doorman.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    text = said(*command)

    assert "'9999'" in text or "9999," in text
    assert "install that version again, or restore the backup" in text
    assert "run `doorman migrate`" not in text


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (None, "DOORMAN_POLICY_FILE: can't read p.toml: No such file or directory"),
        ("[risk]\nreview_form = 50\n", "p.toml: risk.review_form: unknown key; did you mean review_from?"),
        ("[risk", "p.toml: Expected ']'"),
    ],
)
def test_a_policy_file_of_the_settings_is_named_with_what_is_wrong(
    document: str | None, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORMAN_POLICY_FILE", "p.toml")
    if document is not None:
        Path("p.toml").write_text(document, encoding="utf-8")

    assert says in said("serve", "--port", "0", status=1)


def test_a_database_without_a_policy_says_how_to_get_one() -> None:
    schema.migrate("sqlite:///doorman.db")

    assert "`doorman policy publish FILE`" in said("policy", "texts")


@pytest.mark.parametrize("name", ["admin", " admin", "admin ", "Admin", "\tadmin", " ", "", "x" * 81])
def test_a_name_that_no_key_may_have(name: str) -> None:
    schema.migrate("sqlite:///doorman.db")

    assert "a key's name must be 1 to 80 printable characters, other than 'admin'" in said(
        "keys", "create", name, "--role", "ops"
    )
    assert "no keys yet" in said("keys", "list", status=0)
