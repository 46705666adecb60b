"""A cycle as plain data for whoever watches. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from csms.dispatch.ac_check import Limits
from csms.dispatch.by_phase import by_phase
from csms.dispatch.corrected import Dispatch
from csms.dispatch.orders import Order
from csms.dispatch.snapshot import EvseNow, Footing
from csms.dispatch.twin import Believed
from csms.domain.feeder_view import (
    BranchView,
    BusView,
    EvseDecision,
    FeederView,
    NextKwView,
)
from csms.grid.network import Feeder, FloatArray
from csms.grid.power_flow import PowerFlow
from csms.ids import EvseKey


def feeder_view(
    feeder: Feeder,
    limits: Limits,
    state: PowerFlow,
    dispatch: Dispatch,
    measured_v_pu: FloatArray,
    evses: Mapping[EvseKey, EvseNow],
    orders: tuple[Order, ...],
    *,
    believed: Believed | None,
    next_kw: NextKwView | None,
    load_w: FloatArray,
    evse_load_w: FloatArray,
    cycle: int,
    at: datetime,
    frequency_hz: float | None,
    alarms: tuple[str, ...],
    solve_ms: float,
    cycle_ms: float,
) -> FeederView:
    """``state`` is the AC solution of what was measured; where a voltage was measured, the measurement is shown."""
    n = feeder.n_bus
    modelled = state.vm_pu.reshape(n, -1)
    v = np.where(np.isfinite(measured_v_pu), measured_v_pu, modelled)
    worst = int(np.nanargmin(v))
    volts = by_phase(v)
    estimates = believed.v_pu if believed else [None] * n
    sigmas = believed.sigma_pu if believed else [None] * n
    loads = load_w.reshape(n, -1).sum(axis=1)
    evse_loads = evse_load_w.reshape(n, -1).sum(axis=1)
    flow_w = np.nansum(state.flow_va(feeder).reshape(n, -1).real, axis=1)
    loading = _loading(feeder, state)
    decisions = tuple(_decision(evses[o.key], o) for o in orders)
    return FeederView(
        feeder=feeder.name,
        cycle=cycle,
        at=at,
        limit_low_pu=float(np.min(limits.v_min_pu)),
        limit_high_pu=float(np.max(limits.v_max_pu)),
        worst_v_pu=float(np.nanmin(v)),
        worst_bus=feeder.bus_names[worst // v.shape[1]],
        predicted_worst_v_pu=float(np.nanmin(dispatch.v_pu)),
        import_w=float(state.source_va.real),
        loss_w=float(state.loss_w),
        frequency_hz=frequency_hz,
        curtailed_w=sum(d.curtailed_w for d in decisions),
        solve_ms=solve_ms,
        cycle_ms=cycle_ms,
        alarms=alarms,
        buses=tuple(
            BusView(
                name=feeder.bus_names[i],
                v_pu=volts[i],
                load_w=float(loads[i]),
                evse_w=float(evse_loads[i]),
                estimate_v_pu=estimates[i],
                sigma_v_pu=sigmas[i],
            )
            for i in range(n)
        ),
        branches=tuple(
            BranchView(
                from_bus=feeder.bus_names[int(feeder.parent[i])],
                to_bus=feeder.bus_names[i],
                power_w=float(flow_w[i]),
                loading_frac=loading[i],
            )
            for i in range(1, n)
        ),
        evses=decisions,
        estimate=believed.view if believed else None,
        next_kw=next_kw,
    )


def _loading(feeder: Feeder, state: PowerFlow) -> list[float | None]:
    amperes = np.nanmax(state.current_a(feeder).reshape(feeder.n_bus, -1), axis=1)
    return [
        float(amperes[i] / feeder.ampacity_a[i]) if np.isfinite(feeder.ampacity_a[i]) else None
        for i in range(feeder.n_bus)
    ]


def _decision(evse: EvseNow, order: Order) -> EvseDecision:
    binding = order.binding
    return EvseDecision(
        station_id=evse.key.station_id,
        evse_id=evse.key.evse_id,
        bus=evse.place.bus,
        measured_w=evse.measured_w,
        wanted_w=order.wanted_w,
        setpoint_w=order.power_w,
        stale=evse.footing is Footing.STALE,
        limit_kind=binding.kind if binding else None,
        limit_where=binding.where if binding else None,
        limit_source=binding.source if binding else None,
    )
