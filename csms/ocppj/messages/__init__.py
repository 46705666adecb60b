"""Per version: which actions exist and who may send each."""

from __future__ import annotations

from types import MappingProxyType

from csms.ocppj.messages import v16, v21, v201
from csms.ocppj.messages.table import Action, ActionTable
from csms.ocppj.version import OcppVersion

ACTIONS: MappingProxyType[OcppVersion, ActionTable] = MappingProxyType(
    {
        OcppVersion.V16: v16.ACTIONS,
        OcppVersion.V201: v201.ACTIONS,
        OcppVersion.V21: v21.ACTIONS,
    }
)

__all__ = ["ACTIONS", "Action", "ActionTable"]
