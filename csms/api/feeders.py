"""The feeders of this process as the surface sees them, and how one is named."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from csms.api.problems import ProblemError
from csms.api.signals import Signals
from csms.domain.errors import NotFound
from csms.domain.feeder_view import FeederSummary, FeederView
from csms.domain.plan import PlannerView
from csms.ids import StationId


class FeederPort(Protocol):
    """One feeder with what stands on it."""

    @property
    def name(self) -> str: ...
    @property
    def stations(self) -> Collection[StationId]: ...
    @property
    def is_led(self) -> bool:
        """Whether dispatch runs here."""
        ...

    @property
    def summary(self) -> FeederSummary | None:
        """The last dispatch cycle; ``None`` before the first or without dispatch."""
        ...

    @property
    def view(self) -> FeederView | None:
        """The same with all of the feeder's parts, made when it is asked for."""
        ...

    @property
    def failure(self) -> str | None:
        """Why the last cycle failed."""
        ...

    @property
    def signals(self) -> Signals:
        """Where signals from grid and market go."""
        ...

    @property
    def planner_view(self) -> PlannerView: ...


Feeders = Mapping[str, FeederPort]
"""By name, in the order of the settings; at least one."""


class FeederStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One feeder in a line. What only a cycle tells is ``None`` before the first."""

    name: str
    state: str
    """``off`` without dispatch, ``starting`` before the first cycle, ``running``, or ``failing``."""
    reason: str | None
    """Why it fails; the figures are then those of the last good cycle."""
    stations: int
    model: str | None
    at: datetime | None
    """Of the last good cycle."""
    cycle: int | None
    cycle_ms: float | None
    lowest_v_pu: float | None
    lowest_bus: str | None
    limit_low_pu: float | None
    limit_high_pu: float | None
    import_w: float | None
    curtailed_w: float | None
    alarms: tuple[str, ...]


def feeder_named(feeders: Feeders, name: str | None) -> FeederPort:
    """The one of that name, without a name the first. Raises ``NotFound``."""
    if name is None:
        return next(iter(feeders.values()))
    found = feeders.get(name)
    if found is None:
        raise NotFound(f"no feeder {name[:64]}")
    return found


def feeder_meant(feeders: Feeders, name: str | None) -> FeederPort:
    """The same for what acts on a feeder: among several it must be named. Raises ``NotFound`` and ``ProblemError``."""
    if name is None and len(feeders) > 1:
        raise ProblemError(422, "invalid_request", "feeder: there are several, name one of them")
    return feeder_named(feeders, name)


def feeder_status(feeder: FeederPort) -> FeederStatus:
    view = feeder.summary
    if feeder.failure is not None:
        state = "failing"
    elif not feeder.is_led:
        state = "off"
    else:
        state = "starting" if view is None else "running"
    return FeederStatus(
        name=feeder.name,
        state=state,
        reason=feeder.failure,
        stations=len(feeder.stations),
        model=view.feeder if view else None,
        at=view.at if view else None,
        cycle=view.cycle if view else None,
        cycle_ms=view.cycle_ms if view else None,
        lowest_v_pu=view.worst_v_pu if view else None,
        lowest_bus=view.worst_bus if view else None,
        limit_low_pu=view.limit_low_pu if view else None,
        limit_high_pu=view.limit_high_pu if view else None,
        import_w=view.import_w if view else None,
        curtailed_w=view.curtailed_w if view else None,
        alarms=view.alarms if view else (),
    )
