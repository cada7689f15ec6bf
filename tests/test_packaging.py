"""The wheel holds everything, and runs from an empty folder in its own environment."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

ROOT = Path(__file__).parent.parent
SLOW = 120

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow("builds a wheel and installs it")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=SLOW)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def doorman(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in a new environment: the wheel is installed there, its dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=SLOW)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "doorman"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DOORMAN_", "PYTHONPATH"))}
    return clean | {"DOORMAN_DATABASE_URL": f"sqlite:///{tmp_path / 'new.db'}", "DOORMAN_LOG_FORMAT": "json"}


def test_wheel_holds_migrations_policy_and_pages(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    assert {"app/core/policy/default.toml", "app/sandbox/page.html", "app/migrations/env.py"} <= names
    assert "app/panels/whmcs/addon/modules/addons/doorman/hooks.php" in names
    versions = {f"app/migrations/versions/{path.name}" for path in (ROOT / "migrations" / "versions").glob("*.py")}
    assert versions
    assert versions <= names
    sources = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "app").rglob("*")
        if path.suffix in {".py", ".toml", ".php", ".md", ".svg", ".model"}
    }
    assert sources <= names


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"app"}


def test_help_works(doorman: Path, environment: dict[str, str], tmp_path: Path) -> None:
    said = _run(doorman, "--help", cwd=tmp_path, env=environment)
    assert "serve" in said
    assert "migrate" in said


def test_the_handbook_is_in_the_wheel(doorman: Path, environment: dict[str, str], tmp_path: Path) -> None:
    assert "whmcs-admin" in _run(doorman, "handbook", cwd=tmp_path, env=environment)
    assert _run(doorman, "handbook", "runbook", cwd=tmp_path, env=environment).startswith("# Runbook")


def test_migrate_and_serve_from_an_empty_folder(doorman: Path, environment: dict[str, str], tmp_path: Path) -> None:
    assert "revision" in _run(doorman, "migrate", cwd=tmp_path, env=environment)
    with _serving(doorman, cwd=tmp_path, env=environment) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        _wait_until_ready(client)
        page = client.get("/docs")
        assert page.status_code == 200
        assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert assets
        for asset in assets:
            address = page.url.join(asset)
            assert address.host == page.url.host, f"{asset} is not ours"
            assert client.get(address).status_code == 200, asset
        assert client.get("/v1/orders").status_code == 401


def _run(command: Path, *arguments: str, cwd: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        [command, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=SLOW, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def _serving(command: Path, *, cwd: Path, env: dict[str, str]) -> Iterator[httpx.Client]:
    log = cwd / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen([command, "serve", "--port", "0"], cwd=cwd, env=env, stdout=output, stderr=output)
    try:
        port = _port(log, process)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=SLOW) as client:
            yield client
        process.send_signal(signal.SIGTERM)
        assert process.wait(SLOW) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    until = time.monotonic() + SLOW
    while time.monotonic() < until:
        for line in log.read_text().splitlines():
            if "serve.started" in line:
                return int(json.loads(line)["port"])
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(f"serve did not start: {log.read_text()}")


def _wait_until_ready(client: httpx.Client) -> None:
    until = time.monotonic() + SLOW
    while (answer := client.get("/readyz")).status_code != 200:
        assert time.monotonic() < until, answer.text
        time.sleep(0.2)
