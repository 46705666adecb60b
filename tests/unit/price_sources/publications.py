"""Answers as the publishers give them, made up number by number: ENTSO-E's A44 document, Nord Pool's price index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from csms.services.price_sources.delivery_day import day_bounds


def price_of(at: datetime) -> float:
    """A price that names its own instant, so that a shift by an hour shows. May be negative."""
    return round(40.0 * ((at.hour * 4 + at.minute // 15) % 23 - 3) / 7.0 + at.day, 2)


def intervals(day: date, minutes: int) -> Iterator[tuple[datetime, datetime]]:
    at, end = day_bounds(day)
    while at < end:
        yield at, at + timedelta(minutes=minutes)
        at += timedelta(minutes=minutes)


def a44(day: date, minutes: int, *, curve: str = "A03") -> str:
    """Publication_MarketDocument of one day. Curve type A03 leaves a point out that repeats the one before."""
    begin, end = day_bounds(day)
    points, last = [], None
    for position, (start, _) in enumerate(intervals(day, minutes), 1):
        price = price_of(start)
        if curve == "A03" and price == last:
            continue
        last = price
        points.append(
            f"<Point><position>{position}</position><price.amount>{price}</price.amount></Point>"
        )
    fmt = "%Y-%m-%dT%H:%MZ"
    span = f"<start>{begin:{fmt}}</start><end>{end:{fmt}}</end>"
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<Publication_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3">'
        f"<mRID>1</mRID><type>A44</type><period.timeInterval>{span}</period.timeInterval>"
        "<TimeSeries><mRID>1</mRID><auction.type>A01</auction.type><businessType>A62</businessType>"
        '<in_Domain.mRID codingScheme="A01">10YNL----------L</in_Domain.mRID>'
        '<out_Domain.mRID codingScheme="A01">10YNL----------L</out_Domain.mRID>'
        "<currency_Unit.name>EUR</currency_Unit.name>"
        "<price_Measure_Unit.name>MWH</price_Measure_Unit.name>"
        f"<curveType>{curve}</curveType><Period><timeInterval>{span}</timeInterval>"
        f"<resolution>PT{minutes}M</resolution>{''.join(points)}</Period></TimeSeries>"
        "</Publication_MarketDocument>"
    )


NO_DATA = (
    '<?xml version="1.0" encoding="utf-8"?><Acknowledgement_MarketDocument'
    ' xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0"><Reason><code>999</code>'
    "<text>No matching data found for Data item ENERGY_PRICES [12.1.D] and interval 2026.</text>"
    "</Reason></Acknowledgement_MarketDocument>"
)


def price_index(day: date, minutes: int, area: str = "NL") -> bytes:
    """DayAheadPriceIndices of one day."""

    def stamp(at: datetime) -> str:
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    entries = [
        {
            "deliveryStart": stamp(start),
            "deliveryEnd": stamp(end),
            "entryPerArea": {area: price_of(start)},
        }
        for start, end in intervals(day, minutes)
    ]
    document = {
        "deliveryDateCET": day.isoformat(),
        "version": 3,
        "updatedAt": "2026-03-28T11:55:08Z",
        "market": "DayAhead",
        "indexNames": [area],
        "currency": "EUR",
        "resolutionInMinutes": minutes,
        "areaStates": [{"state": "Final", "areas": [area]}],
        "multiIndexEntries": entries,
    }
    return json.dumps(document).encode()
