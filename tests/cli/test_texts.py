"""``doorman policy texts``: of a file, of the active policy, and of the defaults if there is no database."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.commands import cli
from app.cli.texts import in_force, written
from app.clock import utc_now
from app.db import Database
from app.errors import Invalid
from app.policies import versions
from tests.stories.house import settings_for


def test_a_file_is_written_out_in_every_currency_or_one(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("currencies.EUR.handling_fee = '9'\n", encoding="utf-8")

    everything = CliRunner().invoke(cli, ["policy", "texts", str(file)])
    euro = CliRunner().invoke(cli, ["policy", "texts", "--currency", "EUR", str(file)])

    assert everything.exit_code == euro.exit_code == 0
    headings = [line for line in everything.stdout.splitlines() if line.startswith("---")]
    assert headings[:3] == [
        "--- EUR, for the cart ---",
        "--- EUR, for the terms of service ---",
        "--- EUR, for the signature of e-mails ---",
    ]
    assert len(headings) == 9
    assert "That costs 9.00 EUR." in euro.stdout
    assert "USD" not in euro.stdout
    assert "policy.toml" in euro.stderr
    assert "policy.toml" not in euro.stdout


def test_mistakes_are_said_in_a_line(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("[texts.prices.cart]\ntax = '{risk}'\n", encoding="utf-8")

    wrong = CliRunner().invoke(cli, ["policy", "texts", str(file)])
    file.write_text("", encoding="utf-8")
    unknown = CliRunner().invoke(cli, ["policy", "texts", "--currency", "CHF", str(file)])

    assert (wrong.exit_code, unknown.exit_code) == (1, 2)
    assert wrong.stderr.startswith("texts.prices.cart.tax: ")
    assert "only in EUR, GBP, USD" in unknown.stderr


async def test_without_a_file_it_is_the_active_policy(db: Database) -> None:
    settings = settings_for(db.url.render_as_string(hide_password=False))
    async with db.begin() as tx:
        published = await versions.publish(tx, "currencies.USD.handling_fee = '8'", by="test", now=utc_now())
        await versions.activate(tx, published.version, by="test", now=utc_now())

    source = await in_force(settings)

    assert source.words == f"the active policy, version {published.version}"
    assert "8.00 USD" in "".join(written(source.policy, "USD"))
    with pytest.raises(Invalid):
        list(written(source.policy, "XXX"))


async def test_without_a_database_it_is_the_default_policy_and_none_is_made(tmp_path: Path) -> None:
    file = tmp_path / "doorman.db"

    source = await in_force(settings_for(f"sqlite:///{file}"))

    assert "no database yet" in source.words
    assert "7.00 USD" in "".join(written(source.policy, "USD"))
    assert list(tmp_path.iterdir()) == []
