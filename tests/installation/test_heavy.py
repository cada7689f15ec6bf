"""Heavy work: one task at a time, a short queue that no single key can fill, and a process that may die at any time."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.errors import Busy, Invalid, Unavailable
from app.installation.heavy import OF_ONE_KEY, PLACES, HeavyWork

PATIENCE = 60.0


def linger(path: str) -> int:
    """Write our process id to a file, and run until the file is deleted."""
    file = Path(path)
    file.write_text(str(os.getpid()))
    while file.exists():
        time.sleep(0.01)
    return os.getpid()


def refuse() -> None:
    raise Invalid("not this", [{"path": "a", "message": "b"}])


def open_files() -> list[str]:
    """Return this process's open files, by the names that Linux gives."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the folder itself
            found.append(str(link.readlink()))
    return found


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def until(path: Path) -> int:
    """Wait until a task is running, and return its process id."""
    async with asyncio.timeout(PATIENCE):
        while not path.exists() or not path.read_text():
            await asyncio.sleep(0.01)
    return int(path.read_text())


@pytest.fixture
async def work() -> AsyncIterator[HeavyWork]:
    made = HeavyWork()
    yield made
    await made.aclose()


async def ask(work: HeavyWork, key: str, path: Path) -> int:
    """Run one request's heavy work."""
    turn = work.turn(key)
    try:
        return await turn.run(linger, str(path))
    finally:
        turn.end()


async def test_it_is_done_elsewhere_and_what_it_raises_comes_back(work: HeavyWork) -> None:
    turn = work.turn("a")
    pid = await turn.run(os.getpid)
    assert pid != os.getpid()
    with pytest.raises(Invalid) as refused:
        await turn.run(refuse)
    assert refused.value.extra == {"errors": [{"path": "a", "message": "b"}]}
    assert await turn.run(os.getpid) == pid
    assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
    turn.end()


async def test_it_inherits_no_listening_socket(work: HeavyWork) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    os.set_inheritable(server.sockets[0].fileno(), True)
    mine = str(Path(f"/proc/self/fd/{server.sockets[0].fileno()}").readlink())
    assert mine not in await work.turn("a").run(open_files)
    server.close()


async def test_no_key_fills_the_line_and_the_line_is_short(work: HeavyWork, tmp_path: Path) -> None:
    keys = [f"key-{number // OF_ONE_KEY}" for number in range(PLACES)]
    files = [tmp_path / str(number) for number in range(PLACES)]
    asked = [asyncio.create_task(ask(work, *each)) for each in zip(keys[:2], files[:2], strict=True)]
    await until(files[0])
    with pytest.raises(Busy, match="of this key"):
        await work.turn(keys[0]).run(os.getpid)
    asked += [asyncio.create_task(ask(work, *each)) for each in zip(keys[2:], files[2:], strict=True)]
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="5 long-running requests"):
        await work.turn("another").run(os.getpid)
    for number, file in enumerate(files):  # in the order of arrival, one at a time
        await until(file)
        assert [one.exists() for one in files] == [one == number for one in range(PLACES)]
        file.unlink()
    assert len(set(await asyncio.gather(*asked))) == 1
    assert await work.turn("another").run(os.getpid)


async def test_a_killed_process_is_another_one_for_the_next(work: HeavyWork, tmp_path: Path) -> None:
    first, second = (asyncio.create_task(ask(work, name, tmp_path / name)) for name in "ab")
    pid = await until(tmp_path / "a")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Unavailable):
        await first
    other = await until(tmp_path / "b")
    (tmp_path / "b").unlink()
    assert await second == other != pid


async def test_what_takes_too_long_is_ended() -> None:
    work = HeavyWork(longest_seconds=0.5)
    turn = work.turn("a")
    pid = await turn.run(os.getpid)
    with pytest.raises(Invalid) as refused:
        await turn.run(time.sleep, 600)
    assert "longer than" in refused.value.extra["errors"][0]["message"]
    assert not lives(pid)
    assert await turn.run(os.getpid) != pid
    await work.aclose()


async def test_a_request_that_is_given_up_leaves_nothing_behind(work: HeavyWork, tmp_path: Path) -> None:
    asked = asyncio.create_task(ask(work, "a", tmp_path / "a"))
    waiting = asyncio.create_task(ask(work, "a", tmp_path / "b"))
    pid = await until(tmp_path / "a")
    for one in (waiting, asked):
        one.cancel()
    await asyncio.gather(asked, waiting, return_exceptions=True)
    async with asyncio.timeout(PATIENCE):
        while lives(pid):
            await asyncio.sleep(0.01)
    assert await work.turn("a").run(os.getpid) != pid


async def test_the_end_ends_it_whatever_it_does(work: HeavyWork, tmp_path: Path) -> None:
    asked = asyncio.create_task(ask(work, "a", tmp_path / "a"))
    pid = await until(tmp_path / "a")
    await work.aclose()
    with pytest.raises(Unavailable):
        await asked
    assert not lives(pid)


_PARENT = """
import asyncio
from app.installation.heavy import HeavyWork
from tests.installation.test_heavy import linger

asyncio.run(HeavyWork().turn("a").run(linger, {path!r}))
"""


async def test_it_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", _PARENT.format(path=str(file))], cwd=Path(__file__).parents[2])
    pid = await until(file)
    family = [pid, int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])]
    parent.kill()
    parent.wait()
    async with asyncio.timeout(PATIENCE):
        while any(lives(one) for one in family):
            await asyncio.sleep(0.01)
