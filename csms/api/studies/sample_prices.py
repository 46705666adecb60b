"""A price year of our own, so that studies run without anybody's data. Synthetic: the shape is typical, no more."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from csms.market.prices import PriceTable

YEAR = 2024
SEED = 20240101


def sample_prices() -> PriceTable:
    """8,784 hourly prices, EUR/MWh: two daily peaks, a solar dip in summer, cheap week-ends, persistent noise."""
    rng = np.random.default_rng(SEED)
    n = 8_784
    hour = np.arange(n)
    of_day, day = hour % 24, hour // 24
    summer = 0.5 - 0.5 * np.cos(2.0 * np.pi * (day - 10) / 366.0)
    morning = 25.0 * np.exp(-0.5 * ((of_day - 8) / 1.8) ** 2)
    evening = 40.0 * np.exp(-0.5 * ((of_day - 19) / 2.2) ** 2)
    solar = -55.0 * summer * np.exp(-0.5 * ((of_day - 13) / 2.8) ** 2)
    weekend = np.where(day % 7 >= 5, -12.0, 0.0)
    noise = np.zeros(n)
    for k in range(1, n):
        noise[k] = 0.97 * noise[k - 1] + 5.0 * rng.standard_normal()
    price = 75.0 - 10.0 * summer + morning + evening + solar + weekend + noise
    return PriceTable(datetime(YEAR, 1, 1, tzinfo=UTC), 3_600, price, {})
