"""The charger's side of ISO 15118-2.

Theory of operation: a request is decoded, held against the session and the transition table, and
given to its handler. The handler replies, puts a question to the backend first, or refuses. A
refusal is a response with its code, after which the charger opens its contactors and closes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from charger_sim.iso15118 import timeouts
from charger_sim.iso15118.errors import LocalProtocolError, RemoteProtocolError
from charger_sim.iso15118.iso2 import messages, secc_charge, secc_contract, secc_dc, secc_identify
from charger_sim.iso15118.iso2.failures import failed
from charger_sim.iso15118.iso2.messages import Message
from charger_sim.iso15118.iso2.secc_context import (
    Answer,
    Handler,
    PausedSession,
    Question,
    Refusal,
    Reply,
    SeccConfig,
    SeccContext,
)
from charger_sim.iso15118.iso2.secc_table import TRANSITIONS, State, event
from charger_sim.iso15118.machine import (
    Ask,
    End,
    Ending,
    Outcome,
    Output,
    Send,
    Wait,
    protocol_error,
)
from charger_sim.iso15118.physical import Evse
from charger_sim.iso15118.v2gtp import Frame
from pki.keys import PrivateKey

HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "SessionSetup": secc_identify.session_setup,
        "ServiceDiscovery": secc_identify.service_discovery,
        "ServiceDetail": secc_identify.service_detail,
        "PaymentServiceSelection": secc_identify.payment_service_selection,
        "CertificateInstallation": secc_contract.certificate_installation,
        "CertificateUpdate": secc_contract.certificate_update,
        "PaymentDetails": secc_contract.payment_details,
        "Authorization": secc_contract.authorization,
        "ChargeParameterDiscovery": secc_charge.charge_parameter_discovery,
        "PowerDelivery": secc_charge.power_delivery,
        "ChargingStatus": secc_charge.charging_status,
        "MeteringReceipt": secc_charge.metering_receipt,
        "CableCheck": secc_dc.cable_check,
        "PreCharge": secc_dc.pre_charge,
        "CurrentDemand": secc_dc.current_demand,
        "WeldingDetection": secc_dc.welding_detection,
        "SessionStop": secc_identify.session_stop,
    }
)


class Secc:
    """One session; see `machine.Machine`.

    `random(n)` gives octets for session ids and challenges, `unix_s` wall time.
    """

    def __init__(
        self,
        config: SeccConfig,
        evse: Evse,
        *,
        random: Callable[[int], bytes],
        unix_s: Callable[[], float],
    ) -> None:
        self._context = SeccContext(config, evse, random, unix_s)
        self._state = State.SETUP
        self.paused: PausedSession | None = None
        """Set once the session has ended in a pause: the next session's `SeccConfig.resume`."""

    @property
    def state(self) -> State:
        return self._state

    def start(self, now_s: float) -> Output:
        del now_s
        return Wait(timeouts.ISO_2.sequence_s)

    def receive(self, frame: Frame, now_s: float) -> Output:
        try:
            message = messages.read(frame)
        except RemoteProtocolError as error:
            self._open_contactors()
            return protocol_error(str(error))
        if not message.is_request:
            self._open_contactors()
            return protocol_error(f"{message.name}Res from an EV")
        return self._perform(message, lambda: self._dispatch(message, now_s))

    def time_out(self, now_s: float) -> End:
        del now_s
        self._open_contactors()
        return End(Outcome(Ending.TIMED_OUT, f"no request in state {self._state.name}"))

    def _dispatch(self, message: Message, now_s: float) -> Answer:
        happened = event(message.name, message.body)
        if happened not in TRANSITIONS[self._state]:
            raise Refusal("FAILED_SequenceError", f"{happened} in state {self._state.name}")
        if self._state is not State.SETUP and message.session_id != self._context.data.session_id:
            raise Refusal("FAILED_UnknownSession", f"session {message.session_id.hex()}")
        return HANDLERS[message.name](self._context, message, now_s)

    def _perform(self, message: Message, handle: Callable[[], Answer]) -> Output:
        try:
            answer = handle()
        except Refusal as refusal:
            return self._refuse(message, refusal)
        if isinstance(answer, Question):
            then = answer.then
            return Ask(
                answer.question,
                lambda given, at_s: self._perform(message, lambda: then(given, at_s)),
                answer.patience_s,
            )
        return self._reply(message, answer)

    def _reply(self, message: Message, reply: Reply) -> Send:
        happened = event(message.name, message.body)
        if reply.state not in TRANSITIONS[self._state][happened]:
            raise LocalProtocolError(f"{happened} leads from {self._state} to {reply.state}")
        self._state = reply.state
        end = None
        if reply.state is State.ENDED:
            self._open_contactors()
            end = Outcome(Ending.PAUSED if reply.paused else Ending.TERMINATED)
            if reply.paused:
                data = self._context.data
                self.paused = PausedSession(data.session_id, data.schedules)
        body = {"ResponseCode": reply.code, **reply.body}
        return self._send(message.name, body, end, header=reply.header, key=reply.key)

    def _refuse(self, message: Message, refusal: Refusal) -> Send:
        self._open_contactors()
        self._state = State.ENDED
        outcome = Outcome(Ending.REFUSED, refusal.detail, refusal.code)
        return self._send(message.name, failed(message.name, refusal.code), outcome)

    def _send(
        self,
        name: str,
        body: dict[str, object],
        end: Outcome | None,
        *,
        header: dict[str, object] | None = None,
        key: PrivateKey | None = None,
    ) -> Send:
        element = f"{name}Res"
        session_id = self._context.data.session_id
        frame = messages.write(session_id, element, body, header=header, key=key)
        return Send(frame, element, timeouts.ISO_2.sequence_s, end=end)

    def _open_contactors(self) -> None:
        self._context.evse.switch(False)
