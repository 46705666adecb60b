"""Parameter packs: how fast a cell of a given kind ages.

Both losses follow a power law, y = k x^p, with x in days (calendar) or equivalent full cycles. Rate
laws and constants are those published; none but the calendar law of ``sony-lfp`` was fitted here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from csms.battery.errors import UnknownPackError
from csms.battery.potential import anode_potential_v

Float = NDArray[np.float64]
CalendarLaw = Callable[[Float, Float], Float]  # (temperature_k, soc_frac) -> loss after one day
CyclingLaw = Callable[[Float, Float, Float], Float]  # (temperature_k, dod_frac, c_rate) -> per EFC
T_REF_K: Final = 298.15
T_35_K: Final = 308.15
UA_HALF_V: Final = 0.123  # anode potential near 50% charge


@dataclass(frozen=True, slots=True)
class Knee:
    """Loss of active material, tanh(u^p / 2) with u the sum of EFC / limit: a late, steep fall.

    limit_efc = base_efc + slope_efc_per_k * (T - t_ref_k) * dod * mean SOC / soc_ref; the capacity
    is the lesser of 1 - other losses and 1 + headroom - this loss.
    """

    base_efc: float
    slope_efc_per_k: float
    t_ref_k: float
    soc_ref: float
    exponent: float
    headroom: float


@dataclass(frozen=True, slots=True)
class Pack:
    """One kind of cell. Losses are fractions of the first capacity."""

    name: str
    chemistry: str
    calendar: CalendarLaw
    calendar_exponent: float
    cycling: CyclingLaw
    cycling_exponent: float
    source: str
    limits: str  # what the model does not know
    pessimistic: bool = False
    knee: Knee | None = None


# ln k(percent after one year) of the Sony LFP cell, fitted on all 595 points of Naumann et al.:
# intercept, tau, tau^2, soc, anode potential, tau * soc; tau = 1000 (1/T - 1/298.15).
SONY_LFP_CALENDAR: Final = (0.641738, -4.720019, 2.464068, 1.398193, -1.211847, 3.337143)
SONY_LFP_EXPONENT: Final = 0.486515


def calendar_features(temperature_k: Float, soc_frac: Float) -> Float:
    """(n, 6) regressors of ln k in the Sony LFP calendar law: Arrhenius x anode potential."""
    tau, soc = np.broadcast_arrays(1e3 * (1.0 / temperature_k - 1.0 / T_REF_K), soc_frac)
    return np.stack(
        [np.ones_like(tau), tau, tau**2, soc, anode_potential_v(soc), tau * soc], axis=-1
    )


def _sony_calendar(temperature_k: Float, soc_frac: Float) -> Float:
    percent_year = np.exp(calendar_features(temperature_k, soc_frac) @ np.array(SONY_LFP_CALENDAR))
    return np.asarray(percent_year / 100.0 / 365.0**SONY_LFP_EXPONENT)


def _sony_cycling(temperature_k: Float, dod_frac: Float, c_rate: Float) -> Float:
    per_efc = np.abs(
        -6.81260579e-6 + 2.59615973e-5 * dod_frac + 2.1155971e-6 * np.exp(dod_frac**2 * c_rate**3)
    )
    return np.asarray(per_efc**1.12847759 + 0.0 * temperature_k)


def _kokam_calendar(temperature_k: Float, soc_frac: Float) -> Float:
    t = temperature_k / T_35_K
    return np.asarray(
        2.66e7 * np.exp(-17.8 / t - 5.21 * anode_potential_v(soc_frac) / UA_HALF_V / t)
    )


def _kokam_cycling(temperature_k: Float, dod_frac: Float, c_rate: Float) -> Float:
    t = temperature_k / T_35_K
    return np.asarray(3.80e3 * np.exp(-18.4 / t + 1.04 * np.exp(dod_frac**2)) + 0.0 * c_rate)


def _panasonic_calendar(temperature_k: Float, soc_frac: Float) -> Float:
    return np.asarray(75.4 * np.exp((-3340.0 + 353.0 * soc_frac) / temperature_k))


def _panasonic_cycling(temperature_k: Float, dod_frac: Float, c_rate: Float) -> Float:
    return np.asarray(
        2.0 * (1.86e-6 + 4.74e-11 * c_rate + 1.77e-4 * dod_frac) + 0.0 * temperature_k
    )


def _lfp250_calendar(temperature_k: Float, soc_frac: Float) -> Float:
    return np.asarray(
        8.37e4 * np.exp((-5210.0 - 3560.0 * anode_potential_v(soc_frac)) / temperature_k)
    )


def _lfp250_cycling(temperature_k: Float, dod_frac: Float, c_rate: Float) -> Float:
    base = 4.38e-8 + 1.55e-8 * dod_frac + 1.68e-7 * c_rate
    return np.asarray(base * np.exp(2190.0 / temperature_k))


def _nmc75_calendar(temperature_k: Float, soc_frac: Float) -> Float:
    t, u = temperature_k / T_35_K, anode_potential_v(soc_frac) / UA_HALF_V
    return np.asarray(8.71e-7 * np.exp(10.0 * t**3 / u ** (1 / 3)) / 1e3**0.578)


def _nmc75_cycling(temperature_k: Float, dod_frac: Float, c_rate: Float) -> Float:
    t = temperature_k / T_35_K
    per_10k = np.abs(
        0.0267
        + 1.64 * t**3 * np.sqrt(dod_frac)
        + 0.011 * np.exp(c_rate**2 / np.sqrt(t))
        - 0.44 * np.exp(np.sqrt(dod_frac) * t**2 * np.sqrt(c_rate))
    )
    return np.asarray(per_10k / 1e4**1.11)


PACKS: Final = {
    pack.name: pack
    for pack in (
        Pack(
            "sony-lfp", "LFP", _sony_calendar, SONY_LFP_EXPONENT, _sony_cycling, 1.12847759,
            "calendar: fitted on Naumann et al. 2018, doi:10.1016/j.est.2018.01.019; cycling:"
            " Gasper et al. 2022, doi:10.1149/1945-7111/ac86a8, on Naumann et al. 2020,"
            " doi:10.1016/j.jpowsour.2019.227666",
            "no effect of temperature on cycling; no cycling below 20 C",
        ),
        Pack(
            "kokam-nmc", "NMC", _kokam_calendar, 0.357, _kokam_cycling, 0.778,
            "Smith et al. 2017, doi:10.23919/ACC.2017.7963578",
            "all cycling at 1C; little variation of depth",
            knee=Knee(1e4, 153.0, 328.15, 0.6, 10.0, 0.01),
        ),
        Pack(
            "panasonic-nca", "NCA", _panasonic_calendar, 0.512, _panasonic_cycling, 0.699,
            "Keil et al. 2016, doi:10.1149/2.0411609jes; Preger et al. 2020,"
            " doi:10.1149/1945-7111/abae37; constants of NREL's BLAST-Lite",
            "no effect of temperature on cycling",
        ),
        Pack(
            "lfp-250ah", "LFP", _lfp250_calendar, 0.526, _lfp250_cycling, 0.828,
            "Gasper et al. 2023, doi:10.1016/j.est.2023.109042",
            "cycled at 0.65C at most; cold cycling counterbalances calendar ageing",
            pessimistic=True,
        ),
        Pack(
            "nmc-75ah", "NMC", _nmc75_calendar, 0.578, _nmc75_cycling, 1.11,
            "Gasper et al. 2023, doi:10.1016/j.est.2023.109042 (cell NMC A)",
            "cycled between 10 and 45 C",
            pessimistic=True,
        ),
    )
}  # fmt: skip


def get_pack(name: str) -> Pack:
    """The pack of that name; UnknownPackError lists those there are."""
    try:
        return PACKS[name]
    except KeyError:
        raise UnknownPackError(f"no pack {name!r}; there are {', '.join(PACKS)}") from None
