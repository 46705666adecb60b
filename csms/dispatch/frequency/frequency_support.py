"""Droop for stations that cannot run it themselves: evaluated here, pushed as a limit. Pure.

OCPP 1.6 and 2.0.1 have no message for a frequency curve, so their share of primary response is limited to charging
less, a second or two late. Stations with an installed FreqDroop control are left alone (G7).
"""

from __future__ import annotations

from csms.domain.der import FreqDroop


def droop_power_w(
    droop: FreqDroop, frequency_hz: float, nominal_hz: float, rated_w: float
) -> float:
    """Change of power (import > 0) that the droop asks of a unit of ``rated_w`` at ``frequency_hz``.

    Per unit change = (frequency beyond the dead-band edge / nominal) / droop, as IEEE 1547-2018 eq. 4 defines it.
    """
    if frequency_hz < droop.under_freq_hz:
        deviation_hz, slope_pu = frequency_hz - droop.under_freq_hz, droop.under_droop_pu
    elif frequency_hz > droop.over_freq_hz:
        deviation_hz, slope_pu = frequency_hz - droop.over_freq_hz, droop.over_droop_pu
    else:
        return 0.0
    change_pu = deviation_hz / nominal_hz / slope_pu
    return max(-1.0, min(1.0, change_pu)) * rated_w
