"""Study of a feeder over a series of loads: one batch of power flows."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from csms.api.studies.grid import FeederName
from csms.api.studies.study import MAX_SAMPLES, LazyPlots, Params, Study, StudyError, text_of
from csms.grid import power_flow
from csms.grid.feeder_import import read
from csms.grid.jsonable import to_jsonable
from csms.grid.network import Feeder, FloatArray
from csms.grid.swing import sample_times

plots = LazyPlots("profile")
MAX_VALUES = 20_000_000
"""Loads of all steps, buses and phases together."""
SAMPLE = "scale\n" + "\n".join(
    f"{0.65 + 0.35 * math.sin((k - 52) / 96 * 2 * math.pi):.4f}" for k in range(96)
)
"""A day of quarter hours, lowest in the morning and highest in the evening."""


class ProfileParams(Params, frozen=True, kw_only=True):
    feeder: FeederName = "ieee33"
    profile: Annotated[
        str,
        Meta(
            max_length=4 * 1024 * 1024,
            description="CSV file, a row a step: column scale (of every load), or a bus's name (kW in place of its"
            " own); over REST its text. Without: a made-up day.",
        ),
    ] = ""
    step_s: Annotated[float, Meta(gt=0, le=86_400, description="Time from row to row, s.")] = 900.0


@dataclass(frozen=True, slots=True, eq=False)
class ProfileStudy:
    feeder: Feeder
    t_s: FloatArray  # (S,)
    load_w: FloatArray  # (S,)
    min_v_pu: FloatArray  # (S,)
    lowest: FloatArray  # (S,) its bus
    loss_w: FloatArray  # (S,)
    step_s: float


def run_profile(params: ProfileParams) -> ProfileStudy:
    feeder = read(params.feeder, lumped=True).feeder
    text = text_of("profile", params.profile) if params.profile else SAMPLE
    scale, by_bus = _table(text, feeder)
    if len(scale) * feeder.p_w.size > MAX_VALUES:
        raise StudyError(f"profile: {len(scale)} rows are too many for {feeder.n_bus} buses")
    p, q = np.multiply.outer(scale, feeder.p_w), np.multiply.outer(scale, feeder.q_var)
    for bus, load_w in by_bus.items():
        own_w = float(feeder.p_w[bus].sum())
        # the bus's own phases and power factor, or all of its phases at power factor 1
        mask = feeder.phase_mask[bus]
        share = feeder.p_w[bus] / own_w if own_w else mask / mask.sum()
        p[:, bus] = load_w[:, None] * share
        q[:, bus] = load_w[:, None] * (feeder.q_var[bus] / own_w if own_w else 0.0)
    load_w = p.sum(axis=(1, 2))
    if feeder.balanced:
        p, q = p.sum(axis=2), q.sum(axis=2)
    batch = power_flow.solve_batch(feeder, p, q)
    v = np.abs(batch.v_pu).reshape(len(scale), feeder.n_bus, -1)
    per_bus = np.where(np.isnan(v), np.inf, v).min(axis=2)
    return ProfileStudy(
        feeder=feeder,
        t_s=sample_times(len(scale), params.step_s),
        load_w=load_w,
        min_v_pu=per_bus.min(axis=1),
        lowest=per_bus.argmin(axis=1).astype(float),
        loss_w=batch.loss_w,
        step_s=params.step_s,
    )


def _table(text: str, feeder: Feeder) -> tuple[FloatArray, dict[int, FloatArray]]:
    """(S,) factors of every load, and W by bus. Raises StudyError, FeederError."""
    rows = list(csv.reader(io.StringIO(text)))
    header = [name.strip() for name in rows[0]] if rows else []
    body = [(at, row) for at, row in enumerate(rows[1:], 2) if row]
    if not header or not body:
        raise StudyError("profile: a header and at least one row are needed")
    if len(set(header)) < len(header):
        raise StudyError(f"profile: a column appears twice in the header {header}")
    columns: dict[str, FloatArray] = {}
    for k, name in enumerate(header):
        columns[name] = np.array([_number(row, k, at, name) for at, row in body])
    scale = columns.pop("scale", np.ones(len(body)))
    return scale, {feeder.bus(name): 1e3 * column for name, column in columns.items()}


def _number(row: list[str], k: int, at: int, name: str) -> float:
    try:
        value = float(row[k])
    except (IndexError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise StudyError(f"profile: row {at}, column {name}: a finite number is needed")
    return value


def profile_figures(study: ProfileStudy) -> dict[str, Any]:
    worst, names = int(study.min_v_pu.argmin()), study.feeder.bus_names
    hours = study.step_s / 3600.0
    traces = {
        "t_s": study.t_s,
        "load_kw": study.load_w / 1e3,
        "loss_kw": study.loss_w / 1e3,
        "min_v_pu": study.min_v_pu,
    }
    thinned = to_jsonable(traces, MAX_SAMPLES)
    assert isinstance(thinned, dict)
    return {
        "feeder": study.feeder.name,
        "steps": len(study.t_s),
        "energy_kwh": float(study.load_w.sum()) * hours / 1e3,
        "loss_kwh": float(study.loss_w.sum()) * hours / 1e3,
        "lowest_v_pu": float(study.min_v_pu[worst]),
        "lowest_at_s": float(study.t_s[worst]),
        "lowest_bus": names[int(study.lowest[worst])],
        "peak_loss_kw": float(study.loss_w.max()) / 1e3,
        **thinned,
    }


STUDIES: tuple[Study[Any, Any], ...] = (
    Study(
        "load-profile", "AC power flow of a feeder over a series of loads, in one batch.",
        ProfileParams, run_profile, profile_figures, plots.plot_profile, files=("profile",),
    ),
)  # fmt: skip
