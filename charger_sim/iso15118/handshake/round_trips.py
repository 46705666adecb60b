"""Round trips, TLS handshakes and questions to the backend: primitives that need two sides.

Between two frames of a session a machine makes a transition, so a round trip meets other caches
there than in a loop of nothing but round trips. `Transitions` makes them here too, times them, and
takes them off the round trip.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence

from charger_sim.iso15118.backend import AuthorizeExternally, Backend
from charger_sim.iso15118.driver import Clock, Step, run
from charger_sim.iso15118.handshake.flow import Flow
from charger_sim.iso15118.handshake.predict import Exchange
from charger_sim.iso15118.handshake.primitives import LARGE_OCTETS, SMALL_OCTETS, Samples
from charger_sim.iso15118.machine import Ask, End, Ending, Machine, Outcome, Output, Send, Wait
from charger_sim.iso15118.streams import AsyncioStream, connect, memory_pair
from charger_sim.iso15118.v2gtp import Frame, PayloadType

_EXCHANGES = 3
_TIMEOUT_S = 10.0
_ECHO = Send(Frame(PayloadType.EXI, bytes(SMALL_OCTETS)), "echo", _TIMEOUT_S)


class Transitions:
    """The first one of either machine after supportedAppProtocol, with its EXI, again and again."""

    def __init__(
        self, flow: Flow, exchanges: Sequence[Exchange], samples: Samples, clock: Clock
    ) -> None:
        self._flow = flow
        self._begin, self._next = exchanges[:2]
        self._samples = samples
        self._clock = clock
        self._spent_s = 0.0
        self._seccs: list[Machine] = []
        self._evccs: list[Machine] = []

    def prepare(self) -> None:
        """Machines for one call of `run` with a `_Caller`."""
        self._spent_s = 0.0
        for _ in range(2 * _EXCHANGES):
            party = self._flow.party()
            party.secc.receive(self._begin.request, 0.0)
            party.evcc.start(0.0)
            self._seccs.append(party.secc)
            self._evccs.append(party.evcc)

    def secc(self) -> None:
        self._make("secc transition", self._seccs.pop(), self._next.request)

    def evcc(self) -> None:
        self._make("evcc transition", self._evccs.pop(), self._begin.response)

    def _make(self, name: str, machine: Machine, frame: Frame) -> None:
        begin_s = self._clock()
        machine.receive(frame, 0.0)
        took_s = self._clock() - begin_s
        self._samples.add(name, took_s)
        self._spent_s += took_s

    def spent_s(self) -> float:
        """Since this was called last."""
        spent_s, self._spent_s = self._spent_s, 0.0
        return spent_s


class _Caller:
    """Exchanges empty frames, small ones and large ones in turn."""

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions
        self._left = 2 * _EXCHANGES

    def start(self, now_s: float) -> Output:
        del now_s
        return self._exchange()

    def _exchange(self) -> Output:
        self._left -= 1
        name, octets = ("small", SMALL_OCTETS) if self._left % 2 else ("large", LARGE_OCTETS)
        return Send(Frame(PayloadType.EXI, bytes(octets)), name, _TIMEOUT_S)

    def receive(self, frame: Frame, now_s: float) -> Output:
        del frame, now_s
        self._transitions.evcc()
        return self._exchange() if self._left else End(Outcome(Ending.TERMINATED))

    def time_out(self, now_s: float) -> End:
        del now_s
        return End(Outcome(Ending.TIMED_OUT))


class _Echo:
    """Answers each frame with an empty small one."""

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions

    def start(self, now_s: float) -> Output:
        del now_s
        return Wait(_TIMEOUT_S)

    def receive(self, frame: Frame, now_s: float) -> Output:
        del frame, now_s
        self._transitions.secc()
        return _ECHO

    def time_out(self, now_s: float) -> End:
        del now_s
        return End(Outcome(Ending.TIMED_OUT))


class _Asker(_Echo):
    """Asks the backend before it answers; times from question to answer."""

    def __init__(self, samples: Samples, transitions: Transitions) -> None:
        super().__init__(transitions)
        self._samples = samples

    def receive(self, frame: Frame, now_s: float) -> Output:
        del frame

        def then(answer: object, at_s: float) -> Output:
            del answer
            self._samples.add("ask", at_s - now_s - self._transitions.spent_s())
            return _ECHO

        self._transitions.spent_s()  # the caller's, before this frame
        self._transitions.secc()
        return Ask(AuthorizeExternally(b""), then, _TIMEOUT_S)


async def time_questions(
    samples: Samples, clock: Clock, transitions: Transitions, backend: Backend
) -> None:
    """A question to a backend that answers at once."""
    transitions.prepare()
    near, far = memory_pair()
    await asyncio.gather(
        run(_Caller(transitions), near, clock=clock),
        run(_Asker(samples, transitions), far, clock=clock, backend=backend),
    )


async def time_memory(samples: Samples, clock: Clock, transitions: Transitions) -> None:
    """Round trips of a small and a large frame between two tasks."""
    transitions.prepare()
    near, far = memory_pair()
    await asyncio.gather(
        run(
            _Caller(transitions),
            near,
            clock=clock,
            on_step=_into(samples, "round_trip", transitions),
        ),
        run(_Echo(transitions), far, clock=clock),
    )


async def time_loopback(
    samples: Samples,
    clock: Clock,
    transitions: Transitions,
    secc: ssl.SSLContext | None,
    evcc: ssl.SSLContext | None,
) -> None:
    """TCP connect, and round trips over TCP; with contexts also over TLS, and TLS's own work."""
    name = "tcp_round_trip" if secc else "round_trip"
    await _exchange(samples, clock, transitions, None, None, name)
    if secc is None or evcc is None:
        return
    connect_s, finish_s = tls_in_memory(secc, evcc, clock)
    samples.add("tls_handshake", connect_s)
    samples.add("tls_finish", finish_s)
    await _exchange(samples, clock, transitions, secc, evcc, "round_trip")


async def _exchange(
    samples: Samples,
    clock: Clock,
    transitions: Transitions,
    secc: ssl.SSLContext | None,
    evcc: ssl.SSLContext | None,
    name: str,
) -> None:
    served: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    accepted = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        served.set_result(await run(_Echo(transitions), AsyncioStream(reader, writer), clock=clock))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=secc)
    port = server.sockets[0].getsockname()[1]
    begin_s = clock()
    stream = await connect("127.0.0.1", port, evcc, _TIMEOUT_S)
    if secc is None:
        samples.add("tcp_connect", clock() - begin_s)
    transitions.prepare()
    await accepted.wait()  # a TLS 1.3 server finishes after its client
    await run(_Caller(transitions), stream, clock=clock, on_step=_into(samples, name, transitions))
    await served
    server.close()
    await server.wait_closed()


def _into(samples: Samples, name: str, transitions: Transitions) -> Callable[[Step], None]:
    def add(step: Step) -> None:
        spent_s = transitions.spent_s()
        samples.add(f"{name}_{step.name}", step.t_end_s - step.t_begin_s - spent_s)

    return add


def tls_in_memory(secc: ssl.SSLContext, evcc: ssl.SSLContext, clock: Clock) -> tuple[float, float]:
    """A whole TLS handshake without sockets or event loop: what both sides compute.

    Seconds until the car may send, and what the charger needs after that (TLS 1.3: it checks the
    car's certificates and its signature).
    """
    to_secc, to_evcc = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = secc.wrap_bio(to_secc, to_evcc, server_side=True)
    client = evcc.wrap_bio(to_evcc, to_secc)
    waiting = [client, server]
    begin_s = connected_s = clock()
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)
            continue
        side.getpeercert()  # as an event loop does, for whom it may concern
        if side is client:
            connected_s = clock()
    return connected_s - begin_s, clock() - connected_s
