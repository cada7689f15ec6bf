"""`doorman backtest` as people and programs call it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from app.clock import utc_now
from app.db import Database
from app.evaluation.backtest import runs
from app.evaluation.backtest.chart import draw
from app.evaluation.backtest.records import BacktestReport
from app.evaluation.backtest.runs import Wanted
from tests.evaluation.backtest.history import GIVEN, add_cases, set_active, some_cases

pytestmark = [pytest.mark.timeout(200), pytest.mark.slow("starts the command with its processes")]


def prepare(url: str, orders: int) -> None:
    """Add an active policy and this many orders."""

    async def fill() -> None:
        db = Database.open(url)
        await set_active(db)
        await add_cases(db, some_cases(orders))
        await db.close()

    asyncio.run(fill())


def doorman(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call the program."""
    command = [sys.executable, "-m", "app", "backtest", *arguments]
    environment = {**os.environ, "DOORMAN_DATABASE_URL": url, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=Path.cwd())


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text(GIVEN, encoding="utf-8")
    return file


def test_tables_json_and_chart(migrated_url: str, policy: Path, tmp_path: Path) -> None:
    prepare(migrated_url, 60)
    chart = tmp_path / "chart.svg"
    shown = doorman(migrated_url, "--policy", str(policy), "--chart", str(chart), "--with-today")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("Backtest of 60 orders, ")
    for heading in (
        "What this policy would have meant", "What to do next", "without Doorman", "The last months", "In USD",
        "Signals and reasons for a review", "Outcomes", "orders would change", "Estimated staff minutes",
        "Money in USD", "The risk score alone", "Facts left out, as they only became known later",
        "What this can't know", "The same, with what only became known later",
    ):  # fmt: skip
        assert heading in shown.stdout
    assert max(len(line.rstrip()) for line in shown.stdout.splitlines()[:-1]) <= 80
    assert "\x1b" not in shown.stdout
    root = ET.parse(chart).getroot()
    names = [child.tag.rpartition("}")[2] for child in root]
    assert names[:2] == ["title", "desc"]
    assert "60 orders" in (root[0].text or "")

    exact = doorman(migrated_url, "--policy", str(policy), "--json")
    assert (exact.returncode, exact.stderr) == (0, "")
    report = BacktestReport.model_validate_json(exact.stdout)
    assert json.loads(exact.stdout) == json.loads(report.model_dump_json())
    assert report.with_today is None


def test_nothing_to_judge_a_bad_policy_and_a_bad_place(migrated_url: str, policy: Path, tmp_path: Path) -> None:
    asyncio.run(_active(migrated_url))
    empty = doorman(migrated_url, "--policy", str(policy))
    assert (empty.returncode, empty.stdout) == (2, "")
    assert "run `doorman import` first" in empty.stderr
    policy.write_text("[risk]\nreview_from = 101\nnonsense = 1\n", encoding="utf-8")
    bad = doorman(migrated_url, "--policy", str(policy), "--json")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "risk.review_from: " in bad.stderr
    assert "risk.nonsense: " in bad.stderr
    assert "Traceback" not in bad.stderr
    policy.write_text("", encoding="utf-8")
    nowhere = doorman(migrated_url, "--policy", str(policy), "--chart", str(tmp_path / "no" / "chart.svg"))
    assert nowhere.returncode == 2
    assert "Traceback" not in nowhere.stderr


async def _active(url: str) -> None:
    db = Database.open(url)
    await set_active(db)
    await db.close()


def test_the_process_of_one_that_the_api_began_ends_well_while_its_input_stays_open(migrated_url: str) -> None:
    prepare(migrated_url, 3)
    begun = asyncio.run(_begun(migrated_url))
    command = [sys.executable, "-m", "app", "backtest-process", str(begun)]
    environment = {**os.environ, "DOORMAN_DATABASE_URL": migrated_url, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()  # its standard input is closed only after its end
        assert process.wait() == 0, said
    assert "backtest.finished" in said
    assert "Fatal" not in said


async def _begun(url: str) -> uuid.UUID:
    db = Database.open(url)
    async with db.begin() as tx:
        begun = await runs.begin(tx, Wanted(document=GIVEN), by="test", now=utc_now())
    await db.close()
    return begun


def test_names_in_the_chart_are_escaped(migrated_url: str, policy: Path) -> None:
    prepare(migrated_url, 8)
    report = BacktestReport.model_validate_json(doorman(migrated_url, "--policy", str(policy), "--json").stdout)
    threshold = report.figures.given.risk.thresholds[0].model_copy(update={"name": "<b>&amp;\"'"})
    risk = report.figures.given.risk.model_copy(update={"thresholds": (threshold,)})
    given = report.figures.given.model_copy(update={"risk": risk})
    hostile = report.model_copy(update={"figures": report.figures.model_copy(update={"given": given})})
    texts = [element.text or "" for element in ET.fromstring(draw(hostile)).iter()]
    assert any("<b>&amp;\"'" in text for text in texts)
