"""Voltages that were told a while ago, as they would be told now. Pure.

A meter that tells every ten seconds shows the voltage of another load than the present one. Held against the model of
now, a fall of the load in between would look like an error of the model, curtail more, and so feed on itself. So what
the model has changed by since a reading came is added to it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from csms.dispatch.sight.meters import VoltMeters
from csms.grid.network import BoolArray, FloatArray


class Carried:
    """Keeps what the model said of each of N EVSEs' ``m`` phases when it told its voltage last."""

    def __init__(self, n: int, m: int) -> None:
        self._then = np.full((n, m), np.nan)

    def to_now(self, volts: VoltMeters, modelled_v_pu: FloatArray, new: BoolArray) -> VoltMeters:
        """``modelled_v_pu`` (n_bus, m) of now; ``new`` (N,): whose reading has come since the cycle before."""
        at, now = (volts.evse, volts.phase), modelled_v_pu[volts.bus, volts.phase]
        then = np.where(new[volts.evse] | np.isnan(self._then[at]), now, self._then[at])
        self._then[at] = then
        return replace(volts, v_pu=volts.v_pu + now - then)
