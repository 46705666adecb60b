"""The OpenAPI document: FastAPI's paths with the schemas of our own types. ``docs/openapi.json`` is made from it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from csms.api.access import role_of
from csms.api.wire import documented_components

API_VERSION = "1"


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Made once per application; pages are left out."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title="Charge-point management system",
        version=API_VERSION,
        description=(
            "Powers are positive into the vehicle. Times are UTC. Every error is a problem document (RFC 9457)."
        ),
        routes=app.routes,
    )
    components = document.setdefault("components", {})
    components["schemas"] = documented_components()
    components["securitySchemes"] = {
        "apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "<key id>.<secret>"}
    }
    roles = {
        (route.path, method.lower()): role_of(route)
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["responses"].pop("422", None)
            role = roles.get((path, method))
            if role is not None:
                operation["security"] = [{"apiKey": []}]
                operation["x-role"] = role.value
    app.openapi_schema = document
    return document
