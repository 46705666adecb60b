"""ISO 15118 in OCPP 2.0.1 and 2.1: see :class:`charger_sim.station.dialect.Contracts`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from charger_sim.clock import iso
from charger_sim.iso15118.backend import (
    CertificateResponse,
    ChargingNeeds,
    InstallCertificate,
    ReportSchedule,
)
from charger_sim.station.config import Version
from charger_sim.station.dialect import Message
from charger_sim.station.evse import Evse
from charger_sim.station.iso15118.negotiation import MAX_ENTRIES
from charger_sim.station.rpc import Payload

if TYPE_CHECKING:
    from charger_sim.station.station import Station

DER_CONTROLS = ["FreqDroop", "VoltWatt", "LimitMaxDischarge"]


class ContractsV2:
    def __init__(self, version: Version) -> None:
        self._v21 = version == "2.1"

    def authorize(self, emaid: str, *, pem: str | None, hash_data: list[dict[str, str]]) -> Message:
        payload: Payload = {"idToken": {"idToken": emaid, "type": "eMAID"}}
        if pem is not None:
            payload["certificate"] = pem
        if hash_data:
            payload["iso15118CertificateHashData"] = hash_data
        return "Authorize", payload

    def authorization(self, reply: Payload) -> tuple[Payload, str | None]:
        return reply, reply.get("certificateStatus")

    def installation(self, question: InstallCertificate) -> Message:
        payload = ev_certificate_request(question)
        if self._v21 and question.maximum_chains is not None:
            payload["maximumContractCertificateChains"] = question.maximum_chains
            if question.prioritized_emaids:
                payload["prioritizedEMAIDs"] = list(question.prioritized_emaids[:8])
        return "Get15118EVCertificate", payload

    def installed(self, reply: Payload) -> CertificateResponse | None:
        return ev_certificate_response(reply)

    def needs(self, station: Station, evse: Evse, needs: ChargingNeeds) -> Message:
        told: Payload = {"requestedEnergyTransfer": _energy_transfer(needs, evse)}
        if needs.departure_s is not None:
            departure = station.clock.now() + timedelta(seconds=needs.departure_s)
            told["departureTime"] = iso(departure)
        if needs.energy_transfer_mode.startswith("DC"):
            told["dcChargingParameters"] = self._dc(needs)
        else:
            told["acChargingParameters"] = self._ac(needs, evse)
        if self._v21:
            scheduled = needs.control_mode == "scheduled"
            told["controlMode"] = "ScheduledControl" if scheduled else "DynamicControl"
            if needs.energy_transfer_mode.endswith("BPT"):
                told |= _bidirectional(needs)
        return "NotifyEVChargingNeeds", {
            "evseId": evse.config.id,
            "maxScheduleTuples": min(needs.max_schedule_entries, MAX_ENTRIES),
            "chargingNeeds": told,
        }

    def _number(self, value: float) -> float:
        """2.0.1 has whole numbers only."""
        return round(value, 1) if self._v21 else round(value)

    def _ac(self, needs: ChargingNeeds, evse: Evse) -> dict[str, float]:
        """ISO 15118-20 tells powers, OCPP wants volts and amperes of a phase."""
        volts = needs.voltage_max_v or evse.v_nominal_v
        by_power_a = (needs.power_max_w or 0.0) / (volts * evse.n_phases)
        return {
            "energyAmount": self._number(needs.energy_wh or 0.0),
            "evMinCurrent": self._number(needs.current_min_a or 0.0),
            "evMaxCurrent": self._number(needs.current_max_a or by_power_a),
            "evMaxVoltage": self._number(volts),
        }

    def _dc(self, needs: ChargingNeeds) -> dict[str, float]:
        told = {
            "evMaxCurrent": self._number(needs.current_max_a or 0.0),
            "evMaxVoltage": self._number(needs.voltage_max_v or 0.0),
        }
        for name, value in (
            ("energyAmount", needs.energy_wh),
            ("evMaxPower", needs.power_max_w),
            ("evEnergyCapacity", needs.capacity_wh),
        ):
            if value is not None:
                told[name] = self._number(value)
        if needs.soc_frac is not None:
            told["stateOfCharge"] = round(100.0 * needs.soc_frac)
        return told

    def chosen(self, station: Station, evse: Evse, report: ReportSchedule) -> Message | None:
        if not report.profile:
            return None
        periods = [
            {"startPeriod": int(start_s), "limit": round(power_w, 1)}
            for start_s, power_w in report.profile
        ]
        payload: Payload = {
            "timeBase": iso(station.clock.now()),
            "evseId": evse.config.id,
            "chargingSchedule": {
                "id": report.tuple_id,
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": periods,
            },
        }
        if self._v21:
            payload["selectedChargingScheduleId"] = report.tuple_id
            payload["powerToleranceAcceptance"] = True
        return "NotifyEVChargingSchedule", payload

    def signing(self, csr_pem: str, certificate_type: str) -> Message:
        return "SignCertificate", {"csr": csr_pem, "certificateType": certificate_type}


def ev_certificate_request(question: InstallCertificate) -> Payload:
    """Get15118EVCertificate without what only 2.1 has."""
    return {
        "iso15118SchemaVersion": question.namespace,
        "action": question.action,
        "exiRequest": question.exi_request,
    }


def ev_certificate_response(reply: Payload) -> CertificateResponse | None:
    if reply["status"] != "Accepted":
        return None
    return CertificateResponse(reply["exiResponse"], reply.get("remainingContracts", 0))


def _energy_transfer(needs: ChargingNeeds, evse: Evse) -> str:
    """OCPP's word for a mode of ISO 15118-2 or a service of -20."""
    mode = needs.energy_transfer_mode
    if mode.endswith("_BPT"):
        return mode
    if mode.startswith("DC"):
        return "DC"
    return {1: "AC_single_phase", 2: "AC_two_phase"}.get(evse.n_phases, "AC_three_phase")


def _bidirectional(needs: ChargingNeeds) -> dict[str, Any]:
    told: dict[str, Any] = {
        "minChargePower": 0,
        "maxChargePower": round(needs.power_max_w or 0.0),
        "minDischargePower": 0,
        "maxDischargePower": round(needs.discharge_max_w or 0.0),
    }
    for name, value in (
        ("evTargetEnergyRequest", needs.energy_wh),
        ("evMinEnergyRequest", needs.energy_min_wh),
        ("evMaxEnergyRequest", needs.energy_max_wh),
    ):
        if value is not None:
            told[name] = round(value)
    one_way = needs.energy_transfer_mode.removesuffix("_BPT")
    return {
        "availableEnergyTransfer": [
            "DC" if one_way == "DC" else "AC_three_phase",
            needs.energy_transfer_mode,
        ],
        "v2xChargingParameters": told,
        "derChargingParameters": {"evSupportedDERControl": DER_CONTROLS},
    }
