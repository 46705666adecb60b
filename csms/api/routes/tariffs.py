"""The posted price and what sessions cost at it. Money is decimal, as text."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime

from csms.api.access import Operator, Viewer
from csms.api.deps import ApiDeps
from csms.api.routes.common import Deps, StationPath
from csms.api.wire import accepts, convert, read_object, reply, returns
from csms.domain.errors import NotFound
from csms.domain.tariff import Cost, Tariff
from csms.ids import StationId, TransactionId
from csms.services.tariffs import TariffDesk

router = APIRouter(prefix="/v1", tags=["tariff"])


class PriceAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Money per kWh, as text or number, taxes included."""

    import_per_kwh: Decimal
    export_per_kwh: Decimal = Decimal(0)
    why: Annotated[str, msgspec.Meta(max_length=200)] = ""


@router.get("/tariff", responses=returns(Tariff))
async def show_tariff(deps: Deps, _who: Viewer) -> Response:
    """The price in force."""
    tariff = _desk(deps).current
    if tariff is None:
        raise NotFound("no price has been posted")
    return reply(tariff)


@router.get("/tariffs", responses=returns(list[Tariff], "Oldest first."))
async def list_tariffs(
    deps: Deps,
    _who: Viewer,
    since: Annotated[AwareDatetime | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Response:
    """The last ``limit`` prices; with ``since``, from the one in force then."""
    return reply(_desk(deps).posted(since)[-limit:])


@router.post(
    "/tariff",
    status_code=201,
    responses=returns(Tariff, "In force; stations are being told.", 201),
    openapi_extra=accepts(PriceAsked),
)
async def post_tariff(request: Request, deps: Deps, who: Operator) -> Response:
    """Put a price in force for the whole site; the audit log keeps it."""
    asked = convert(await read_object(request), PriceAsked)
    tariff = await _desk(deps).post(
        asked.import_per_kwh,
        export_per_kwh=asked.export_per_kwh,
        actor=who.name,
        why=asked.why,
    )
    return reply(tariff, 201)


@router.get("/stations/{station_id}/transactions/{transaction_id}/cost", responses=returns(Cost))
async def transaction_cost(
    station_id: StationPath,
    transaction_id: Annotated[str, Path(min_length=1, max_length=64)],
    deps: Deps,
    _who: Viewer,
) -> Response:
    """So far, or in the end, from the meter and the posted prices."""
    tx = await deps.history.transaction(StationId(station_id), TransactionId(transaction_id))
    if tx is None:
        raise NotFound(f"{station_id} has no transaction {transaction_id}")
    return reply(await _desk(deps).costs.cost(tx))


def _desk(deps: ApiDeps) -> TariffDesk:
    if deps.tariffs is None:
        raise NotFound("this surface has no tariffs")
    return deps.tariffs
