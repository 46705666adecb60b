"""The central system as it serves, for the gateway's benchmark: validation, services and durable SQLite behind it."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from csms import collector
from csms.bootstrap import CentralSystem
from csms.clock import SystemClock
from csms.domain.records import StationRecord
from csms.ids import StationId
from csms.settings import Settings
from csms.store import open_store
from csms.telemetry.logs import configure_logs

MANY = 1_000


class WholePath:
    """A server of the benchmark: a CSMS that answers after the commit."""

    async def start(self, verifier: Any) -> int:
        configure_logs("error", "console")  # stdout is the benchmark's
        self._folder = tempfile.TemporaryDirectory()
        url = f"sqlite:///{Path(self._folder.name) / 'bench.db'}"
        store = await open_store(url)
        settings = Settings(
            gateway={"port": 0},
            store={"url": url},
            dispatch={"enabled": False},
            log={"level": "error", "journal_messages": 200},
        )
        rng = Random(1)
        system = CentralSystem(settings, store, SystemClock(), rng, secrets.token_bytes)
        booted = system.clock.now()
        await store.journal.commit(
            *(
                StationRecord(
                    station_id=StationId(f"CS{n:05d}"),
                    password_hash="trusted",
                    security_profile=1,
                    enabled=True,
                    version="2.0.1",
                    booted_at=booted,
                )
                for n in range(MANY)
            )
        )
        gateway = system.gateway
        gateway._settings = msgspec.structs.replace(
            gateway._settings, max_messages_per_s=1e6, max_handshakes=20_000
        )
        gateway._authenticator._verifier = verifier
        await system.start()
        collector.settle()
        self.system = system
        self.gateway = gateway
        return gateway.ports[0]
