"""Putting the central system together: every part made once, handed what it needs, started and stopped in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import structlog

from csms.clock import Clock
from csms.dispatch.ac_check import Limits
from csms.dispatch.decide import FeederDesk
from csms.dispatch.loop import DispatchLoop
from csms.dispatch.signals import GridSignals
from csms.domain.commands import Command
from csms.domain.der import FreqDroop
from csms.domain.errors import DomainError
from csms.domain.events import VariableReported
from csms.domain.feeder_view import FeederView
from csms.domain.fleet import EvsePlace, Fleet, StationState
from csms.domain.values import Phases
from csms.gateway.admission import StationAdmission
from csms.gateway.courier import LinkCourier
from csms.gateway.inbox import Inbox, StoredCredentials
from csms.gateway.server import Gateway
from csms.gateway.settings import (
    Backend,
    GatewaySettings,
    ListenerSettings,
    ServerCertificate,
    TlsSettings,
)
from csms.gateway.telemetry import TelemetryObserver
from csms.grid import feeder_file
from csms.grid.network import Feeder
from csms.ids import EvseKey, StationId, Uuid7
from csms.ocppj.messages import ACTIONS
from csms.pnc.assemble import Ports as PncPorts
from csms.services.certificate_renewal import CertificateRenewal
from csms.services.certificate_signing import CertificateSigning
from csms.services.command_desk import CommandDesk
from csms.services.core import Core, Policy
from csms.services.device_model import record_variables
from csms.services.guard import PowerGuard
from csms.services.live import LiveBus
from csms.services.onboarding import Onboarding, OnboardingPlan
from csms.services.plug_and_charge import PlugAndCharge
from csms.services.setpoints import Setpoints
from csms.settings import Settings
from csms.settings.model import Evse
from csms.settings.model import Gateway as GatewaySection
from csms.store import Store
from csms.telemetry.message_journal import MessageJournal
from csms.telemetry.metrics import Metrics

log = structlog.get_logger("csms")


class CentralSystem:
    """Gateway, services, dispatch over one store. ``rng`` makes ids, ``random_bytes`` makes secrets."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        rng: Random,
        random_bytes: Callable[[int], bytes],
        *,
        feeder: Feeder | None = None,
        pnc: PncPorts | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.fleet = Fleet()
        self.live = LiveBus()
        self.metrics = Metrics({action for table in ACTIONS.values() for action in table})
        self.messages = MessageJournal(per_station=settings.log.journal_messages)
        self._tasks: dict[asyncio.Task[None], None] = {}  # ordered: simulation must repeat
        new_id = Uuid7(clock, rng)
        self.courier = LinkCourier(self.fleet, self._learned)
        self.desk = CommandDesk(
            self.courier, store.journal, store.history, self.live, clock, new_id,
            timeout_s=settings.ocpp.command_timeout_s, guard=self._guard,
        )  # fmt: skip
        self.core = Core(
            fleet=self.fleet,
            journal=store.journal,
            history=store.history,
            live=self.live,
            clock=clock,
            policy=Policy(
                heartbeat_interval_s=settings.ocpp.heartbeat_interval_s,
                meter_interval_s=settings.ocpp.meter_interval_s,
                boot_retry_s=settings.ocpp.boot_retry_s,
                accept_unknown_tokens=settings.auth.unknown_tokens == "accept",
            ),
            pnc=self._plug_and_charge(pnc) if pnc is not None else None,
        )
        self.root_pool = None if pnc is None else pnc.root_pool
        self.renewal: CertificateRenewal | None = None
        if pnc is not None and pnc.expiring is not None:
            self.renewal = CertificateRenewal(pnc.expiring, self.fleet, self.desk, self.live, clock)
        self.setpoints = Setpoints(self.desk, self.live, clock, lease_s=settings.dispatch.lease_s)
        places = {
            EvseKey(StationId(evse.station), evse.evse): _place(evse)
            for evse in settings.site.evses
        }
        droop = _droop(settings)
        self.signals = GridSignals(clock)
        self.dispatch = self._dispatch(places, droop, feeder)
        self.onboarding = Onboarding(
            self.core,
            self.desk,
            self.setpoints,
            OnboardingPlan(droop=droop, safe_power_w=self._safe_power_w),
            places,
        )
        self.inbox = Inbox(self.core, self.desk, self.courier, self.onboarding, self.spawn)
        self.gateway = Gateway(
            gateway_settings(settings.gateway),
            dispatcher=self.inbox,
            credentials=StoredCredentials(self.core),
            clock=clock,
            message_ids=new_id,
            process_key=random_bytes(32),
            observer=TelemetryObserver(self.metrics, self.messages, self.live, clock),
        )
        self.admission = StationAdmission(
            self.core,
            lambda: self.gateway.knocks,
            self.gateway.link,
            lambda: random_bytes(12).hex(),
            least_profile=settings.gateway.security_profile,
        )

    async def start(self) -> None:
        """Take up what the last run left open, then listen and lead. Raises ``OSError`` when a port is taken."""
        await self._recover()
        await self.gateway.start()
        self._lead()

    async def start_without_sockets(self) -> None:
        """The same for stations that are attached in memory."""
        await self._recover()
        self._lead()

    def _lead(self) -> None:
        if self.dispatch is not None:
            self.spawn(self.dispatch.run(), "dispatch")
        if self.renewal is not None:
            self.spawn(self.renewal.run(), "certificate renewal")
        if self.root_pool is not None:
            self.spawn(self.root_pool.run(), "root pool")

    async def _recover(self) -> None:
        for tx in await self.store.history.open_transactions():
            station = self.fleet.station(tx.station_id)
            station.transactions[tx.transaction_id] = tx
            if tx.evse_id:
                station.evse(tx.evse_id).transaction = tx
        for record in await self.store.history.stations():
            station = self.fleet.station(record.station_id)
            station.version, station.model = record.version, record.model
            station.vendor, station.firmware = record.vendor, record.firmware
            self.onboarding.place(station)
        recovered = await self.desk.recover()
        if recovered:
            log.info("commands taken up again", count=recovered)

    async def stop(self) -> None:
        """Say goodbye to the stations, end all tasks, write what is pending."""
        await self.gateway.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.desk.close()
        await self.store.close()

    def feeder_view(self) -> FeederView | None:
        return self.dispatch.view if self.dispatch is not None else None

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A background task whose failure is never silent."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self.live.publish("alarm", f"{task.get_name()} failed: {type(error).__name__}: {error}")
            log.error("task failed", task=task.get_name(), exc_info=error)

    def _plug_and_charge(self, ports: PncPorts) -> PlugAndCharge:
        options = self.settings.pnc
        signing = None
        if ports.signer is not None:
            signing = CertificateSigning(
                ports.signer, self.desk, self.store.journal, self.clock, self.live, self.spawn
            )
        return PlugAndCharge(
            verifier=ports.verifier,
            statuses=ports.statuses,
            provisioning=ports.provisioning,
            signing=signing,
            accept_unknown_contracts=options.unknown_contracts == "accept",
            refuse_concurrent=options.concurrent_contracts == "refuse",
        )

    def _dispatch(
        self,
        places: dict[EvseKey, EvsePlace],
        droop: FreqDroop | None,
        feeder: Feeder | None,
    ) -> DispatchLoop | None:
        options = self.settings.dispatch
        if not options.enabled:
            return None
        site = self.settings.site
        self.feeder_desk = FeederDesk(
            feeder or load_feeder(site.feeder),
            places,
            Limits(site.v_min_pu, site.v_max_pu, margin_pu=options.margin_pu),
            safe_frac=options.safe_frac,
            ramp_w_per_min=options.max_ramp_w_per_min,
            period_s=options.period_s,
            droop=_eased(droop),
            runs_droop=self._runs_droop,
            nominal_hz=self.settings.droop.nominal_hz,
        )
        return DispatchLoop(
            self.feeder_desk, self.fleet, self.setpoints, self.live, self.clock, self.spawn,
            self.signals,
            period_s=options.period_s, lease_s=float(options.lease_s),
            stale_after_s=options.stale_after_s,
        )  # fmt: skip

    async def _learned(
        self, station: StationState, variables: tuple[VariableReported, ...]
    ) -> None:
        try:
            await record_variables(self.core, station, variables)
        except DomainError as error:  # the answer stands; only its copy in the store is missing
            self.live.publish("alarm", f"{station.station_id}: variables not kept: {error.message}")

    def _runs_droop(self, key: EvseKey) -> bool:
        """Whether the EVSE's own station answers to frequency (G7); then the dispatcher leaves that to it."""
        station = self.fleet.get(key.station_id)
        return station is not None and any(
            control.control_type == "FreqDroop" for control in station.der_controls.values()
        )

    def _guard(self, station_id: StationId, command: Command) -> None:
        """While dispatch protects the feeder, nobody else lifts an EVSE above its safe power (G5)."""
        if self.dispatch is not None:
            PowerGuard(self.fleet, self._safe_power_w).check(station_id, command)

    def _safe_power_w(self, key: EvseKey, place: EvsePlace) -> float:
        if self.dispatch is None:
            return place.max_power_w
        return self.feeder_desk.safe_power_w[key]


def load_feeder(name_or_path: str) -> Feeder:
    """A built-in feeder by name, else a feeder file. Raises ``FeederError``."""
    if name_or_path in feeder_file.builtin_names():
        return feeder_file.builtin(name_or_path)
    return feeder_file.load(Path(name_or_path))


def gateway_settings(section: GatewaySection) -> GatewaySettings:
    tls = None
    if section.tls is not None:
        tls = TlsSettings(
            certificates=tuple(
                ServerCertificate(
                    chain_file=c.chain_file,
                    key_file=c.key_file,
                    password=c.key_password.get_secret_value() if c.key_password else None,
                )
                for c in section.tls.certificates
            ),
            client_ca_file=section.tls.client_ca_file,
            crl_file=section.tls.crl_file,
        )
    listener = ListenerSettings(
        host=section.host,
        port=section.port,
        security_profile=section.security_profile,
        tls=tls,
        organisation=section.certificate_organisation,
    )
    return GatewaySettings(
        listeners=(listener,),
        backend=Backend(section.transport),
        max_message_bytes=section.max_message_bytes,
        max_connections=section.max_connections,
        ping_interval_s=section.ping_interval_s,
        ping_timeout_s=section.ping_timeout_s,
    )


def _place(evse: Evse) -> EvsePlace:
    return EvsePlace(
        bus=evse.bus,
        phases=Phases(evse.phases),
        max_power_w=evse.max_power_w,
        max_discharge_w=evse.max_discharge_w,
        min_current_a=evse.min_current_a,
        step_w=evse.step_w,
        priority=evse.priority,
    )


def _droop(settings: Settings) -> FreqDroop | None:
    droop = settings.droop
    if not droop.enabled:
        return None
    return FreqDroop(
        over_freq_hz=droop.over_freq_hz,
        under_freq_hz=droop.under_freq_hz,
        over_droop_pu=droop.droop_pu,
        under_droop_pu=droop.droop_pu,
        response_time_s=droop.response_time_s,
    )


CENTRAL_DROOP_PU = 0.04


def _eased(droop: FreqDroop | None) -> FreqDroop | None:
    """The droop as evaluated here, a second or two late: steeper than this it would swing with that delay
    (``csms.grid.stability.delay_limit``: a gain of 10 pu bears 2 s, one of 40 pu 0.3 s)."""
    if droop is None:
        return None
    return msgspec.structs.replace(
        droop,
        over_droop_pu=max(droop.over_droop_pu, CENTRAL_DROOP_PU),
        under_droop_pu=max(droop.under_droop_pu, CENTRAL_DROOP_PU),
    )
