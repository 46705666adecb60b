"""Snapshots written by hand: what is seen of some EVSEs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import NamedTuple

import numpy as np

from csms.dispatch.decide import FeederDesk
from csms.dispatch.sight.curves import Curves
from csms.dispatch.sight.energy_room import EnergyRoom
from csms.dispatch.sight.snapshot import Footing, RegulationCall, Snapshot
from csms.dispatch.sight.wants import Wants
from csms.domain.der import FreqDroop
from csms.ids import EvseKey


class Want(NamedTuple):
    power_w: float
    floor_w: float = 0.0
    weight: float = 1.0
    scheduled: bool = False


class Room(NamedTuple):
    give_wh: float = 0.0
    take_wh: float = np.inf
    due_wh: float = 0.0
    left_h: float = np.inf


class Seen(NamedTuple):
    key: EvseKey
    footing: Footing
    measured_w: float
    assumed_w: float
    want: Want
    v_pu: tuple[float | None, float | None, float | None] | None = None
    room: Room = Room()
    curve: FreqDroop | None = None
    new: bool = True


def snapshot(
    desk: FeederDesk,
    seen: Iterable[Seen],
    frequency_hz: float | None = None,
    regulation: RegulationCall | None = None,
    import_w: float | None = None,
) -> Snapshot:
    """Of the desk's EVSEs; those that are not ``seen`` have not come."""
    known = {one.key: one for one in seen}
    absent = [Seen(key, Footing.ABSENT, 0.0, 0.0, Want(0.0)) for key in desk.rows.keys]
    rows = [known.get(one.key, one) for one in absent]
    wants = np.array([one.want for one in rows], float)
    rooms = np.array([one.room for one in rows], float)
    assert [field.name for field in fields(EnergyRoom)] == list(Room._fields)
    return Snapshot(
        footing=np.array([one.footing for one in rows], np.int8),
        measured_w=np.array([one.measured_w for one in rows]),
        assumed_w=np.array([one.assumed_w for one in rows]),
        want=Wants(wants[:, 0], wants[:, 1], wants[:, 2], wants[:, 3].astype(bool)),
        v_pu=np.array([one.v_pu or (None, None, None) for one in rows], float),
        age_s=np.zeros(len(rows)),
        new=np.array([one.new for one in rows]),
        room=EnergyRoom(*rooms.T),
        curves=Curves.of([one.curve for one in rows]),
        trips_itself=np.zeros(len(rows), bool),
        frequency_hz=frequency_hz,
        regulation=regulation,
        import_w=import_w,
    )
