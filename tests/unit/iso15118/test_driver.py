"""The shell: what happens when the world behind a machine misbehaves."""

from __future__ import annotations

import asyncio
import os
from itertools import pairwise

import pytest

from charger_sim.iso15118.backend import (
    Authorization,
    Authorize,
    AuthorizeExternally,
    CertificateResponse,
    InstallCertificate,
    MakeSchedule,
    PowerSchedule,
    ReportSchedule,
)
from charger_sim.iso15118.driver import run
from charger_sim.iso15118.iso2 import Secc
from charger_sim.iso15118.machine import (
    PENDING,
    Ask,
    End,
    Ending,
    Outcome,
    Output,
    Send,
    Wait,
)
from charger_sim.iso15118.model import AC_LIMITS, AC_NEEDS, ModelCar, ModelEvse
from charger_sim.iso15118.physical import Wish
from charger_sim.iso15118.streams import memory_pair
from charger_sim.iso15118.v2gtp import Frame
from tests.unit.iso15118.world import AC, EIM, play, unix_s, world

QUESTION = AuthorizeExternally(b"1")


def now_s() -> float:
    return asyncio.get_running_loop().time()


class Script:
    """A machine that says what it is told to."""

    def __init__(self, *outputs: Output) -> None:
        self.outputs = list(outputs)
        self.frames: list[Frame] = []

    def start(self, now_s: float) -> Output:
        return self.outputs.pop(0)

    def receive(self, frame: Frame, now_s: float) -> Output:
        self.frames.append(frame)
        return self.outputs.pop(0)

    def time_out(self, now_s: float) -> End:
        return End(Outcome(Ending.TIMED_OUT))


class SlowBackend:
    """Answers when `ready` is set; counts its questions."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.asked = 0

    async def authorize(self, question: Authorize) -> Authorization:
        self.asked += 1
        await self.ready.wait()
        return Authorization(True)

    async def authorize_externally(self, question: AuthorizeExternally) -> Authorization:
        self.asked += 1
        await self.ready.wait()
        return Authorization(True)

    async def install_certificate(self, question: InstallCertificate) -> CertificateResponse | None:
        raise RuntimeError("the service is down")

    async def make_schedule(self, question: MakeSchedule) -> tuple[PowerSchedule, ...]:
        raise RuntimeError("no schedule today")

    async def report_schedule(self, question: ReportSchedule) -> None:
        return None


async def test_silence_is_a_time_out() -> None:
    near, _ = memory_pair()
    assert await run(Script(Wait(0.01)), near, clock=now_s) == Outcome(Ending.TIMED_OUT)


async def test_a_closed_connection() -> None:
    near, far = memory_pair()
    await far.close()
    outcome = await run(Script(Wait(1.0)), near, clock=now_s)
    assert outcome.ending is Ending.CLOSED


async def test_garbage_is_a_protocol_error_and_the_connection_is_closed() -> None:
    near, far = memory_pair()
    await far.send(b"GET / HTTP/1.1\r\n\r\n")
    outcome = await run(Script(Wait(1.0)), near, clock=now_s)
    assert outcome.ending is Ending.PROTOCOL_ERROR
    assert await far.receive() == b""


async def test_frames_in_one_segment_are_all_seen() -> None:
    near, far = memory_pair()
    frames = [Frame(0x8001, bytes((n,))) for n in range(3)]
    await far.send(b"".join(frame.to_bytes() for frame in frames))
    done = End(Outcome(Ending.TERMINATED))
    machine = Script(Wait(1.0), Send(frames[0], "a", 1.0), Send(frames[0], "b", 1.0), done)
    assert (await run(machine, near, clock=now_s)).ending is Ending.TERMINATED
    assert machine.frames == frames


async def test_a_question_that_stays_open_is_joined_when_asked_again() -> None:
    near, _ = memory_pair()
    backend = SlowBackend()
    answers: list[object] = []
    done = End(Outcome(Ending.TERMINATED))

    def second(answer: object, now_s: float) -> Output:
        answers.append(answer)
        return done

    def first(answer: object, now_s: float) -> Output:
        answers.append(answer)
        backend.ready.set()
        return Ask(QUESTION, second, 1.0)

    await run(Script(Ask(QUESTION, first, 0.01)), near, clock=now_s, backend=backend)
    assert answers == [PENDING, Authorization(True)]
    assert backend.asked == 1


async def test_a_car_waits_while_its_backend_thinks() -> None:
    backend = SlowBackend()
    asyncio.get_running_loop().call_later(0.05, backend.ready.set)
    played = await play(AC, EIM, ModelCar(AC_NEEDS, rounds=0), backend=backend)
    assert played.of_evcc.ending is Ending.TERMINATED
    assert backend.asked == 1


async def test_what_a_backend_raises_is_told_to_us_and_a_refusal_to_the_car() -> None:
    backend = SlowBackend()
    backend.ready.set()
    played = await play(AC, EIM, ModelCar(AC_NEEDS), backend=backend)
    assert played.of_evcc.response_code == "FAILED"
    assert [str(error) for error in played.errors] == ["no schedule today"]
    played = await play(AC, world().new_car(), ModelCar(AC_NEEDS), backend=backend)
    assert played.of_evcc.response_code == "FAILED_NoCertificateAvailable"
    assert [str(error) for error in played.errors] == ["the service is down"]


async def test_the_steps_tile_the_session() -> None:
    played = await play(AC, EIM, ModelCar(AC_NEEDS))
    steps = played.steps
    for before, after in pairwise(steps):
        assert before.t_end_s == after.t_begin_s
    assert all(step.sent_octets > 8 and step.received_octets > 8 for step in steps)


class Leaving(ModelCar):
    """Its cable is torn off in the second round of the charge loop."""

    def wish(self) -> Wish:
        if len(self.powers_w) == 2:
            raise ConnectionAbortedError("torn off")
        return Wish.CHARGE


async def test_contactors_open_when_the_car_is_gone() -> None:
    played = await play(AC, EIM, Leaving(AC_NEEDS))
    assert played.of_secc.ending is Ending.CLOSED
    assert len(played.car.powers_w) == 2
    assert not played.evse.closed


async def test_contactors_open_when_the_charger_is_cancelled() -> None:
    near, far = memory_pair()
    evse = ModelEvse(AC_LIMITS, unix_s)
    evse.closed = True
    secc = Secc(AC, evse, random=os.urandom, unix_s=unix_s)
    task = asyncio.ensure_future(run(secc, near, clock=now_s))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not evse.closed
    assert await far.receive() == b""
