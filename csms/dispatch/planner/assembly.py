"""The planner out of its settings."""

from __future__ import annotations

from csms.clock import Clock
from csms.dispatch.decide import FeederDesk
from csms.dispatch.planner.bids import Reserve
from csms.dispatch.planner.books import PlannerBooks
from csms.dispatch.planner.limits import FeederGuard
from csms.dispatch.planner.loop import PlannerLoop, PlannerOptions
from csms.dispatch.planner.needs import Defaults
from csms.dispatch.planner.prices import FilePrices, OffLoop
from csms.dispatch.planner.sight import FleetSight
from csms.dispatch.signals import GridSignals
from csms.domain.fleet import Fleet
from csms.domain.ports import History, Journal, PlanHistory
from csms.ids import StationId
from csms.market.market_rules import get_rule
from csms.market.newsvendor import Terms
from csms.market.price_source import PriceSource
from csms.market.robust import kappa_for
from csms.services.live import Publisher
from csms.settings.model import Planner


def build_planner(
    section: Planner,
    desk: FeederDesk,
    fleet: Fleet,
    journal: Journal,
    history: History,
    plans: PlanHistory,
    live: Publisher,
    clock: Clock,
    signals: GridSignals,
    prices: PriceSource | None,
    off_loop: OffLoop,
    *,
    site: str = "",
    site_meter: str | None = None,
) -> PlannerLoop:
    """The planner of one site. ``prices`` wins over the file of the settings, ``site_meter`` over that of the section.

    Raises ``PlanError`` for a reserve product that there is not."""
    if prices is None and section.prices is not None:
        prices = FilePrices(section.prices, section.prices_zone, off_loop)

    books = PlannerBooks(
        desk.places.get, journal, plans, live, clock,
        grid_fee_eur_per_kwh=section.grid_fee_eur_per_kwh,
        export_fee_eur_per_kwh=section.export_fee_eur_per_kwh,
        efficiency=section.efficiency_frac,
    )  # fmt: skip
    return PlannerLoop(
        FleetSight(fleet, desk.places), books, FeederGuard(desk.planning_dispatcher(), desk.places), prices,
        history, plans, live, clock, signals, off_loop,
        _options(section, site, site_meter or section.site_meter),
    )  # fmt: skip


def _options(section: Planner, site: str, site_meter: str | None) -> PlannerOptions:
    reserve = None
    if section.reserve_product is not None:
        terms = Terms(
            section.reserve_eur_per_mw_h,
            section.reserve_cost_eur_per_mw_h,
            section.reserve_penalty_eur_per_mw_h,
        )
        reserve = Reserve(get_rule(section.reserve_product), terms)
    return PlannerOptions(
        defaults=Defaults(
            stay_h=section.stay_h,
            energy_wh=section.energy_wh,
            capacity_wh=section.battery_wh,
            target_soc_frac=section.target_soc_frac,
            reserve_soc_frac=section.reserve_soc_frac,
            efficiency=section.efficiency_frac,
        ),
        grid_fee_eur_per_kwh=section.grid_fee_eur_per_kwh,
        export_fee_eur_per_kwh=section.export_fee_eur_per_kwh,
        horizon_quarters=4 * section.horizon_h,
        stale_after_s=float(section.stale_after_s),
        battery_eur_per_kwh=section.battery_eur_per_kwh,
        base_margin=kappa_for(section.base_risk_frac),
        site=site,
        site_meter=StationId(site_meter) if site_meter else None,
        reserve=reserve,
    )
