"""A private PostgreSQL cluster, which can be crashed without affecting others."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.asked import missing

_HOW = "initdb and pg_ctl are not here; install PostgreSQL's server (Debian: apt-get install postgresql)"
#: Small, and quick to restart; commits must still survive a crash, so fsync stays on.
_SETTINGS = (
    "max_connections = 60\nshared_buffers = 32MB\nunix_socket_directories = ''\nlisten_addresses = '127.0.0.1'\n"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Cluster:
    """A started cluster; `crash` and `start` can be repeated."""

    folder: Path
    port: int
    programs: Path

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}"

    def start(self) -> None:
        log = self.folder.parent / "cluster.log"
        self._control("start", "-w", "-t", "60", "-l", str(log))

    def crash(self) -> None:
        """Stop it like a power failure: no checkpoint, connections cut, recovery at the next start."""
        self._control("stop", "-m", "immediate")

    def _control(self, *arguments: str) -> None:
        _as_postgres(str(self.programs / "pg_ctl"), "-D", str(self.folder), *arguments)


def _as_postgres(*command: str) -> None:
    """Run as the user postgres if we are root, as PostgreSQL refuses to run as root."""
    if os.geteuid() == 0:
        command = ("runuser", "-u", "postgres", "--", *command)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, cwd="/", timeout=120)
    assert done.returncode == 0, done.stdout.decode()


def _programs() -> Path | None:
    if found := shutil.which("initdb"):
        return Path(found).parent
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return newest[-1].parent if newest else None


@contextmanager
def own_cluster() -> Iterator[Cluster]:
    """Create and start a cluster; it is stopped at the end of the block. Skips if the programs are missing.

    Its folder is outside pytest's, which only their owner can read: as root we run it as the user postgres.
    """
    programs = _programs()
    if programs is None:
        missing(_HOW, "DOORMAN_TEST_REQUIRE_POSTGRES")
        return
    with TemporaryDirectory(prefix="doorman-cluster-") as home:
        if os.geteuid() == 0:
            shutil.chown(home, "postgres")
        yield from _running(Path(home), programs)


def _running(home: Path, programs: Path) -> Iterator[Cluster]:
    cluster = Cluster(home / "data", free_port(), programs)
    _as_postgres(str(programs / "initdb"), "-D", str(cluster.folder), "-U", "postgres", "-A", "trust", "-E", "UTF8")
    with (cluster.folder / "postgresql.conf").open("a") as file:
        file.write(f"{_SETTINGS}port = {cluster.port}\n")
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.crash()
