"""Commands as they come in, ``{"command": "Reset", "immediate": true}``: checked, and who may give them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import msgspec

from csms.api.problems import ProblemError
from csms.api.wire import REF_TEMPLATE, convert, document_components
from csms.domain import commands
from csms.domain.commands import Command, RawCall
from csms.services.api_keys import Role
from csms.telemetry.redact import SECRET_VARIABLES

KINDS: dict[str, type[Command]] = {
    name: kind
    for name, kind in vars(commands).items()
    if isinstance(kind, type) and issubclass(kind, Command) and kind is not Command
}
TAG = "command"
_MOVES_POWER = frozenset(
    {
        "SetChargingProfile",
        "ClearChargingProfile",
        "UpdateDynamicSchedule",
        "SetDerControl",
        "ClearDerControl",
        "NotifyAllowedEnergyTransfer",
    }
)
_RECONFIGURES = frozenset(
    {
        "RawCall",
        "SetVariables",
        "SendVendorData",
        "InstallCertificate",
        "DeleteCertificate",
        "CertificateSigned",
    }
)


def role_for(command: Command) -> Role:
    """Who may give it: what moves power needs a grid operator, what can change anything an administrator."""
    name = type(command).__name__
    if name in _RECONFIGURES:
        return Role.ADMIN
    return Role.GRID_OPERATOR if name in _MOVES_POWER else Role.OPERATOR


def command_from(data: dict[str, Any]) -> Command:
    """The command in a request body. 422 that names what is wrong and what was meant."""
    fields = dict(data)
    name = fields.pop(TAG, None)
    if not isinstance(name, str):
        raise ProblemError(
            422, "invalid_request", f'body: "{TAG}" must be one of {", ".join(KINDS)}'
        )
    kind = KINDS.get(name)
    if kind is None:
        near = get_close_matches(name, KINDS, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; one of {', '.join(KINDS)}"
        raise ProblemError(422, "unknown_command", f"body: no command {name[:64]}{hint}")
    command = convert(fields, kind)
    refuse_secrets(fields)
    return command


def raw_command(action: str, payload: dict[str, Any]) -> RawCall:
    refuse_secrets(payload)
    return RawCall(action=action, payload=payload)


def refuse_secrets(data: Any) -> None:
    """Commands are kept and shown, so a password must not travel in one. Raises 422."""
    if isinstance(data, dict):
        for value in data.values():
            refuse_secrets(value)
    elif isinstance(data, list):
        for item in data:
            refuse_secrets(item)
    elif isinstance(data, str) and data.casefold() in SECRET_VARIABLES:
        raise ProblemError(
            422,
            "secret_in_command",
            f"{data} is a secret: commands are kept, so passwords are changed by accepting the station anew",
        )


def command_schema() -> dict[str, Any]:
    """The tagged union for OpenAPI."""
    schemas, components = msgspec.json.schema_components(
        list(KINDS.values()), ref_template=REF_TEMPLATE
    )
    tagged: dict[str, Any] = {}
    for name in KINDS:
        schema = dict(components[name])
        schema["properties"] = {TAG: {"const": name}, **schema["properties"]}
        schema["required"] = [TAG, *schema.get("required", ())]
        schema["additionalProperties"] = False
        tagged[name] = schema
    document_components({**components, **tagged})
    return {
        "oneOf": schemas,
        "discriminator": {
            "propertyName": TAG,
            "mapping": {name: REF_TEMPLATE.format(name=name) for name in KINDS},
        },
    }
