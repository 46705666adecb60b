"""PyPI ``ocpp``'s ChargePoint as an independent station, 1.6 and 2.0.1, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import ocpp.v16
import ocpp.v201
import pytest
from ocpp.routing import on

from csms.gateway.settings import Backend
from csms.ids import StationId
from csms.ocppj.outcome import CallStatus
from tests.conformance.gateway.clients import station
from tests.unit.gateway.toys import NOW, ToyDispatcher, running, settings_for, toy_gateway

BACKENDS = pytest.mark.parametrize("backend", list(Backend), ids=lambda b: b.value)


class Station16(ocpp.v16.ChargePoint):  # type: ignore[misc]
    @on("Reset")  # type: ignore[untyped-decorator]
    def on_reset(self, **kwargs: Any) -> Any:
        return ocpp.v16.call_result.Reset(status="Accepted")


class Station201(ocpp.v201.ChargePoint):  # type: ignore[misc]
    @on("Reset")  # type: ignore[untyped-decorator]
    def on_reset(self, **kwargs: Any) -> Any:
        return ocpp.v201.call_result.Reset(status="Accepted")


@contextlib.asynccontextmanager
async def connected(port: int, version: str, make: Callable[..., Any]) -> AsyncIterator[Any]:
    async with station(port, "CS1", version) as ws:
        charge_point = make("CS1", ws)
        task = asyncio.create_task(charge_point.start())
        try:
            yield charge_point
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def reset(dispatcher: ToyDispatcher, kind: str) -> None:
    outcome = await dispatcher.links[StationId("CS1")].call("Reset", {"type": kind}, timeout_s=5)
    assert (outcome.status, outcome.payload) == (CallStatus.ANSWERED, {"status": "Accepted"})


async def session_16(charge_point: Any) -> None:
    call = ocpp.v16.call
    boot = await charge_point.call(
        call.BootNotification(charge_point_model="M", charge_point_vendor="V")
    )
    assert boot.status == "Accepted"
    assert (await charge_point.call(call.Heartbeat())).current_time == NOW
    started = await charge_point.call(
        call.StartTransaction(connector_id=1, id_tag="tag", meter_start=0, timestamp=NOW)
    )
    assert started.transaction_id == 1
    await charge_point.call(
        call.MeterValues(
            connector_id=1,
            transaction_id=1,
            meter_value=[{"timestamp": NOW, "sampledValue": [{"value": "10"}]}],
        )
    )
    await charge_point.call(call.StopTransaction(meter_stop=10, timestamp=NOW, transaction_id=1))


async def session_201(charge_point: Any) -> None:
    call = ocpp.v201.call
    boot = await charge_point.call(
        call.BootNotification(charging_station={"model": "M", "vendorName": "V"}, reason="PowerUp")
    )
    assert boot.status == "Accepted"
    assert (await charge_point.call(call.Heartbeat())).current_time == NOW
    for seq_no, event in enumerate(("Started", "Updated", "Ended")):
        await charge_point.call(
            call.TransactionEvent(
                event_type=event,
                timestamp=NOW,
                trigger_reason="CablePluggedIn",
                seq_no=seq_no,
                transaction_info={"transactionId": "t"},
            )
        )


@BACKENDS
@pytest.mark.parametrize(
    ("version", "make", "session", "kind", "calls"),
    [
        ("ocpp1.6", Station16, session_16, "Soft", 5),
        ("ocpp2.0.1", Station201, session_201, "OnIdle", 5),
    ],
)
async def test_a_session(
    backend: Backend,
    version: str,
    make: Callable[..., Any],
    session: Callable[[Any], Awaitable[None]],
    kind: str,
    calls: int,
) -> None:
    dispatcher = ToyDispatcher()
    async with (
        running(toy_gateway(settings_for(backend), dispatcher=dispatcher)) as port,
        connected(port, version, make) as charge_point,
    ):
        await asyncio.gather(session(charge_point), reset_when_there(dispatcher, kind))
    assert len(dispatcher.calls) == calls


async def reset_when_there(dispatcher: ToyDispatcher, kind: str) -> None:
    await asyncio.wait_for(dispatcher.any_connected.wait(), 5)
    await reset(dispatcher, kind)
