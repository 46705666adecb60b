"""The committed API description is what the application serves, and the application keeps to it.

Rewrite it after a change with ``python -m tests.unit.api.test_openapi``.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from csms.api.app import create_api
from csms.api.openapi import build_openapi
from csms.domain.records import StationRecord, TransactionRecord
from csms.ids import StationId
from csms.services.api_keys import Role
from tests.unit.api.fakes import make_site
from tests.unit.api.test_resources import a_transaction

COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"


def rendered() -> str:
    document = build_openapi(create_api(make_site().deps))
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, default=list) + "\n"


def test_the_committed_document_is_current() -> None:
    assert COMMITTED.read_text() == rendered(), "run: python -m tests.unit.api.test_openapi"


def test_every_reference_resolves_and_every_operation_says_its_role() -> None:
    text = rendered()
    document = json.loads(text)
    names = document["components"]["schemas"]
    for part in text.split('"#/components/schemas/')[1:]:
        assert part.split('"')[0] in names
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert path in ("/healthz", "/readyz") or operation["x-role"] in set(Role)


async def test_the_document_needs_a_key(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    assert (await client.get("/v1/openapi.json")).status_code == 401
    served = await client.get("/v1/openapi.json", headers=admin)
    assert served.json() == json.loads(COMMITTED.read_text())


def _site_for_fuzzing() -> tuple[FastAPI, str]:
    site = make_site()
    site.courier.offline.update(StationId(name) for name in ("CP-1",))

    async def fill() -> str:
        station = site.deps.fleet.station(StationId("CP-1"))
        station.connected, station.version = True, "2.0.1"
        station.evse(1).commanded_w = 11_000.0
        await site.store.commit(
            StationRecord(station_id=StationId("CP-1"), enabled=True),
            TransactionRecord(transaction=a_transaction(1)),
        )
        return (await site.deps.access.keys.create(Role.ADMIN)).plaintext

    key = asyncio.run(fill())
    return create_api(site.deps), key


_APP, _KEY = _site_for_fuzzing()
_CONFIG = SchemathesisConfig.from_dict({"phases": {"coverage": {"enabled": False}}})
_SCHEMA = schemathesis.openapi.from_dict(json.loads(COMMITTED.read_text()), config=_CONFIG)
_SCHEMA.app = _APP
_FUZZED = _SCHEMA.exclude(path="/v1/stream")  # never ends: tests/integration/api


@_FUZZED.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_any_request_is_answered_as_described(case: Any) -> None:
    case.call_and_validate(
        headers={"Authorization": f"Bearer {_KEY}"},
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )


if __name__ == "__main__":
    COMMITTED.write_text(rendered())
