"""Eight senders of webhooks on SQLite while the worker is busy: none is turned away, and no paid order waits long.

Played by `make chaos` for ten minutes, else for a moment; DOORMAN_TEST_SOAK_SECONDS=n plays it for so long.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.asked import EVERYTHING

SECONDS = os.environ.get("DOORMAN_TEST_SOAK_SECONDS", "600" if EVERYTHING else "4")
ROOT = Path(__file__).parents[2]


@pytest.mark.slow("it is about what happens in ten minutes")
@pytest.mark.timeout(1500)
def test_no_webhook_is_turned_away_and_no_order_waits_long_while_the_worker_is_busy() -> None:
    script = ROOT / "tests" / "bench" / "soak.py"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), "--seconds", SECONDS]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    sys.stdout.write(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr
