"""One API process of `doorman serve`, in a module of its own: the parent does without the API, which loads slowly."""

from __future__ import annotations

import asyncio
import os
import socket

import uvicorn

from app import log as logging_setup
from app.api.application import create_app
from app.config import Settings
from app.messaging.wake import Waker
from app.processes.serve import GRACE_SECONDS
from app.processes.slow_clients import ImpatientProtocol


def api_process(settings: Settings, *, listener_fd: int, wake_fd: int, life_fd: int) -> None:
    """Run one API process: serve on the inherited socket until it is stopped or the parent is gone."""
    logging_setup.configure(settings.log_format)
    listener = socket.socket(fileno=listener_fd)
    app = create_app(settings, wake=Waker(wake_fd).notify)
    config = uvicorn.Config(
        app, loop="uvloop", http=ImpatientProtocol, ws="none", lifespan="on", access_log=False, log_config=None,
        timeout_graceful_shutdown=int(GRACE_SECONDS) - 4, server_header=False, proxy_headers=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve_while_alive(server, listener, life_fd))


async def _serve_while_alive(server: uvicorn.Server, listener: socket.socket, life_fd: int) -> None:
    os.set_blocking(life_fd, False)

    def parent_gone() -> None:
        asyncio.get_running_loop().remove_reader(life_fd)
        server.should_exit = True

    asyncio.get_running_loop().add_reader(life_fd, parent_gone)
    await server.serve(sockets=[listener])
