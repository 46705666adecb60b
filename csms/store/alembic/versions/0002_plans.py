"""Plans, what the meters said of them, and the account of each session.

Revision: 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("made", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("made", "site", name=op.f("pk_plans")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "plan_quarters",
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("station_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("evse_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transaction_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("planned_wh", sa.Double(), nullable=True),
        sa.Column("import_wh", sa.Double(), nullable=True),
        sa.Column("export_wh", sa.Double(), nullable=True),
        sa.Column("import_eur_per_kwh", sa.Double(), nullable=True),
        sa.Column("export_eur_per_kwh", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "at", "station_id", "evse_id", "transaction_id", name=op.f("pk_plan_quarters")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "session_accounts",
        sa.Column("station_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("transaction_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("evse_id", sa.BigInteger(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.Column("import_wh", sa.Double(), nullable=True),
        sa.Column("export_wh", sa.Double(), nullable=True),
        sa.Column("cost_eur", sa.Double(), nullable=True),
        sa.Column("expected_cost_eur", sa.Double(), nullable=True),
        sa.Column("uncontrolled_cost_eur", sa.Double(), nullable=True),
        sa.Column("wear_low_eur", sa.Double(), nullable=True),
        sa.Column("wear_high_eur", sa.Double(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("station_id", "transaction_id", name=op.f("pk_session_accounts")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_session_accounts_ended", "session_accounts", ["ended", "station_id", "transaction_id"]
    )


def downgrade() -> None:
    op.drop_index("ix_session_accounts_ended", "session_accounts")
    op.drop_table("session_accounts")
    op.drop_table("plan_quarters")
    op.drop_table("plans")
