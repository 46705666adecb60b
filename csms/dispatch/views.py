"""A cycle as plain data for whoever watches: its summary at once, everything else when somebody looks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np

from csms.dispatch.belief.twin import Believed
from csms.dispatch.by_phase import by_phase
from csms.dispatch.next_kw import next_kw
from csms.dispatch.orders import Binding, Orders
from csms.dispatch.sight.places import Places
from csms.dispatch.sight.snapshot import Footing, Snapshot
from csms.domain.feeder_view import (
    BranchView,
    BusView,
    EvseDecision,
    FeederSummary,
    FeederView,
)
from csms.grid.network import BoolArray, Feeder, FloatArray
from csms.grid.power_flow import PowerFlow
from csms.ids import EvseKey


@dataclass(frozen=True, eq=False)
class Cycle:
    """One cycle of one feeder. Owns its arrays."""

    summary: FeederSummary
    feeder: Feeder
    places: Places
    snapshot: Snapshot
    orders: Orders
    state: PowerFlow  # AC, of what was measured
    v_pu: FloatArray  # (n, m) as measured where it is, else as modelled
    load_w: FloatArray  # static loads, (n,) or (n, 3)
    evse_load_w: FloatArray  # in the same shape
    evse_buses: BoolArray  # where EVSEs stand, in the shape of the loads
    believed: Believed | None

    @cached_property
    def view(self) -> FeederView:
        """All of it, plain: some 50 ms for 10,000 buses and as many EVSEs."""
        summary = msgspec.structs.asdict(self.summary)
        return FeederView(
            **summary,
            buses=self._buses(),
            branches=self._branches(),
            evses=self._decisions(),
            estimate=self.believed.view if self.believed else None,
            next_kw=next_kw(self.feeder, self.state, self.evse_buses),
        )

    def decision(self, i: int) -> EvseDecision | None:
        """What EVSE ``i`` was told and why; ``None`` when it was told nothing."""
        if not self.orders.told[i]:
            return None
        return _decision(
            self.places.keys[i], self.feeder.bus_names[int(self.places.bus[i])],
            float(self.snapshot.measured_w[i]), float(self.orders.wanted_w[i]),
            float(self.orders.power_w[i]), int(self.snapshot.footing[i]), self.orders.binding(i),
        )  # fmt: skip

    def _decisions(self) -> tuple[EvseDecision, ...]:
        names, orders, snapshot = self.feeder.bus_names, self.orders, self.snapshot
        rows = zip(
            orders.told.tolist(), self.places.keys, self.places.bus.tolist(), snapshot.measured_w.tolist(),
            orders.wanted_w.tolist(), orders.power_w.tolist(), snapshot.footing.tolist(), orders.bindings(),
            strict=True,
        )  # fmt: skip
        return tuple(
            _decision(key, names[bus], measured_w, wanted_w, power_w, footing, binding)
            for told, key, bus, measured_w, wanted_w, power_w, footing, binding in rows
            if told
        )

    def _buses(self) -> tuple[BusView, ...]:
        n = self.feeder.n_bus
        loads = self.load_w.reshape(n, -1).sum(axis=1).tolist()
        evse_loads = self.evse_load_w.reshape(n, -1).sum(axis=1).tolist()
        estimates = by_phase(self.believed.v_pu) if self.believed else [None] * n
        sigmas = by_phase(self.believed.sigma_pu) if self.believed else [None] * n
        rows = zip(
            self.feeder.bus_names, by_phase(self.v_pu), loads, evse_loads, estimates, sigmas, strict=True
        )  # fmt: skip
        return tuple(
            BusView(
                name=name, v_pu=v, load_w=load, evse_w=evse, estimate_v_pu=estimate, sigma_v_pu=sigma
            )
            for name, v, load, evse, estimate, sigma in rows
        )  # fmt: skip

    def _branches(self) -> tuple[BranchView, ...]:
        feeder, names = self.feeder, self.feeder.bus_names
        flow_va = self.state.flow_va(feeder).reshape(feeder.n_bus, -1)
        flow_w = np.nansum(flow_va.real, axis=1).tolist()
        amperes = np.nanmax(self.state.current_a(feeder).reshape(feeder.n_bus, -1), axis=1)
        rated = np.isfinite(feeder.ampacity_a)
        loading = np.divide(amperes, feeder.ampacity_a, out=np.zeros(len(rated)), where=rated)
        return tuple(
            BranchView(
                from_bus=names[upper], to_bus=names[i], power_w=flow_w[i],
                loading_frac=float(loading[i]) if rated[i] else None,
            )
            for i, upper in enumerate(feeder.parent.tolist()) if i
        )  # fmt: skip


def _decision(
    key: EvseKey,
    bus: str,
    measured_w: float,
    wanted_w: float,
    power_w: float,
    footing: int,
    binding: Binding | None,
) -> EvseDecision:
    return EvseDecision(
        station_id=key[0],
        evse_id=key[1],
        bus=bus,
        measured_w=measured_w,
        wanted_w=wanted_w,
        setpoint_w=power_w,
        stale=footing == Footing.STALE,
        limit_kind=binding.kind if binding else None,
        limit_where=binding.where if binding else None,
        limit_source=binding.source if binding else None,
    )
