"""The SECC of ISO 15118-20 as a pure machine: a request in, its response out.

Order is checked by the table `states.SECC`, before a handler sees the message. Whatever a peer
sends leads to a response, a FAILED response and the end, or the end; never to an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from charger_sim.iso15118.errors import RemoteProtocolError
from charger_sim.iso15118.iso20 import secc_authorization, secc_energy, secc_services
from charger_sim.iso15118.iso20.messages import (
    NO_SESSION,
    Body,
    document,
    from_frame,
    header,
    to_frame,
)
from charger_sim.iso15118.iso20.ports import Evse
from charger_sim.iso15118.iso20.refusals import BODIES
from charger_sim.iso15118.iso20.secc_state import (
    Answer,
    Handler,
    PausedSessions,
    Question,
    Refusal,
    Reply,
    SeccConfig,
    Session,
)
from charger_sim.iso15118.iso20.states import Event, State, after
from charger_sim.iso15118.machine import (
    PENDING,
    Ask,
    End,
    Ending,
    Outcome,
    Output,
    Send,
    Wait,
    protocol_error,
)
from charger_sim.iso15118.timeouts import ISO_20, Timeouts
from charger_sim.iso15118.v2gtp import Frame, PayloadType
from pki.exi import Document, ExiError
from pki.ports import Clock, RandomBytes

_HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "SessionSetupReq": secc_authorization.session_setup,
        "AuthorizationSetupReq": secc_authorization.authorization_setup,
        "AuthorizationReq": secc_authorization.authorization,
        "CertificateInstallationReq": secc_authorization.certificate_installation,
        "ServiceDiscoveryReq": secc_services.service_discovery,
        "ServiceDetailReq": secc_services.service_detail,
        "ServiceSelectionReq": secc_services.service_selection,
        "ScheduleExchangeReq": secc_services.schedule_exchange,
        "PowerDeliveryReq": secc_services.power_delivery,
        "MeteringConfirmationReq": secc_services.metering_confirmation,
        "SessionStopReq": secc_services.session_stop,
        "AC_ChargeParameterDiscoveryReq": secc_energy.charge_parameter_discovery,
        "AC_ChargeLoopReq": secc_energy.charge_loop,
        "DC_ChargeParameterDiscoveryReq": secc_energy.charge_parameter_discovery,
        "DC_CableCheckReq": secc_energy.cable_check,
        "DC_PreChargeReq": secc_energy.pre_charge,
        "DC_ChargeLoopReq": secc_energy.charge_loop,
        "DC_WeldingDetectionReq": secc_energy.welding_detection,
    }
)
_SIDE_STREAMS: Final = frozenset(
    {PayloadType.SCHEDULE_RENEGOTIATION, PayloadType.METERING_CONFIRMATION}
)


class Secc:
    """One session of a charger. `state` tells how far it came, `session` what was agreed."""

    def __init__(
        self,
        config: SeccConfig,
        evse: Evse,
        clock: Clock,
        random: RandomBytes,
        paused: PausedSessions | None = None,
        times: Timeouts = ISO_20,
    ) -> None:
        memory = PausedSessions() if paused is None else paused
        self.session = Session(config, evse, clock, random, memory)
        self.state = State.BEGIN
        self._times = times
        self._ongoing_since_s: float | None = None

    def start(self, now_s: float) -> Wait:
        del now_s
        return Wait(self._times.sequence_s)

    def receive(self, frame: Frame, now_s: float) -> Output:
        """The response to a request."""
        try:
            request = from_frame(frame)
        except RemoteProtocolError as error:
            return protocol_error(str(error))
        pair = request.name.removesuffix("Req")
        if pair == request.name or pair not in BODIES:
            return protocol_error(f"{request.name} is no request to a charger")
        stream = frame.payload_type if frame.payload_type in _SIDE_STREAMS else None
        self.session.received = frame.payload
        try:
            self._check(request)
            reply = _HANDLERS[request.name](self.session, request, now_s)
            return self._output(request, stream, reply, now_s)
        except Refusal as refusal:
            return self._refuse(pair, stream, refusal)

    def time_out(self, now_s: float) -> End:
        del now_s
        self.close()
        return End(Outcome(Ending.TIMED_OUT, f"no request in state {self.state}"))

    def _check(self, request: Document) -> None:
        if request.name != "SessionSetupReq":
            found = request.value["Header"]["SessionID"]
            if found != self.session.session_id or found == NO_SESSION:
                raise Refusal("FAILED_UnknownSession")
        if after(self.state, request.name) is None:
            raise Refusal("FAILED_SequenceError", f"{request.name} in state {self.state}")

    def _output(self, request: Document, stream: int | None, reply: Reply, now_s: float) -> Output:
        if isinstance(reply, Answer):
            return self._respond(request, stream, reply, now_s)
        question = reply
        patience_s = self._times.within_s(request.name.removesuffix("Req"))
        return Ask(
            question.question,
            lambda answer, then_s: self._answered(request, stream, question, answer, then_s),
            patience_s,
        )

    def _answered(
        self, request: Document, stream: int | None, question: Question, answer: Any, now_s: float
    ) -> Output:
        since_s = now_s if self._ongoing_since_s is None else self._ongoing_since_s
        if answer is PENDING and now_s - since_s > self._times.ongoing_performance_s:
            answer = None  # the EV would not wait any longer: as if the backend had failed
        try:
            return self._respond(request, stream, question.then(answer, now_s), now_s)
        except Refusal as refusal:
            return self._refuse(request.name.removesuffix("Req"), stream, refusal)

    def _respond(
        self, request: Document, stream: int | None, answer: Answer, now_s: float
    ) -> Output:
        next_states = after(self.state, request.name)
        if next_states is None or answer.event not in next_states:
            raise Refusal("FAILED_SequenceError", f"{answer.event} in state {self.state}")
        if answer.event is not Event.ONGOING:
            self._ongoing_since_s = None
        elif self._ongoing_since_s is None:
            self._ongoing_since_s = now_s
        name = request.name.removesuffix("Req") + "Res"
        frame = self._frame(name, stream, answer.code, answer.body, answer.signature)
        self.state = next_states[answer.event]
        if answer.ending is None:
            return Send(frame, name, self._times.sequence_s)
        self.close()
        return Send(frame, name, self._times.sequence_s, end=Outcome(answer.ending))

    def _refuse(self, pair: str, stream: int | None, refusal: Refusal) -> Send:
        self.close()
        name = pair + "Res"
        frame = self._frame(name, stream, refusal.code, BODIES[pair])
        outcome = Outcome(Ending.REFUSED, f"{name}: {refusal}", refusal.code)
        return Send(frame, name, self._times.sequence_s, end=outcome)

    def _frame(
        self, name: str, stream: int | None, code: str, body: Body, signature: Body | None = None
    ) -> Frame:
        head = header(self.session.session_id, self.session.clock.now())
        if signature is not None:
            head["Signature"] = signature
        message = document(name, head, {"ResponseCode": code, **body})
        try:
            return to_frame(message, stream)
        except ExiError as error:
            raise Refusal("FAILED", f"{name} cannot be written: {error}") from error

    def close(self) -> None:
        """Take power off. Whoever drives the session calls it when the connection is lost."""
        self.state = State.END
        self.session.evse.open_contactor()
