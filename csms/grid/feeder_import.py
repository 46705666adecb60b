"""Any feeder that can be read, whatever it was written for: our own format, an OpenDSS script or folder, pandapower.

imported = read(Path("123Bus"))        # a folder: its one script that defines a circuit
text = feeder_writer.dumps(imported.feeder, imported.comment())
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from csms.grid import feeder_file, import_opendss, import_pandapower
from csms.grid.import_opendss import Circuit
from csms.grid.network import Feeder, FeederError
from csms.grid.nodal import NodalFlow
from csms.grid.opendss_to_feeder import to_feeder

MAX_JSON_BYTES = 64 * 1024 * 1024
MAX_FOLDER_FILES = 1_000
_CIRCUIT = re.compile(r"^\s*new\s+(object\s*=\s*)?\"?circuit\.", re.IGNORECASE | re.MULTILINE)
_DSS_NOTES = (
    "regulators keep the taps of the solved circuit",
    "loads are constant power at what they draw in the solved circuit",
)
_LUMPED_NOTE = "transformers that mix phases are loads, with all that is behind them"
_PANDAPOWER_NOTES = (
    "magnetising branches and the phase shift of transformers are left out",
    "loads are constant power",
)


@dataclass(frozen=True, slots=True, eq=False)
class OpenDssCircuit:
    """A circuit with its regulators, solved as OpenDSS solves it."""

    path: Path
    circuit: Circuit
    flow: NodalFlow


@dataclass(frozen=True, slots=True, eq=False)
class ImportedFeeder:
    """A feeder, where it came from, and what the change of format cost."""

    feeder: Feeder
    kind: str  # "feeder file", "OpenDSS" or "pandapower"
    origin: str
    notes: tuple[str, ...] = ()
    circuit: OpenDssCircuit | None = None

    @property
    def left_out(self) -> dict[str, int]:
        """What of an OpenDSS circuit was not taken over: name -> how often."""
        return {} if self.circuit is None else self.circuit.circuit.ignored

    def comment(self) -> str:
        """What to write above the file."""
        lines = [
            f"Imported from {self.origin} ({self.kind}).",
            "SI units, the unit in every key; power is positive into the load.",
        ]
        return "\n".join(lines + [f"- {note}" for note in self.notes])


def read(name_or_path: str, name: str = "", *, lumped: bool = False) -> ImportedFeeder:
    """A built-in feeder, a file or a folder. Raises :class:`FeederError` and, for a circuit without a solution,
    ``PowerFlowDivergedError`` with its residual.

    ``lumped``: of an OpenDSS circuit, transformers that mix phases stay as the loads that they are."""
    path = Path(name_or_path)
    if is_opendss(path):
        found = open_circuit(path)
        label = name or found.path.stem.lower()
        try:
            feeder = to_feeder(
                found.circuit, found.flow, label, origin=found.path.name, lumped=lumped
            )
        except FeederError as error:
            raise FeederError(
                f"{found.path.name} is no radial feeder for the dispatcher: {error}; "
                "as a circuit it can be solved (csms feeder solve), or those transformers lumped into loads "
                "(csms feeder import --lumped)"
            ) from None
        left_out = named_counts(found.circuit.ignored)
        notes = (
            *_DSS_NOTES,
            *([_LUMPED_NOTE] if lumped else []),
            *([f"left out: {left_out}"] if left_out else []),
        )
        return ImportedFeeder(feeder, "OpenDSS", found.path.name, notes, found)
    if path.suffix.lower() == ".json" and path.is_file():
        if path.stat().st_size > MAX_JSON_BYTES:
            raise FeederError(f"{path}: larger than {MAX_JSON_BYTES} bytes")
        try:
            feeder = import_pandapower.loads(path.read_text("utf-8"), name or path.stem)
        except (FeederError, UnicodeDecodeError) as error:
            raise FeederError(f"{path}: {error}") from None
        return ImportedFeeder(feeder, "pandapower", path.name, _PANDAPOWER_NOTES)
    feeder = feeder_file.load_feeder(name_or_path)
    return ImportedFeeder(feeder, "feeder file", path.name or name_or_path)


def named_counts(counts: dict[str, int]) -> str:
    """``{"monitor": 2}`` -> ``"2 monitor"``."""
    return ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))


def is_opendss(path: Path) -> bool:
    """Whether ``path`` is a script, or a folder of scripts."""
    return path.is_dir() or (path.suffix.lower() == ".dss" and path.is_file())


def open_circuit(path: Path) -> OpenDssCircuit:
    """A script, or the one script of a folder that defines a circuit, solved. Raises :class:`FeederError`."""
    script = _master(path) if path.is_dir() else path
    circuit = import_opendss.load(script)
    return OpenDssCircuit(script, circuit, circuit.solve())


def _master(folder: Path) -> Path:
    scripts = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".dss" and p.is_file())
    if len(scripts) > MAX_FOLDER_FILES:
        raise FeederError(f"{folder}: more than {MAX_FOLDER_FILES} scripts; name one")
    defining = [p for p in scripts if _CIRCUIT.search(p.read_text("utf-8", errors="replace"))]
    if len(defining) == 1:
        return defining[0]
    if not defining:
        raise FeederError(f"{folder}: no OpenDSS script in it defines a circuit (New Circuit.name)")
    names = ", ".join(p.name for p in defining)
    raise FeederError(f"{folder}: {len(defining)} scripts define a circuit, name one: {names}")
