"""Independent judges: power-grid-model for AC, Clarabel and PIQP for the dispatch problem."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from csms.dispatch.optimum.solver import DispatchSolver, LinearState
from csms.grid import lindistflow
from csms.grid.network import S_BASE_VA, Feeder


def pgm_voltages(feeder: Feeder, p_w: np.ndarray, q_var: np.ndarray) -> np.ndarray:
    """(n, 3) complex pu from power-grid-model's asymmetric Newton-Raphson; cables given as 3x3 blocks."""
    result = pgm_model(feeder, p_w, q_var)()
    return np.asarray(result["u_pu"] * np.exp(1j * result["u_angle"]))


def pgm_model(feeder: Feeder, p_w: np.ndarray, q_var: np.ndarray) -> Callable[[], np.ndarray]:
    """The asymmetric solve itself, its model built; all buses at the base voltage of bus 1."""
    from power_grid_model import CalculationMethod, PowerGridModel, initialize_array

    n = feeder.n_bus
    line_to_line = feeder.base_v[1] * np.sqrt(
        3.0
    )  # an ideal source is seen from behind its transformer
    nodes = initialize_array("input", "node", n)
    nodes["id"], nodes["u_rated"] = np.arange(n), line_to_line
    lines = initialize_array("input", "asym_line", n - 1)
    lines["id"] = n + np.arange(n - 1)
    lines["from_node"], lines["to_node"] = feeder.parent[1:], np.arange(1, n)
    lines["from_status"] = lines["to_status"] = 1
    z = feeder.z_ohm + np.einsum(
        "if,fg->ifg", ~feeder.phase_mask * 1e-3, np.eye(3)
    )  # absent phases follow
    for part, name in ((z.real, "r"), (z.imag, "x")):
        for i, j, label in (
            (0, 0, "aa"),
            (1, 0, "ba"),
            (1, 1, "bb"),
            (2, 0, "ca"),
            (2, 1, "cb"),
            (2, 2, "cc"),
        ):
            lines[f"{name}_{label}"] = part[1:, i, j]
    lines["c0"] = lines["c1"] = 0.0
    source = initialize_array("input", "source", 1)
    source["id"], source["node"], source["status"] = 2 * n, 0, 1
    source["u_ref"], source["sk"] = feeder.source_v_pu, 1e16
    loads = initialize_array("input", "asym_load", n)
    loads["id"], loads["node"], loads["status"], loads["type"] = (
        2 * n + 1 + np.arange(n),
        np.arange(n),
        1,
        0,
    )
    loads["p_specified"], loads["q_specified"] = p_w, q_var
    model = PowerGridModel(
        {"node": nodes, "asym_line": lines, "source": source, "asym_load": loads}
    )

    def solve() -> np.ndarray:
        answer = model.calculate_power_flow(
            symmetric=False,
            error_tolerance=1e-10,
            max_iterations=100,
            calculation_method=CalculationMethod.newton_raphson,
        )
        return np.asarray(answer["node"])

    return solve


def dense_constraints(
    solver: DispatchSolver, state: LinearState, v_min: float, v_max: float
) -> tuple[np.ndarray, np.ndarray]:
    """A x <= b in per unit, every limit written out by unit injections."""
    n, m, count = solver.feeder.n_bus, solver.m, len(solver.bus)
    zero = np.zeros((n, m))
    u_zero, _, _ = lindistflow.sweep(solver.model, zero, zero)
    du, df = np.empty((n * m, count)), np.empty((n * (m + 1), count))
    for e in range(count):
        p = np.zeros((n, m))
        p[solver.bus[e]] = solver.share[e]
        u, flow, _ = lindistflow.sweep(solver.model, p, zero)
        du[:, e] = (u - u_zero).ravel()
        df[:, e] = np.concatenate([flow, flow.sum(axis=1, keepdims=True)], axis=1).ravel()
    u0, f0 = state.u_free.ravel(), state.flow_free.ravel()
    there = np.repeat(solver.model.mask.ravel(), 1)
    there[:m] = False
    rows = [-du[there], du[there]]
    bounds = [u0[there] - v_min**2, v_max**2 - u0[there]]
    for sign, limit in ((1.0, state.flow_in.ravel()), (-1.0, state.flow_out.ravel())):
        some = np.isfinite(limit)
        some[: m + 1] = False
        rows.append(sign * df[some])
        bounds.append(limit[some] - sign * f0[some])
    return np.vstack(rows), np.concatenate(bounds)


class OracleGaveUp(Exception):
    """A judge that reached no verdict: its status says why. Neither for nor against us."""


def clarabel_optimum(
    a: np.ndarray, b: np.ndarray, lo: np.ndarray, hi: np.ndarray, d: np.ndarray, w: np.ndarray
) -> np.ndarray:
    """Optimal setpoints, W."""
    import clarabel

    count = len(d)
    lo, hi, d = lo / S_BASE_VA, hi / S_BASE_VA, d / S_BASE_VA
    scale = 1.0 / max(np.abs(d).max(), np.abs(lo).max(), np.abs(hi).max())  # unknowns of size one
    full = sparse.csc_matrix(np.vstack([a / scale, np.eye(count), -np.eye(count)]))
    rhs = np.concatenate([b, hi * scale, -lo * scale])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    answer = clarabel.DefaultSolver(
        sparse.diags(w).tocsc(),
        -w * d * scale,
        full,
        rhs,
        [clarabel.NonnegativeConeT(len(rhs))],
        settings,
    ).solve()
    if str(answer.status) not in ("Solved", "AlmostSolved"):
        raise OracleGaveUp(str(answer.status))
    return np.asarray(answer.x) / scale * S_BASE_VA


def piqp_optimum(
    a: np.ndarray, b: np.ndarray, lo: np.ndarray, hi: np.ndarray, d: np.ndarray, w: np.ndarray
) -> np.ndarray:
    """Optimal setpoints, W."""
    import piqp

    lo, hi, d = lo / S_BASE_VA, hi / S_BASE_VA, d / S_BASE_VA
    scale = 1.0 / max(np.abs(d).max(), np.abs(lo).max(), np.abs(hi).max())
    solver = piqp.DenseSolver()
    solver.settings.eps_abs = solver.settings.eps_rel = 1e-11
    solver.settings.eps_duality_gap_abs = solver.settings.eps_duality_gap_rel = 1e-11
    solver.setup(
        np.diag(w),
        -w * d * scale,
        None,
        None,
        a / scale,
        np.full(len(b), -np.inf),
        b,
        lo * scale,
        hi * scale,
    )
    status = solver.solve()
    if "SOLVED" not in str(status):
        raise OracleGaveUp(str(status))
    return np.asarray(solver.result.x) / scale * S_BASE_VA


def random_feeder(
    rng: np.random.Generator, n: int, *, three_phase: bool, load_w: float = 4e3
) -> Feeder:
    """A low-voltage tree with cables of 5 to 60 m; three-phase ones coupled and with single-phase buses."""
    from csms.grid.builder import Branch, Load, build_feeder, phase_index

    phases = ["abc"]
    branches, loads = [], []
    for i in range(1, n):
        k = int(rng.integers(max(0, i - 6), i))
        km = rng.uniform(0.005, 0.06)
        own, mutual = complex(0.35, 0.15) * km, complex(0.06, 0.07) * km * three_phase
        z = np.full((3, 3), mutual) + np.eye(3) * (own - mutual)
        on = phases[k]
        if three_phase and on == "abc" and rng.random() < 0.25:
            on = "abc"[int(rng.integers(3))]
        phases.append(on)
        if three_phase:
            z = z * (1.0 + 0.05 * np.diag(rng.uniform(-1, 1, 3)))
        index = phase_index(on)
        kept = np.zeros((3, 3), complex)
        kept[np.ix_(index, index)] = z[np.ix_(index, index)]
        branches.append(Branch(str(k), str(i), kept, on))
        p = rng.uniform(0.0, load_w)
        if three_phase:
            loads += [Load(str(i), p * rng.uniform(0, 1), 0.2 * p, letter) for letter in on]
        else:
            loads.append(Load(str(i), p, 0.2 * p))
    return build_feeder("random", "0", 400.0, branches, loads, source_v_pu=1.02)


def linear_state(
    solver: DispatchSolver, p_w: np.ndarray, q_var: np.ndarray, *, cap_pu: float = np.inf
) -> LinearState:
    """The raw linear model without bias; every branch limited to ``cap_pu`` per phase."""
    n, m = solver.feeder.n_bus, solver.m
    scale = 1.0 / (S_BASE_VA * (3.0 if m == 1 else 1.0))
    p, q = p_w.reshape(n, m) * scale, q_var.reshape(n, m) * scale
    u, flow, _ = lindistflow.sweep(solver.model, np.ascontiguousarray(p), np.ascontiguousarray(q))
    limit = np.full((n, m + 1), np.inf)
    limit[:, :m] = cap_pu
    return LinearState(
        u, np.concatenate([flow, flow.sum(axis=1, keepdims=True)], axis=1), limit, limit.copy()
    )
