"""What belongs to one feeder: its solver, loop, signals, grid controls and planner. The fleet is shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from csms.dispatch.decide import FeederDesk
from csms.dispatch.frequency.grid_controls import GridControls
from csms.dispatch.loop import DispatchLoop
from csms.dispatch.signals import GridSignals
from csms.domain.feeder_view import FeederSummary, FeederView
from csms.domain.fleet import EvsePlace, EvseState
from csms.domain.plan import PlannerView
from csms.ids import EvseKey, StationId
from csms.telemetry.feeder_series import FeederFigures

if TYPE_CHECKING:
    from csms.dispatch.planner.loop import PlannerLoop


@dataclass(frozen=True, kw_only=True)
class FeederSite:
    """One feeder. Without dispatch it has neither ``desk`` nor ``loop``; ``planner`` is there when enabled."""

    name: str
    places: Mapping[EvseKey, EvsePlace]
    signals: GridSignals
    grid_controls: GridControls
    desk: FeederDesk | None = None
    loop: DispatchLoop | None = None
    planner: PlannerLoop | None = None

    @cached_property
    def stations(self) -> frozenset[StationId]:
        """Those that stand here; each stands on one feeder only."""
        return frozenset(key.station_id for key in self.places)

    @property
    def summary(self) -> FeederSummary | None:
        """The last cycle; ``None`` before the first or without dispatch."""
        last = None if self.loop is None else self.loop.last
        return None if last is None else last.summary

    @property
    def view(self) -> FeederView | None:
        """The last cycle with all parts, made when it is asked for."""
        last = None if self.loop is None else self.loop.last
        return None if last is None else last.view

    @property
    def failure(self) -> str | None:
        """Why the last cycle failed."""
        return None if self.loop is None else self.loop.failure

    @property
    def is_led(self) -> bool:
        return self.loop is not None

    @property
    def planner_view(self) -> PlannerView:
        return PlannerView(state="off") if self.planner is None else self.planner.view

    @property
    def figures(self) -> FeederFigures | None:
        """For the metrics; ``None`` before the first cycle."""
        view = self.summary
        if view is None:
            return None
        return FeederFigures(
            self.name, self.failure is not None, view.cycle, view.cycle_ms / 1e3, view.worst_v_pu,
            view.import_w, view.curtailed_w,
        )  # fmt: skip

    def safe_power_w(self, key: EvseKey, place: EvsePlace) -> float:
        """What an EVSE of this feeder may draw when nobody leads it."""
        return place.max_power_w if self.desk is None else self.desk.safe_power_w[key]

    def mark(self, now: datetime) -> object:
        """Another one whenever what some EVSE has planned may have changed."""
        return None if self.planner is None else self.planner.mark(now)

    def planned_w(self, evse: EvseState, now: datetime) -> float | None:
        """What the schedule has for an EVSE now; ``None`` when it is not planned."""
        return None if self.planner is None else self.planner.planned_w(evse, now)

    def planned_steps(
        self, evse: EvseState, now: datetime
    ) -> tuple[datetime, tuple[int, ...]] | None:
        return None if self.planner is None else self.planner.planned_steps(evse, now)
