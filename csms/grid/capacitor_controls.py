"""Capacitor banks that switch by kvar, current or voltage, as in a static OpenDSS solution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from csms.grid.nodal import NodalFlow, NodalNetwork, Part
from csms.grid.opendss_elements import Properties
from csms.grid.opendss_script import number

Kind = Literal["kvar", "current", "voltage"]
_KINDS: dict[str, Kind] = {"k": "kvar", "c": "current", "v": "voltage"}


@dataclass(slots=True, eq=False)
class CapacitorControl:
    """Switches ``bank`` by what it sees at one end of ``line``; ``closed`` is its only state."""

    name: str
    bank: Part
    line: str
    terminal: int  # 1 or 2
    kind: Kind
    on: float  # kvar, or A and V on the secondary of the instrument transformers
    off: float
    ct_ratio: float
    pt_ratio: float
    phase: int  # 0 for the first of the line's
    override_v: tuple[float, float] | None  # closes below, opens above, whatever else it sees
    close_delay_s: float
    open_delay_s: float
    closed: bool = True

    def wants_change(self, network: NodalNetwork, flow: NodalFlow) -> bool:
        """Whether the bank is to be switched at the state ``flow``."""
        part = network.parts[self.line]
        size = len(part.nodes) // 2
        rows = slice(0, size) if self.terminal == 1 else slice(size, 2 * size)
        v = flow.v[list(part.nodes)]
        current = (part.y @ v)[rows]
        volts = float(np.abs(v[rows][self.phase])) / self.pt_ratio
        if self.override_v is not None:
            low, high = self.override_v
            if volts > high if self.closed else volts < low:
                return True
        if self.kind == "voltage":
            return volts > self.off if self.closed else volts < self.on
        if self.kind == "kvar":
            seen = float(np.sum(v[rows] * current.conj()).imag) / 1e3
        else:
            seen = float(np.abs(current[self.phase])) / self.ct_ratio
        return seen < self.off if self.closed else seen > self.on

    @property
    def delay_s(self) -> float:
        """Before the change that it may want."""
        return self.open_delay_s if self.closed else self.close_delay_s

    def switch(self, network: NodalNetwork) -> None:
        self.closed = not self.closed
        y = self.bank.y if self.closed else np.zeros_like(self.bank.y)
        network.parts[self.bank.name] = replace(self.bank, y=y)


def capacitor_control(
    name: str, p: Properties, parts: dict[str, Part], banks: dict[str, Part]
) -> CapacitorControl | None:
    """From the properties of a ``CapControl``; ``banks`` are the capacitors as they are when closed.

    ``None`` for kinds that are not modelled (time, power factor) and for those that watch something else than a line.
    Raises ``KeyError``, ``ValueError``.
    """
    kind = _KINDS.get(p.get("type", "current").lower()[0])
    line = p["element"].lower()
    if kind is None or not line.startswith("line."):
        return None
    override = p.get("voltoverride", "n").lower()[0] in "yt"
    bank = banks[f"capacitor.{p['capacitor'].lower()}"]
    return CapacitorControl(
        name=name, bank=bank, line=parts[line].name,
        terminal=int(number(p.get("terminal", "1"))), kind=kind,
        on=number(p.get("onsetting", "300")), off=number(p.get("offsetting", "200")),
        ct_ratio=number(p.get("ctratio", "60")), pt_ratio=number(p.get("ptratio", "60")),
        phase=int(number(p.get("ptphase" if kind == "voltage" else "ctphase", "1"))) - 1,
        override_v=(number(p.get("vmin", "115")), number(p.get("vmax", "126"))) if override else None,
        close_delay_s=number(p.get("delay", "15")), open_delay_s=number(p.get("delayoff", "15")),
        closed=bool(np.any(parts[bank.name].y)),
    )  # fmt: skip
