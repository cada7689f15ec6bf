"""The addon's tests need php-cli; storage tests run on SQLite, and on MariaDB if it is available."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.addon.pretend_doorman import PretendDoorman, pretending
from tests.addon.service import SECRET, Service
from tests.addon.whmcs_request import HOW, STAFF, Whmcs, php_command
from tests.asked import ASKED, missing

MARIADB = "mysql:host=127.0.0.1;port=3306;charset=utf8mb4"
#: Looks like one of Doorman's keys; the pretend Doorman accepts any.
KEY = "doorman_" + "abcdefghijklmnopqrstuvwxyz0123456789abcdefg"


@pytest.fixture(scope="session")
def php() -> str:
    """A php that can run the addon."""
    found = php_command()
    if found is None:
        missing(HOW, "DOORMAN_TEST_REQUIRE_PHP")
    assert found is not None
    return found


def _on_mariadb(statement: str) -> None:
    code = "$p = new PDO($argv[1], 'root', ''); $p->setAttribute(PDO::ATTR_ERRMODE, 2); $p->exec($argv[2]);"
    subprocess.run(["php", "-r", code, "--", MARIADB, statement], check=True, capture_output=True, timeout=30)


def mariadb_there() -> bool:
    """True if storage tests also run on MariaDB; also where CI must run them: they then fail if it is missing."""
    if ASKED.get("DOORMAN_TEST_REQUIRE_PHP") == "1":
        return True
    try:
        _on_mariadb("SELECT 1")
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run storage tests on each database that this machine has."""
    if "storage" in metafunc.fixturenames:
        kinds = ["sqlite", "mariadb"] if mariadb_there() else ["sqlite"]
        metafunc.parametrize("storage", kinds)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """The DSN of a MariaDB database of our own."""
    name = f"doorman_addon_{uuid.uuid4().hex[:12]}"
    _on_mariadb(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield f"{MARIADB};dbname={name}"
    _on_mariadb(f"DROP DATABASE {name}")


@pytest.fixture(scope="session")
def installed_template(php: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with a WHMCS and the addon activated, to be copied."""
    file = tmp_path_factory.mktemp("whmcs") / "whmcs.db"
    whmcs = Whmcs(dsn=f"sqlite:{file}", php=php)
    whmcs.request({"do": "install_whmcs"})
    whmcs.activate(gate="on", unreachable="open")
    return file


@pytest.fixture
def whmcs(installed_template: Path, php: str, tmp_path: Path) -> Whmcs:
    """A WHMCS with the addon active, on SQLite; Doorman's address is not set yet."""
    shutil.copyfile(installed_template, tmp_path / "whmcs.db")
    return Whmcs(dsn=f"sqlite:{tmp_path / 'whmcs.db'}", php=php)


@pytest.fixture
def stored_whmcs(storage: str, request: pytest.FixtureRequest, php: str) -> Whmcs:
    """A WHMCS with the addon active, on each database; MariaDB's driver returns numbers as text, as older ones do."""
    if storage == "sqlite":
        found: Whmcs = request.getfixturevalue("whmcs")
        return found
    whmcs = Whmcs(dsn=request.getfixturevalue("mariadb"), php=php, stringify=True)
    answer = whmcs.request({"do": "reset_whmcs"}, {"do": "activate_addon"}, **STAFF, loads_hooks=False)
    assert answer.returned()["status"] == "success"
    return whmcs


@pytest.fixture
def doorman() -> Iterator[PretendDoorman]:
    """A pretend Doorman that records what it was sent."""
    with pretending() as server:
        yield server


@pytest.fixture(scope="module")
def service(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real Doorman with its worker; shared by the tests of a module."""
    file = tmp_path_factory.mktemp("doorman") / "doorman.db"
    shutil.copyfile(sqlite_template, file)
    with Service(file).running() as running:
        yield running


def connect(whmcs: Whmcs, url: str, *, key: str = KEY, **settings: str) -> None:
    """Set Doorman's address in the addon's settings, as staff do."""
    whmcs.set(**{"url": url, "webhook_secret": SECRET, "api_key": key, **settings})
