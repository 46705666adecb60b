"""Ten years of 10,000 vehicles at hourly steps; per vehicle against blast-lite where it is installed.

Run: BLAST_PYTHON=/path/to/its/python python -m tests.bench.battery_bench [n_vehicles]
blast-lite pins numpy < 2, so it needs an environment of its own; without BLAST_PYTHON it is skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import numpy as np

from csms.battery.degradation import advance, health, new_fleet

YEARS, CHUNK = 10, 100
HOUR = np.arange(8760)
SOC = np.interp(HOUR % 24, [0, 6, 8, 17, 19, 23], [0.8, 0.8, 0.6, 0.6, 0.4, 0.8])
TEMP = 20 + 8 * np.sin(2 * np.pi * HOUR / 8760) + 4 * np.sin(2 * np.pi * HOUR / 24)
MODELS = {
    "sony-lfp": "Lfp_Gr_SonyMurata3Ah_Battery",
    "kokam-nmc": "Nmc111_Gr_Kokam75Ah_Battery",
    "panasonic-nca": "Nca_Gr_Panasonic3Ah_Battery",
    "lfp-250ah": "Lfp_Gr_250AhPrismatic",
    "nmc-75ah": "NMC_Gr_75Ah_A",
}
ORACLE = """
import sys, time
import numpy as np
from blast import models
hour = np.arange(8761)
soc = np.interp(hour % 24, [0, 6, 8, 17, 19, 23], [.8, .8, .6, .6, .4, .8])
temp = 20 + 8 * np.sin(2 * np.pi * hour / 8760) + 4 * np.sin(2 * np.pi * hour / 24)
cell = getattr(models, sys.argv[1])()
start = time.process_time()
cell.simulate_battery_life(
    {"Time_s": hour * 3600.0, "SOC": soc, "Temperature_C": temp}, threshold_time=10)
print(time.process_time() - start, cell.outputs["q"][-1])
"""


def ours(pack: str, n: int) -> tuple[float, float]:
    """CPU seconds per vehicle for ten years, and the capacity left."""
    rng = np.random.default_rng(0)
    soc = np.clip(SOC + rng.normal(0.0, 0.02, (CHUNK, 1)), 0.0, 1.0)
    advance(new_fleet(pack, 1), soc[:1, :48], TEMP[:48], 1.0)  # compiled
    start = time.process_time()
    for _ in range(max(n // CHUNK, 1)):
        state = new_fleet(pack, CHUNK)
        for _ in range(YEARS):
            state = advance(state, soc, TEMP, 1.0)
        left = float(health(state).capacity_frac.mean())
    return (time.process_time() - start) / (max(n // CHUNK, 1) * CHUNK), left


def run(n: int = 1_000) -> dict[str, Any]:
    """Per pack: CPU seconds for ten years of a vehicle, and how many times faster than blast-lite where it is."""
    python = os.environ.get("BLAST_PYTHON", "")
    figures: dict[str, Any] = {}
    for pack, model in MODELS.items():
        each_s, left = ours(pack, n)
        figures[pack] = {"cpu_s_per_vehicle": each_s, "capacity_left_frac": left}
        if python:
            done = subprocess.run(
                [python, "-c", ORACLE, model], capture_output=True, text=True, check=True
            )
            seconds, capacity = map(float, done.stdout.split()[-2:])
            figures[pack] |= {
                "blast_cpu_s": seconds,
                "blast_capacity_left_frac": capacity,
                "times_faster_than_blast_lite": seconds / each_s,
            }
    if not python:
        figures["blast-lite"] = "skipped: BLAST_PYTHON is not set"
    return figures


if __name__ == "__main__":
    vehicles = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(json.dumps(run(vehicles), indent=2))
