"""Posted prices get a table of their own; until now only the audit log kept them.

Revision: 0003.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def upgrade() -> None:
    tariffs = op.create_table(
        "tariffs",
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("import_per_kwh", sa.Text(), nullable=False),
        sa.Column("export_per_kwh", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("since", name=op.f("pk_tariffs")),
        sqlite_with_rowid=False,
    )
    told = op.get_bind().execute(
        sa.text("SELECT detail FROM audit WHERE action = 'PostTariff' ORDER BY at")
    )
    rows = {row["since"]: row for row in map(_row, told.scalars()) if row is not None}
    if rows:
        op.bulk_insert(tariffs, list(rows.values()))


def downgrade() -> None:
    op.drop_table("tariffs")


def _row(detail: str) -> dict[str, Any] | None:
    """``None`` for an entry of that name that tells no price."""
    try:
        told = msgspec.json.decode(detail)
        since = (datetime.fromisoformat(told["since"]) - _EPOCH) // timedelta(microseconds=1)
        prices = {name: str(Decimal(told[name])) for name in ("import_per_kwh", "export_per_kwh")}
        return {"since": since, **prices, "currency": str(told["currency"])}
    except (KeyError, ValueError, TypeError, InvalidOperation, msgspec.DecodeError):
        return None
