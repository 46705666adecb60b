"""What a station was told about its DER controls, what it says it has, and where the two differ. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from csms.domain.der import DerControl
from csms.domain.events import DerAlarm
from csms.domain.watched import Watched


@dataclass(slots=True)
class DerBook(Watched):
    """Of one station, by control id."""

    expected: dict[str, DerControl] = field(default_factory=dict)
    """What this system installs."""
    reported: Mapping[str, DerControl] = field(default_factory=dict)
    """As read back last. Replaced as a whole when it changes."""
    mismatches: tuple[str, ...] = ()
    """Of the last read-back, in words."""
    alarms: dict[str, DerAlarm] = field(default_factory=dict)
    """By control type: those that alter the power now."""
    reading: dict[str, DerControl] | None = None
    """Parts of a read-back that is under way."""
    when_read: Callable[[], None] = lambda: None
    """Called when a read-back is complete."""

    def runs(self, control_type: str) -> bool:
        """Whether the station has such a control in force."""
        return any(
            c.control_type == control_type and not c.is_superseded for c in self.reported.values()
        )

    def told(self, controls: Mapping[str, DerControl]) -> None:
        """Take controls that the station reports besides."""
        self.reported = {**self.reported, **controls}

    def ended(self, control_id: str) -> None:
        """The control is gone."""
        self.reported = {k: c for k, c in self.reported.items() if k != control_id}

    def superseded(self, control_ids: Collection[str]) -> None:
        """Other controls act in their place."""
        self.reported = {
            k: msgspec.structs.replace(c, is_superseded=True) if k in control_ids else c
            for k, c in self.reported.items()
        }

    def read_back(self, controls: Mapping[str, DerControl]) -> None:
        """Take a complete report of the default controls."""
        scheduled = {k: c for k, c in self.reported.items() if not c.is_default}
        self.reported = scheduled | dict(controls)
        self.reading = None
        self.mismatches = tuple(mismatches(self.expected, self.reported))
        self.when_read()


def mismatches(
    expected: Mapping[str, DerControl], reported: Mapping[str, DerControl]
) -> Iterator[str]:
    """Each difference between what was installed and what is there; a station may tell more than it was told."""
    for control_id, control in expected.items():
        found = reported.get(control_id)
        where = f"{control.control_type} {control_id}"
        if found is None:
            yield f"{where}: not there"
        elif found.control_type != control.control_type:
            yield f"{where}: is a {found.control_type}"
        else:
            if found.is_superseded:
                yield f"{where}: superseded"
            for path, want, have in _differences(control.body, found.body, ""):
                yield f"{where}: {path} is {have}, not {want}"


def _differences(want: Any, have: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(want, dict) and isinstance(have, dict):
        for key, value in want.items():
            yield from _differences(value, have.get(key), f"{path}.{key}" if path else key)
    elif isinstance(want, list) and isinstance(have, list) and len(want) == len(have):
        for n, (one, other) in enumerate(zip(want, have, strict=True)):
            yield from _differences(one, other, f"{path}[{n}]")
    elif not _same(want, have):
        yield path, want, have


def _same(want: Any, have: Any) -> bool:
    if isinstance(want, int | float) and isinstance(have, int | float):
        return math.isclose(want, have, rel_tol=1e-6, abs_tol=1e-9)
    return bool(want == have)
