"""What a station's answer to a command means."""

from __future__ import annotations

from collections.abc import Callable

from csms.domain import commands as c
from csms.domain.commands import Command, Outcome
from csms.translate.family import ItemResult
from csms.translate.fields import Payload

_ACCEPTED = "Accepted"
_ALSO_ACCEPTED: dict[type[Command], frozenset[str]] = {
    c.Reset: frozenset({"Scheduled"}),
    c.ChangeAvailability: frozenset({"Scheduled"}),
    c.SetVariables: frozenset({"RebootRequired"}),
    c.UnlockConnector: frozenset({"Unlocked"}),
    c.SetTariff: frozenset(
        {"DuplicateTariffId", "RebootRequired"}
    ),  # it has that very price already
    c.GetInstalledCertificates: frozenset({"NotFound"}),  # that there are none is an answer
    c.RawCall: frozenset(
        {"AcceptedCanceled", "DownloadOngoing", "RebootRequired", "Scheduled", "Unlocked"}
    ),
}


def outcome(
    command: Command, payload: Payload, results: Callable[[Payload], list[ItemResult] | None]
) -> Outcome:
    """An answer without a status, per item or in all, is acceptance by being one."""
    items = results(payload)
    if items is not None:
        return _of_items(command, items, payload)
    status = payload.get("status", _ACCEPTED)
    return Outcome(
        accepted=_is_accepted(command, status),
        status=status,
        reason=payload.get("statusInfo", {}).get("reasonCode"),
        raw=payload,
    )


def _of_items(command: Command, items: list[ItemResult], payload: Payload) -> Outcome:
    """Accepted when all are; else the status is that of the first refused, and the reason names the refused."""
    refused = [item for item in items if not _is_accepted(command, item.status)]
    if refused:
        return Outcome(
            accepted=False,
            status=refused[0].status,
            reason=", ".join(_describe(item) for item in refused),
            raw=payload,
        )
    status = next((item.status for item in items if item.status != _ACCEPTED), _ACCEPTED)
    return Outcome(accepted=True, status=status, raw=payload)


def _describe(item: ItemResult) -> str:
    return f"{item.name}: {item.status}" + (f" ({item.reason})" if item.reason else "")


def _is_accepted(command: Command, status: str) -> bool:
    return status == _ACCEPTED or status in _ALSO_ACCEPTED.get(type(command), frozenset())
