"""A central system of our own for one measurement: another process, with a database of its own."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_S = 120.0
STOP_S = 20.0


class NotHosted(Exception):
    """No central system could be started; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where stations connect, where the API is, and an administrator's key."""

    ocpp_url: str
    api_url: str
    key: str


def command() -> str:
    """The `csms` beside this interpreter, or on the path. Raises :class:`NotHosted`."""
    beside = Path(sys.executable).with_name("csms")
    found = str(beside) if beside.exists() else shutil.which("csms")
    if found is None:
        raise NotHosted("csms is not installed here: give --url, --api and --key-file")
    return found


@asynccontextmanager
async def hosted() -> AsyncIterator[Address]:
    """`csms serve` on loopback, which knows nobody and takes every id token. Raises :class:`NotHosted`."""
    csms = command()
    with tempfile.TemporaryDirectory(prefix="charger-sim-") as folder:
        config = Path(folder) / "csms.toml"
        ocpp_port, http_port = _free_port(), _free_port()
        config.write_text(
            f'[gateway]\nport = {ocpp_port}\n[http]\nport = {http_port}\n'
            f'[store]\nurl = "sqlite:///{Path(folder) / "csms.db"}"\n'
            '[dispatch]\nenabled = false\n[auth]\nunknown_tokens = "accept"\n[log]\nlevel = "error"\n',
            encoding="utf-8",
        )  # fmt: skip
        key = await _key(csms, config)
        log = Path(folder) / "log"
        with log.open("wb") as sink:
            process = await asyncio.create_subprocess_exec(
                csms, "serve", "--config", str(config), stdout=sink, stderr=sink
            )
        try:
            api_url = f"http://127.0.0.1:{http_port}"
            await _ready(process, api_url, log)
            yield Address(f"ws://127.0.0.1:{ocpp_port}/ocpp", api_url, key)
        finally:
            await _stop(process)


async def _key(csms: str, config: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        csms, "key", "create", "--role", "admin", "--json", "--config", str(config),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    if process.returncode != 0:
        raise NotHosted(f"csms key create: {err.decode(errors='replace')[-500:]}")
    return str(json.loads(out)["key"])


async def _ready(process: asyncio.subprocess.Process, api_url: str, log: Path) -> None:
    async with httpx.AsyncClient(base_url=api_url, trust_env=False) as client:
        try:
            async with asyncio.timeout(START_S):
                while process.returncode is None:
                    try:
                        if (await client.get("/readyz")).status_code == httpx.codes.OK:
                            return
                    except httpx.TransportError:
                        pass  # it does not listen yet
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise NotHosted(f"csms serve is not ready after {START_S:.0f} s") from None
    said = await asyncio.to_thread(log.read_text, errors="replace")
    raise NotHosted(f"csms serve ended: {said[-500:]}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    """A port that was free a moment ago."""
    for _ in range(100):
        port = 20_000 + secrets.randbelow(30_000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise NotHosted("no free port on 127.0.0.1")
