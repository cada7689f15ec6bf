"""Small commands stay quick: the heavy modules that they don't need are not imported.

Measured without other load, `--help` takes 0.2 seconds of CPU, and those that read the database half a second, two
thirds of it for SQLAlchemy; with these modules each command took more than two.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_RUN = """
import json, sys
from app.cli.commands import cli
try:
    cli(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
finally:
    sys.stderr.write(json.dumps(sorted(sys.modules)))
"""
#: Needed by none of these commands.
SERVING = {
    "fastapi", "starlette", "uvicorn", "uvloop", "httpx", "alembic", "prometheus_client", "rapidfuzz", "phonenumbers",
    "maxminddb", "app.api.application", "app.api.routes", "app.workflow", "app.gathering",
    "app.evaluation", "app.upkeep", "app.processes", "app.demo", "app.sandbox", "app.context", "app.messaging.worker",
}  # fmt: skip
#: Needed only by commands that read the database, by those that log, or by those that read a policy's rules.
DATABASE = {"sqlalchemy", "aiosqlite", "pydantic", "app.config", "app.db"}
LOG = {"structlog", "rich.traceback", "pygments"}
POSTGRES = {"sqlalchemy.dialects.postgresql", "asyncpg"}
LEXICON = {"app.core.reading.phrases", "app.core.reading.topics"}
POLICY = {"app.core.policy.document", "app.core.facts", "app.core.judgement.decide", "app.tables.everything", *LEXICON}
LISTING = SERVING | LOG | POSTGRES | POLICY

COMMANDS = [
    (("--help",), SERVING | DATABASE | POLICY),
    (("keys", "--help"), SERVING | DATABASE | POLICY),
    (("serve", "--help"), SERVING | DATABASE | POLICY),
    (("handbook",), SERVING | DATABASE | POLICY),
    (("whmcs-addon", "."), SERVING | DATABASE | POLICY),
    (("keys", "create", "ops", "--role", "ops"), LISTING),
    (("keys", "list"), LISTING),
    (("policy", "list"), LISTING),
    (("migrate",), LISTING),
    (("policy", "diff", "empty.toml", "empty.toml"), SERVING | POSTGRES | LEXICON),
]


@pytest.mark.parametrize(("words", "unwanted"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_small_command_loads_little(
    migrated_url: str, tmp_path: Path, words: tuple[str, ...], unwanted: set[str]
) -> None:
    (tmp_path / "empty.toml").touch()
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *words], capture_output=True, text=True, check=False, cwd=tmp_path,
        env=os.environ | {"DOORMAN_DATABASE_URL": migrated_url, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stderr))
    assert "app.cli.commands" in loaded
    assert loaded & unwanted == set()
