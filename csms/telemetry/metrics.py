"""What is counted. No station id is ever a label: the number of series must not grow with the fleet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from csms.telemetry.feeder_series import FeederFigures, FeederSeries
from csms.telemetry.message_series import MessageSeries

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The process's metrics in a registry of their own.

    ``actions`` are the OCPP action names that may become a label; any other counts as ``other``, so that a hostile
    peer cannot invent series.
    """

    def __init__(self, actions: Collection[str] = ()) -> None:
        self.registry = CollectorRegistry()
        self._actions = frozenset(actions)
        self._messages = MessageSeries(_LATENCY_S)
        self.registry.register(self._messages)
        self._commands = Histogram(
            "csms_command_round_trip_seconds",
            "From a command on the wire to the station's answer.",
            ("version", "state"),
            buckets=_LATENCY_S,
            registry=self.registry,
        )
        self._cycle = Histogram(
            "csms_dispatch_cycle_seconds",
            "One dispatch cycle, from measurements to setpoints sent.",
            buckets=_LATENCY_S,
            registry=self.registry,
        )
        self._connections = Gauge(
            "csms_connections", "Stations connected now.", ("version",), registry=self.registry
        )
        self._refused = Counter(
            "csms_refused_connections",
            "Connections refused before the upgrade.",
            ("reason",),
            registry=self.registry,
        )
        self._signals = Counter(
            "csms_signals", "Signals from the broker.", ("kind", "outcome"), registry=self.registry
        )
        self._http = Counter(
            "csms_http_requests",
            "API and page requests.",
            ("method", "status"),
            registry=self.registry,
        )

    def message(
        self,
        version: str,
        action: str,
        direction: str,
        outcome: str,
        latency_s: float | None = None,
    ) -> None:
        """``direction`` is ``in`` or ``out``; ``outcome`` is ``ok`` or an error code."""
        self._messages.count(
            version, action if action in self._actions else "other", direction, outcome
        )
        if latency_s is not None:
            self._messages.handled(version, direction, latency_s)

    def command(self, version: str, state: str, round_trip_s: float) -> None:
        self._commands.labels(version, state).observe(round_trip_s)

    def cycle(self, duration_s: float) -> None:
        self._cycle.observe(duration_s)

    def connected(self, version: str, change: int) -> None:
        self._connections.labels(version).inc(change)

    def refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def signal(self, kind: str, outcome: str) -> None:
        self._signals.labels(kind, outcome).inc()

    def http(self, method: str, status: int) -> None:
        self._http.labels(method if method in _METHODS else "other", str(status)).inc()

    def follow_feeders(self, read: Callable[[], Iterable[FeederFigures]]) -> None:
        """Show each feeder's figures from now on."""
        self.registry.register(FeederSeries(read))

    def exposition(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
