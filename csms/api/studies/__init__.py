"""All studies by name."""

from __future__ import annotations

from typing import Any

from csms.api.studies import battery, dynamics, grid, hosting, market, profile, resilience
from csms.api.studies.study import Params, Study, StudyError

STUDIES: dict[str, Study[Any, Any]] = {
    study.name: study
    for group in (grid, profile, hosting, dynamics, resilience, market, battery)
    for study in group.STUDIES
}

__all__ = ["STUDIES", "Params", "Study", "StudyError"]
