"""Energy transfer services and their parameter sets: ISO 15118-20 clause 8.4.3, tables 204 to 211."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from charger_sim.iso15118.iso20.messages import Body


class ServiceId(IntEnum):
    """The energy transfer services of this stack."""

    AC = 1
    DC = 2
    AC_BPT = 5
    DC_BPT = 6

    @property
    def is_dc(self) -> bool:
        return self in {ServiceId.DC, ServiceId.DC_BPT}

    @property
    def is_bpt(self) -> bool:
        return self in {ServiceId.AC_BPT, ServiceId.DC_BPT}


class ControlMode(IntEnum):
    """Who decides on the power: the EV within a schedule, or the charger from moment to moment."""

    SCHEDULED = 1
    DYNAMIC = 2


class MobilityNeeds(IntEnum):
    """Who names departure time and target: the EV, or the charger (an app of the operator)."""

    BY_EVCC = 1
    BY_SECC = 2


class Pricing(IntEnum):
    """What a schedule says about prices."""

    NONE = 0
    ABSOLUTE = 1
    LEVELS = 2


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """One way to use a service. `connector` counts phases on AC (1 or 3)."""

    control_mode: ControlMode = ControlMode.SCHEDULED
    mobility_needs: MobilityNeeds = MobilityNeeds.BY_EVCC
    pricing: Pricing = Pricing.NONE
    phases: int = 3
    nominal_v: int = 230

    def parameters(self, service: ServiceId) -> Body:
        """Name -> int, as ServiceDetailRes lists them."""
        found = {
            "Connector": 2 if service.is_dc else {1: 1, 3: 2}[self.phases],
            "ControlMode": int(self.control_mode),
            "MobilityNeedsMode": int(self.mobility_needs),
            "Pricing": int(self.pricing),
        }
        if not service.is_dc:
            found["EVSENominalVoltage"] = self.nominal_v
        if service.is_bpt:
            found |= {"BPTChannel": 1, "GeneratorMode": 1}  # unified channel, grid following
            if not service.is_dc:
                found["GridCodeIslandingDetectionMethod"] = 1
        return found


@dataclass(frozen=True, slots=True)
class Offer:
    """A service with its parameter sets, numbered from 1."""

    service: ServiceId
    sets: tuple[ParameterSet, ...] = (
        ParameterSet(),
        ParameterSet(ControlMode.DYNAMIC),
    )

    def describe(self) -> Body:
        """The ServiceParameterList."""
        return {
            "ParameterSet": [
                {
                    "ParameterSetID": number,
                    "Parameter": [
                        {"@Name": name, "intValue": value}
                        for name, value in each.parameters(self.service).items()
                    ],
                }
                for number, each in enumerate(self.sets, 1)
            ]
        }

    def chosen(self, parameter_set_id: int) -> ParameterSet | None:
        """The set of this number."""
        inside = 1 <= parameter_set_id <= len(self.sets)
        return self.sets[parameter_set_id - 1] if inside else None


def parameter_set_for(described: Body, wanted: Iterable[ControlMode]) -> tuple[int, ControlMode]:
    """The EV's choice: (ParameterSetID, mode), by its order of modes. Raises LookupError."""
    offered: dict[int, int] = {}
    for each in described["ParameterSet"]:
        for parameter in each["Parameter"]:
            if parameter["@Name"] == "ControlMode" and "intValue" in parameter:
                offered.setdefault(parameter["intValue"], each["ParameterSetID"])
    for mode in wanted:
        if mode in offered:
            return offered[mode], mode
    raise LookupError(f"control modes {sorted(offered)} are offered, none is wanted")
