"""What the vehicle needs and what it may do: NotifyEVChargingNeeds, NotifyAllowedEnergyTransfer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from charger_sim.clock import iso
from charger_sim.station.evse import Evse
from charger_sim.station.rpc import Payload
from charger_sim.station.transaction import Transaction
from charger_sim.vehicle import Vehicle

if TYPE_CHECKING:
    from charger_sim.station.station import Station

DC_VOLTAGE_V = 400


def announce(st: Station, tx: Transaction) -> None:
    """Sends the needs of a vehicle on DC that speaks DIN 70121, say: it has told what it wants,
    but negotiates no schedule. One that speaks ISO 15118 tells them itself (`contracts`)."""
    evse = st.evses[tx.evse_id]
    if evse.vehicle is None or evse.config.kind != "DC" or evse.high_level is not None:
        return
    needs = _needs(st, evse, evse.vehicle)
    st.ask("NotifyEVChargingNeeds", {"evseId": tx.evse_id, "chargingNeeds": needs})


def _needs(st: Station, evse: Evse, vehicle: Vehicle) -> dict[str, Any]:
    v21 = st.config.version == "2.1"
    bidirectional = v21 and min(evse.config.max_discharge_w, vehicle.max_discharge_w) > 0
    charge_w = min(evse.config.max_charge_w, vehicle.max_charge_w)
    discharge_w = min(evse.config.max_discharge_w, vehicle.max_discharge_w)
    needs: dict[str, Any] = {"requestedEnergyTransfer": "DC_BPT" if bidirectional else "DC"}
    if vehicle.departure is not None:
        needs["departureTime"] = iso(vehicle.departure)
    needs["dcChargingParameters"] = {
        "evMaxCurrent": round(charge_w / DC_VOLTAGE_V),
        "evMaxVoltage": DC_VOLTAGE_V,
        "energyAmount": round(vehicle.wants_wh),
        "evMaxPower": round(charge_w),
        "stateOfCharge": round(100 * vehicle.soc_frac),
        "evEnergyCapacity": round(vehicle.capacity_wh),
        "fullSoC": 100,
    }
    if bidirectional:
        spare_wh = (vehicle.soc_frac - vehicle.soc_floor_frac) * vehicle.capacity_wh
        needs["availableEnergyTransfer"] = ["DC", "DC_BPT"]
        needs["controlMode"] = "DynamicControl"
        needs["v2xChargingParameters"] = {
            "minChargePower": 0,
            "maxChargePower": round(charge_w),
            "minDischargePower": 0,
            "maxDischargePower": round(discharge_w),
            "evTargetEnergyRequest": round(vehicle.wants_wh),
            "evMinEnergyRequest": 0,
            "evMaxEnergyRequest": round((1.0 - vehicle.soc_frac) * vehicle.capacity_wh),
            "evMinV2XEnergyRequest": round(-spare_wh),
            "targetSoC": round(100 * vehicle.target_soc_frac),
        }
        needs["derChargingParameters"] = {
            "evSupportedDERControl": ["FreqDroop", "VoltWatt", "LimitMaxDischarge"]
        }
    return needs


def notify_allowed_energy_transfer(st: Station, request: Payload) -> Payload:
    evse = st.sessions.find(request["transactionId"])
    if evse is None or evse.tx is None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}
    evse.tx.allowed_transfer = frozenset(request["allowedEnergyTransfer"])
    return {"status": "Accepted"}


HANDLERS: dict[str, Callable[[Station, Payload], Payload]] = {
    "NotifyAllowedEnergyTransfer": notify_allowed_energy_transfer,
}
