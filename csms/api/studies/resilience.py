"""Studies of faults and outages: protection, a microgrid on its vehicles, and its black start."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from csms.api.studies.grid import FeederName
from csms.api.studies.study import LazyPlots, Params, Study, StudyError, all_figures
from csms.grid import black_start, protection, resilience
from csms.grid.feeder_import import read
from csms.grid.network import Feeder
from csms.grid.relays import CURVES, Fuse, Relay

plots = LazyPlots("resilience")
MAX_BLOCKS = 50
MAX_RELAYS = 50
LEAST_TMS = 0.05


class ProtectionParams(Params, frozen=True, kw_only=True):
    feeder: FeederName = "ieee33"
    relays: Annotated[
        str,
        Meta(
            max_length=4_000,
            description="name:bus:pickup_a:curve, ...; curves: iec-si, iec-vi, iec-ei, iec-lti, ieee-mi, ieee-vi,"
            " ieee-ei; a fuse is name:bus:min_melting_a:fuse:i2t_a2s. Each stands where power enters its bus."
            " On ieee33 there is an example.",
        ),
    ] = ""
    fleet_bus: Annotated[str, Meta(max_length=100, description="Where the fleet stands.")] = "24"
    fleet_va: Annotated[float, Meta(gt=0, le=1e9, description="The fleet of today, VA.")] = 1e6
    max_fleet_va: Annotated[float, Meta(gt=0, le=1e9, description="It grows to, VA.")] = 4e6
    k: Annotated[float, Meta(gt=0, le=5, description="Fault current over rated current.")] = 1.2


class ResilienceParams(Params, frozen=True, kw_only=True):
    critical_load_w: Annotated[float, Meta(gt=0, le=1e9)] = 500_000.0
    n_ev: Annotated[int, Meta(ge=1, le=100_000, description="Vehicles.")] = 80
    soc_frac: Annotated[float, Meta(gt=0, le=1, description="Their state of charge.")] = 0.6
    outage_h: Annotated[float, Meta(gt=0, le=72)] = 6.0


class BlackStartParams(Params, frozen=True, kw_only=True):
    blocks: Annotated[
        str,
        Meta(
            max_length=2_000,
            description="What one switch re-energises: name:kW:priority, ..., the lowest priority first.",
        ),
    ] = "hospital:120:0,water:60:0,shelter:80:1,clinic:40:1,street A:110:2,street B:90:2,mall:260:3"
    n_ev: Annotated[int, Meta(ge=1, le=100_000, description="Vehicles.")] = 80
    soc_frac: Annotated[float, Meta(gt=0, le=1, description="Their state of charge.")] = 0.7
    outage_h: Annotated[float, Meta(gt=0, le=72)] = 2.0
    step_limit_w: Annotated[
        float, Meta(gt=0, le=1e9, description="Largest inrush that the island bears, W.")
    ] = 400_000.0


def _relays(text: str, feeder: Feeder) -> list[protection.PlacedRelay]:
    if not text:
        if feeder.name != "ieee33":
            raise StudyError(
                f"relays: feeder {feeder.name!r} has no example scheme; give name:bus:pickup_a:curve, ..."
            )
        return protection.ieee33_relays(feeder)
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > MAX_RELAYS:
        raise StudyError(f"relays: {len(parts)}, at most {MAX_RELAYS}")
    return [_relay(part, feeder) for part in parts]


def _relay(text: str, feeder: Feeder) -> protection.PlacedRelay:
    try:
        name, bus, amperes, curve, *more = text.split(":")
        if curve == "fuse":
            (i2t_a2s,) = more
            device: Relay | Fuse = Fuse(name, float(amperes), float(i2t_a2s))
        elif curve in CURVES and not more:
            device = Relay(name, CURVES[curve], float(amperes), tms=LEAST_TMS)
        else:
            raise ValueError(f"no curve {curve!r}")
    except ValueError as error:
        raise StudyError(
            f"relays: {text!r}, expected name:bus:pickup_a:curve such as R1:1:400:iec-vi, or"
            f" F1:1:100:fuse:20000 ({error})"
        ) from None
    branch = feeder.bus(bus)
    if branch == 0:
        raise StudyError(f"relays: {text!r} stands at the source, where no branch enters")
    return protection.PlacedRelay(branch, device)


def _run_protection(params: ProtectionParams) -> protection.ProtectionResult:
    feeder = read(params.feeder).feeder
    return protection.protection_study(
        feeder, _relays(params.relays, feeder), fleet_bus=params.fleet_bus,
        fleet_va=params.fleet_va, max_fleet_va=params.max_fleet_va, k=params.k,
    )  # fmt: skip


def _blocks(text: str) -> list[black_start.LoadBlock]:
    blocks = []
    for part in text.split(","):
        try:
            name, power_kw, priority = part.rsplit(":", 2)
            blocks.append(black_start.LoadBlock(name.strip(), 1e3 * float(power_kw), int(priority)))
        except ValueError as error:
            raise StudyError(
                f"blocks: {part!r}, expected name:kW:priority such as hospital:120:0 ({error})"
            ) from None
    if len(blocks) > MAX_BLOCKS:
        raise StudyError(f"blocks: {len(blocks)}, at most {MAX_BLOCKS}")
    return blocks


def _run_black_start(params: BlackStartParams) -> black_start.BlackStartResult:
    return black_start.black_start(
        _blocks(params.blocks),
        resilience.FleetPool(n_ev=params.n_ev, soc_frac=params.soc_frac),
        outage_h=params.outage_h,
        step_limit_w=params.step_limit_w,
    )


STUDIES: tuple[Study[Any, Any], ...] = (
    Study(
        "protection", "Fault levels and relay coordination, without and with a fleet.",
        ProtectionParams, _run_protection, all_figures, plots.plot_protection,
    ),
    Study(
        "resilience", "A microgrid carried through an outage by its vehicles.",
        ResilienceParams,
        lambda p: resilience.resilience_study(
            critical_load_w=p.critical_load_w, n_ev=p.n_ev, soc_frac=p.soc_frac, outage_h=p.outage_h
        ),
        all_figures, plots.plot_resilience,
    ),
    Study(
        "black-start", "The order in which vehicles re-energise a dead microgrid.",
        BlackStartParams, _run_black_start, all_figures, plots.plot_black_start,
    ),
)  # fmt: skip
