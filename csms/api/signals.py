"""Signals from outside the fleet: what they look like, what is refused and why. Pure."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec

MAX_PAYLOAD_BYTES = 4_096
MAX_AGE = timedelta(seconds=30)
MAX_AHEAD = timedelta(seconds=5)


class Signals(Protocol):
    """Where checked signals go."""

    def frequency_hz(self, value: float, at: datetime) -> None: ...

    def price_per_kwh(self, value: float, currency: str, at: datetime) -> None: ...

    def feeder_limit_w(self, value: float | None, at: datetime, until: datetime | None) -> None:
        """Largest import of the feeder until then; ``None`` lifts the limit."""
        ...

    def import_w(self, value: float, at: datetime) -> None:
        """What a meter at the feeder's head shows, all phases together."""
        ...

    def regulation_w(self, change_w: float, at: datetime) -> None:
        """Change of the fleet's import that the grid operator's AGC asks for, < 0 is upward regulation."""
        ...

    def reserve_w(self, up_w: float, down_w: float, at: datetime, until: datetime | None) -> None:
        """Reserve to hold until then, both >= 0; zeros release it."""
        ...


class FrequencySignal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    frequency_hz: float
    at: datetime


class PriceSignal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    price_per_kwh: float
    currency: str
    at: datetime


class FeederLimitSignal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit_w: float | None
    at: datetime
    until: datetime | None = None


class FeederImportSignal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reading of the meter at the feeder's head, import > 0; it counts for 5 s."""

    import_w: float
    at: datetime


class AgcSignal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``change_w`` of the fleet's import against its baseline, < 0 is upward regulation; forgotten after 10 s."""

    change_w: float
    at: datetime


class ReserveSignal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    up_w: float
    down_w: float
    at: datetime
    until: datetime | None = None


class SignalRefused(ValueError):
    """A signal that cannot be used; the text is one of a few reasons and serves as a metric's label."""


def read_signal(kind: str, payload: bytes, now: datetime) -> Any:
    """The signal of ``kind`` in ``payload``. Raises ``SignalRefused``."""
    model = KINDS.get(kind)
    if model is None:
        raise SignalRefused("unknown_kind")
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise SignalRefused("too_large")
    try:
        signal = msgspec.json.decode(payload, type=model)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise SignalRefused("malformed") from None
    for moment in (signal.at, getattr(signal, "until", None)):
        if moment is not None and moment.tzinfo is None:
            raise SignalRefused("no_time_zone")
    if now - signal.at > MAX_AGE:
        raise SignalRefused("too_old")
    if signal.at - now > MAX_AHEAD:
        raise SignalRefused("from_the_future")
    if not _in_range(signal):
        raise SignalRefused("out_of_range")
    return signal


def _in_range(signal: Any) -> bool:
    match signal:
        case FrequencySignal(frequency_hz=value):
            return math.isfinite(value) and 40.0 <= value <= 70.0
        case PriceSignal(price_per_kwh=value, currency=currency):
            known = len(currency) == 3 and currency.isascii() and currency.isupper()
            return math.isfinite(value) and abs(value) <= 1_000.0 and known
        case FeederLimitSignal(limit_w=value):
            return value is None or (math.isfinite(value) and abs(value) <= 1e9)
        case FeederImportSignal(import_w=value):
            return math.isfinite(value) and abs(value) <= 1e9
        case AgcSignal(change_w=value):
            return math.isfinite(value) and abs(value) <= 1e9
        case ReserveSignal(up_w=up_w, down_w=down_w):
            return all(math.isfinite(w) and 0.0 <= w <= 1e9 for w in (up_w, down_w))
    return False


KINDS: Final[dict[str, type[Any]]] = {
    "frequency": FrequencySignal,
    "price": PriceSignal,
    "feeder-limit": FeederLimitSignal,
    "feeder-import": FeederImportSignal,
    "agc": AgcSignal,
    "reserve": ReserveSignal,
}


def deliver(signal: Any, to: Signals) -> None:
    """Hand a signal that ``read_signal`` returned to whoever acts on it."""
    match signal:
        case FrequencySignal():
            to.frequency_hz(signal.frequency_hz, signal.at)
        case PriceSignal():
            to.price_per_kwh(signal.price_per_kwh, signal.currency, signal.at)
        case FeederLimitSignal():
            to.feeder_limit_w(signal.limit_w, signal.at, signal.until)
        case FeederImportSignal():
            to.import_w(signal.import_w, signal.at)
        case AgcSignal():
            to.regulation_w(signal.change_w, signal.at)
        case ReserveSignal():
            to.reserve_w(signal.up_w, signal.down_w, signal.at, signal.until)
