"""The command behind `charger-sim handshake`."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, TypeAlias

import uvloop

from charger_sim.iso15118.errors import LocalProtocolError
from charger_sim.iso15118.handshake.devices import DEVICES
from charger_sim.iso15118.handshake.flow import Auth, Flow, Transport
from charger_sim.iso15118.handshake.flow_2 import flow_2
from charger_sim.iso15118.handshake.measure import measure
from charger_sim.iso15118.handshake.report import Report
from pki.ports import SystemClock

_ALLOCATIONS_A_SWEEP: Final = 10_000
ProtocolName: TypeAlias = Literal["iso15118-2", "iso15118-20"]


def handshake(
    protocol: ProtocolName, auth: Auth, *, install: bool, transport: Transport, repeat: int
) -> Report:
    """Measure with real time and randomness. Raises LocalProtocolError."""
    if install and auth != "pnc":
        raise LocalProtocolError("only a contract (pnc) can be installed")
    make: Callable[..., Flow] = _flow_20() if protocol == "iso15118-20" else flow_2
    flow = make(auth, install, clock=SystemClock(), random=os.urandom)
    with _settled(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measure(flow, transport, repeat, clock=time.perf_counter))


@contextmanager
def _settled() -> Iterator[None]:
    """The garbage collector as in a process that serves for long: what is loaded stays, and what a
    message leaves behind is nearly always freed by its reference count."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_A_SWEEP)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _flow_20() -> Callable[..., Flow]:
    from charger_sim.iso15118.iso20.flow import flow_20

    return flow_20


def as_device(report: Report, name: str, *, by_contract: bool) -> dict[str, float]:
    """Milliseconds of each step, and their "total", on a device of `devices`.

    Raises LocalProtocolError for a device that is unknown or not known for these steps.
    """
    names = [step.name for step in report.steps]
    if "Connect" not in names:
        names.insert(0, "Connect")
    if name not in DEVICES:
        raise LocalProtocolError(f"no device {name!r}, there are {list(DEVICES)}")
    try:
        times_ms = DEVICES[name].steps_ms(names, by_contract=by_contract)
    except KeyError as error:
        raise LocalProtocolError(f"nothing is known of {error} on {name}") from None
    return {**dict(zip(names, times_ms, strict=True)), "total": sum(times_ms)}


def as_text(values: dict[str, Any]) -> str:
    """A table for people."""
    device_ms = values.get("device_ms", {})
    lines = [f"{'step':<26}{'p50 ms':>10}{'p99 ms':>10}{'predicted':>10}"]
    for step in [*values["steps"], {"name": "total", **values["total"]}]:
        measured = step["measured_ms"]
        line = f"{step['name']:<26}{measured['p50']:>10.2f}{measured['p99']:>10.2f}"
        line += f"{step['predicted_ms']:>10.2f}"
        if step["name"] in device_ms:
            line += f"{device_ms[step['name']]:>10.0f} ms on the device"
        lines.append(line)
    return "\n".join(lines)
