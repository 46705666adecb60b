"""ENTSO-E Transparency Platform through entsoe-py (MIT): document A44 of a bidding zone.

The library puts the token into the query and logs it at debug level, and `requests` puts the URL into its
error messages: so both loggers stay above debug and no message of theirs is passed on.
"""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from datetime import date
from typing import TYPE_CHECKING, Any

from csms.market.errors import PriceTableError
from csms.market.price_points import PricePoint, table_from_points
from csms.market.prices import PriceTable
from csms.services.price_sources.delivery_day import (
    MAX_BYTES,
    TIMEOUT_S,
    NotPublished,
    check_area,
    day_bounds,
    whole_day,
)

if TYPE_CHECKING:
    import requests

MAX_REQUESTS = 6
"""The library pages through documents; a day needs two requests."""
_NUMBERED = re.compile(r"^(DK|NO|SE)(\d)$")
_CODES = {"DE": "DE_LU", "GER": "DE_LU", "DE-LU": "DE_LU"}


class EntsoeSource:
    """``adapter`` stands in for the network (``requests.adapters.BaseAdapter``)."""

    def __init__(self, area: str, token: str, *, adapter: Any = None) -> None:
        self._area = check_area(area)
        self._token = token
        self._adapter = adapter

    @property
    def name(self) -> str:
        return f"ENTSO-E {self._area}"

    async def fetch(self, day: date) -> PriceTable:
        """Raises ``NotPublished``, ``PriceTableError``."""
        try:
            import entsoe  # noqa: F401
        except ImportError:
            raise PriceTableError(
                f"{self.name}: entsoe-py is not installed; pip install 'v2g-csms[prices]'"
            ) from None
        if not self._token:
            raise PriceTableError(
                f"{self.name}: no token; set prices.entsoe_token (or entsoe_token_file), or"
                " CSMS__PRICES__ENTSOE_TOKEN; ENTSO-E gives one to registered users"
            )
        work = asyncio.to_thread(self._points, day)
        try:
            points = await asyncio.wait_for(work, TIMEOUT_S)
        except TimeoutError:
            raise PriceTableError(f"{self.name}: no answer within {TIMEOUT_S:g} s") from None
        return whole_day(table_from_points(points), day, self.name)

    def _points(self, day: date) -> list[PricePoint]:
        import pandas as pd
        import requests
        from bs4 import XMLParsedAsHTMLWarning
        from entsoe.entsoe import EntsoePandasClient
        from entsoe.exceptions import NoMatchingDataError

        for chatty in ("entsoe", "urllib3"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        warnings.filterwarnings(
            "ignore", category=XMLParsedAsHTMLWarning
        )  # the library's own choice
        begin, end = day_bounds(day)
        client = EntsoePandasClient(
            api_key=self._token, session=self._session(), retry_count=1, retry_delay=0,
            timeout=int(TIMEOUT_S / 2),
        )  # fmt: skip
        try:
            series = client.query_day_ahead_prices(
                _CODES.get(self._area, _NUMBERED.sub(r"\1_\2", self._area).replace("-", "_")),
                start=pd.Timestamp(begin), end=pd.Timestamp(end),
            )  # fmt: skip
        except NoMatchingDataError:
            raise NotPublished(f"{self.name}: nothing published for {day.isoformat()}") from None
        except requests.HTTPError as error:
            raise PriceTableError(f"{self.name}: {_reason(error)}") from None
        except requests.RequestException as error:
            raise PriceTableError(f"{self.name}: no answer ({type(error).__name__})") from None
        except PriceTableError:
            raise
        except Exception as error:  # noqa: BLE001 a parser at the edge; its text may hold the URL
            raise PriceTableError(
                f"{self.name}: the answer cannot be read ({type(error).__name__})"
            ) from None
        series = series[(series.index >= begin) & (series.index < end)]
        if not len(series):
            raise NotPublished(f"{self.name}: nothing published for {day.isoformat()}")
        starts = [stamp.to_pydatetime() for stamp in series.index]
        ends = [*starts[1:], end]
        lengths = [int((b - a).total_seconds()) for a, b in zip(starts, ends, strict=True)]
        usual = min(lengths)  # a longer last one is a publication that stops before the day's end
        return [
            PricePoint(start, usual, float(price))
            for start, price in zip(starts, series, strict=True)
        ]

    def _session(self) -> requests.Session:
        import requests

        class Bounded(requests.Session):
            """A session whose answers are small and few."""

            left = MAX_REQUESTS

            def send(self, request: Any, **kwargs: Any) -> Any:
                if not self.left:
                    raise PriceTableError(f"ENTSO-E: more than {MAX_REQUESTS} requests for a day")
                self.left -= 1
                answer = super().send(request, **{**kwargs, "stream": True})
                body = answer.raw.read(MAX_BYTES + 1, decode_content=True)
                if len(body) > MAX_BYTES:
                    answer.close()
                    raise PriceTableError(f"ENTSO-E: an answer of more than {MAX_BYTES} bytes")
                answer._content = body  # noqa: SLF001 what requests itself fills on first access
                return answer

        session = Bounded()
        if self._adapter is not None:
            session.mount("https://", self._adapter)
        return session


def _reason(error: requests.HTTPError) -> str:
    status = error.response.status_code if error.response is not None else 0
    words = {401: "the token is refused", 429: "too many requests"}
    return f"HTTP {status}" + (f", {words[status]}" if status in words else "")
