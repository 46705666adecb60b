"""Charging profiles that stations accepted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, select, tuple_

from csms.domain.profile import ChargingProfile
from csms.domain.records import ProfileInstalled, ProfileRemoved
from csms.ids import StationId
from csms.store.codec import to_json, to_us
from csms.store.schema import PROFILES
from csms.store.upsert import OnConflict, Row, Rows, Sink, Upsert

_UPSERT = Upsert(PROFILES, OnConflict.REPLACE)
_N_REMOVAL = 2
_N_KEYS_A_STATEMENT = 200


class _ProfileSink:
    """Takes whole rows to install and (station, profile id) to remove, in the order in which they were told."""

    def write(self, conn: Connection, rows: Sequence[Row]) -> None:
        removed: dict[Row, None] = {}
        installed: dict[Row, Row] = {}
        for row in rows:
            if len(row) == _N_REMOVAL:
                removed[row] = None
                for key in [k for k in installed if (k[0], k[2]) == row]:
                    del installed[key]
            else:
                installed[row[:3]] = row
        keys = list(removed)
        for at in range(0, len(keys), _N_KEYS_A_STATEMENT):
            some = keys[at : at + _N_KEYS_A_STATEMENT]
            named = tuple_(PROFILES.c.station_id, PROFILES.c.profile_id)
            conn.execute(delete(PROFILES).where(named.in_(some)))
        if installed:
            _UPSERT.write(conn, list(installed.values()))


SINK: Sink = _ProfileSink()


def installed_rows(record: ProfileInstalled) -> Rows:
    row = (
        record.station_id,
        record.evse_id,
        record.profile.profile_id,
        to_us(record.at),
        to_json(record.profile),
    )
    return ((SINK, row),)


def removed_rows(record: ProfileRemoved) -> Rows:
    return ((SINK, (record.station_id, record.profile_id)),)


def of_station(conn: Connection, station_id: StationId) -> list[tuple[int, ChargingProfile]]:
    c = PROFILES.c
    query = (
        select(c.evse_id, c.profile)
        .where(c.station_id == station_id)
        .order_by(c.evse_id, c.profile_id)
    )
    return [
        (row.evse_id, msgspec.json.decode(row.profile, type=ChargingProfile))
        for row in conn.execute(query)
    ]
