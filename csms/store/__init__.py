"""The durable store: what stations said and were told, on SQLite or PostgreSQL.

``open_store`` and ``InlineStore`` give the two ports of ``csms.domain.ports``. The way of a record: ``rows`` (record to
row) -> ``group`` (calls to groups) -> ``writer`` (one transaction, poison set apart) -> ``upsert`` (one statement a
table).
"""

from __future__ import annotations

from csms.store.store import InlineStore, Store, open_store

__all__ = ["InlineStore", "Store", "open_store"]
