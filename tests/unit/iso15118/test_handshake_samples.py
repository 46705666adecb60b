"""Primitives' times, round by round."""

from __future__ import annotations

from itertools import count

from charger_sim.iso15118.handshake.primitives import Samples


def test_the_middle_of_the_rounds_counts() -> None:
    samples = Samples(lambda: 0.0)
    for seconds in (5.0, 1.0, 3.0, 900.0, 2.0):
        samples.begin_round()
        samples.add("sign", seconds)
        samples.add("check", 10.0 * seconds)
        samples.add("check", 30.0 * seconds)
    typical = samples.typical(lambda each: each["sign"] + each["check"])
    assert typical == {"sign": 3.0, "check": 60.0}


def test_an_operation_is_done_as_often_as_a_session_does_it() -> None:
    done: list[str] = []
    ticks = count()
    samples = Samples(lambda: float(next(ticks)))
    samples.begin_round()
    operations = {"once": lambda: done.append("once"), "thrice": lambda: done.append("thrice")}
    samples.time(operations, {"thrice": 3, "of another edition": 7})
    assert sorted(done) == ["once", "thrice", "thrice", "thrice"]
    assert samples.typical(lambda each: sum(each.values())) == {"once": 1.0, "thrice": 1.0}
