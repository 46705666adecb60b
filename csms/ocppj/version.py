"""OCPP versions by the name of their websocket subprotocol (OCPP-J 2.1, 3.1.2, table 1)."""

from __future__ import annotations

from enum import StrEnum


class OcppVersion(StrEnum):
    """The versions served here; the value is the subprotocol name on the wire."""

    V16 = "ocpp1.6"
    V201 = "ocpp2.0.1"
    V21 = "ocpp2.1"


class Role(StrEnum):
    """Which end of the connection a session is."""

    CSMS = "csms"
    STATION = "station"
