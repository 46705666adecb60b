"""Primitives: small operations that are timed one by one, a little after every session.

They are timed as a session meets them, once at a time and not in a hot loop, so that they
add up to what a session takes.
"""

from __future__ import annotations

import asyncio
import ssl
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping
from random import Random

from charger_sim.iso15118.backend import AuthorizeExternally, Backend
from charger_sim.iso15118.driver import Clock, Step, run
from charger_sim.iso15118.machine import Ask, End, Ending, Outcome, Output, Send, Wait
from charger_sim.iso15118.streams import AsyncioStream, connect, memory_pair
from charger_sim.iso15118.v2gtp import Frame, PayloadType

SMALL_OCTETS = 32
LARGE_OCTETS = 4_096
_EXCHANGES = 6
_UNCOUNTED = "uncounted"
_TIMEOUT_S = 10.0


class Samples:
    """Seconds by name, round by round: a round is what follows one session."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._random = Random(0)  # noqa: S311 only the order of the operations
        self._rounds: list[defaultdict[str, list[float]]] = []

    def begin_round(self) -> None:
        self._rounds.append(defaultdict(list))

    def add(self, name: str, seconds: float) -> None:
        self._rounds[-1][name].append(seconds)

    def time(self, operations: Mapping[str, Callable[[], object]]) -> None:
        """Do each operation once, in an order of its own, so that none is always warmed by another."""
        names = list(operations)
        self._random.shuffle(names)
        for name in names:
            operation = operations[name]
            begin_s = self._clock()
            operation()
            self.add(name, self._clock() - begin_s)

    def typical(self, total: Callable[[Mapping[str, float]], float]) -> dict[str, float]:
        """Means over the middle half of the rounds, by the `total` that their times add up to.

        Means add up where medians do not; and the sessions' median knows nothing of the rounds in
        which the machine did something else.
        """
        rounds = [
            {name: statistics.fmean(values) for name, values in each.items()}
            for each in self._rounds
        ]
        rounds.sort(key=total)
        cut = len(rounds) // 4
        middle = rounds[cut : len(rounds) - cut]
        return {name: statistics.fmean(each[name] for each in middle) for name in middle[0]}


class _Caller:
    """Exchanges empty frames, small ones and large ones in turn.

    The first one is not counted: a TLS 1.3 server still finishes its handshake then.
    """

    def __init__(self) -> None:
        self._left = 2 * _EXCHANGES

    def start(self, now_s: float) -> Output:
        del now_s
        return Send(Frame(PayloadType.EXI, bytes(SMALL_OCTETS)), _UNCOUNTED, _TIMEOUT_S)

    def _exchange(self) -> Output:
        self._left -= 1
        name, octets = ("small", SMALL_OCTETS) if self._left % 2 else ("large", LARGE_OCTETS)
        return Send(Frame(PayloadType.EXI, bytes(octets)), name, _TIMEOUT_S)

    def receive(self, frame: Frame, now_s: float) -> Output:
        del frame, now_s
        return self._exchange() if self._left else End(Outcome(Ending.TERMINATED))

    def time_out(self, now_s: float) -> End:
        del now_s
        return End(Outcome(Ending.TIMED_OUT))


class _Echo:
    """Answers each frame with an empty small one."""

    def start(self, now_s: float) -> Output:
        del now_s
        return Wait(_TIMEOUT_S)

    def receive(self, frame: Frame, now_s: float) -> Output:
        del frame, now_s
        return Send(Frame(PayloadType.EXI, bytes(SMALL_OCTETS)), "echo", _TIMEOUT_S)

    def time_out(self, now_s: float) -> End:
        del now_s
        return End(Outcome(Ending.TIMED_OUT))


class _Asker(_Echo):
    """Asks the backend before it answers; times from question to answer."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def receive(self, frame: Frame, now_s: float) -> Output:
        def then(answer: object, at_s: float) -> Output:
            del answer
            self._samples.add("ask", at_s - now_s)
            return _Echo.receive(self, frame, at_s)

        return Ask(AuthorizeExternally(b""), then, _TIMEOUT_S)


async def time_questions(samples: Samples, clock: Clock, backend: Backend) -> None:
    """A question to a backend that answers at once."""
    near, far = memory_pair()
    await asyncio.gather(
        run(_Caller(), near, clock=clock),
        run(_Asker(samples), far, clock=clock, backend=backend),
    )


async def time_memory(samples: Samples, clock: Clock) -> None:
    """Round trips of a small and a large frame between two tasks."""
    near, far = memory_pair()
    await asyncio.gather(
        run(_Caller(), near, clock=clock, on_step=_into(samples, "round_trip")),
        run(_Echo(), far, clock=clock),
    )


async def time_loopback(
    samples: Samples, clock: Clock, secc: ssl.SSLContext | None, evcc: ssl.SSLContext | None
) -> None:
    """TCP connect, and round trips over TCP; with contexts also over TLS, and TLS's own work."""
    await _exchange(samples, clock, None, None, "tcp_round_trip" if secc else "round_trip")
    if secc is None or evcc is None:
        return
    begin_s = clock()
    tls_in_memory(secc, evcc)
    samples.add("tls_handshake", clock() - begin_s)
    await _exchange(samples, clock, secc, evcc, "round_trip")


async def _exchange(
    samples: Samples,
    clock: Clock,
    secc: ssl.SSLContext | None,
    evcc: ssl.SSLContext | None,
    name: str,
) -> None:
    served: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.set_result(await run(_Echo(), AsyncioStream(reader, writer), clock=clock))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=secc)
    port = server.sockets[0].getsockname()[1]
    begin_s = clock()
    stream = await connect("127.0.0.1", port, evcc, _TIMEOUT_S)
    if secc is None:
        samples.add("tcp_connect", clock() - begin_s)
    await run(_Caller(), stream, clock=clock, on_step=_into(samples, name))
    await served
    server.close()
    await server.wait_closed()


def _into(samples: Samples, name: str) -> Callable[[Step], None]:
    def add(step: Step) -> None:
        if step.name != _UNCOUNTED:
            samples.add(f"{name}_{step.name}", step.t_end_s - step.t_begin_s)

    return add


def tls_in_memory(secc: ssl.SSLContext, evcc: ssl.SSLContext) -> None:
    """A whole TLS handshake without sockets or event loop: what both sides compute."""
    to_secc, to_evcc = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = secc.wrap_bio(to_secc, to_evcc, server_side=True)
    client = evcc.wrap_bio(to_evcc, to_secc)
    waiting = [client, server]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)
