"""Where one more kilowatt of charging hurts least, by the AC state of this cycle. Pure."""

from __future__ import annotations

import numpy as np

from csms.domain.feeder_view import NextKwPlace, NextKwView
from csms.grid.network import ABC, BoolArray, Feeder
from csms.grid.power_flow import PowerFlow
from csms.grid.sensitivity import SensitivityError, loss_gradient, voltage_gradient

SHOWN = 5
_W_PER_KW = 1.0e3


def next_kw(feeder: Feeder, state: PowerFlow, places: BoolArray) -> NextKwView | None:
    """The cheapest and the dearest buses (and phases) among ``places``, (n,) or (n, 3) as the state.

    ``None`` where there is no place, or the state is at the edge of collapse.
    """
    spots = np.flatnonzero(places)
    if not spots.size:
        return None
    m = 1 if places.ndim == 1 else 3
    lowest = divmod(int(np.nanargmin(state.vm_pu)), m)
    try:
        loss = loss_gradient(feeder, state).dp.ravel()
        volt = voltage_gradient(feeder, state, *lowest).dp.ravel()
    except SensitivityError:
        return None
    order = spots[np.argsort(loss[spots], kind="stable")]

    def place(spot: int) -> NextKwPlace:
        bus, phase = divmod(spot, m)
        return NextKwPlace(
            bus=feeder.bus_names[bus],
            phase=ABC[phase] if m == 3 else "",
            loss_kw_per_kw=float(loss[spot]),
            v_pu_per_kw=float(volt[spot]) * _W_PER_KW,
        )

    return NextKwView(
        best=tuple(place(spot) for spot in order[:SHOWN].tolist()),
        worst=tuple(place(spot) for spot in order[::-1][:SHOWN].tolist()),
    )
