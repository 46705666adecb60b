"""G4: every setpoint is a lease that ends, whatever the station can do and whatever it answers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from csms.domain.commands import CommandState, Outcome, SetChargingProfile, UpdateDynamicSchedule
from csms.domain.profile import Kind, Purpose, RateUnit
from csms.services.command_desk import Delivery
from csms.services.setpoints import safe_default
from tests.unit.services.fakes import T0
from tests.unit.services.test_setpoints import Bench

LEASE_S = 15
answers = st.sampled_from([CommandState.ACCEPTED, CommandState.REJECTED, CommandState.TIMED_OUT])


@settings(max_examples=100, deadline=None)
@given(
    dynamic=st.booleans(), unit=st.sampled_from(list(RateUnit)),
    purpose=st.sampled_from([Purpose.TX, Purpose.TX_DEFAULT, Purpose.STATION_MAX]),
    turns=st.lists(st.tuples(st.floats(-22e3, 22e3), answers, st.sampled_from(["", "tx", "reboot"])), max_size=8),
)  # fmt: skip
async def test_g4_every_setpoint_ends_by_itself(
    dynamic: bool, unit: RateUnit, purpose: Purpose, turns: list[tuple[float, CommandState, str]]
) -> None:
    """An update of a dynamic schedule rests on a profile of the same transaction that has the duration."""
    bench = Bench(
        dynamic_profiles=dynamic, discharge=True, rate_unit=unit, setpoint_purpose=purpose
    )
    held: tuple[str, int] | None = None  # transaction and profile whose duration limits updates
    for i, (power_w, answer, event) in enumerate(turns):
        if event == "tx":
            bench.plug_in(f"another-{i}")
        elif event == "reboot":
            bench.setpoints.forget(bench.station)
            held = None
        accepted = answer is CommandState.ACCEPTED
        bench.courier.result = Delivery(
            answer, Outcome(accepted=accepted, status=answer), None, 0.0, 0.0
        )
        before = len(bench.courier.delivered)
        await bench.apply(power_w)
        assert bench.evse.transaction is not None
        tx = bench.evse.transaction.transaction_id
        for command in bench.courier.delivered[before:]:
            if isinstance(command, UpdateDynamicSchedule):
                assert held == (tx, command.profile_id)
                continue
            assert isinstance(command, SetChargingProfile)
            assert command.profile.duration_s == LEASE_S
            assert command.profile.start == T0  # the clock's now: it runs from when it was sent
            assert (
                command.profile.stack_level
                > safe_default(bench.station, bench.evse, 0.0).profile.stack_level
            )
            if command.profile.kind is Kind.DYNAMIC and accepted:
                held = (tx, command.profile.profile_id)
