"""Take secrets out of what is about to be shown, logged or kept. Pure."""

from __future__ import annotations

from typing import Any

HIDDEN = "***"
MAX_DEPTH = 32
SECRET_KEYS = frozenset(
    {
        "password",
        "authorization",
        "authorizationkey",
        "basicauthpassword",
        "secret",
        "secret_hash",
        "password_hash",
        "api_key",
        "cookie",
        "set-cookie",
        "apnpassword",
        "vpnpassword",
        "privatekey",
        "private_key",
    }
)
"""Compared without case. The OCPP names: 1.6 AuthorizationKey, 2.x BasicAuthPassword, APN and VPN passwords."""

TOKEN_KEYS = frozenset({"idtag", "idtoken", "parentidtag", "groupidtoken", "token", "emaid"})
SECRET_VARIABLES = frozenset(
    {"authorizationkey", "basicauthpassword", "apnpassword", "vpnpassword"}
)
_VALUE_KEYS = frozenset({"value", "attributevalue"})


def redact(data: Any, depth: int = 0) -> Any:
    """A copy of JSON-like ``data`` in which passwords are hidden and id tokens keep their last four characters."""
    if depth > MAX_DEPTH:
        return HIDDEN
    if isinstance(data, dict):
        hide_value = names_secret_variable(data)
        return {
            key: _entry(str(key).casefold(), value, hide_value=hide_value, depth=depth)
            for key, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [redact(item, depth + 1) for item in data]
    return data


def names_secret_variable(entry: dict[str, Any]) -> bool:
    """Whether a SetVariables / ChangeConfiguration entry is about a variable whose value is a secret."""
    for key in ("key", "variable", "ref"):
        named = entry.get(key)
        if isinstance(named, dict):
            named = named.get("name", named.get("variable"))
        if isinstance(named, str) and named.casefold() in SECRET_VARIABLES:
            return True
    return False


def partial(token: str) -> str:
    """The last four characters of an id token: enough to recognise, too few to use."""
    return f"{HIDDEN}{token[-4:]}" if len(token) > 4 else HIDDEN


def _entry(key: str, value: Any, *, hide_value: bool, depth: int) -> Any:
    if key in SECRET_KEYS or (hide_value and key in _VALUE_KEYS):
        return HIDDEN
    if key in TOKEN_KEYS:
        return _token(value, depth)
    return redact(value, depth + 1)


def _token(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return partial(value)
    if isinstance(value, dict):
        return {
            key: partial(inner)
            if isinstance(inner, str) and str(key).casefold() in ("idtoken", "value")
            else redact(inner, depth + 1)
            for key, inner in value.items()
        }
    return redact(value, depth + 1)
