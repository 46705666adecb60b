"""``csms serve`` in a process of its own, to be killed."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

from tests.e2e.cli.run import SCRIPT, clean_environment
from tests.integration.whole_system.site import PATIENCE_S


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Served:
    """A central system that can be started, killed and started again on the same ports and files."""

    def __init__(self, folder: Path, ocpp_port: int, http_port: int, rest: str = "") -> None:
        self.ocpp_port, self.http_port = ocpp_port, http_port
        self.url = f"sqlite:///{folder / 'csms.db'}"
        self._config = folder / "csms.toml"
        self._config.write_text(
            f'[gateway]\nport = {ocpp_port}\n[http]\nport = {http_port}\n[store]\nurl = "{self.url}"\n'
            f'[log]\nlevel = "error"\n{rest}'
        )
        self._process: Process | None = None

    async def start(self) -> None:
        """Returns when stations and users can connect."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SCRIPT, "serve", "--config", str(self._config),
            env=clean_environment(), stdout=DEVNULL, stderr=None,
        )  # fmt: skip
        async with asyncio.timeout(2 * PATIENCE_S):
            for port in (self.ocpp_port, self.http_port):
                while not await _listens(port):
                    assert self._process.returncode is None, "csms serve ended"
                    await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """SIGKILL: no goodbye, no flush."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(number)
            await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
