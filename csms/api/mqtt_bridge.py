"""State out to an MQTT broker, signals in; off unless configured. Topics and payloads: ``docs/mqtt.md``.

A broker that is away never holds up anything else: the bridge reconnects with back-off and publishes the present, not
the past. What comes in is checked and bounded, and what fails is dropped and counted by reason.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
import msgspec
import structlog

from csms.api.feeders import FeederPort, Feeders
from csms.api.signals import KINDS, SignalRefused, deliver, read_signal
from csms.api.views import StationView, evse_view, station_view
from csms.clock import Clock
from csms.domain.feeder_view import FeederSummary, RegulationView
from csms.domain.fleet import Fleet
from csms.settings.model import Mqtt
from csms.telemetry.metrics import Metrics

FIRST_RETRY_S, LAST_RETRY_S = 1.0, 60.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttConfig:
    host: str
    port: int
    tls: bool = False
    ca_file: Path | None = None
    username: str | None = None
    password: str | None = None
    topic_prefix: str = "csms"
    publish_interval_s: float = 1.0
    signals: bool = False

    def __repr__(self) -> str:
        return (
            f"MqttConfig(host={self.host!r}, port={self.port}, topic_prefix={self.topic_prefix!r})"
        )


def config_from(settings: Mqtt) -> MqttConfig | None:
    """The bridge's configuration, or ``None`` when it is off."""
    if settings.url is None:
        return None
    url = urlsplit(settings.url)
    tls = url.scheme == "mqtts"
    return MqttConfig(
        host=url.hostname or "",
        port=url.port or (8883 if tls else 1883),
        tls=tls,
        ca_file=settings.ca_file,
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else None,
        topic_prefix=settings.topic_prefix,
        publish_interval_s=settings.publish_interval_s,
        signals=settings.signals,
    )


class MqttBridge:
    """``run`` until cancelled. ``rng`` spreads reconnects of many bridges."""

    def __init__(
        self,
        config: MqttConfig,
        fleet: Fleet,
        feeders: Feeders,
        clock: Clock,
        metrics: Metrics,
        rng: Random,
    ) -> None:
        self._config = config
        self._fleet = fleet
        self._feeders = feeders
        self._clock = clock
        self._metrics = metrics
        self._rng = rng
        self._signal_topic = f"{config.topic_prefix}/signal/"
        self._by_topic = {topic_part(name): feeder for name, feeder in feeders.items()}

    async def run(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            begun_s = self._clock.monotonic()
            try:
                await self._session()
            except* (aiomqtt.MqttError, OSError) as group:
                if self._clock.monotonic() - begun_s > LAST_RETRY_S:
                    retry_s = FIRST_RETRY_S
                _log.warning("mqtt.disconnected", reason=str(group.exceptions[0]), retry_s=retry_s)
            await asyncio.sleep(retry_s * (0.5 + self._rng.random()))
            retry_s = min(LAST_RETRY_S, retry_s * 2)

    async def _session(self) -> None:
        config = self._config
        will = aiomqtt.Will(f"{config.topic_prefix}/status", b'"offline"', qos=1, retain=True)
        async with aiomqtt.Client(
            config.host,
            config.port,
            username=config.username,
            password=config.password,
            will=will,
            tls_context=_tls(config),
            timeout=10.0,
            max_queued_incoming_messages=1_000,
        ) as client:
            _log.info("mqtt.connected", host=config.host, port=config.port)
            await client.publish(will.topic, b'"online"', qos=1, retain=True)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._publish(client))
                if config.signals:
                    await client.subscribe(f"{config.topic_prefix}/signal/+", qos=1)
                    await client.subscribe(f"{config.topic_prefix}/signal/+/+", qos=1)
                    group.create_task(self._listen(client))

    async def _publish(self, client: aiomqtt.Client) -> None:
        """What changed since it was last told, once per interval; all of it after a reconnect."""
        told: dict[str, bytes] = {}
        while True:
            for topic, payload in self.state():
                if told.get(topic) != payload:
                    await client.publish(topic, payload, qos=0, retain=True)
                    told[topic] = payload
            await asyncio.sleep(self._config.publish_interval_s)

    def state(self) -> list[tuple[str, bytes]]:
        """Every topic with its present payload."""
        prefix = self._config.topic_prefix
        state = []
        for station in self._fleet:
            name = topic_part(station.station_id)
            shown = station_view(None, station)
            state.append((f"{prefix}/station/{name}", msgspec.json.encode(_without_evses(shown))))
            state += [
                (f"{prefix}/station/{name}/evse/{number}", msgspec.json.encode(evse_view(evse)))
                for number, evse in sorted(station.evses.items())
            ]
        for name, feeder in self._feeders.items():
            if feeder.summary is not None:
                level = f"/{topic_part(name)}" if len(self._feeders) > 1 else ""
                state.append((f"{prefix}/feeder{level}", encoded_feeder(feeder.summary)))
        return state

    def _meant(self, named: list[str]) -> FeederPort:
        """The feeder at the end of the topic, or the only one."""
        if named:
            if named[0] not in self._by_topic:
                raise SignalRefused("unknown_feeder")
            return self._by_topic[named[0]]
        if len(self._feeders) > 1:
            raise SignalRefused("no_feeder_named")
        return next(iter(self._feeders.values()))

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic = message.topic.value
            if message.retain:  # of unknown age: signals are events, not state
                self._metrics.signal(self._kind(topic), "retained")
            else:
                self.take(topic, bytes(message.payload))

    def take(self, topic: str, payload: bytes) -> str:
        """Act on one signal. Returns what became of it, which is counted."""
        kind, *named = topic.removeprefix(self._signal_topic).split("/")
        outcome = "taken"
        try:
            signal = read_signal(kind, payload, self._clock.now())
            deliver(signal, self._meant(named).signals)
        except SignalRefused as refused:
            outcome = str(refused)
        self._metrics.signal(self._kind(topic), outcome)
        return outcome

    def _kind(self, topic: str) -> str:
        kind = topic.removeprefix(self._signal_topic).split("/")[0]
        return kind if kind in KINDS else "other"


class FeederState(msgspec.Struct, frozen=True, kw_only=True):
    """The feeder as its topic has it."""

    site: str
    feeder: str
    at: datetime
    limit_low_pu: float
    limit_high_pu: float
    worst_v_pu: float
    worst_bus: str
    import_w: float
    loss_w: float
    frequency_hz: float | None
    curtailed_w: float
    alarms: tuple[str, ...]
    regulation: RegulationView | None


def encoded_feeder(summary: FeederSummary) -> bytes:
    state = {name: getattr(summary, name) for name in FeederState.__struct_fields__}
    return msgspec.json.encode(FeederState(**state))


def topic_part(name: str) -> str:
    """A station's or feeder's name as one topic level: ``/``, ``+``, ``#`` and ``%`` are percent-encoded."""
    return "".join(f"%{ord(one):02X}" if one in "/+#%" else one for one in name)


def _without_evses(view: StationView) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(view)
    for key in ("evses", "last_message", "remote"):
        del shown[key]
    return shown


def _tls(config: MqttConfig) -> ssl.SSLContext | None:
    if not config.tls:
        return None
    return ssl.create_default_context(cafile=str(config.ca_file) if config.ca_file else None)
