"""The settings a central system may change, under one name for all versions."""

from __future__ import annotations

from dataclasses import dataclass

from charger_sim.station.config import StationConfig


@dataclass(slots=True)
class Settings:
    """Seconds unless named otherwise. The last five are of ISO 15118: contracts may charge, may be
    judged by the central system from their chain, by the station alone while offline, may be
    installed into cars; and cars sign what the meter reads."""

    heartbeat_interval: int = 300
    meter_interval: int = 60
    clock_aligned_interval: int = 0
    connection_timeout: int = 60
    message_attempts: int = 3
    message_attempt_interval: int = 10
    message_timeout: int = 30
    retry_wait_min: int = 10
    retry_random: int = 5
    retry_repeat_times: int = 5
    ping_interval: int = 30
    offline_threshold: int = 60
    stop_on_invalid_id: bool = True
    stop_on_ev_side_disconnect: bool = True
    authorize_remote_start: bool = False
    offline_tx_for_unknown_id: bool = True
    smart_charging_enabled: bool = True
    pnc_enabled: bool = True
    central_contract_validation: bool = True
    contract_validation_offline: bool = True
    contract_installation: bool = True
    metering_receipts: bool = False

    @classmethod
    def factory(cls, config: StationConfig) -> Settings:
        return cls(
            meter_interval=max(1, round(config.meter_interval_s)),
            message_attempt_interval=60 if config.version == "1.6" else 10,
            retry_wait_min=max(0, round(config.retry_wait_min_s)),
            retry_random=max(0, round(config.retry_random_s)),
            retry_repeat_times=config.retry_repeat_times,
        )


def parse_setting(text: str, current: int | bool) -> int | bool:
    """Reads ``text`` as the type of ``current``; raises ``ValueError``."""
    if isinstance(current, bool):
        if text.lower() not in {"true", "false"}:
            raise ValueError(f"{text!r} is not true or false")
        return text.lower() == "true"
    value = int(text)
    if not 0 <= value <= 1_000_000:
        raise ValueError(f"{value} is out of range")
    return value


def format_setting(value: int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
