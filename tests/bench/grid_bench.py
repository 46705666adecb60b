"""Speed of the grid engine beside its peers, in one run: ``python -m tests.bench.grid_bench --json``.

Every figure is the least CPU time of some repeats on one thread, in milliseconds, and stands beside the same problem
solved by power-grid-model, OpenDSS, PIQP or Clarabel. Compilation is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402

from csms.dispatch.optimum.corrected import Dispatcher, Limits, Requests  # noqa: E402
from csms.dispatch.optimum.solver import DispatchSolver  # noqa: E402
from csms.grid import feeder_file, lindistflow, power_flow  # noqa: E402
from csms.grid.network import S_BASE_VA, Feeder  # noqa: E402
from tests.bench.grid_feeders import comb  # noqa: E402
from tests.unit.grid.oracles import linear_state  # noqa: E402

SCENARIOS = 1000
BUDGET_S = 4.0  # per figure


def run() -> dict[str, Any]:
    """All figures; about two minutes."""
    result: dict[str, Any] = {"unit": "ms CPU, one thread", "power_flow": {}, "dispatch": {}}
    for n in (33, 1000, 10_000):
        feeder = feeder_file.builtin("ieee33") if n == 33 else comb(n)
        result["power_flow"][str(n)] = balanced(feeder)
    result["three_phase_european_lv"] = three_phase()
    for n, count in ((1000, 10_000), (10_000, 10_000), (10_000, 100_000)):
        result["dispatch"][f"{n}x{count}"] = dispatch(n, count, peers=count <= 10_000)
    return result


def least(function: Callable[[], object], repeats: int = 7) -> float:
    """Least CPU milliseconds within the budget; the first call warms up."""
    function()
    best, begin = np.inf, time.perf_counter()
    for _ in range(repeats):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
        if time.perf_counter() - begin > BUDGET_S:
            break
    return 1e3 * float(best)


def balanced(feeder: Feeder) -> dict[str, float]:
    p, q = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    scale = np.random.default_rng(1).uniform(0.5, 1.2, (SCENARIOS, feeder.n_bus))
    many_p, many_q = scale * p, scale * q
    model = lindistflow.linear_model(feeder)
    unit = (p / (3 * S_BASE_VA))[:, None].copy()
    pgm, batch = pgm_symmetric(feeder, p, q)
    few = max(20, min(SCENARIOS, 1_000_000 // feeder.n_bus))
    part = {
        key: {name: value[:few] for name, value in table.items()}
        for key, table in batch(many_p, many_q).items()
    }
    ours = least(lambda: power_flow.solve(feeder, p, q))
    ours_batch = least(lambda: power_flow.solve_batch(feeder, many_p, many_q), 3)
    theirs = least(pgm)
    theirs_batch = least(lambda: pgm(part), 2) * SCENARIOS / few
    return {
        "single": ours, "single_pgm": theirs, "single_ratio": theirs / ours, "batch_1000": ours_batch,
        "batch_1000_pgm": theirs_batch, "batch_ratio": theirs_batch / ours_batch,
        "lindistflow": least(lambda: lindistflow.sweep(model, unit, unit)),
        "adjoint": least(lambda: lindistflow.adjoint(model, unit)),
    }  # fmt: skip


def pgm_symmetric(feeder: Feeder, p: np.ndarray, q: np.ndarray) -> tuple[Any, Any]:
    """A solve of power-grid-model (iterative current, its fastest), and a maker of its batch input."""
    from power_grid_model import CalculationMethod, PowerGridModel, initialize_array

    n = feeder.n_bus
    nodes = initialize_array("input", "node", n)
    nodes["id"], nodes["u_rated"] = np.arange(n), feeder.base_v[0] * np.sqrt(3.0)
    lines = initialize_array("input", "line", n - 1)
    lines["id"], lines["from_node"], lines["to_node"] = (
        n + np.arange(n - 1),
        feeder.parent[1:],
        np.arange(1, n),
    )
    lines["from_status"] = lines["to_status"] = 1
    z1 = feeder.z1_pu[1:] * feeder.z_base_ohm[1:]
    lines["r1"], lines["x1"], lines["c1"], lines["tan1"] = z1.real, z1.imag, 0.0, 0.0
    source = initialize_array("input", "source", 1)
    source["id"], source["node"], source["status"], source["u_ref"] = (
        2 * n,
        0,
        1,
        feeder.source_v_pu,
    )
    source["sk"] = 1e16
    loads = initialize_array("input", "sym_load", n)
    loads["id"], loads["node"], loads["status"], loads["type"] = (
        2 * n + 1 + np.arange(n),
        np.arange(n),
        1,
        0,
    )
    loads["p_specified"], loads["q_specified"] = p, q
    model = PowerGridModel({"node": nodes, "line": lines, "source": source, "sym_load": loads})

    def solve(update: Any = None) -> Any:
        data = None
        if update is not None:
            table = initialize_array("update", "sym_load", update["sym_load"]["p"].shape)
            table["id"] = loads["id"]
            table["p_specified"], table["q_specified"] = (
                update["sym_load"]["p"],
                update["sym_load"]["q"],
            )
            data = {"sym_load": table}
        return model.calculate_power_flow(
            symmetric=True, calculation_method=CalculationMethod.iterative_current, update_data=data,
            output_component_types=["node"], threading=-1,
        )  # fmt: skip

    vm = solve()["node"]["u_pu"]
    gap = np.abs(vm - power_flow.solve(feeder, p, q).vm_pu).max()
    assert gap < 1e-6, f"power-grid-model disagrees by {gap} pu"
    return solve, lambda many_p, many_q: {"sym_load": {"p": many_p, "q": many_q}}


def three_phase() -> dict[str, float]:
    """European LV, one solve; OpenDSS and power-grid-model on the same network."""
    from tests.unit.grid.oracles import pgm_model

    feeder = feeder_file.builtin("european-lv")
    p, q = feeder.p_w, feeder.q_var
    model = lindistflow.linear_model(feeder)
    unit = np.ascontiguousarray(p / S_BASE_VA)
    scale = np.random.default_rng(1).uniform(0.5, 1.5, (200, *p.shape))
    many_p, many_q = scale * p, scale * q
    solve = pgm_model(feeder, p, q)
    ours, theirs = least(lambda: power_flow.solve(feeder, p, q)), least(solve)
    out = {
        "single": ours, "single_pgm": theirs, "ratio_pgm": theirs / ours,
        "batch_per_scenario": least(lambda: power_flow.solve_batch(feeder, many_p, many_q), 3) / 200,
        "lin3": least(lambda: lindistflow.sweep(model, unit, unit)),
    }  # fmt: skip
    opendss = opendss_three_phase(feeder)
    if opendss is not None:
        out |= {"single_opendss": opendss, "ratio_opendss": opendss / ours}
    return out


def opendss_three_phase(feeder: Feeder) -> float | None:
    try:
        import opendssdirect as dss
    except ImportError:
        return None
    send = dss.Text.Command
    base_kv = feeder.base_v[1] * np.sqrt(3.0) / 1e3
    send("clear")
    send(
        f"new circuit.c basekv={base_kv} pu={feeder.source_v_pu} bus1=b0 r1=0 x1=1e-7 r0=0 x0=1e-7"
    )
    for i in range(1, feeder.n_bus):
        z = feeder.z_ohm[i]
        r, x = (
            " | ".join(" ".join(str(v) for v in row) for row in part) for part in (z.real, z.imag)
        )
        send(
            f"new line.l{i} phases=3 bus1=b{feeder.parent[i]} bus2=b{i} length=1 "
            f"rmatrix=({r}) xmatrix=({x}) cmatrix=(0 | 0 0 | 0 0 0)"
        )
    for i, f in np.argwhere(feeder.p_w != 0.0):
        send(
            f"new load.d{i}{f} phases=1 bus1=b{i}.{f + 1} kv={base_kv / np.sqrt(3.0)} "
            f"kw={feeder.p_w[i, f] / 1e3} kvar={feeder.q_var[i, f] / 1e3} vminpu=0.5 vmaxpu=1.5"
        )
    send(f"set voltagebases=[{base_kv}]")
    send("calcvoltagebases")
    send("set tolerance=1e-9")
    dss.Solution.Solve()
    lowest = min(v for v in dss.Circuit.AllBusMagPu() if v > 0.1)
    assert abs(lowest - power_flow.solve(feeder).min_v_pu) < 1e-5, "OpenDSS disagrees"

    def solve() -> None:  # from a flat start, as the others
        send("set loadmult=1")
        dss.Solution.SolveNoControl()

    return least(solve)


def dispatch(n: int, count: int, *, peers: bool) -> dict[str, float]:
    """Cold and warm optimum and the whole loop; PIQP and Clarabel get the same problem in sparse form."""
    feeder = comb(n, min_v_pu=0.96)
    rng = np.random.default_rng(0)
    p, q = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    bus = rng.integers(1, n, count)
    solver = DispatchSolver(feeder, bus)
    hi = rng.uniform(0.5, 1.5, count) * 2.7e6 / count
    lo = np.zeros(count)
    state, next_state = linear_state(solver, p, q), linear_state(solver, 1.003 * p, 1.003 * q)
    first = solver.solve(lo, hi, hi, state, v_min_pu=0.95, v_max_pu=1.05)
    second = solver.solve(lo, hi, hi, next_state, v_min_pu=0.95, v_max_pu=1.05, warm=first.warm)
    step = np.full(count, hi.mean() / 32)
    dispatcher = Dispatcher(feeder, bus, limits=Limits(0.95, 1.05))
    requests = Requests(lo, hi, hi, step, np.zeros(count))
    now = dispatcher.step(p, q, requests).setpoint_w
    out = {
        "cold": least(lambda: solver.solve(lo, hi, hi, next_state, v_min_pu=0.95, v_max_pu=1.05)),
        "warm": least(
            lambda: solver.solve(
                lo, hi, hi, next_state, v_min_pu=0.95, v_max_pu=1.05, warm=first.warm
            )
        ),
        "loop_with_ac": least(lambda: dispatcher.step(p, q, requests, now_w=now)),
        "binding_rows": float(len(second.row_kind)),
        "served": float(second.setpoint_w.sum() / hi.sum()),
    }
    if peers:
        for name, solve in (("piqp", piqp_sparse), ("clarabel", clarabel_sparse)):
            took, x = solve(solver, next_state.u_free[:, 0], hi)
            cost, best = (np.sum((value - hi) ** 2) for value in (second.setpoint_w, x))
            out |= {
                name: took,
                f"{name}_ratio_warm": took / out["warm"],
                f"{name}_ratio_cold": took / out["cold"],
            }
            out[f"{name}_cost_gap"] = float((cost - best) / best)
    return out


def sparse_problem(solver: DispatchSolver, u_free: np.ndarray, hi: np.ndarray) -> tuple[Any, ...]:
    """min 1/2 |x - d|^2 over (x, P, u): P_i = load_i + sum of children, u_i = u_parent - 2 r_i P_i, u >= u_min."""
    from scipy import sparse

    model, n, count = solver.model, solver.feeder.n_bus, len(solver.bus)
    parent = model.parent
    unit = sparse.csc_matrix((np.full(count, 1 / 3), (solver.bus, np.arange(count))), (n, count))
    up = sparse.csc_matrix((np.ones(n - 1), (np.arange(1, n), parent[1:])), (n, n))
    eye = sparse.identity(n, format="csc")
    balance = sparse.hstack([-unit, eye - up.T, sparse.csc_matrix((n, n))])
    drop = sparse.hstack(
        [sparse.csc_matrix((n, count)), 2.0 * sparse.diags(model.r[:, 0, 0]), eye - up]
    )
    equal = sparse.vstack([balance, drop]).tocsc()
    d = hi / S_BASE_VA
    scale = 1.0 / d.max()
    cost = sparse.diags(np.concatenate([np.ones(count), np.zeros(2 * n)])).tocsc()
    linear = np.concatenate([-d * scale, np.zeros(2 * n)])
    room = (0.95**2 - u_free) * scale  # unknowns are scaled so that a setpoint is about one
    return cost, linear, equal, d * scale, room, scale, n, count


def piqp_sparse(
    solver: DispatchSolver, u_free: np.ndarray, hi: np.ndarray
) -> tuple[float, np.ndarray]:
    import piqp
    from scipy import sparse

    cost, linear, equal, d, room, scale, n, count = sparse_problem(solver, u_free, hi)
    low = np.concatenate([np.zeros(count), np.full(n, -np.inf), room])
    high = np.concatenate([d, np.full(2 * n, np.inf)])
    held: dict[str, Any] = {}

    def solve() -> None:
        judge = piqp.SparseSolver()
        judge.settings.eps_abs = judge.settings.eps_rel = 1e-8
        judge.setup(
            cost,
            linear,
            equal,
            np.zeros(2 * n),
            sparse.csc_matrix((0, count + 2 * n)),
            np.zeros(0),
            np.zeros(0),
            low,
            high,
        )
        judge.solve()
        held["x"] = np.asarray(judge.result.x[:count]) / scale * S_BASE_VA

    return least(solve, 2), held["x"]


def clarabel_sparse(
    solver: DispatchSolver, u_free: np.ndarray, hi: np.ndarray
) -> tuple[float, np.ndarray]:
    import clarabel
    from scipy import sparse

    cost, linear, equal, d, room, scale, n, count = sparse_problem(solver, u_free, hi)
    x_only = sparse.hstack([sparse.identity(count), sparse.csc_matrix((count, 2 * n))])
    u_only = sparse.hstack([sparse.csc_matrix((n, count + n)), sparse.identity(n)])
    matrix = sparse.vstack([equal, x_only, -x_only, -u_only]).tocsc()
    rhs = np.concatenate([np.zeros(2 * n), d, np.zeros(count), -room])
    cones = [clarabel.ZeroConeT(2 * n), clarabel.NonnegativeConeT(2 * count + n)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    held: dict[str, Any] = {}

    def solve() -> None:
        answer = clarabel.DefaultSolver(cost, linear, matrix, rhs, cones, settings).solve()
        held["x"] = np.asarray(answer.x[:count]) / scale * S_BASE_VA

    return least(solve, 1), held["x"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    result = run()
    if arguments.json:
        print(json.dumps(result))
        return
    for name, part in result.items():
        if isinstance(part, dict):
            for key, value in part.items():
                shown = (
                    {k: f"{v:.4g}" for k, v in value.items()}
                    if isinstance(value, dict)
                    else f"{value:.4g}"
                )
                print(f"{name:26s} {key:18s} {shown}")


if __name__ == "__main__":
    main()
