"""A network connection with latency: bytes pass in both directions, each with a delay."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def slow_line(port: int, *, seconds: float) -> Iterator[str]:
    """Yield an address that forwards to `port` of this machine with this delay."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    ends: list[socket.socket] = [listener]
    threads: list[threading.Thread] = []

    def carry(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while part := one.recv(65536):
                time.sleep(seconds)
                other.sendall(part)
        _hang_up(one, other)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", port))
                ends.extend((near, far))
                for pair in ((near, far), (far, near)):
                    pair[0].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threads.append(threading.Thread(target=carry, args=pair, daemon=True))
                    threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        _hang_up(listener)
        accepting.join()
        _hang_up(*ends)
        for thread in threads:
            thread.join()
        for end in ends:
            end.close()


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
