"""Each feeder's figures, read when Prometheus asks. Their names come from the settings, so the series are bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class FeederFigures(NamedTuple):
    """Of the last good cycle; ``cycles`` counts those."""

    name: str
    failing: bool
    cycles: int
    cycle_s: float
    lowest_v_pu: float
    import_w: float
    curtailed_w: float


class FeederSeries(Collector):
    """``read`` gives the feeders that have had a cycle."""

    def __init__(self, read: Callable[[], Iterable[FeederFigures]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        label = ("feeder",)
        cycles = CounterMetricFamily("csms_feeder_cycles", "Dispatch cycles.", labels=label)
        gauges = {
            field: GaugeMetricFamily(name, text, labels=label)
            for field, name, text in (
                ("failing", "csms_feeder_failing", "1 while the last cycle failed."),
                ("cycle_s", "csms_feeder_cycle_seconds", "What the last cycle took."),
                ("lowest_v_pu", "csms_feeder_lowest_voltage_pu", "Lowest bus voltage, pu."),
                ("import_w", "csms_feeder_import_watts", "Drawn at the source."),
                ("curtailed_w", "csms_feeder_curtailed_watts", "Wanted by cars and not given."),
            )
        }
        for figures in self._read():
            cycles.add_metric((figures.name,), figures.cycles)
            for field, gauge in gauges.items():
                gauge.add_metric((figures.name,), float(getattr(figures, field)))
        yield cycles
        yield from gauges.values()
