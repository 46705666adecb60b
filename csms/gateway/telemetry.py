"""What the gateway sees, counted and kept: metrics, the message journal, alarms."""

from __future__ import annotations

import structlog

from csms.clock import Clock
from csms.gateway.courier import VERSIONS
from csms.gateway.knocks import Knock
from csms.gateway.ports import CallOutcome, CloseReason, Direction, Observer
from csms.ids import StationId
from csms.ocppj.events import ViolationKind
from csms.ocppj.version import OcppVersion
from csms.services.live import LiveBus
from csms.telemetry.message_journal import MessageJournal
from csms.telemetry.metrics import Metrics

log = structlog.get_logger("csms.gateway")


class TelemetryObserver(Observer):
    """Feeds the process's metrics, the redacted journal, the live bus and the log."""

    def __init__(
        self, metrics: Metrics, messages: MessageJournal, live: LiveBus, clock: Clock
    ) -> None:
        self._metrics = metrics
        self._messages = messages
        self._live = live
        self._clock = clock
        self._versions: dict[StationId, str] = {}

    def opened(self, station_id: StationId, epoch: int, version: OcppVersion, remote: str) -> None:
        name = self._versions[station_id] = VERSIONS[version]
        self._metrics.connected(name, +1)
        log.info("connected", station=station_id, version=name, remote=remote, epoch=epoch)

    def closed(self, station_id: StationId, epoch: int, reason: CloseReason) -> None:
        self._metrics.connected(self._version(station_id), -1)
        log.info("disconnected", station=station_id, epoch=epoch, reason=str(reason))

    def taken_over(self, station_id: StationId, old_epoch: int, *, old_was_alive: bool) -> None:
        if old_was_alive:
            text = f"{station_id} connected twice: two devices may share its identity"
            self._live.publish("alarm", text)
            log.warning("taken over alive", station=station_id, old_epoch=old_epoch)

    def refused(self, knock: Knock) -> None:
        self._metrics.refused(str(knock.reason))
        self._live.publish("knock", knock)
        log.warning(
            "refused", claimed_id=knock.claimed_id, address=knock.address, reason=str(knock.reason)
        )

    def handled(self, station_id: StationId, action: str, outcome: str, latency_s: float) -> None:
        self._metrics.message(self._version(station_id), action, "in", outcome, latency_s)

    def called(self, station_id: StationId, action: str, outcome: CallOutcome) -> None:
        version = self._version(station_id)
        self._metrics.message(version, action, "out", str(outcome.status))
        if outcome.latency_s is not None:
            self._metrics.command(version, str(outcome.status), outcome.latency_s)

    def failed(self, station_id: StationId, action: str, error: BaseException) -> None:
        self._live.publish("alarm", f"{station_id}: {action} failed: {type(error).__name__}")
        log.error("handler failed", station=station_id, action=action, exc_info=error)

    def violated(self, station_id: StationId, kind: ViolationKind, description: str) -> None:
        self._metrics.message(self._version(station_id), "", "in", str(kind))
        log.debug("violation", station=station_id, kind=str(kind), description=description)

    def frame(self, station_id: StationId, direction: Direction, data: bytes) -> None:
        self._messages.add(station_id, direction, data, self._clock.now())

    def _version(self, station_id: StationId) -> str:
        return self._versions.get(station_id, "unknown")
