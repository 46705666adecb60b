"""The HTTP server inside our own event loop: uvicorn without its hold on signals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from csms.settings.model import Http


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The command that runs us handles signals."""
        yield


class HttpServer:
    """Serves ``app`` on the configured address until closed."""

    def __init__(self, app: ASGIApp, settings: Http) -> None:
        self._socket = socket.create_server((settings.host, settings.port), reuse_port=False)
        self.port: int = self._socket.getsockname()[1]
        certificate = settings.certificate
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                ssl_certfile=str(certificate.chain_file) if certificate else None,
                ssl_keyfile=str(certificate.key_file) if certificate else None,
                timeout_graceful_shutdown=2,
                limit_concurrency=1_000,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(
            self._server.serve(sockets=[self._socket]), name="http"
        )
        listening = asyncio.ensure_future(self._server.listening.wait())
        await asyncio.wait({self._task, listening}, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if self._task.done():
            self._task.result()

    async def close(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()
