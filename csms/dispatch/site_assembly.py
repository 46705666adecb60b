"""The feeders' sites out of the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from csms.clock import Clock
from csms.dispatch.decide import FeederDesk
from csms.dispatch.frequency.grid_controls import GridControls
from csms.dispatch.frequency.own_droop import RESPONSE_TIMES, SeenFrequency
from csms.dispatch.frequency.tripping import Tripping
from csms.dispatch.loop import DispatchLoop
from csms.dispatch.optimum.ac_check import Limits
from csms.dispatch.optimum.corrected import Fairness
from csms.dispatch.planner.prices import OffLoop
from csms.dispatch.sight.roster import Roster
from csms.dispatch.signals import GridSignals
from csms.dispatch.site import FeederSite
from csms.domain.der import FreqDroop
from csms.domain.fleet import EvsePlace, Fleet
from csms.domain.ports import History, Journal, PlanHistory
from csms.domain.ride_through import RideThroughPolicy
from csms.domain.values import Phases
from csms.grid.feeder_file import load_feeder
from csms.grid.network import Feeder, FeederError
from csms.ids import EvseKey, StationId
from csms.market.price_source import PriceSource
from csms.services.live import LiveBus, NamedAlarms, Publisher
from csms.services.setpoints import Setpoints
from csms.settings import Settings
from csms.settings.model import Evse, Site

if TYPE_CHECKING:
    from csms.dispatch.planner.loop import PlannerLoop

CENTRAL_DROOP_PU = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the feeders of one process have in common."""

    fleet: Fleet
    setpoints: Setpoints
    journal: Journal
    history: History
    plans: PlanHistory
    live: LiveBus
    clock: Clock
    spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
    prices: PriceSource | None
    off_loop: OffLoop
    cycle_took: Callable[[float], None]
    """Seconds of each cycle."""


def build_sites(
    settings: Settings, shared: Shared, feeder: Feeder | None = None
) -> dict[str, FeederSite]:
    """All sites by name, in the order of the settings. ``feeder``: the only site's, instead of its file.

    The loops of several take turns within the period; their planners plan one after another. Raises ``FeederError``
    that names the site.
    """
    sections = settings.feeder_sites
    if len(sections) == 1:
        only = sections[0]
        return {only.name: _SiteBuilder(settings, shared, only).build(feeder)}
    shared = replace(shared, off_loop=one_at_a_time(shared.off_loop))
    step_s = settings.dispatch.period_s / len(sections)
    sites: dict[str, FeederSite] = {}
    for n, section in enumerate(sections):
        stations = {StationId(evse.station) for evse in section.evses}
        own = replace(shared, plans=shared.plans.of(section.name, stations))
        live = NamedAlarms(shared.live, section.name)
        try:
            builder = _SiteBuilder(settings, own, section, live, offset_s=n * step_s)
            sites[section.name] = builder.build()
        except FeederError as error:
            raise FeederError(f"feeder {section.name}: {error}") from error
    return sites


def one_at_a_time(off_loop: OffLoop) -> OffLoop:
    """At each quarter hour all planners wake: so the event loop competes with one of them, not with all."""
    turn = asyncio.Lock()

    async def in_turn(work: Callable[[], Any]) -> Any:
        async with turn:
            return await off_loop(work)

    return in_turn


class _SiteBuilder:
    def __init__(
        self,
        settings: Settings,
        shared: Shared,
        section: Site,
        live: Publisher | None = None,
        *,
        offset_s: float = 0.0,
    ) -> None:
        self._settings = settings
        self._shared = shared
        self._section = section
        self._live = live or shared.live
        self._offset_s = offset_s
        self._places = places_of(section)
        self._droop = _droop(settings)
        self._signals = GridSignals(shared.clock)
        self._controls = GridControls(
            self._places, self._droop, _ride_through(settings), settings.droop.nominal_hz,
            droop_full_w=settings.droop.full_w,
        )  # fmt: skip

    def build(self, feeder: Feeder | None = None) -> FeederSite:
        site = FeederSite(
            name=self._section.name, places=self._places, signals=self._signals, grid_controls=self._controls
        )  # fmt: skip
        if not self._settings.dispatch.enabled:
            return site
        desk = self._desk(feeder or load_feeder(self._section.feeder))
        site = replace(site, desk=desk, planner=self._planner(desk))
        return replace(site, loop=self._loop(desk, site))

    def _desk(self, feeder: Feeder) -> FeederDesk:
        options, section = self._settings.dispatch, self._section
        return FeederDesk(
            feeder,
            self._places,
            Limits(section.v_min_pu, section.v_max_pu, margin_pu=options.margin_pu),
            safe_frac=options.safe_frac,
            ramp_w_per_min=options.max_ramp_w_per_min,
            period_s=options.period_s,
            droop=_eased(self._droop),
            nominal_hz=self._settings.droop.nominal_hz,
            tripping=self._tripping(),
            fairness=Fairness(options.fairness),
            site=section.name,
        )

    def _loop(self, desk: FeederDesk, site: FeederSite) -> DispatchLoop:
        options, droop, shared = self._settings.dispatch, self._settings.droop, self._shared
        roster = Roster(
            shared.fleet,
            self._places,
            curve=self._curve,
            trips_itself=self._trips_itself,
            plans=site,
        )
        remember_s = RESPONSE_TIMES * droop.response_time_s + options.stale_after_s
        return DispatchLoop(
            desk, roster, shared.setpoints, self._live, shared.clock, shared.spawn, self._signals,
            SeenFrequency(remember_s, droop.nominal_hz),
            period_s=options.period_s, lease_s=float(options.lease_s),
            stale_after_s=options.stale_after_s, offset_s=self._offset_s,
            cycle_took=shared.cycle_took,
        )  # fmt: skip

    def _planner(self, desk: FeederDesk) -> PlannerLoop | None:
        if not self._settings.planner.enabled:
            return None
        from csms.dispatch.planner.assembly import build_planner  # a second of solvers' imports

        shared = self._shared
        return build_planner(
            self._settings.planner, desk, shared.fleet, shared.journal, shared.history,
            shared.plans, self._live, shared.clock, self._signals, shared.prices, shared.off_loop,
            site=self._section.name, site_meter=self._section.main_meter,
        )  # fmt: skip

    def _tripping(self) -> Tripping | None:
        policy = self._controls.policy
        if policy is None:
            return None
        shares = [self._controls.share(policy, key.station_id) for key in self._places]
        rating_w = np.array([place.max_power_w for place in self._places.values()])
        return Tripping(policy, shares, rating_w)

    def _trips_itself(self, key: EvseKey) -> bool:
        station = self._shared.fleet.get(key.station_id)
        return station is not None and station.der.runs("LFMustTrip")

    def _curve(self, key: EvseKey) -> FreqDroop | None:
        """By what the EVSE's own station answers to frequency (G7), where it does; the dispatcher leaves that to it."""
        station = self._shared.fleet.get(key.station_id)
        if station is None:
            return None
        on_curve = bool(self._shared.setpoints.curve(station, station.evse(key.evse_id)))
        runs = on_curve or station.der.runs("FreqDroop")
        return (self._controls.droop(key.station_id) or self._droop) if runs else None


def places_of(section: Site) -> Mapping[EvseKey, EvsePlace]:
    return {EvseKey(StationId(evse.station), evse.evse): _place(evse) for evse in section.evses}


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


def _ride_through(settings: Settings) -> RideThroughPolicy | None:
    section = settings.ride_through
    if section.policy == "off":
        return None
    return RideThroughPolicy(**section.model_dump(exclude={"policy"}))


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
