"""Nord Pool's data portal through nordpool (MIT): the day-ahead price index of an area."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from typing import Any

import httpx

from csms.market.errors import PriceTableError
from csms.market.price_points import PricePoint, table_from_points
from csms.market.prices import PriceTable
from csms.services.price_sources.delivery_day import (
    MAX_BYTES,
    TIMEOUT_S,
    NotPublished,
    check_area,
    whole_day,
)

QUARTERS_SINCE = date(2025, 10, 1)
"""First delivery day of the coupled market in quarter hours."""
_CODES = {"DE": "GER", "DE-LU": "GER"}


class NordPoolSource:
    """``transport`` stands in for the network."""

    def __init__(self, area: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._area = check_area(area)
        self._transport = transport

    @property
    def name(self) -> str:
        return f"Nord Pool {self._area}"

    async def fetch(self, day: date) -> PriceTable:
        """Raises ``NotPublished``, ``PriceTableError``."""
        try:
            from nordpool.elspot import AioPrices
        except ImportError:
            raise PriceTableError(
                f"{self.name}: nordpool is not installed; pip install 'v2g-csms[prices]'"
            ) from None
        code = _CODES.get(self._area, self._area)
        if code not in AioPrices.AREAS:
            raise PriceTableError(
                f"{self.name}: no such area; there are {', '.join(AioPrices.AREAS)}"
            )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                async with httpx.AsyncClient(transport=self._transport, timeout=TIMEOUT_S) as http:
                    told = await AioPrices("EUR", _Bounded(http)).fetch(
                        end_date=day, areas=[code], resolution=15 if day >= QUARTERS_SINCE else 60
                    )
        except TimeoutError:
            raise PriceTableError(f"{self.name}: no answer within {TIMEOUT_S:g} s") from None
        except httpx.HTTPStatusError as error:
            raise PriceTableError(f"{self.name}: HTTP {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise PriceTableError(f"{self.name}: no answer ({type(error).__name__})") from None
        except PriceTableError:
            raise
        except Exception as error:  # noqa: BLE001 a parser at the edge: any answer must end as a message
            raise PriceTableError(
                f"{self.name}: the answer cannot be read ({type(error).__name__})"
            ) from None
        if told is None or code not in told["areas"]:
            raise NotPublished(f"{self.name}: nothing published for {day.isoformat()}")
        values = told["areas"][code]["values"]
        points = [
            PricePoint(v["start"], int((v["end"] - v["start"]).total_seconds()), float(v["value"]))
            for v in values
        ]
        return whole_day(table_from_points(points), day, self.name)


class _Bounded:
    """What the library asks of a client: ``get`` with a ``json()`` on its answer; small answers only."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def get(self, url: str, params: dict[str, Any]) -> _Answer:
        body = bytearray()
        async with self._http.stream("GET", url, params=params) as answer:
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise PriceTableError(f"Nord Pool: an answer of more than {MAX_BYTES} bytes")
        return _Answer(bytes(body))


class _Answer:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def json(self) -> Any:
        """204 has no body: nothing published."""
        return json.loads(self._body) if self._body else {}
