"""The server as a program: sockets, signals, and an end that loses no answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from model_core.errors import ModelError
from model_core.serving.service import Service

BACKLOG = 2048  # clients that knock at the same moment


class _Server(uvicorn.Server):
    """Told to stop, it takes no more requests, gives those in flight `grace_s` seconds to finish, and ends the rest:
    a stream with an error object and [DONE], an answer with 503."""

    def __init__(self, config: uvicorn.Config, service: Service, grace_s: float, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._service, self._grace_s, self._ready = service, grace_s, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        self._ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.draining = True
        ending = asyncio.create_task(self._end_later())
        await super().shutdown(sockets)
        ending.cancel()

    async def _end_later(self) -> None:
        await asyncio.sleep(self._grace_s)
        await asyncio.to_thread(self._service.close)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises `ModelError` where the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ModelError(f"{host} port {port}: {error.strerror}; choose another with --host and --port") from error


def make_server(
    app: ASGIApp, service: Service, *, grace_s: float = 30.0, ready: Callable[[str], None] = print
) -> uvicorn.Server:
    """`run(sockets=[listen(...)])` serves until SIGINT, SIGTERM or `should_exit`; `ready` gets the address."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, backlog=BACKLOG,
        # After `grace_s` answers are ended; this is for a client that does not read its own.
        timeout_graceful_shutdown=int(grace_s) + 5,
    )  # fmt: skip
    return _Server(config, service, grace_s, ready)
