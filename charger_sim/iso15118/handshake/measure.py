"""Repeats a handshake, and times its primitives in between."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from charger_sim.iso15118.driver import ByteStream, Clock, Step, run
from charger_sim.iso15118.errors import LocalProtocolError
from charger_sim.iso15118.handshake.flow import Flow, Transport
from charger_sim.iso15118.handshake.predict import (
    Exchange,
    message_operations,
    predict,
    predict_connect,
    repetitions,
)
from charger_sim.iso15118.handshake.primitives import Samples
from charger_sim.iso15118.handshake.report import Report, StepReport, Total, quantiles
from charger_sim.iso15118.handshake.round_trips import (
    Transitions,
    time_loopback,
    time_memory,
    time_questions,
)
from charger_sim.iso15118.machine import End, Ending, Machine, Outcome, Output, Send
from charger_sim.iso15118.streams import AsyncioStream, connect, memory_pair
from charger_sim.iso15118.tls import check_secc
from charger_sim.iso15118.v2gtp import Frame

_TIMEOUT_S = 10.0
_CONNECT = "Connect"


@dataclass(slots=True)
class _Recorder:
    """The car's machine, with its frames kept."""

    machine: Machine
    sent: list[Frame] = field(default_factory=list)
    received: list[Frame] = field(default_factory=list)

    def start(self, now_s: float) -> Output:
        return self._keep(self.machine.start(now_s))

    def receive(self, frame: Frame, now_s: float) -> Output:
        self.received.append(frame)
        return self._keep(self.machine.receive(frame, now_s))

    def time_out(self, now_s: float) -> End:
        return self.machine.time_out(now_s)

    def _keep(self, output: Output) -> Output:
        if isinstance(output, Send):
            self.sent.append(output.frame)
        return output


@dataclass(frozen=True, slots=True)
class _Run:
    steps: list[Step]
    exchanges: list[Exchange]


async def measure(flow: Flow, transport: Transport, repeat: int, *, clock: Clock) -> Report:
    """`repeat` handshakes after one to warm up. `clock` gives seconds, ``time.perf_counter``.

    Raises LocalProtocolError where a session does not end as it should.
    """
    warm = await _session(flow, transport, clock)
    operations = {
        **message_operations(warm.exchanges, flow.protocol, flow.signer),
        **flow.operations,
    }
    samples = Samples(clock)
    transitions = Transitions(flow, warm.exchanges, samples, clock)
    repeats = repetitions(flow)
    runs = []
    for _ in range(repeat):
        runs.append(await _session(flow, transport, clock))
        samples.begin_round()
        samples.time(operations, repeats)
        await time_questions(samples, clock, transitions, flow.party().backend)
        if transport == "memory":
            await time_memory(samples, clock, transitions)
        else:
            await time_loopback(samples, clock, transitions, flow.tls_secc, flow.tls_evcc)

    def predicted(times_s: Mapping[str, float]) -> list[dict[str, float]]:
        steps = predict(flow, warm.exchanges, times_s)
        if transport == "memory":
            return steps
        if flow.tls_secc is not None:
            steps[0]["tls handshake"] = times_s["tls_finish"]
        return [predict_connect(flow, times_s), *steps]

    times_s = samples.typical(lambda each: sum(sum(step.values()) for step in predicted(each)))
    return _report(flow, transport, runs, predicted(times_s), times_s)


async def _session(flow: Flow, transport: Transport, clock: Clock) -> _Run:
    party = flow.party()
    recorder = _Recorder(party.evcc)
    steps: list[Step] = []
    ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    async def serve(stream: ByteStream) -> None:
        ended.set_result(await run(party.secc, stream, clock=clock, backend=party.backend))

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(AsyncioStream(reader, writer))

    if transport == "memory":
        near, far = memory_pair()
        serving = asyncio.ensure_future(serve(far))
        outcome = await run(recorder, near, clock=clock, on_step=steps.append)
        await serving
    else:
        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=flow.tls_secc)
        port = server.sockets[0].getsockname()[1]
        begin_s = clock()
        stream = await connect("127.0.0.1", port, flow.tls_evcc, _TIMEOUT_S)
        if stream.tls is not None:
            check_secc(stream.tls)
        steps.append(Step(_CONNECT, begin_s, clock(), 0, 0))
        outcome = await run(recorder, stream, clock=clock, on_step=steps.append)
        await ended
        server.close()
        await server.wait_closed()
    for side in (outcome, ended.result()):
        if side.ending is not Ending.TERMINATED:
            raise LocalProtocolError(f"the handshake failed: {side}")
    return _cut(flow, steps, recorder)


def _cut(flow: Flow, steps: list[Step], recorder: _Recorder) -> _Run:
    """Drop what comes after the authorization."""
    names = [step.name.removesuffix("Req") for step in steps]
    end = len(names) - names[::-1].index(flow.last)
    offset = int(steps[0].name == _CONNECT)
    exchanges = [
        Exchange(name, request, response)
        for name, request, response in zip(
            names[offset:end], recorder.sent, recorder.received, strict=False
        )
    ]
    return _Run(steps[:end], exchanges)


def _report(
    flow: Flow,
    transport: Transport,
    runs: list[_Run],
    predicted: list[dict[str, float]],
    times_s: dict[str, float],
) -> Report:
    columns: defaultdict[int, list[float]] = defaultdict(list)
    for each in runs:
        for number, step in enumerate(each.steps):
            columns[number].append(step.t_end_s - step.t_begin_s)
    steps = [
        StepReport(
            step.name.removesuffix("Req"),
            quantiles(columns[number]),
            1e3 * sum(parts.values()),
            {name: 1e3 * seconds for name, seconds in parts.items()},
            step.sent_octets,
            step.received_octets,
        )
        for number, (step, parts) in enumerate(zip(runs[0].steps, predicted, strict=True))
    ]
    whole = quantiles([each.steps[-1].t_end_s - each.steps[0].t_begin_s for each in runs])
    predicted_ms = sum(step.predicted_ms for step in steps)
    return Report(
        flow.protocol,
        transport,
        len(runs),
        Total(whole, predicted_ms, whole.p50 / predicted_ms),
        steps,
        {name: 1e6 * seconds for name, seconds in sorted(times_s.items())},
    )
