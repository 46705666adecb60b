"""A tiny central system in memory that judges every frame by the official schemas."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from charger_sim.clock import Clock, iso
from charger_sim.station.schemas import validator
from charger_sim.transport import (
    ConnectFailed,
    MemoryTransport,
    Transport,
    TransportClosed,
    memory_pair,
)

VERSION = {"ocpp1.6": "1.6", "ocpp2.0.1": "2.0.1", "ocpp2.1": "2.1"}
Payload = dict[str, Any]


class Session:
    """One station as the central system knows it, over all its connections."""

    def __init__(self, station_id: str, version: str) -> None:
        self.id = station_id
        self.version = version
        self.frames: list[list[Any]] = []
        self.received: list[tuple[str, Payload]] = []
        self.wire: MemoryTransport | None = None
        self.pending: dict[str, tuple[str, asyncio.Future[Any]]] = {}

    def of(self, action: str) -> list[Payload]:
        return [payload for name, payload in self.received if name == action]


class FakeCsms:
    """``answers`` overrides the reply per action; a reply of ``None`` is silence."""

    def __init__(
        self, clock: Clock, **answers: Callable[[Session, Payload], Payload | None]
    ) -> None:
        self.clock = clock
        self.answers = answers
        self.sessions: dict[str, Session] = {}
        self.invalid: list[str] = []
        self.connects: Counter[str] = Counter()
        self.down = False
        self.on_boot: Callable[[Session], Any] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._transaction_ids = 0
        self._serial = 0

    async def connect(self, station_id: str, subprotocol: str) -> Transport:
        if self.down:
            raise ConnectFailed(f"{station_id}: refused")
        session = self.sessions.setdefault(station_id, Session(station_id, VERSION[subprotocol]))
        self.connects[station_id] += 1
        theirs, ours = memory_pair()
        session.wire = ours
        self._spawn(self._serve(session, ours))
        return theirs

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, session: Session, wire: MemoryTransport) -> None:
        while True:
            try:
                frame = json.loads(await wire.recv())
            except TransportClosed:
                return
            session.frames.append(frame)
            if frame[0] == 2:
                await self._on_call(session, wire, frame)
            elif frame[0] in {3, 4} and frame[1] in session.pending:
                action, future = session.pending.pop(frame[1])
                if frame[0] == 3:
                    self._judge(session, action, frame[2], response=True)
                if not future.done():
                    future.set_result(frame)

    async def _on_call(self, session: Session, wire: MemoryTransport, frame: list[Any]) -> None:
        _, message_id, action, payload = frame
        self._judge(session, action, payload, response=False)
        session.received.append((action, payload))
        override = self.answers.get(action)
        reply = override(session, payload) if override else self._default(session, action)
        if reply is None:
            return
        try:
            await wire.send(json.dumps([3, message_id, reply]))
        except TransportClosed:
            return
        if action == "BootNotification" and reply["status"] == "Accepted" and self.on_boot:
            self._spawn(self.on_boot(session))

    def _judge(self, session: Session, action: str, payload: Payload, *, response: bool) -> None:
        schema = validator(session.version, action, response=response)
        if schema is None:
            self.invalid.append(f"{session.version} {action}: unknown")
            return
        for flaw in schema.iter_errors(payload):
            self.invalid.append(
                f"{session.version} {action}: {flaw.message} at {flaw.instance_path}"
            )

    def _default(self, session: Session, action: str) -> Payload:
        now = iso(self.clock.now())
        if action == "BootNotification":
            return {"status": "Accepted", "currentTime": now, "interval": 300}
        if action == "Heartbeat":
            return {"currentTime": now}
        if action == "Authorize":
            key = "idTagInfo" if session.version == "1.6" else "idTokenInfo"
            return {key: {"status": "Accepted"}}
        if action == "StartTransaction":
            self._transaction_ids += 1
            return {
                "transactionId": self._transaction_ids,
                "idTagInfo": {"status": "Accepted"},
            }
        if action == "NotifyEVChargingNeeds":
            return {"status": "Rejected"}  # it has no schedules
        return {}

    async def call(self, station_id: str, action: str, payload: Payload) -> list[Any]:
        """Sends a CALL and returns the answering frame."""
        session = self.sessions[station_id]
        assert session.wire is not None
        assert validator(session.version, action, response=False).is_valid(payload), action
        self._serial += 1
        message_id = f"csms-{self._serial}"
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        session.pending[message_id] = (action, future)
        await session.wire.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(30):
            return await future

    async def cut(self, station_id: str) -> None:
        wire = self.sessions[station_id].wire
        assert wire is not None
        await wire.close()
