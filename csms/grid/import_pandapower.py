"""Imports a radial network from pandapower's JSON (or from a pandapower net, without importing pandapower).

Taken over: buses, lines (positive and zero sequence, capacitance, parallel, max_i_ka), two-winding transformers
(short-circuit impedance, off-nominal tap, rating), loads, storage and static generators, symmetric and per phase,
shunts, switches (closed ones with ``z_ohm`` are branches) and one external grid; a line that a switch opens at one end
still charges the other. Left out: what no closed way from the grid leads to, magnetising branches (``i0_percent``,
``pfe_kw``), transformer phase shifts and the voltage dependence of loads.
Elements that would change the result are refused when in service. A delta-wye transformer at the source is exact (its
delta shorts the zero sequence); behind further lines its zero sequence is taken to pass.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from csms.grid.builder import Branch, Load, build_feeder, z_sequence
from csms.grid.network import Feeder, FeederError

_MAX_JSON_DEPTH = 8
_MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Row:
    """One table row; missing and NaN cells fall back to the default."""

    index: int
    cells: dict[str, Any]

    def number(self, key: str, default: float) -> float:
        value = self.cells.get(key)
        if value is None or isinstance(value, str) or not math.isfinite(value):
            return default
        return float(value)

    def needed(self, table: str, key: str) -> float:
        value = self.number(key, math.nan)
        if math.isnan(value):
            raise FeederError(f"{table} {self.index}: {key} is missing or no finite number")
        return value

    def on(self) -> bool:
        return bool(self.cells.get("in_service", True))


def loads(text: str, name: str = "") -> Feeder:
    """A feeder from the text that ``pandapower.to_json`` wrote. Raises :class:`FeederError`."""
    try:
        data = json.loads(text)
        tables = data["_object"]
    except (ValueError, KeyError, TypeError) as error:
        raise FeederError(f"not a pandapower JSON document: {error}") from None
    try:
        return _convert(
            {key: list(_json_rows(tables.get(key))) for key in (*_TABLES, *_REFUSED)},
            name or str(tables.get("name") or "pandapower"),
            _frequency_hz(tables.get("f_hz")),
        )
    except FeederError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FeederError(
            f"a table of the document is not as pandapower writes it: {type(error).__name__} {error}"
        ) from None


def from_net(net: Any, name: str = "") -> Feeder:
    """A feeder from a ``pandapowerNet`` in memory. Raises :class:`FeederError`."""
    tables = {}
    for key in (*_TABLES, *_REFUSED):
        frame = net[key] if key in net else None  # noqa: SIM401 - a net is no dict
        rows = [] if frame is None else frame.to_dict("index").items()
        tables[key] = [_Row(int(index), dict(cells)) for index, cells in rows]
    return _convert(tables, name or str(net["name"] or "pandapower"), _frequency_hz(net["f_hz"]))


def _frequency_hz(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0.0 < value < math.inf else 50.0


_TABLES = (
    "bus",
    "line",
    "trafo",
    "ext_grid",
    "switch",
    "load",
    "sgen",
    "asymmetric_load",
    "asymmetric_sgen",
    "storage",
    "shunt",
)
_REFUSED = (
    "gen", "impedance", "trafo3w", "ward", "xward", "motor", "dcline", "svc", "tcsc", "ssc", "vsc", "load_dc",
    "source_dc",
)  # fmt: skip


def _json_rows(entry: Any) -> Iterator[_Row]:
    for _ in range(_MAX_JSON_DEPTH):
        if isinstance(entry, dict) and "_object" in entry:
            entry = entry["_object"]
        elif isinstance(entry, str):
            entry = json.loads(entry)
    if not isinstance(entry, dict):
        return
    columns = entry["columns"]
    for index, values in zip(entry["index"], entry["data"], strict=True):
        yield _Row(int(index), dict(zip(columns, values, strict=True)))


def _convert(tables: dict[str, list[_Row]], name: str, frequency_hz: float) -> Feeder:
    if not tables["bus"]:
        raise FeederError("the pandapower network has no buses")
    grids = [row for row in tables["ext_grid"] if row.on()]
    for kind in _REFUSED:
        found = [row.index for row in tables[kind] if row.on()]
        if found:
            raise FeederError(f"{kind} elements are not supported (in service: {_some(found)})")
    names = _bus_names(tables["bus"])
    _check_buses(tables, names)
    if len(grids) != 1:
        where = _some([names[int(row.cells["bus"])] for row in grids])
        raise FeederError(
            f"exactly one external grid is needed, the network has {len(grids)}"
            + (f" (at {where}): set all but one of them out of service" if grids else "")
        )
    base_kv = {row.index: row.number("vn_kv", math.nan) for row in tables["bus"]}
    live = {row.index for row in tables["bus"] if row.on()}
    fused = _fused_buses(tables["switch"])
    opened: dict[tuple[str, int], set[int]] = {}  # (et, element) -> the buses at which it is open
    for row in tables["switch"]:
        if row.cells.get("et") in ("l", "t") and not row.cells.get("closed", True):
            which = str(row.cells["et"]), int(row.cells["element"])
            opened.setdefault(which, set()).add(int(row.cells["bus"]))

    def at(row: _Row, key: str) -> int:
        bus = int(row.cells[key])
        return fused.get(bus, bus)

    branches: list[Branch] = []
    charging: list[tuple[str, float]] = []  # (bus, S)
    for row in tables["line"]:
        ends = at(row, "from_bus"), at(row, "to_bus")
        open_at = opened.get(("l", row.index), set())
        if not row.on() or not live.issuperset(ends):
            continue
        km, parallel = row.needed("line", "length_km"), row.number("parallel", 1.0)
        charged = [
            at(row, key) for key in ("from_bus", "to_bus") if int(row.cells[key]) not in open_at
        ]
        b_s = 2 * math.pi * frequency_hz * row.number("c_nf_per_km", 0.0) * 1e-9 * km * parallel
        charging += [(names[end], b_s / len(charged)) for end in charged]
        if open_at:
            continue
        z1 = (
            complex(row.needed("line", "r_ohm_per_km"), row.needed("line", "x_ohm_per_km"))
            * km
            / parallel
        )
        r0, x0 = row.number("r0_ohm_per_km", math.nan), row.number("x0_ohm_per_km", math.nan)
        z0 = None if math.isnan(r0) or math.isnan(x0) else complex(r0, x0) * km / parallel
        ampacity_a = row.number("max_i_ka", math.inf) * 1e3 * row.number("df", 1.0) * parallel
        branches.append(
            Branch(names[ends[0]], names[ends[1]], z_sequence(z1, z0), ampacity_a=ampacity_a)
        )
    branches += [
        _transformer(row, names, at(row, "hv_bus"), at(row, "lv_bus"), base_kv)
        for row in tables["trafo"]
        if row.on() and ("t", row.index) not in opened
    ]
    branches += [
        _switch(row, names, ends)
        for row, ends in _impedant(tables["switch"], at)
        if live.issuperset(ends)
    ]
    loads = [load for load in _loads(tables, names, fused) if load.p_w or load.q_var]
    for row in tables["shunt"]:
        if row.on():
            bus, steps = at(row, "bus"), row.number("step", 1.0)
            vn_kv = row.number("vn_kv", base_kv[bus])
            charging.append((names[bus], -row.number("q_mvar", 0.0) * steps / vn_kv**2))
            loads.append(Load(names[bus], row.number("p_mw", 0.0) * steps * 1e6))
    grid = grids[0]
    root = at(grid, "bus")
    # what no closed way leads to has no voltage, in pandapower too
    wired = _supplied(names[root], branches)
    branches = [branch for branch in branches if branch.from_bus in wired]
    loads = [load for load in loads if load.bus in wired]
    shunts: dict[str, float] = {}
    for label, b_s in charging:
        if b_s and label in wired:
            shunts[label] = shunts.get(label, 0.0) + b_s
    return build_feeder(
        name, names[root], base_kv[root] * 1e3, branches, loads,
        source_v_pu=grid.number("vm_pu", 1.0),
        shunts_s={bus: (b_s, b_s, b_s) for bus, b_s in shunts.items()},
        xy={bus: place for bus, place in _places(tables["bus"], names, fused).items() if bus in wired},
    )  # fmt: skip


def _some(items: list[Any]) -> str:
    return ", ".join(map(str, items[:_MAX_NAMED])) + (" ..." if len(items) > _MAX_NAMED else "")


def _check_buses(tables: dict[str, list[_Row]], names: dict[int, str]) -> None:
    for table, rows in tables.items():
        columns = [
            key for key in ("bus", "from_bus", "to_bus", "hv_bus", "lv_bus") if table != "bus"
        ]
        for row in rows:
            keys = [*columns, *(["element"] if row.cells.get("et") == "b" else [])]
            for key in keys:
                bus = row.cells.get(key)
                if bus is not None and (not math.isfinite(bus) or int(bus) not in names):
                    raise FeederError(f"{table} {row.index}: {key} {bus} is no bus of the network")


def _supplied(root: str, branches: list[Branch]) -> set[str]:
    near: dict[str, set[str]] = {}
    for branch in branches:
        near.setdefault(branch.from_bus, set()).add(branch.to_bus)
        near.setdefault(branch.to_bus, set()).add(branch.from_bus)
    seen, queue = {root}, [root]
    while queue:
        fresh = near.get(queue.pop(), set()) - seen
        seen |= fresh
        queue += fresh
    return seen


def _impedant(
    switches: list[_Row], at: Callable[[_Row, str], int]
) -> Iterator[tuple[_Row, tuple[int, int]]]:
    """Closed switches between buses with an impedance of their own, and their buses."""
    for row in switches:
        if (
            row.cells.get("et") == "b"
            and row.cells.get("closed", True)
            and row.number("z_ohm", 0.0) > 0.0
        ):
            yield row, (at(row, "bus"), at(row, "element"))


def _switch(row: _Row, names: dict[int, str], ends: tuple[int, int]) -> Branch:
    """As pandapower solves it: R / X of 2."""
    z_ohm = row.number("z_ohm", 0.0) * complex(2.0, 1.0) / math.sqrt(5.0)
    return Branch(names[ends[0]], names[ends[1]], z_sequence(z_ohm))


def _bus_names(rows: list[_Row]) -> dict[int, str]:
    """pandapower does not ask for unique names: those that repeat get the index."""
    given = {row.index: str(row.cells.get("name") or row.index) for row in rows}
    seen: dict[str, int] = {}
    for label in given.values():
        seen[label] = seen.get(label, 0) + 1
    return {i: label if seen[label] == 1 else f"{label}#{i}" for i, label in given.items()}


def _fused_buses(switches: list[_Row]) -> dict[int, int]:
    """Buses joined by closed bus-bus switches -> the one that stands for them."""
    group: dict[int, int] = {}

    def find(bus: int) -> int:
        while group.get(bus, bus) != bus:
            bus = group[bus]
        return bus

    for row in switches:
        if (
            row.cells.get("et") == "b"
            and row.cells.get("closed", True)
            and not row.number("z_ohm", 0.0) > 0.0
        ):
            one, other = find(int(row.cells["bus"])), find(int(row.cells["element"]))
            group[max(one, other)] = min(one, other)
    return {bus: find(bus) for bus in group}


def _transformer(
    row: _Row, names: dict[int, str], hv: int, lv: int, base_kv: dict[int, float]
) -> Branch:
    parallel = row.number("parallel", 1.0)
    rating_va = row.number("sn_mva", math.nan) * 1e6 * parallel
    lv_kv, hv_kv = row.number("vn_lv_kv", base_kv[lv]), row.number("vn_hv_kv", base_kv[hv])
    step = (
        (row.number("tap_pos", 0.0) - row.number("tap_neutral", 0.0))
        * row.number("tap_step_percent", 0.0)
        / 100.0
    )
    if row.cells.get("tap_side") == "lv":
        lv_kv *= 1.0 + step
    else:
        hv_kv *= 1.0 + step
    gain = (lv_kv / base_kv[lv]) / (hv_kv / base_kv[hv])
    base_ohm = (lv_kv * 1e3) ** 2 / rating_va
    zk = row.number("vk_percent", math.nan) / 100.0 * base_ohm
    rk = row.number("vkr_percent", 0.0) / 100.0 * base_ohm
    if not zk >= rk:
        raise FeederError(
            f"transformer {row.index}: vk_percent, vkr_percent or sn_mva is missing or inconsistent"
        )
    return Branch(
        names[hv], names[lv], z_sequence(complex(rk, math.sqrt(zk**2 - rk**2))), rating_va=rating_va,
        to_base_ll_v=base_kv[lv] * 1e3, tap=(gain, gain, gain),
    )  # fmt: skip


def _loads(
    tables: dict[str, list[_Row]], names: dict[int, str], fused: dict[int, int]
) -> Iterator[Load]:
    for table, sign in (
        ("load", 1.0),
        ("sgen", -1.0),
        ("storage", 1.0),
        ("asymmetric_load", 1.0),
        ("asymmetric_sgen", -1.0),
    ):
        for row in tables[table]:
            if not row.on():
                continue
            bus = int(row.cells["bus"])
            label = names[fused.get(bus, bus)]
            factor = sign * row.number("scaling", 1.0) * 1e6
            if not table.startswith("asymmetric"):
                yield Load(
                    label, row.needed(table, "p_mw") * factor, row.number("q_mvar", 0.0) * factor
                )
                continue
            for phase in "abc":
                p, q = row.number(f"p_{phase}_mw", 0.0), row.number(f"q_{phase}_mvar", 0.0)
                yield Load(label, p * factor, q * factor, phase)


def _places(
    rows: list[_Row], names: dict[int, str], fused: dict[int, int]
) -> dict[str, tuple[float, float]]:
    places = {}
    for row in rows:
        geo = row.cells.get("geo")
        if isinstance(geo, str) and fused.get(row.index, row.index) == row.index:
            x, y = json.loads(geo)["coordinates"][:2]
            places[names[row.index]] = (float(x), float(y))
    return places
