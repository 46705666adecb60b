"""A simulated car as the EVCC of ISO 15118-2."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from charger_sim.iso15118.backend import ChargingNeeds
from charger_sim.iso15118.iso2 import Contract, Evcc, EvccConfig, Provisioning
from charger_sim.iso15118.iso20 import Identity
from charger_sim.iso15118.physical import Wish
from charger_sim.iso15118.timeouts import Timeouts
from charger_sim.iso15118.trust import TrustStore
from charger_sim.vehicle.credentials import EvCredentials
from charger_sim.vehicle.vehicle import Vehicle

BATTERY_V = 400.0
AC_LINE_V = 230.0


class Car:
    """See :class:`charger_sim.iso15118.physical.Car`. ``follow`` sets the power of its on-board
    charger, W; ``n_phases`` are those that it and the charger share."""

    def __init__(
        self,
        vehicle: Vehicle,
        *,
        dc: bool,
        n_phases: int,
        now: Callable[[], datetime],
        follow: Callable[[float], None],
    ) -> None:
        self._vehicle = vehicle
        self._dc = dc
        self._phases = 1 if n_phases == 1 else 3
        self._now = now
        self._follow = follow

    @property
    def needs(self) -> ChargingNeeds:
        vehicle = self._vehicle
        departure_s = None
        if vehicle.departure is not None:
            departure_s = max(0.0, (vehicle.departure - self._now()).total_seconds())
        if self._dc:
            return ChargingNeeds(
                "DC_extended",
                departure_s=departure_s,
                energy_wh=vehicle.wants_wh,
                power_max_w=vehicle.max_charge_w,
                voltage_max_v=1.2 * BATTERY_V,
                current_max_a=vehicle.max_charge_w / BATTERY_V,
                soc_frac=vehicle.soc_frac,
                capacity_wh=vehicle.capacity_wh,
            )
        phases = self._phases
        return ChargingNeeds(
            "AC_single_phase_core" if phases == 1 else "AC_three_phase_core",
            departure_s=departure_s,
            energy_wh=vehicle.wants_wh,
            power_max_w=vehicle.max_charge_w,
            voltage_max_v=AC_LINE_V,
            current_max_a=vehicle.max_charge_w / (AC_LINE_V * phases),
            current_min_a=vehicle.min_current_a,
        )

    @property
    def soc_frac(self) -> float:
        return self._vehicle.soc_frac

    def wish(self) -> Wish:
        return Wish.STOP if self._vehicle.finished else Wish.CHARGE

    def target(self) -> tuple[float, float]:
        return BATTERY_V, self._vehicle.max_charge_now_w() / BATTERY_V

    def limited_to(self, power_w: float) -> None:
        self._follow(power_w)

    def supplied(self, voltage_v: float, current_a: float) -> None:
        """The charger's converter acts; there is nothing to set in the car."""


def evcc(
    credentials: EvCredentials,
    car: Car,
    *,
    now: Callable[[], datetime],
    loop_s: float,
    poll_s: float,
    timeouts: Timeouts,
) -> Evcc:
    """The car's machine for one session. Raises ``ValueError`` for an EVCCID that is no MAC."""
    contract, maker = credentials.contract, credentials.provisioning
    return Evcc(
        EvccConfig(
            bytes.fromhex(credentials.evcc_id),
            payment="Contract" if credentials.by_contract else "ExternalPayment",
            contract=None if contract is None else _contract(contract),
            provisioning=None if maker is None else Provisioning(maker.chain[0], maker.key),
            trust=TrustStore(credentials.roots, now),
            update_contract=credentials.update_contract,
            poll_s=poll_s,
            loop_s=loop_s,
            timeouts=timeouts,
        ),
        car,
    )


def installed(machine: Evcc) -> Identity | None:
    """The contract that the car holds after the session."""
    contract = machine.contract
    return None if contract is None else Identity(contract.chain, contract.private_key)


def common_name(certificate: x509.Certificate) -> str:
    """The eMAID of a contract, the PCID of a provisioning certificate."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _contract(identity: Identity) -> Contract:
    return Contract(common_name(identity.leaf), identity.chain, identity.key)
