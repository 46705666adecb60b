"""What is counted at every message, in plain dictionaries; Prometheus' own objects are made when it asks.

A labelled ``Counter`` and ``Histogram`` cost a tenth of the handling of a message: look-up, lock, float object.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector


class _Latencies:
    """Counts by bucket (the last one is +Inf) and the sum, in seconds."""

    __slots__ = ("counts", "sum_s")

    def __init__(self, n_buckets: int) -> None:
        self.counts = [0] * (n_buckets + 1)
        self.sum_s = 0.0


class MessageSeries(Collector):
    """Messages by outcome and the time that handling took. One thread counts."""

    def __init__(self, buckets_s: Sequence[float]) -> None:
        self._buckets_s = tuple(buckets_s)
        self._counts: dict[tuple[str, str, str, str], int] = {}
        self._latencies: dict[tuple[str, str], _Latencies] = {}

    def count(self, version: str, action: str, direction: str, outcome: str) -> None:
        key = (version, action, direction, outcome)
        self._counts[key] = self._counts.get(key, 0) + 1

    def handled(self, version: str, direction: str, latency_s: float) -> None:
        key = (version, direction)
        latencies = self._latencies.get(key)
        if latencies is None:
            latencies = self._latencies[key] = _Latencies(len(self._buckets_s))
        latencies.counts[bisect_left(self._buckets_s, latency_s)] += 1
        latencies.sum_s += latency_s

    def collect(self) -> Iterator[Metric]:
        messages = CounterMetricFamily(
            "csms_messages",
            "OCPP messages by outcome.",
            labels=("version", "action", "direction", "outcome"),
        )
        for key, count in self._counts.items():
            messages.add_metric(key, count)
        yield messages
        handling = HistogramMetricFamily(
            "csms_message_handling_seconds",
            "From a station's request to our answer.",
            labels=("version", "direction"),
        )
        bounds = [*map(str, self._buckets_s), "+Inf"]
        for labels, latencies in self._latencies.items():
            buckets = list(zip(bounds, accumulate(latencies.counts), strict=True))
            handling.add_metric(labels, buckets, latencies.sum_s)
        yield handling
