"""The EVCC of ISO 15118-20 as a pure machine: a response in, the next request out.

What follows what is the table `states.EVCC`; readers say what the car makes of a response,
builders fill the next request.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from charger_sim.iso15118.errors import RemoteProtocolError
from charger_sim.iso15118.iso20 import evcc_authorization, evcc_energy, evcc_services
from charger_sim.iso15118.iso20.evcc_state import (
    Abort,
    Builder,
    EvccConfig,
    Reader,
    Request,
    Resume,
    Session,
)
from charger_sim.iso15118.iso20.messages import SCHEMA, document, from_frame, header, to_frame
from charger_sim.iso15118.iso20.ports import Vehicle, Wish
from charger_sim.iso15118.iso20.states import EVCC, Move
from charger_sim.iso15118.machine import End, Ending, Outcome, Output, Send, protocol_error
from charger_sim.iso15118.timeouts import ISO_20, Timeouts
from charger_sim.iso15118.v2gtp import Frame, PayloadType
from pki.errors import PkiError
from pki.exi import Document, ExiError
from pki.ports import Clock, RandomBytes
from pki.xmlsig import sign

_PAIRS: Final[Mapping[str, tuple[Builder, Reader]]] = MappingProxyType(
    {
        "SessionSetup": (
            evcc_authorization.session_setup,
            evcc_authorization.read_session_setup,
        ),
        "AuthorizationSetup": (
            evcc_authorization.nothing,
            evcc_authorization.read_authorization_setup,
        ),
        "CertificateInstallation": (
            evcc_authorization.certificate_installation,
            evcc_authorization.read_certificate_installation,
        ),
        "Authorization": (
            evcc_authorization.authorization,
            evcc_authorization.read_authorization,
        ),
        "ServiceDiscovery": (
            evcc_services.service_discovery,
            evcc_services.read_service_discovery,
        ),
        "ServiceDetail": (evcc_services.service_detail, evcc_services.read_service_detail),
        "ServiceSelection": (
            evcc_services.service_selection,
            evcc_services.read_service_selection,
        ),
        "AC_ChargeParameterDiscovery": (
            evcc_energy.charge_parameter_discovery,
            evcc_energy.read_charge_parameter_discovery,
        ),
        "DC_ChargeParameterDiscovery": (
            evcc_energy.charge_parameter_discovery,
            evcc_energy.read_charge_parameter_discovery,
        ),
        "ScheduleExchange": (
            evcc_services.schedule_exchange,
            evcc_services.read_schedule_exchange,
        ),
        "DC_CableCheck": (evcc_authorization.nothing, evcc_energy.read_cable_check),
        "DC_PreCharge": (evcc_energy.pre_charge, evcc_energy.read_pre_charge),
        "PowerDelivery": (evcc_services.power_delivery, evcc_services.read_power_delivery),
        "AC_ChargeLoop": (evcc_energy.charge_loop, evcc_energy.read_charge_loop),
        "DC_ChargeLoop": (evcc_energy.charge_loop, evcc_energy.read_charge_loop),
        "MeteringConfirmation": (
            evcc_services.metering_confirmation,
            evcc_services.read_metering_confirmation,
        ),
        "DC_WeldingDetection": (
            evcc_energy.welding_detection,
            evcc_energy.read_welding_detection,
        ),
        "SessionStop": (evcc_services.session_stop, evcc_services.read_session_stop),
    }
)
_LOOPS: Final = frozenset({"AC_ChargeLoop", "DC_ChargeLoop"})


class Evcc:
    """One session of a car. `session` tells what was agreed, installed and measured."""

    def __init__(
        self,
        config: EvccConfig,
        vehicle: Vehicle,
        clock: Clock,
        random: RandomBytes,
        resume: Resume | None = None,
        times: Timeouts = ISO_20,
    ) -> None:
        self.session = Session(config, vehicle, clock, random, services=config.services)
        self.session.contract = config.contract
        if resume is not None:
            self.session.session_id = resume.session_id
        self._times = times
        self._repeat_s = {
            "DC_CableCheck": times.cable_check_s,
            "DC_PreCharge": times.pre_charge_s,
        }
        self._pair = "SessionSetup"
        self._repeats_since_s: float | None = None

    @property
    def resume(self) -> Resume:
        """What joins this session after a pause."""
        return Resume(self.session.session_id)

    def start(self, now_s: float) -> Output:
        return self._request("SessionSetup", now_s, 0.0)

    def receive(self, frame: Frame, now_s: float) -> Output:
        """The next request."""
        try:
            response = from_frame(frame)
        except RemoteProtocolError as error:
            return protocol_error(str(error))
        refused = self._refused(response)
        if refused is not None:
            return refused
        try:
            move = _PAIRS[self._pair][1](self.session, response.value, now_s)
            return self._go(move, now_s)
        except Abort as abort:
            return End(
                Outcome(Ending.PROTOCOL_ERROR, f"{self._pair}Res: {abort.detail}", abort.code)
            )

    def time_out(self, now_s: float) -> End:
        del now_s
        return End(Outcome(Ending.TIMED_OUT, f"{self._pair}Req was not answered"))

    def _refused(self, response: Document) -> End | None:
        """The end, where the response is another one, of another session, or says FAILED."""
        if response.name != self._pair + "Res":
            return protocol_error(f"{response.name}, expected {self._pair}Res")
        code = response.value["ResponseCode"]
        if code.startswith("FAILED"):
            return End(Outcome(Ending.REFUSED, f"{response.name}: {code}", code))
        found = response.value["Header"]["SessionID"]
        if self._pair != "SessionSetup" and found != self.session.session_id:
            return protocol_error(f"{response.name} of another session")
        return None

    def _go(self, move: Move, now_s: float) -> Output:
        if move is Move.END:
            return End(self._outcome())
        following = "SessionStop" if move is Move.LEAVE else EVCC[self._pair][move]
        delay_s = 0.0
        if following in _LOOPS and self._pair in _LOOPS:
            delay_s = self.session.config.loop_s
        elif following == self._pair:
            since_s = now_s if self._repeats_since_s is None else self._repeats_since_s
            if now_s - since_s > self._repeat_s.get(self._pair, self._times.ongoing_s):
                return End(Outcome(Ending.TIMED_OUT, f"{self._pair} is ongoing for too long"))
            self._repeats_since_s = since_s
            return self._request(following, now_s, self.session.config.poll_s)
        self._repeats_since_s = None
        return self._request(following, now_s, delay_s)

    def _outcome(self) -> Outcome:
        if self.session.warning is not None:
            return Outcome(Ending.REFUSED, "not authorized", self.session.warning)
        paused = self.session.wish is Wish.PAUSE
        return Outcome(Ending.PAUSED if paused else Ending.TERMINATED)

    def _request(self, pair: str, now_s: float, delay_s: float) -> Output:
        self._pair = pair
        name = pair + "Req"
        try:
            request = _PAIRS[pair][0](self.session, now_s)
            frame = to_frame(self._message(name, request), self._stream(pair))
        except (ExiError, PkiError, ValueError) as error:
            return End(Outcome(Ending.PROTOCOL_ERROR, f"{name} cannot be made: {error}"))
        return Send(frame, name, self._times.response_s(pair), delay_s)

    def _message(self, name: str, request: Request) -> Document:
        head = header(self.session.session_id, self.session.clock.now())
        message = document(name, head, request.body)
        return message if request.key is None else sign(message, SCHEMA, request.key)

    def _stream(self, pair: str) -> PayloadType | None:
        if pair == "MeteringConfirmation":
            return PayloadType.METERING_CONFIRMATION
        renegotiates = pair == "ScheduleExchange" and self.session.charging
        if renegotiates or (
            pair == "PowerDelivery" and self.session.progress == "ScheduleRenegotiation"
        ):
            return PayloadType.SCHEDULE_RENEGOTIATION
        return None
