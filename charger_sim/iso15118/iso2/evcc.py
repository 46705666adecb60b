"""The car's side of ISO 15118-2.

Theory of operation: each message has a builder for its request, and a reaction to its response
that names the next message. `FOLLOWS` holds what may follow; a message that follows itself is a
poll, for which the standard's limits hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from charger_sim.iso15118.backend import PriceEntry
from charger_sim.iso15118.errors import LocalProtocolError, RemoteProtocolError
from charger_sim.iso15118.iso2 import evcc_charge, evcc_contract, evcc_identify, messages
from charger_sim.iso15118.iso2.evcc_context import (
    Build,
    Contract,
    EvccConfig,
    EvccContext,
    EvccData,
    GiveUp,
    React,
)
from charger_sim.iso15118.iso2.evcc_table import FOLLOWS
from charger_sim.iso15118.machine import End, Ending, Outcome, Output, Send, protocol_error
from charger_sim.iso15118.physical import Car
from charger_sim.iso15118.v2gtp import Frame

STEPS: Final[Mapping[str, tuple[Build, React]]] = MappingProxyType(
    {
        "SessionSetup": (evcc_identify.session_setup, evcc_identify.on_session_setup),
        "ServiceDiscovery": (
            evcc_identify.service_discovery,
            evcc_identify.on_service_discovery,
        ),
        "ServiceDetail": (evcc_identify.service_detail, evcc_identify.on_service_detail),
        "PaymentServiceSelection": (
            evcc_identify.payment_service_selection,
            evcc_identify.on_payment_service_selection,
        ),
        "CertificateInstallation": (
            evcc_contract.certificate_installation,
            evcc_contract.on_certificate_installation,
        ),
        "CertificateUpdate": (
            evcc_contract.certificate_update,
            evcc_contract.on_certificate_update,
        ),
        "PaymentDetails": (evcc_contract.payment_details, evcc_contract.on_payment_details),
        "Authorization": (evcc_contract.authorization, evcc_contract.on_authorization),
        "ChargeParameterDiscovery": (
            evcc_charge.charge_parameter_discovery,
            evcc_charge.on_charge_parameter_discovery,
        ),
        "CableCheck": (evcc_charge.cable_check, evcc_charge.on_cable_check),
        "PreCharge": (evcc_charge.pre_charge, evcc_charge.on_pre_charge),
        "PowerDelivery": (evcc_charge.power_delivery, evcc_charge.on_power_delivery),
        "ChargingStatus": (evcc_charge.charging_status, evcc_charge.on_charging_status),
        "CurrentDemand": (evcc_charge.current_demand, evcc_charge.on_current_demand),
        "MeteringReceipt": (evcc_charge.metering_receipt, evcc_charge.on_metering_receipt),
        "WeldingDetection": (evcc_charge.welding_detection, evcc_charge.on_welding_detection),
        "SessionStop": (evcc_identify.session_stop, evcc_identify.on_session_stop),
    }
)
_LOOPS: Final = frozenset({"ChargingStatus", "CurrentDemand"})


class Evcc:
    """One session; see `machine.Machine`."""

    def __init__(self, config: EvccConfig, car: Car) -> None:
        data = EvccData(config.contract, config.resume_session)
        self._context = EvccContext(config, car, data)
        self._name = ""

    @property
    def contract(self) -> Contract | None:
        """The one it charges on, or has been given in this session."""
        return self._context.data.contract

    @property
    def tariff(self) -> tuple[PriceEntry, ...]:
        """Prices of the schedule that it follows; () where there are none, or none to be trusted."""
        return self._context.data.tariff

    @property
    def tariff_doubt(self) -> str:
        """Why a tariff was left aside, in words."""
        return self._context.data.tariff_doubt

    @property
    def session_id(self) -> bytes:
        """For `EvccConfig.resume_session` after a pause."""
        return self._context.data.session_id

    def start(self, now_s: float) -> Output:
        return self._request("SessionSetup", now_s)

    def receive(self, frame: Frame, now_s: float) -> Output:
        try:
            message = messages.read(frame)
            code = self._check(message)
            next_name = STEPS[self._name][1](self._context, message)
        except RemoteProtocolError as error:
            return protocol_error(str(error))
        except GiveUp as reason:
            return End(Outcome(reason.ending, reason.detail, reason.code))
        if self._name == "SessionStop":
            paused = self._context.data.stop == "Pause"
            return End(Outcome(Ending.PAUSED if paused else Ending.TERMINATED, response_code=code))
        if next_name != "SessionStop" and next_name not in FOLLOWS[self._name]:
            raise LocalProtocolError(f"{next_name} does not follow {self._name}")
        return self._request(next_name, now_s)

    def time_out(self, now_s: float) -> End:
        del now_s
        return End(Outcome(Ending.TIMED_OUT, f"no {self._name}Res"))

    def _check(self, message: messages.Message) -> str:
        if message.is_request or message.name != self._name:
            kind = "Req" if message.is_request else "Res"
            raise RemoteProtocolError(f"{message.name}{kind}, expected {self._name}Res")
        code = str(message.body["ResponseCode"])
        if code.startswith("FAILED"):
            raise GiveUp(Ending.REFUSED, f"{message.name}Res", code)
        if self._name != "SessionSetup" and message.session_id != self.session_id:
            raise RemoteProtocolError(f"response of session {message.session_id.hex()}")
        return code

    def _request(self, name: str, now_s: float) -> Output:
        data, config = self._context.data, self._context.config
        delay_s = 0.0
        if name in _LOOPS and self._name in {name, "MeteringReceipt"}:
            delay_s = config.loop_s
        elif name != self._name:
            data.asked_since = (name, now_s)
        else:
            delay_s = config.poll_s
            since_s = now_s if data.asked_since is None else data.asked_since[1]
            if now_s - since_s > config.timeouts.poll_s(name):
                return End(Outcome(Ending.TIMED_OUT, f"{name} does not end"))
        self._name = name
        try:
            request = STEPS[name][0](self._context)
        except GiveUp as reason:
            return End(Outcome(reason.ending, reason.detail, reason.code))
        element = f"{name}Req"
        frame = messages.write(data.session_id, element, request.body, key=request.key)
        return Send(frame, element, config.timeouts.response_s(name), delay_s)
