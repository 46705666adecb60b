"""The whole chain of Plug & Charge, live: installed, charged, revoked, refused."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom

import msgspec

from charger_sim.clock import LoopClock
from charger_sim.garage import SUITE_OF, Garage, emaid_of
from charger_sim.iso15118.driver import Step as Exchange
from charger_sim.measure import Latencies
from charger_sim.scenario import Visit
from charger_sim.single import SingleCharger, single_charger
from charger_sim.station.config import EvseConfig, StationConfig, Version
from charger_sim.station.iso15118 import SeccOptions, SessionEnd
from charger_sim.station.iso15118.wire import Wire
from charger_sim.transport import websocket_connector
from charger_sim.vehicle import Edition, EvCredentials, Vehicle
from csms.bootstrap import CentralSystem
from csms.cli.demo.contract_site import contract_ports, contract_settings, demonstration_pki
from csms.clock import SystemClock
from csms.domain.records import StationRecord, TokenRecord
from csms.domain.transaction import Transaction
from csms.domain.values import IdToken
from csms.gateway.passwords import hash_password
from csms.ids import StationId, TransactionId
from csms.settings import Settings
from csms.settings.model import Dispatch, Gateway, Http, Log
from csms.settings.model import Store as StoreSection
from csms.store import Store, open_store
from pki.issue import Pki
from pki.revoke import revoke

STATION = StationId("PNC-1")
CAR = "EV-DEMO"
POWER_W = 22_000.0
WANTED_WH = 20.0
LOOP_S = 0.1
PATIENCE_S = 30.0


class ChainBrokenError(Exception):
    """The first visit did not come to a transaction on the contract."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """``at_ms`` counts from the first plug; ``took_ms`` is of an OCPP call its round trip, of a
    message of ISO 15118 the charge controller's time from the request to the next one."""

    at_ms: float
    side: str
    """"EV - charger", "charger - CSMS", or "driver"."""
    what: str
    took_ms: float | None = None


class ChainReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the central system has stored of the first visit, and how the second one ended."""

    version: str
    edition: str
    wire: str
    emaid: str
    installed: bool
    transaction: str
    stored_emaid: str | None
    energy_wh: float
    metered_wh: float
    refused_with: str | None
    certificate_status: str
    energy_after_refusal_wh: float
    steps: tuple[Step, ...]

    @property
    def sound(self) -> bool:
        return (
            self.installed
            and self.stored_emaid == self.emaid
            and abs(self.energy_wh - self.metered_wh) <= 1.0
            and self.energy_wh > 0.0
            and self.certificate_status == "CertificateRevoked"
            and self.energy_after_refusal_wh == 0.0
        )


async def contract_chain(
    version: Version, edition: Edition, wire: Wire, say: Callable[[Step], None]
) -> ChainReport:
    """A central system of its own on real sockets, with a PKI in memory. ``say`` hears each step.

    Raises ``ChainBrokenError``, and ``TimeoutError`` where the central system does not store what it was told.
    """
    clock = SystemClock()
    pki = await asyncio.to_thread(demonstration_pki, clock, secrets.token_bytes)
    garage = Garage(pki)
    credentials = garage.credentials(CAR, _visit(edition))
    password = secrets.token_hex(12)
    with tempfile.TemporaryDirectory(prefix="csms-pnc-") as folder:
        store = await open_store(f"sqlite:///{Path(folder) / 'pnc.db'}")
        system = CentralSystem(
            _settings(), store, clock, SystemRandom(), secrets.token_bytes,
            pnc=contract_ports(pki, clock),
        )  # fmt: skip
        await store.journal.commit(
            StationRecord(
                station_id=STATION,
                password_hash=hash_password(password.encode()),
                security_profile=1,
                enabled=True,
            ),
            TokenRecord(token=IdToken(value=emaid_of(CAR))),
        )
        await system.start()
        timeline = Timeline(asyncio.get_running_loop().time, say)
        try:
            async with single_charger(
                StationConfig(
                    STATION, version, (EvseConfig(1, "AC", POWER_W, iso15118=True),),
                    meter_interval_s=1.0,
                ),
                websocket_connector(
                    f"ws://127.0.0.1:{system.gateway.ports[0]}/ocpp",
                    password_of=lambda _id: password,
                ),
                LoopClock(asyncio.get_running_loop(), clock.now()),
                SystemRandom(),
                secc=SeccOptions(wire=wire, loop_s=LOOP_S, poll_s=LOOP_S, schedule_wait_s=0.5),
                latencies=timeline,
                on_step=timeline.exchanged,
            ) as charger:  # fmt: skip
                root = garage.root(SUITE_OF[edition])
                charger.station.certificates.install("OEMRootCertificate", root)
                return await _play(
                    charger, store, pki, credentials, timeline, (version, edition, wire)
                )
        finally:
            await system.stop()


async def _play(
    charger: SingleCharger,
    store: Store,
    pki: Pki,
    credentials: EvCredentials,
    timeline: Timeline,
    setting: tuple[Version, Edition, Wire],
) -> ChainReport:
    version, edition, wire = setting
    timeline.begin()
    timeline.note("driver", "plugs in a car that has no contract")
    first = await charger.charge(_car(credentials))
    _note_end(timeline, first)
    await charger.told()
    history = charger.station.sessions.history
    if not history or history[0].stop is None or credentials.contract is None:
        code = first.car.response_code or ""
        raise ChainBrokenError(
            f"the car was to charge: {first.car.ending} {code} {first.car.detail}"
        )
    tx, stop = history[0], history[0].stop
    metered_wh = stop.import_wh - tx.start.import_wh
    key = TransactionId(str(tx.ocpp_id) if version == "1.6" else tx.key)
    kept = await _stored(store, key)
    timeline.note("CSMS", f"stored {kept.energy_wh:.1f} Wh on contract {tx.id_token}")
    charger.station.sessions.unplug(1)
    revoke(pki, credentials.contract.leaf.serial_number)
    timeline.note("PKI", "revokes the contract certificate")
    timeline.note("driver", "plugs in again")
    before_wh = charger.station.evses[1].meter.import_wh
    second = await charger.charge(_car(credentials))
    _note_end(timeline, second)
    events = await store.history.security_events(station_id=STATION)
    refusals = [event.info or "" for event in events if event.kind == "ContractCertificateRefused"]
    return ChainReport(
        version=version,
        edition=edition,
        wire=wire,
        emaid=emaid_of(CAR),
        installed=first.installed,
        transaction=str(key),
        stored_emaid=None if kept.token is None else kept.token.value,
        energy_wh=kept.energy_wh,
        metered_wh=metered_wh,
        refused_with=second.car.response_code,
        certificate_status=refusals[0].split()[0] if refusals else "",
        energy_after_refusal_wh=charger.station.evses[1].meter.import_wh - before_wh,
        steps=tuple(timeline.steps),
    )


async def _stored(store: Store, key: TransactionId) -> Transaction:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            kept = await store.history.transaction(STATION, key)
            if kept is not None and not kept.is_open:
                return kept
            await asyncio.sleep(LOOP_S)


class Timeline(Latencies):
    """Both conversations in the order in which they happened; a charge loop is told once."""

    def __init__(self, monotonic_s: Callable[[], float], say: Callable[[Step], None]) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self._monotonic_s = monotonic_s
        self._say = say
        self._begun_s: float | None = None
        self._last_loop = ""

    def begin(self) -> None:
        """What comes before is not told."""
        self._begun_s = self._monotonic_s()

    def add(self, action: str, latency_s: float) -> None:
        super().add(action, latency_s)
        self.note("charger - CSMS", action, latency_s)

    def exchanged(self, _evse_id: int, step: Exchange) -> None:
        looping = "Loop" in step.name or step.name.startswith(("ChargingStatus", "CurrentDemand"))
        if looping and step.name == self._last_loop:
            return
        self._last_loop = step.name if looping else ""
        self.note("EV - charger", step.name, step.t_end_s - step.t_begin_s)

    def note(self, side: str, what: str, took_s: float | None = None) -> None:
        if self._begun_s is None:
            return
        step = Step(
            at_ms=round(1e3 * (self._monotonic_s() - self._begun_s), 2),
            side=side,
            what=what,
            took_ms=None if took_s is None else round(1e3 * took_s, 2),
        )
        self.steps.append(step)
        self._say(step)


def _note_end(timeline: Timeline, end: SessionEnd) -> None:
    code = f" ({end.car.response_code})" if end.car.response_code else ""
    timeline.note("EV - charger", f"session {end.car.ending}{code}")


def _visit(edition: Edition) -> Visit:
    return Visit(
        capacity_wh=1_000.0,
        soc_frac=0.2,
        max_charge_w=POWER_W,
        iso15118=edition,
        contract="on-plug-in",
    )


def _car(credentials: EvCredentials) -> Vehicle:
    """Leaves once it has what it wants."""
    return Vehicle(
        CAR,
        capacity_wh=1_000.0,
        soc_frac=0.2,
        target_soc_frac=0.2 + 0.94 * WANTED_WH / 1_000.0,
        max_charge_w=POWER_W,
        credentials=credentials,
    )


def _settings() -> Settings:
    return Settings(
        gateway=Gateway(port=0),
        http=Http(port=0),
        store=StoreSection(url="sqlite:///pnc.db"),  # type: ignore[arg-type]
        dispatch=Dispatch(enabled=False),
        pnc=contract_settings(),
        log=Log(level="error"),
    )
