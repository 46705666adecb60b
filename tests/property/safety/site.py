"""A random feeder with EVSEs led by a :class:`FeederDesk`; power-grid-model says what its voltages are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from csms.dispatch.decide import Decision, FeederDesk
from csms.dispatch.optimum.ac_check import Limits
from csms.dispatch.sight.snapshot import Footing
from csms.domain.der import FreqDroop
from csms.domain.fleet import EvsePlace
from csms.domain.values import Phases
from csms.ids import EvseKey, StationId
from tests.unit.dispatch.seen import Seen, Want, snapshot
from tests.unit.grid.oracles import pgm_voltages, random_feeder
from tests.unit.services.fakes import T0, FakeClock

V_MIN, V_MAX = 0.95, 1.05
_LETTERS = {(True, True, True): Phases.ABC, (True, False, False): Phases.A, (False, True, False): Phases.B,
            (False, False, True): Phases.C}  # fmt: skip


class Site:
    """``rng`` draws everything. A third of the EVSEs can feed back, and half of those wish to."""

    def __init__(self, rng: np.random.Generator, *, ramp_w_per_min: float = 1e9, **options: object):
        three_phase = bool(rng.integers(2))
        n = int(rng.integers(8, 25))
        self.feeder = random_feeder(rng, n, three_phase=three_phase, load_w=500.0)
        count = int(rng.integers(8, 30))
        buses = rng.integers(1, n, count)
        self.places: dict[EvseKey, EvsePlace] = {}
        self.wants: dict[EvseKey, Want] = {}
        self.own_curve: FreqDroop | None = None
        for i, bus in enumerate(buses):
            phases = _LETTERS[tuple(map(bool, self.feeder.phase_mask[bus]))]  # type: ignore[index]
            rating_w = 7_360.0 * phases.n_phases * float(rng.uniform(0.5, 4.0))
            key = EvseKey(StationId(f"CP{i}"), 1)
            gives_w = rating_w if rng.random() < 0.35 else 0.0
            self.places[key] = EvsePlace(
                bus=self.feeder.bus_names[bus], phases=phases, max_power_w=rating_w,
                max_discharge_w=gives_w, min_current_a=6.0,
            )  # fmt: skip
            feeds_back = gives_w > 0.0 and rng.random() < 0.5
            self.wants[key] = Want(-gives_w if feeds_back else rating_w, -gives_w, 1.0)
        self.desk = FeederDesk(
            self.feeder, self.places, Limits(V_MIN, V_MAX, margin_pu=0.001), safe_frac=0.25,
            ramp_w_per_min=ramp_w_per_min, period_s=1.0, droop=None, **options,  # type: ignore[arg-type]
        )  # fmt: skip

    def load_w(self, power_w: Mapping[EvseKey, float]) -> np.ndarray:
        """(n, 3)"""
        load = self.feeder.p_w.copy()
        for key, watts in power_w.items():
            bus = self.feeder.bus(self.places[key].bus)
            mask = self.feeder.phase_mask[bus]
            load[bus, mask] += watts / mask.sum()
        return load

    def voltages(self, power_w: Mapping[EvseKey, float]) -> np.ndarray:
        """(n, 3) of the plant, NaN where a phase is absent."""
        v = np.abs(pgm_voltages(self.feeder, self.load_w(power_w), self.feeder.q_var))
        return np.where(self.feeder.phase_mask, v, np.nan)

    def breach_pu(self, power_w: Mapping[EvseKey, float]) -> float:
        """> 0: a limit is broken."""
        try:
            v = self.voltages(power_w)
        except Exception:  # noqa: BLE001 - whatever power-grid-model calls a collapse
            return np.inf
        return float(max(V_MIN - np.nanmin(v), np.nanmax(v) - V_MAX))

    def cycle(
        self,
        power_w: Mapping[EvseKey, float],
        *,
        footing: Mapping[EvseKey, Footing] | None = None,
        assumed_w: Mapping[EvseKey, float] | None = None,
        frequency_hz: float | None = None,
    ) -> Decision:
        """One decision upon what the plant's meters show; EVSEs that are not led show nothing."""
        v = self.voltages(power_w)
        evses = []
        for key, place in self.places.items():
            how = (footing or {}).get(key, Footing.LED)
            seen = None
            if how is Footing.LED:
                own = v[self.feeder.bus(place.bus)]
                wired = [float(x) for x in own[~np.isnan(own)]]
                seen = tuple([*wired, None, None][:3])
            assumed = (assumed_w or {}).get(key, power_w[key])
            evses.append(
                Seen(key, how, power_w[key], assumed, self.wants[key], seen, curve=self.own_curve)  # type: ignore[arg-type]
            )
        return self.desk.decide(snapshot(self.desk, evses, frequency_hz), T0, FakeClock())


def ordered(decision: Decision) -> dict[EvseKey, float]:
    return {order.key: order.power_w for order in decision.orders}
