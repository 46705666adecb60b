"""Numbers as people read them: kilowatts, kilowatt-hours, UTC. Only screens use these."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from markupsafe import Markup

from csms.units import W_PER_KW, WH_PER_KWH

NONE = "–"


def kw(power_w: float | None) -> str:
    return NONE if power_w is None else f"{power_w / W_PER_KW:.1f} kW".replace("-", "−")


def kwh(energy_wh: float | None) -> str:
    return NONE if energy_wh is None else f"{energy_wh / WH_PER_KWH:.2f} kWh"


def ms(duration_ms: float | None) -> str:
    if duration_ms is None:
        return NONE
    return f"{duration_ms:.1f} ms" if duration_ms < 10 else f"{duration_ms:.0f} ms"


def percent(frac: float | None) -> str:
    return NONE if frac is None else f"{frac * 100:.0f} %"


def utc(at: datetime | None) -> str:
    return NONE if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")


def clock(at: datetime | None) -> str:
    return NONE if at is None else at.strftime("%H:%M:%S")


def word(value: Any) -> str:
    return NONE if value is None or value == "" else str(value)


def embed(data: Any) -> Markup:
    """JSON inside a script element: ``<`` is escaped, so that no text in it can end the element."""
    text = msgspec.json.encode(data).decode()
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028"))  # noqa: S704 escaped above


FILTERS: dict[str, Callable[..., str]] = {
    "kw": kw,
    "kwh": kwh,
    "ms": ms,
    "percent": percent,
    "utc": utc,
    "clock": clock,
    "word": word,
    "embed": embed,
}
