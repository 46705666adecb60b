"""A PKI with one charger, one car and its contracts; sessions in memory and over loopback TLS."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from charger_sim.iso15118 import tls
from charger_sim.iso15118.app_protocol import Protocol
from charger_sim.iso15118.backend import Backend
from charger_sim.iso15118.driver import Step, run
from charger_sim.iso15118.iso2 import Contract, Evcc, EvccConfig, Provisioning, Secc, SeccConfig
from charger_sim.iso15118.local_backend import LocalBackend
from charger_sim.iso15118.machine import Outcome
from charger_sim.iso15118.model import AC_LIMITS, DC_LIMITS, ModelCar, ModelEvse
from charger_sim.iso15118.sdp import SECC_PORTS
from charger_sim.iso15118.session import EvccSession, SeccSession
from charger_sim.iso15118.streams import AsyncioStream, connect, listen, memory_pair
from charger_sim.iso15118.trust import TrustStore
from pki.build import Subject
from pki.hierarchy import Config, in_memory
from pki.issue import Pki, root_of
from pki.leaf import Credential, issue_credential
from pki.ports import SystemClock
from pki.profiles import Role, Suite
from pki.provisioning import add_provisioning_certificate, generate_contract

EVSE_ID = "DE*ACM*E1*1"
EVCC_ID = bytes.fromhex("020000000001")
PCID = "WVWZZZ1KZAW000001"
INSTALLED_EMAID = "DEACMC000000023"
AC = SeccConfig(EVSE_ID)
DC = SeccConfig(EVSE_ID, energy_transfer_modes=("DC_extended",))
EIM = EvccConfig(EVCC_ID, poll_s=0.0)


def unix_s() -> float:
    """Wall time: TLS looks at the clock as well."""
    return SystemClock().now().timestamp()


def ders(credential: Credential) -> tuple[bytes, ...]:
    return tuple(each.public_bytes(Encoding.DER) for each in credential.issued.chain)


@dataclass(frozen=True)
class World:
    pki: Pki
    root: x509.Certificate
    secc: Credential
    contract: Contract
    contract_serial: int
    provisioning: Provisioning
    trust: TrustStore

    def pnc(self, **changes: object) -> EvccConfig:
        """A car that has its contract."""
        fields: dict[str, object] = {"contract": self.contract, "trust": self.trust, "poll_s": 0.0}
        return EvccConfig(EVCC_ID, "Contract", **{**fields, **changes})  # type: ignore[arg-type]

    def new_car(self) -> EvccConfig:
        """A car that has a provisioning certificate only."""
        return self.pnc(contract=None, provisioning=self.provisioning)


def make_world() -> World:
    """With a contract of its own, which a test may revoke."""
    config = Config("Acme", ocsp_url="http://ocsp.example/ocsp")
    pki = in_memory(config, suites=[Suite.ISO_2])
    secc = issue_credential(pki, Suite.ISO_2, Role.SECC, Subject("DE*ACM*E1", "Acme"))
    emaid = "DEACMC000000013"
    contract = issue_credential(pki, Suite.ISO_2, Role.CONTRACT, Subject(emaid, "Acme"))
    maker = issue_credential(pki, Suite.ISO_2, Role.OEM_PROVISIONING, Subject(PCID, "Acme"))
    add_provisioning_certificate(pki, ders(maker))
    generate_contract(pki, PCID, INSTALLED_EMAID, "Acme")
    root = root_of(pki.store, secc.issued.name)
    return World(
        pki=pki,
        root=root,
        secc=secc,
        contract=Contract(emaid, ders(contract), contract.private_key),
        contract_serial=contract.issued.certificate.serial_number,
        provisioning=Provisioning(ders(maker)[0], maker.private_key),
        trust=TrustStore((root,), SystemClock().now),
    )


@cache
def world() -> World:
    """Shared: do not change it."""
    return make_world()


@dataclass
class Played:
    """What came of a session."""

    secc: Secc
    evcc: Evcc
    car: ModelCar
    evse: ModelEvse
    backend: Backend
    of_secc: Outcome
    of_evcc: Outcome
    steps: list[Step] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    @property
    def requests(self) -> list[str]:
        return [step.name.removesuffix("Req") for step in self.steps]


async def play(
    secc_config: SeccConfig,
    evcc_config: EvccConfig,
    car: ModelCar,
    *,
    evse: ModelEvse | None = None,
    backend: Backend | None = None,
    over_tls: bool = False,
) -> Played:
    """One session to its end."""
    is_dc = secc_config.energy_transfer_modes[0].startswith("DC")
    evse = evse or ModelEvse(DC_LIMITS if is_dc else AC_LIMITS, unix_s)
    backend = backend or LocalBackend(world().pki)
    secc = Secc(secc_config, evse, random=os.urandom, unix_s=unix_s)
    evcc = Evcc(evcc_config, car)
    of_secc = SeccSession({Protocol.ISO_2: lambda: secc})
    of_evcc = EvccSession({Protocol.ISO_2: lambda: evcc})
    steps: list[Step] = []
    errors: list[Exception] = []
    clock = time.perf_counter
    if over_tls:
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        async def serve(stream: AsyncioStream) -> None:
            outcome = await run(
                of_secc, stream, clock=clock, backend=backend, on_error=errors.append
            )
            ended.set_result(outcome)

        context = tls.secc_context_2(world().secc, os.urandom)
        server, port = await listen(serve, "127.0.0.1", context, os.urandom)
        assert port in SECC_PORTS
        stream = await connect("127.0.0.1", port, tls.evcc_context_2([world().root]), 5.0)
        assert stream.tls is not None
        tls.check_secc(stream.tls)
        evcc_outcome = await run(of_evcc, stream, clock=clock, on_step=steps.append)
        secc_outcome = await asyncio.wait_for(ended, 5.0)
        server.close()
    else:
        left, right = memory_pair()
        secc_outcome, evcc_outcome = await asyncio.gather(
            run(of_secc, left, clock=clock, backend=backend, on_error=errors.append),
            run(of_evcc, right, clock=clock, on_step=steps.append),
        )
    return Played(secc, evcc, car, evse, backend, secc_outcome, evcc_outcome, steps, errors)
