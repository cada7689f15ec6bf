"""The demo's child processes: started in a folder, stopped together, and reported when one dies unexpectedly."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

_END_SECONDS = 20.0
_LAST_LINES = 6
_LONGEST_LINE = 1 << 20


class DemoEnded(Exception):
    """A process that the demo needs ended or never started; the text names it and quotes the end of its log."""


class Child:
    """A running child. Its errors go to a file, its standard output too unless it is read."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self._name = name
        self._process = process
        self._log = log

    async def write(self, line: str) -> None:
        """Write a line to its standard input. If it no longer reads, `ended` reports that."""
        if self._process.stdin is not None:
            with suppress(ConnectionError):
                self._process.stdin.write(line.encode() + b"\n")
                await self._process.stdin.drain()

    async def lines(self) -> AsyncIterator[str]:
        """Yield the lines of its output until it ends."""
        if self._process.stdout is not None:
            while line := await self._process.stdout.readline():
                yield line.decode()

    async def ended(self) -> None:
        """Wait until it ends, which is unexpected. Raises DemoEnded."""
        code = await self._process.wait()
        raise DemoEnded(f"{self._name} exited unexpectedly (exit code {code}). {self.last_words()}")

    def last_words(self) -> str:
        """Return the end of its log, for the error message."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        return "\n".join(("Its last output:", *lines)) if lines else "It printed nothing."

    async def stop(self) -> None:
        """Terminate it and everything that it started; kill it if it does not end."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


@asynccontextmanager
async def child(
    name: str, *arguments: str, folder: Path, environment: Mapping[str, str], talks: bool = False
) -> AsyncIterator[Child]:
    """Run `python …` in its own session, so that Ctrl-C reaches it only through us; it is stopped when the block ends.

    With `talks` its standard input and output are connected to this process.
    """
    pipe = asyncio.subprocess.PIPE
    log = folder / f"{name.replace(' ', '-')}.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments,
            stdin=pipe if talks else asyncio.subprocess.DEVNULL, stdout=pipe if talks else errors, stderr=errors,
            cwd=folder, env=environment, start_new_session=True, limit=_LONGEST_LINE,
        )  # fmt: skip
    running = Child(name, process, log)
    try:
        yield running
    finally:
        await asyncio.shield(running.stop())


async def first_of(*works: Awaitable[object], within: float | None = None) -> None:
    """Wait for the first to finish and cancel the others. Raises its exception, or TimeoutError after `within`."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise TimeoutError
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def free_ports(host: str, *wanted: int) -> list[int]:
    """Return the wanted ports, replacing each that is in use with a free one."""
    with ExitStack() as stack:
        return [stack.enter_context(_reserve(host, port)).getsockname()[1] for port in wanted]


def _reserve(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError:
        return socket.create_server((host, 0))
