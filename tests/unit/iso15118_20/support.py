"""A world for sessions of ISO 15118-20: a PKI, a car, a charger, and both machines in memory."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any

from cryptography import x509

from charger_sim.iso15118 import machine
from charger_sim.iso15118.backend import (
    Authorization,
    Authorize,
    AuthorizeExternally,
    CertificateResponse,
    InstallCertificate,
    MakeSchedule,
    PowerSchedule,
    ReportSchedule,
)
from charger_sim.iso15118.iso20.evcc import Evcc
from charger_sim.iso15118.iso20.evcc_state import EvccConfig, Identity
from charger_sim.iso15118.iso20.limits import Limits
from charger_sim.iso15118.iso20.models import SimpleEvse, SimpleVehicle
from charger_sim.iso15118.iso20.secc import Secc
from charger_sim.iso15118.iso20.secc_state import PausedSessions, SeccConfig
from charger_sim.iso15118.iso20.services import Offer, ServiceId
from charger_sim.iso15118.machine import PENDING, Ask, End, Outcome, Output, Send
from charger_sim.iso15118.v2gtp import Frame
from pki.build import Subject
from pki.errors import PkiError
from pki.evidence import Evidence
from pki.hierarchy import Config, in_memory
from pki.issue import Pki
from pki.leaf import Credential, issue_credential
from pki.profiles import Role, Suite
from pki.provisioning import (
    add_provisioning_certificate,
    answer_installation,
    generate_contract,
    own_evidence,
    roots,
)
from pki.verify import verify

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PCID = "WMIV1234567890ABCD"
EMAID = "DEACMC12345678"
EV = Limits(
    max_charge_w=50_000.0,
    max_charge_a=125.0,
    max_v=450.0,
    min_v=200.0,
    max_discharge_w=20_000.0,
    max_discharge_a=50.0,
)
EVSE = Limits(
    max_charge_w=150_000.0,
    max_charge_a=400.0,
    max_v=1000.0,
    min_v=150.0,
    max_discharge_w=30_000.0,
    max_discharge_a=80.0,
)
ALL_SERVICES = tuple(Offer(each) for each in ServiceId)


@dataclass
class TestClock:
    """Wall time by hand."""

    __test__ = False
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


_WORLDS = count()


def seeded() -> Callable[[int], bytes]:
    """Octets that repeat from run to run, and differ from call to call."""
    world, number = next(_WORLDS), 0

    def random(size: int) -> bytes:
        nonlocal number
        number += 1
        return hashlib.shake_256(b"%d %d" % (world, number)).digest(size)

    return random


@dataclass(frozen=True)
class World:
    """Everything that has a certificate, of one suite."""

    pki: Pki
    clock: TestClock
    provisioning: Credential
    contract: Credential
    vehicle: Credential
    secc: Credential

    @property
    def v2g_roots(self) -> tuple[Any, ...]:
        return tuple(roots(self.pki))


def make_world(suite: Suite = Suite.ISO_20, at: datetime = NOW) -> World:
    clock, random = TestClock(at), seeded()
    pki = in_memory(
        Config("Acme", ocsp_url="http://ocsp.example/ocsp"),
        suites=[suite],
        clock=clock,
        random=random,
    )

    def credential(role: Role, name: str) -> Credential:
        return issue_credential(pki, suite, role, Subject(name, "Acme"))

    provisioning = credential(Role.OEM_PROVISIONING, PCID)
    add_provisioning_certificate(pki, Identity.of(provisioning).chain)
    return World(
        pki,
        clock,
        provisioning,
        credential(Role.CONTRACT, EMAID),
        credential(Role.VEHICLE, "WMIV1234567890ABC"),
        credential(Role.SECC, "DEACME123456"),
    )


@cache
def shared_world(suite: Suite = Suite.ISO_20) -> World:
    """For tests that neither revoke nor issue."""
    return make_world(suite)


@dataclass
class PkiBackend:
    """Answers from the PKI; synchronous, so that machines can be driven without an event loop.

    It counts through a car's contracts, as a central system does over repeated requests.
    """

    pki: Pki
    eim: bool = True
    delays: int = 0
    """How often an authorization is still open when asked."""
    schedules: tuple[PowerSchedule, ...] = (PowerSchedule(1, ((0.0, 30_000.0),)),)
    asked: list[Any] = field(default_factory=list)
    installed: int = 0

    def answer(self, question: Any) -> Any:
        self.asked.append(question)
        match question:
            case Authorize() | AuthorizeExternally() if self.delays:
                self.delays -= 1
                return PENDING
            case Authorize(chain=chain):
                return self._judge(chain)
            case AuthorizeExternally():
                return Authorization(self.eim)
            case InstallCertificate():
                return self._install(question)
            case MakeSchedule():
                return self.schedules
            case ReportSchedule():
                return None
        raise TypeError(question)

    async def authorize(self, question: Authorize) -> Any:
        return self.answer(question)

    async def authorize_externally(self, question: AuthorizeExternally) -> Any:
        return self.answer(question)

    async def install_certificate(self, question: InstallCertificate) -> Any:
        return self.answer(question)

    async def make_schedule(self, question: MakeSchedule) -> Any:
        return self.answer(question)

    async def report_schedule(self, question: ReportSchedule) -> None:
        self.answer(question)

    def _judge(self, chain: tuple[bytes, ...]) -> Authorization:
        try:
            loaded = tuple(x509.load_der_x509_certificate(each) for each in chain)
            evidence = own_evidence(self.pki, loaded)
        except (ValueError, PkiError):
            evidence = Evidence()
        now = self.pki.clock.now()
        verdict = verify(list(chain), Role.CONTRACT, roots(self.pki), evidence, now)
        return Authorization(verdict.accepted, verdict.status)

    def _install(self, question: InstallCertificate) -> CertificateResponse | None:
        exi = base64.b64decode(question.exi_request)
        try:
            answers = answer_installation(self.pki, exi, question.namespace)
        except PkiError:
            return None
        number = min(self.installed, len(answers) - 1)
        self.installed += 1
        remaining = len(answers) - 1 - number
        return CertificateResponse(base64.b64encode(answers[number][1]).decode(), remaining)


def car(world: World, **changes: Any) -> EvccConfig:
    """A car with a contract that wants DC."""
    config = EvccConfig(
        evcc_id="WMIV1234567890ABC",
        contract=Identity.of(world.contract),
        v2g_roots=world.v2g_roots,
    )
    return replace(config, **changes)


def add_contract(world: World, emaid: str) -> None:
    """Put a contract for the car into the pool."""
    generate_contract(world.pki, PCID, emaid, "Acme")


@dataclass
class Pair:
    """Both machines, and what went between them."""

    world: World
    config: EvccConfig
    secc_config: SeccConfig = field(default_factory=lambda: SeccConfig(offers=ALL_SERVICES))
    vehicle: SimpleVehicle = field(default_factory=lambda: SimpleVehicle(EV, turns=3))
    evse: SimpleEvse = field(default_factory=lambda: SimpleEvse("DE*ACM*E1", EVSE, 25_000.0))
    backend: PkiBackend | None = None
    paused: PausedSessions = field(default_factory=PausedSessions)
    names: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    tamper: Callable[[str, Frame], Frame] = lambda name, frame: frame
    """What happens to requests on their way."""
    now_s: float = 0.0

    def __post_init__(self) -> None:
        random = self.world.pki.random
        self.backend = self.backend or PkiBackend(self.world.pki)
        self.secc = Secc(self.secc_config, self.evse, self.world.clock, random, self.paused)
        self.evcc = Evcc(self.config, self.vehicle, self.world.clock, random)

    def to_secc(self, frame: Frame) -> Output:
        """The charger's output, the backend asked."""
        output = self.secc.receive(frame, self.now_s)
        while isinstance(output, Ask):
            output = output.then(self.backend.answer(output.question), self.now_s)
        return output

    def run(self, until: str | None = None, limit: int = 500) -> tuple[Outcome | None, Outcome]:
        """Both ends: (SECC's or None, EVCC's). Stops before the request `until` is sent."""
        secc_end: Outcome | None = None
        output = self.evcc.start(self.now_s)
        for _ in range(limit):
            if isinstance(output, End):
                return secc_end, output.outcome
            assert isinstance(output, Send)
            if output.name == until:
                self.pending = output.frame
                return None, Outcome(machine.Ending.CLOSED)
            self.now_s += max(output.delay_s, 0.01)
            self.names.append(output.name)
            frame = self.tamper(output.name, output.frame)
            self.frames.append(frame)
            reply = self.to_secc(frame)
            if isinstance(reply, End):
                return reply.outcome, Outcome(machine.Ending.CLOSED)
            assert isinstance(reply, Send)
            self.frames.append(reply.frame)
            self.names.append(reply.name)
            secc_end = reply.end
            output = self.evcc.receive(reply.frame, self.now_s)
        raise AssertionError(f"no end after {self.names[-6:]}")
