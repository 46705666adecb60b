"""What a station is, fixed for its life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Version = Literal["1.6", "2.0.1", "2.1"]
VERSIONS: tuple[Version, ...] = ("1.6", "2.0.1", "2.1")
SUBPROTOCOL = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}


@dataclass(frozen=True, slots=True)
class EvseConfig:
    """One EVSE with one connector. ``phases`` are those of the feeder it hangs on, e.g. ``abc``
    or ``b``; powers are at the grid side, W. ``iso15118`` gives it a charge controller (SECC)
    for cars that speak it too."""

    id: int
    kind: Literal["AC", "DC"]
    max_charge_w: float
    max_discharge_w: float = 0.0
    bus: str = "0"
    phases: str = "abc"
    iso15118: bool = False

    @property
    def n_phases(self) -> int:
        return len(self.phases)


@dataclass(frozen=True, slots=True)
class StationConfig:
    """Identity, hardware and the factory settings that matter to the central system.

    ``negative_limit_discharges`` marks a pre-2.1 station that reads a negative ``limit`` as
    discharge; ``reboot_s`` is the time a reset takes; ``der_controls``: bidirectional hardware runs
    them.
    """

    id: str
    version: Version
    evses: tuple[EvseConfig, ...]
    vendor: str = "Simulated"
    model: str = "SIM-1"
    firmware: str = "1.0.0"
    meter_interval_s: float = 60.0
    f_nominal_hz: float = 50.0
    v_nominal_v: float = 230.0
    negative_limit_discharges: bool = False
    retry_wait_min_s: float = 10.0
    retry_random_s: float = 5.0
    retry_repeat_times: int = 5
    reboot_s: float = 10.0
    der_controls: bool = True

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ValueError(f"station {self.id}: version {self.version!r}, expected {VERSIONS}")
        if not self.evses or [e.id for e in self.evses] != list(range(1, len(self.evses) + 1)):
            raise ValueError(f"station {self.id}: EVSE ids must be 1, 2, ... without gaps")

    @property
    def iso15118(self) -> bool:
        """Any of its EVSEs talks to cars."""
        return any(e.iso15118 for e in self.evses)

    @property
    def v2x(self) -> bool:
        """Bidirectional hardware that its OCPP version can steer."""
        return self.version == "2.1" and any(e.max_discharge_w > 0.0 for e in self.evses)
