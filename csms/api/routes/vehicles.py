"""What the meters say of a driver's vehicle. Personal data: for whoever may see id tokens."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response

from csms.api.access import Operator
from csms.api.routes.common import Deps
from csms.api.wire import reply, returns
from csms.battery.driver_report import Car, DriverReport
from csms.battery.errors import HistoryError, UnknownPackError
from csms.domain.errors import InvalidInput, NotFound
from csms.services.driver_reports import report_for

router = APIRouter(prefix="/v1", tags=["vehicles"])
Range = tuple[float, float]


class BatteryReport(msgspec.Struct, frozen=True, kw_only=True):
    """Ranges (low, high) are over the cell models considered: which cell a car has is seldom known for sure."""

    days: float
    capacity_frac: Range
    range_km: Range
    range_lost_km_per_year: Range
    equivalent_full_cycles: float
    exported_kwh: float
    v2g_wear_frac: Range
    """Capacity that would still be there without feeding back."""
    v2g_cost_eur: Range
    v2g_earned_eur: float
    high_charge_frac: float
    """Share of the time above 80%."""
    packs: tuple[str, ...]
    text: str
    """The same for a driver to read."""


@router.get("/vehicles/{token}/battery-report", responses=returns(BatteryReport))
async def battery_report(
    token: Annotated[
        str, Path(min_length=1, max_length=255, description="The id token that it charges with.")
    ],
    deps: Deps,
    _who: Operator,
    battery_kwh: Annotated[float, Query(gt=0, le=2_000, description="Capacity when new.")] = 60.0,
    kwh_per_100_km: Annotated[float, Query(gt=0, le=500, description="Consumption.")] = 18.0,
    battery_eur_per_kwh: Annotated[
        float, Query(gt=0, le=10_000, description="What a new battery costs.")
    ] = 100.0,
    temperature_c: Annotated[
        float, Query(ge=-40, le=60, description="Of the battery, on average.")
    ] = 20.0,
    pack: Annotated[
        list[str] | None, Query(max_length=20, description="Cell models; all unless given.")
    ] = None,
) -> Response:
    """Health, range lost, what feeding back cost and what it earned, from the sessions begun with this token."""
    if deps.tariffs is None:
        raise NotFound("this surface has no tariffs")
    car = Car(battery_kwh, kwh_per_100_km, battery_eur_per_kwh)
    try:
        found = await report_for(
            deps.history, deps.tariffs.costs, token, car,
            temperature_c=temperature_c, packs=pack or (),
        )  # fmt: skip
    except UnknownPackError as error:
        raise InvalidInput(str(error)) from error
    except HistoryError as error:
        raise NotFound(str(error)) from error
    return reply(_shown(found))


def _shown(report: DriverReport) -> BatteryReport:
    fields = BatteryReport.__struct_fields__
    return BatteryReport(**{name: getattr(report, name) for name in fields})
