"""All studies by name."""

from __future__ import annotations

from typing import Any

from csms.api.studies import battery, dynamics, grid, market
from csms.api.studies.study import Params, Study, StudyError

STUDIES: dict[str, Study[Any, Any]] = {
    study.name: study
    for study in (*grid.STUDIES, *dynamics.STUDIES, *market.STUDIES, *battery.STUDIES)
}

__all__ = ["STUDIES", "Params", "Study", "StudyError"]
