"""The API against its own OpenAPI document, by Schemathesis: no 5xx and no answer that the document does not declare.

One server process for each caller (each role, and anonymous), once with existing ids and once with random ones. Run by
`make chaos`, with DOORMAN_TEST_SCHEMATHESIS requests for each operation in each of three phases; its seed is fixed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.core.records import Role
from app.db import Database
from tests.api.api_support import CUSTOMER, ORDER, TICKET, add_world, make_keys
from tests.asked import ASKED
from tests.chaos.cluster import free_port
from tests.stories.house import SECRET

EXAMPLES = ASKED.get("DOORMAN_TEST_SCHEMATHESIS")
SEED = "1"
#: The schema alone does not decide if a request is valid: a cursor must be ours, and a state may not allow the action.
_LEFT_OUT = "positive_data_acceptance,negative_data_rejection"
#: `/readyz` answers 503 here, as nothing answers the panel calls.
_READYZ = """
[[operations]]
include-path = "/readyz"
checks.not_a_server_error.enabled = false
"""

pytestmark = pytest.mark.timeout(1800)


async def _fill(url: str) -> tuple[dict[str, str], dict[Role, str]]:
    """Add one of each thing and a key of each role; return the ids by their path parameter names."""
    db = Database.open(url)
    try:
        made = await add_world(db)
        ids = {"order_id": ORDER, "customer_id": CUSTOMER, "ticket_id": TICKET, "version": 1} | made
        return {name: str(value) for name, value in ids.items()}, await make_keys(db)
    finally:
        await db.close()


@contextmanager
def _served(folder: Path, url: str) -> Iterator[str]:
    """Serve the database in a process; yields its address."""
    base = f"http://127.0.0.1:{free_port()}"
    environment = {
        **os.environ, "DOORMAN_DATABASE_URL": url, "DOORMAN_MODE": "enforce", "DOORMAN_WEBHOOK_SECRET": SECRET,
    }  # fmt: skip
    command = [sys.executable, "-m", "app", "serve", "--port", base.rsplit(":", 1)[1]]
    with (folder / "serve.log").open("wb") as log:
        serving = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        transport = httpx.HTTPTransport(retries=10)
        with httpx.Client(transport=transport, timeout=60) as client:
            assert client.get(f"{base}/healthz").status_code == 200
        yield base
    finally:
        serving.terminate()
        serving.wait(30)


@pytest.mark.parametrize("ids", ["known", "any"])
@pytest.mark.parametrize("caller", ["nobody", *Role])
def test_every_answer_is_one_that_the_document_knows(
    tmp_path: Path, sqlite_template: Path, caller: str, ids: str
) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "doorman.db")
    url = f"sqlite:///{tmp_path / 'doorman.db'}"
    known, keys = asyncio.run(_fill(url))
    parameters = "".join(f'"path.{name}" = "{value}"\n' for name, value in known.items()) if ids == "known" else ""
    (tmp_path / "schemathesis.toml").write_text(f"[parameters]\n{parameters}{_READYZ}")
    headers = [] if caller == "nobody" else ["--header", f"Authorization: Bearer {keys[Role(caller)]}"]
    with _served(tmp_path, url) as base:
        run = subprocess.run(
            [
                Path(sys.executable).parent / "schemathesis", "run", f"{base}/openapi.json", *headers, "--seed", SEED,
                "--max-examples", str(EXAMPLES), "--phases", "examples,coverage,fuzzing", "--exclude-checks", _LEFT_OUT,
                "--generation-database", "none", "--continue-on-failure", "--no-color", "--warnings", "off",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=1700, check=False,
        )  # fmt: skip
    found = "\n".join(line[:400] for line in run.stdout.splitlines() if line.strip())
    assert run.returncode == 0, f"{found[-20_000:]}\n{run.stderr[-2_000:]}"
