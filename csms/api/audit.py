"""Every write is written down before it is done: nothing happens that the audit log does not show."""

from __future__ import annotations

from typing import Any

from csms.api.access import Principal
from csms.api.deps import ApiDeps
from csms.domain.records import AuditRecord
from csms.telemetry.redact import redact


async def audit(
    deps: ApiDeps,
    principal: Principal,
    action: str,
    target: str,
    detail: dict[str, Any] | None = None,
) -> None:
    """Raises ``StoreUnavailable``, and the write must then not be done."""
    await deps.journal.commit(
        AuditRecord(
            at=deps.clock.now(),
            actor=principal.name,
            action=action,
            target=target,
            detail=redact(detail or {}),
        )
    )
