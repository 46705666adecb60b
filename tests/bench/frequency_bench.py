"""100,000 vehicles with their own curve, lag and delay against plain numpy, in one run.

python -m tests.bench.frequency_bench
"""

from __future__ import annotations

import time

import numpy as np

from csms.grid.cascade import cascade_study
from csms.grid.fleet_response import Fleet, closed_loop, droop_gain_w_per_hz, make_fleet
from csms.grid.frequency import FrequencyCase, LoadStep
from csms.grid.frequency_cases import frequency_study
from csms.grid.swing import Governor, PowerSystem

N_EV, T_END_S, DT_S = 100_000, 60.0, 0.02
CASE = FrequencyCase(
    PowerSystem(50.0, 4.0, 1.0),
    (Governor(0.05, gain_pu=0.95, hp_frac=0.3, reheat_s=8.0),),
    (LoadStep(1.0, 0.1),),
)


def varied_fleet(rng: np.random.Generator, least_delay_s: float, quantum_w: float) -> Fleet:
    """100,000 vehicles, no two alike."""
    droop_pu = rng.uniform(0.02, 0.08, N_EV)
    return make_fleet(
        N_EV,
        gain_w_per_hz=droop_gain_w_per_hz(11e3, droop_pu, 50.0),
        deadband_hz=rng.uniform(0.01, 0.03, N_EV),
        lag_s=rng.uniform(0.05, 0.3, N_EV),
        delay_s=rng.uniform(least_delay_s, 0.5, N_EV),
        quantum_w=quantum_w,
    )


def numpy_step_s(fleet: Fleet, steps: int = 50) -> float:
    """CPU seconds of one step of the same equations in vectorised numpy, frequency given."""
    history = np.zeros(200)
    delay = np.rint(fleet.delay_s / DT_S).astype(int)
    blend = -np.expm1(-DT_S / fleet.lag_s)
    power, energy = fleet.p_set_w.copy(), fleet.energy_wh.copy()
    start = time.process_time()
    for k in range(100, 100 + steps):
        df = history[k - delay] - fleet.shift_hz
        beyond = df - np.clip(df, -fleet.deadband_hz, fleet.deadband_hz)
        floor = np.where(energy > fleet.energy_min_wh, fleet.p_min_w, 0.0)
        ceiling = np.where(energy < fleet.energy_max_wh, fleet.p_max_w, 0.0)
        target = np.clip(fleet.p_set_w + fleet.gain_w_per_hz * beyond, floor, ceiling)
        before = power
        power = power + blend * (target - power)
        energy += 0.5 * (before + power) * DT_S / 3600.0
        power.sum()
    return (time.process_time() - start) / steps


def best_cpu_s(run: object, repeats: int = 3) -> float:
    """Least CPU time of `repeats` calls after one that compiles."""
    assert callable(run)
    run()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print the figures."""
    rng = np.random.default_rng(1)
    steps = round(T_END_S / DT_S)
    print(f"closed loop, {N_EV:,} vehicles, {T_END_S:g} s at {1e3 * DT_S:g} ms, CPU s")
    for quantum_w in (0.0, 690.0):
        for least_delay_s in (0.0, 0.1):
            fleet = varied_fleet(rng, least_delay_s, quantum_w)
            ours = best_cpu_s(
                lambda f=fleet: closed_loop(f, CASE, 1e10, t_end_s=T_END_S, dt_s=DT_S)
            )
            line = (
                f"  delays {least_delay_s:g}..0.5 s, {'1 A steps' if quantum_w else 'continuous'}"
            )
            peer = f", numpy {numpy_step_s(fleet) * steps:.1f}" if not quantum_w else ""
            print(f"{line}: {ours:.2f}{peer}")
    print(f"frequency_study: {1e3 * best_cpu_s(frequency_study):.1f} ms")
    cascade_s = best_cpu_s(lambda: cascade_study(np.random.default_rng(0)))
    print(f"cascade_study, 4 policies x 1,000 vehicles x 120 s: {1e3 * cascade_s:.0f} ms")


if __name__ == "__main__":
    main()
