"""All benchmarks, one after another: ``make bench``, or ``python -m tests.bench [--quick] [--only NAME]``.

Each suite runs in a process of its own with a time limit. The table shows every figure that compares with a named
baseline of the same run; everything measured is written to ``bench-results/``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path("bench-results")
SUITES = {  # name -> (module, seconds allowed, arguments when quick)
    "gateway": ("tests.bench.gateway_throughput", 300, {"seconds": 1.0}),
    "store": ("tests.bench.store_bench", 300, {"seconds": 1.0}),
    "grid": ("tests.bench.grid_bench", 900, {}),
    "exi": ("tests.bench.exi_bench", 600, {}),
    "frequency": ("tests.bench.frequency_bench", 600, {}),
    "market": ("tests.bench.market_bench", 600, {}),
    "loop": ("tests.bench.loop_bench", 300, {"turns": 10}),
    "feeders": ("tests.bench.feeders_bench", 300, {"seconds": 3.0}),
    "planner": ("tests.bench.planner_bench", 600, {"cars": (200,)}),
    "battery": ("tests.bench.battery_bench", 600, {}),
}
SLOW = {"grid", "frequency"}
"""Left out by ``--quick``: they take minutes whatever they are told."""
_RATIO_WORDS = ("ratio", "times", "faster", "speed_up", "speedup", " / ")


def run_suite(module: str, limit_s: float, arguments: dict[str, Any]) -> dict[str, Any]:
    """The suite's figures, or ``{"error": why}``."""
    code = (
        f"import json, {module} as suite\n"
        f"print('\\n' + json.dumps(suite.run(**{arguments!r}), default=str))"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"took longer than {limit_s:g} s"}
    if done.returncode != 0:
        return {"error": done.stderr.strip().splitlines()[-1] if done.stderr else "failed"}
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def ratios(figures: Any, path: str = "") -> list[tuple[str, float]]:
    """All numbers whose path says that they compare with something."""
    if isinstance(figures, dict):
        return [r for k, v in figures.items() for r in ratios(v, f"{path}/{k}" if path else k)]
    is_number = isinstance(figures, int | float) and not isinstance(figures, bool)
    if is_number and any(word in path.casefold() for word in _RATIO_WORDS):
        return [(path, float(figures))]
    return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs of the quick suites")
    parser.add_argument("--only", choices=SUITES, help="one suite")
    options = parser.parse_args()
    names = [options.only] if options.only else list(SUITES)
    results: dict[str, Any] = {}
    for name in names:
        module, limit_s, quick = SUITES[name]
        if importlib.util.find_spec(module) is None or (
            options.quick and name in SLOW and not options.only
        ):
            continue
        print(f"{name} ...", flush=True)
        results[name] = figures = run_suite(module, limit_s, quick if options.quick else {})
        if "error" in figures:
            print(f"  failed: {figures['error']}")
        for path, value in ratios(figures):
            print(f"  {path:62} {value:10.1f} x")
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    file = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    about = {"at": now.isoformat(), "python": platform.python_version(), "quick": options.quick}
    file.write_text(json.dumps({**about, "suites": results}, indent=2) + "\n")
    print(f"all figures: {file}")
    if any("error" in figures for figures in results.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
