"""The central system as its operator sees it: over REST, whoever started it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

TIMEOUT_S = 30.0


class ApiRefused(Exception):
    """The central system's API did not do what it was asked; the message is its own."""


class CentralApi:
    """``key`` is an administrator's API key."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT_S,
            trust_env=False,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def admit(self, station_id: str) -> str:
        """Lets a station in, known or not; its new password."""
        answer = await self._post(f"/v1/stations/{quote(station_id, safe='')}/accept", {})
        return str(answer["password"])

    async def latency_study(self, preset: str) -> dict[str, Any]:
        return await self._post("/v1/studies/latency", {"preset": preset})

    async def call(
        self, version: str, action: str, station_id: str, payload: dict[str, Any]
    ) -> datetime:
        """Has the central system send a request to a station; when it took the command in, by its
        own clock."""
        path = f"/v1/ocpp/{version}/{action}?station={quote(station_id, safe='')}"
        return datetime.fromisoformat((await self._post(path, payload))["created"])

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = await self._client.post(path, json=body)
        except httpx.HTTPError as error:
            raise ApiRefused(f"{path}: {type(error).__name__}: {error}") from error
        if response.status_code >= 400:
            raise ApiRefused(f"{path}: {response.status_code}: {response.text[:300]}")
        found: dict[str, Any] = response.json()
        return found
