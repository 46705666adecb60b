"""Putting the central system together: every part made once, handed what it needs, started and stopped in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any

import structlog

from csms.clock import Clock
from csms.dispatch.site import FeederSite
from csms.dispatch.site_assembly import Shared, build_sites
from csms.domain.commands import Command
from csms.domain.errors import DomainError
from csms.domain.events import VariableReported
from csms.domain.fleet import EvsePlace, EvseState, Fleet, StationState
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
from csms.grid.network import Feeder
from csms.ids import EvseKey, StationId, Uuid7
from csms.market.price_source import PriceSource
from csms.ocppj.messages import ACTIONS
from csms.pnc.assemble import Ports as PncPorts
from csms.services.certificate_renewal import CertificateRenewal
from csms.services.certificate_signing import CertificateSigning
from csms.services.command_desk import CommandDesk
from csms.services.core import Core, Policy
from csms.services.device_model import record_variables
from csms.services.ev_negotiation import EvNegotiation
from csms.services.guard import PowerGuard
from csms.services.live import LiveBus
from csms.services.onboarding import Onboarding, OnboardingPlan
from csms.services.plug_and_charge import PlugAndCharge
from csms.services.price_posting import Markup, PricePosting
from csms.services.setpoints import FreqWatt, Setpoints
from csms.services.tariffs import TariffDesk
from csms.settings import Settings
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
        prices: PriceSource | None = None,
        off_loop: Callable[[Callable[[], Any]], Awaitable[Any]] = asyncio.to_thread,
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
            timeout_s=settings.ocpp.command_timeout_s, guard=self._guard, taken=self._taken,
        )  # fmt: skip
        self.negotiation = EvNegotiation(
            self.fleet, self.desk, self.live, clock, self.spawn,
            planned=lambda evse, now: self.site_of(evse.key.station_id).planned_steps(evse, now),
            unled_w=self._safe_power_w,
            is_led=lambda station_id: self.site_of(station_id).is_led,
            droops=lambda station, evse: bool(self.setpoints.curve(station, evse)),
        )  # fmt: skip
        self.tariffs = TariffDesk(
            self.fleet, self.desk, store.journal, store.history, self.live, clock, self.spawn,
            currency=settings.tariff.currency, running_cost_s=settings.tariff.running_cost_s,
        )  # fmt: skip
        self.posting: PricePosting | None = None
        if settings.tariff.follow_day_ahead and prices is not None:
            markup = Markup(
                settings.tariff.grid_fee_per_kwh, settings.tariff.margin_per_kwh,
                settings.tariff.export_frac,
            )  # fmt: skip
            self.posting = PricePosting(self.tariffs, prices, markup, self.live, clock)
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
            tariffs=self.tariffs,
            negotiation=self.negotiation,
        )
        self.root_pool = None if pnc is None else pnc.root_pool
        self.renewal: CertificateRenewal | None = None
        if pnc is not None and pnc.expiring is not None:
            self.renewal = CertificateRenewal(pnc.expiring, self.fleet, self.desk, self.live, clock)
        self.setpoints = Setpoints(
            self.desk, self.live, clock, lease_s=settings.dispatch.lease_s,
            freq_watt=self._freq_watt,
        )  # fmt: skip
        shared = Shared(
            fleet=self.fleet, setpoints=self.setpoints, journal=store.journal, history=store.history,
            plans=store.plans, live=self.live, clock=clock, spawn=self.spawn, prices=prices,
            off_loop=off_loop, cycle_took=self.metrics.cycle,
        )  # fmt: skip
        self.sites = build_sites(settings, shared, feeder)
        self.metrics.follow_feeders(
            lambda: [f for site in self.sites.values() if (f := site.figures) is not None]
        )
        self._site_of = {
            station_id: site for site in self.sites.values() for station_id in site.stations
        }
        self.guard = PowerGuard(self.fleet, self._safe_power_w)
        self.onboarding = Onboarding(
            self.core,
            self.desk,
            self.setpoints,
            OnboardingPlan(
                der_controls=lambda station_id: self.site_of(station_id).grid_controls.der_controls(
                    station_id
                ),
                safe_power_w=self._safe_power_w,
            ),
            {key: place for site in self.sites.values() for key, place in site.places.items()},
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
        for site in self.sites.values():
            which = f" of {site.name}" if len(self.sites) > 1 else ""
            if site.loop is not None:
                self.spawn(site.loop.run(), f"dispatch{which}")
            if site.planner is not None:
                self.spawn(site.planner.run(), f"planner{which}")
        self.spawn(self.negotiation.run(), "schedules of cars")
        self.spawn(self.tariffs.run(), "running costs")
        if self.posting is not None:
            self.spawn(self.posting.run(), "price posting")
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
        await self.tariffs.recover()
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

    @property
    def site(self) -> FeederSite:
        """The only one, or the first."""
        return next(iter(self.sites.values()))

    def site_of(self, station_id: StationId) -> FeederSite:
        """Where a station stands; one that stands nowhere is told what the first site's are."""
        return self._site_of.get(station_id, self.site)

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

    async def _learned(
        self, station: StationState, variables: tuple[VariableReported, ...]
    ) -> None:
        try:
            await record_variables(self.core, station, variables)
        except DomainError as error:  # the answer stands; only its copy in the store is missing
            self.live.publish("alarm", f"{station.station_id}: variables not kept: {error.message}")

    def _freq_watt(self, evse: EvseState) -> FreqWatt:
        if evse.place is None:
            return ()
        station_id = evse.key.station_id
        return self.site_of(station_id).grid_controls.freq_watt(evse.place, station_id)

    def _guard(self, station_id: StationId, command: Command) -> None:
        """While dispatch protects the feeder, nobody else lifts an EVSE above its safe power (G5)."""
        if self.settings.dispatch.enabled:
            self.guard.check(station_id, command)

    def _taken(self, station_id: StationId, command: Command) -> None:
        self.negotiation.taken(station_id, command)

    def _safe_power_w(self, key: EvseKey, place: EvsePlace) -> float:
        return self.site_of(key.station_id).safe_power_w(key, place)


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
