"""Charging profiles, version-neutral. Powers in W or currents in A per phase as ``unit`` says; import > 0."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from csms.domain.values import Value
from csms.ids import TransactionId


class Purpose(StrEnum):
    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"
    EXTERNAL = "ChargingStationExternalConstraints"
    PRIORITY = "PriorityCharging"
    LOCAL_GENERATION = "LocalGeneration"


class Kind(StrEnum):
    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"
    DYNAMIC = "Dynamic"


class RateUnit(StrEnum):
    W = "W"
    A = "A"


class OperationMode(StrEnum):
    IDLE = "Idle"
    CHARGING_ONLY = "ChargingOnly"
    CENTRAL_SETPOINT = "CentralSetpoint"
    CENTRAL_FREQUENCY = "CentralFrequency"
    LOCAL_FREQUENCY = "LocalFrequency"
    EXTERNAL_SETPOINT = "ExternalSetpoint"
    EXTERNAL_LIMITS = "ExternalLimits"
    LOCAL_LOAD_BALANCING = "LocalLoadBalancing"


class Period(Value, frozen=True, kw_only=True):
    """One period. CentralSetpoint / CentralFrequency carry ``setpoint`` and no limit (Q03.FR.02, Q07.FR.03)."""

    start_s: int = 0
    limit: float | None = None
    discharge_limit: float | None = None
    setpoint: float | None = None
    number_phases: int | None = None
    phase_to_use: int | None = None
    mode: OperationMode | None = None
    v2x_baseline_w: float | None = None
    freq_watt: tuple[tuple[float, float], ...] = ()
    """(Hz, W) points of LocalFrequency (Q08)."""


class ChargingProfile(Value, frozen=True, kw_only=True):
    profile_id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    unit: RateUnit
    periods: tuple[Period, ...]
    start: datetime | None = None
    duration_s: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: TransactionId | None = None
    recurrency: str | None = None
    max_offline_s: int | None = None
    invalid_after_offline: bool | None = None
    dyn_update_interval_s: int | None = None


class DynamicUpdate(Value, frozen=True, kw_only=True):
    """ChargingScheduleUpdateType: replaces values of a Dynamic profile's only period (K28)."""

    setpoint: float | None = None
    limit: float | None = None
    discharge_limit: float | None = None
