"""When a car will leave and what it must have by then: told by the car, else learned, else a default. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from csms.domain.events import ChargingNeedsTold
from csms.domain.fleet import EvsePlace
from csms.domain.transaction import Transaction
from csms.ids import EvseKey, TransactionId

MIN_OWN, MIN_ALL = 3, 10
"""Sessions of the same token, or of all, from which something is learned."""
STAY_QUANTILE, ENERGY_QUANTILE = 0.25, 0.9
"""Cautious: three in four stay longer, nine in ten want less."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """For a driver of whom nothing is known."""

    stay_h: float
    energy_wh: float
    capacity_wh: float
    target_soc_frac: float
    reserve_soc_frac: float
    efficiency: float  # one way


@dataclass(frozen=True, slots=True, kw_only=True)
class PluggedIn:
    """One car as it stands at its EVSE."""

    key: EvseKey
    transaction_id: TransactionId
    place: EvsePlace
    started: datetime
    token: str | None
    import_wh: float  # of the transaction so far, by the meter
    export_wh: float
    needs: ChargingNeedsTold | None = None
    told_import_wh: float = 0.0  # the registers when the needs were told
    told_export_wh: float = 0.0
    soc_frac: float | None = None
    may_discharge: bool = False


@dataclass(frozen=True, slots=True)
class PastSession:
    """An ended transaction, as far as it teaches."""

    key: EvseKey
    token: str | None
    started: datetime
    ended: datetime
    import_wh: float


@dataclass(frozen=True, slots=True)
class Need:
    """What one car is planned for; energies in the battery."""

    departure: datetime
    departure_source: str
    stored_wh: float
    target_wh: float
    capacity_wh: float
    reserve_wh: float
    source: str
    max_charge_w: float
    max_discharge_w: float


class Learned:
    """Stays and energies of past sessions, by token and of all."""

    def __init__(self, sessions: Iterable[PastSession]) -> None:
        self._own: dict[str, list[PastSession]] = defaultdict(list)
        self._all: list[PastSession] = []
        for session in sessions:
            self._all.append(session)
            if session.token is not None:
                self._own[session.token].append(session)

    def stay_h(self, token: str | None, elapsed_h: float) -> float | None:
        """A stay that three in four of those which lasted as long as this one exceed."""
        for sessions, least in self._known(token):
            stays = [(s.ended - s.started).total_seconds() / 3600.0 for s in sessions]
            longer = [stay for stay in stays if stay > elapsed_h]
            if len(longer) >= least:
                return float(np.quantile(longer, STAY_QUANTILE))
        return None

    def energy_wh(self, token: str | None) -> float | None:
        """At the meter; nine in ten sessions took less."""
        for sessions, least in self._known(token):
            if len(sessions) >= least:
                return float(np.quantile([s.import_wh for s in sessions], ENERGY_QUANTILE))
        return None

    def _known(self, token: str | None) -> tuple[tuple[list[PastSession], int], ...]:
        own = self._own.get(token, []) if token is not None else []
        return (own, MIN_OWN), (self._all, MIN_ALL)


def past_session(tx: Transaction) -> PastSession | None:
    """``None`` for one that teaches nothing: open, without a start, or of doubtful record."""
    if tx.started is None or tx.ended is None or tx.ended <= tx.started or tx.suspect:
        return None
    token = tx.token.key if tx.token else None
    return PastSession(
        EvseKey(tx.station_id, tx.evse_id), token, tx.started, tx.ended, tx.energy_wh
    )


def need_of(car: PluggedIn, learned: Learned, defaults: Defaults, now: datetime) -> Need | str:
    """The need of a car, or why it is left to charge as it likes."""
    departure, source = _departure(car, learned, defaults, now)
    if departure <= now:
        return f"its departure ({source}) is past: it charges as it likes"
    needs, eta = car.needs, defaults.efficiency
    charge_w = car.place.max_power_w
    if needs is not None and needs.max_charge_w is not None:
        charge_w = min(charge_w, max(needs.max_charge_w, 0.0))
    capacity_wh = (needs.capacity_wh if needs else None) or defaults.capacity_wh
    soc = _soc(car, capacity_wh, eta)
    missing_wh, energy_source = _missing(car, learned, defaults, soc, capacity_wh)
    if missing_wh <= 0.0 and energy_source in ("learned", "default"):
        return f"it has taken the {energy_source} energy: it charges as it likes"
    missing_wh = max(missing_wh, 0.0)
    if (
        soc is None
    ):  # not known how full it is: a battery of just what is missing, which is never discharged
        return Need(
            departure, source, 0.0, missing_wh, missing_wh, 0.0, energy_source, charge_w, 0.0
        )
    stored_wh = soc * capacity_wh
    told_w = (needs.max_discharge_w or 0.0) if needs else 0.0
    discharge_w = min(car.place.max_discharge_w, told_w) if car.may_discharge else 0.0
    return Need(
        departure, source, stored_wh, min(stored_wh + missing_wh, capacity_wh), capacity_wh,
        defaults.reserve_soc_frac * capacity_wh, energy_source, charge_w, discharge_w,
    )  # fmt: skip


def _departure(
    car: PluggedIn, learned: Learned, defaults: Defaults, now: datetime
) -> tuple[datetime, str]:
    if car.needs is not None and car.needs.departure is not None:
        return car.needs.departure, "car"
    elapsed_h = max((now - car.started).total_seconds() / 3600.0, 0.0)
    stay_h = learned.stay_h(car.token, elapsed_h)
    if stay_h is not None:
        return car.started + timedelta(hours=stay_h), "learned"
    return car.started + timedelta(hours=defaults.stay_h), "default"


def _soc(car: PluggedIn, capacity_wh: float, eta: float) -> float | None:
    """Measured, else what the car told moved on by what was metered since."""
    if car.soc_frac is not None:
        return min(max(car.soc_frac, 0.0), 1.0)
    if car.needs is None or car.needs.soc_frac is None:
        return None
    gained_wh = _since_told(car, eta)
    return min(max(car.needs.soc_frac + gained_wh / capacity_wh, 0.0), 1.0)


def _missing(
    car: PluggedIn, learned: Learned, defaults: Defaults, soc: float | None, capacity_wh: float
) -> tuple[float, str]:
    """In the battery."""
    eta = defaults.efficiency
    if car.needs is not None and car.needs.energy_wh is not None:
        return eta * car.needs.energy_wh - _since_told(car, eta), "car"
    if soc is not None:
        told = car.needs.target_soc_frac if car.needs else None
        target = defaults.target_soc_frac if told is None else told
        return (target - soc) * capacity_wh, "soc"
    wanted_wh, source = learned.energy_wh(car.token), "learned"
    if wanted_wh is None:
        wanted_wh, source = defaults.energy_wh, "default"
    return eta * (wanted_wh - car.import_wh), source


def _since_told(car: PluggedIn, eta: float) -> float:
    """Wh that the battery gained since the needs were told."""
    imported_wh = car.import_wh - car.told_import_wh
    return eta * imported_wh - (car.export_wh - car.told_export_wh) / eta
