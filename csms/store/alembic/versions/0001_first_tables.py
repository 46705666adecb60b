"""The first tables.

Revision: 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit",
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("at", "digest", name=op.f("pk_audit")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "commands",
        sa.Column("command_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("station_id", KEY_TEXT, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("sent", sa.BigInteger(), nullable=True),
        sa.Column("answered", sa.BigInteger(), nullable=True),
        sa.Column("queue_ms", sa.Double(), nullable=True),
        sa.Column("round_trip_ms", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("command_id", name=op.f("pk_commands")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_commands_open",
        "commands",
        ["command_id"],
        sqlite_where=sa.text("state IN ('queued', 'offline', 'sent')"),
        postgresql_where=sa.text("state IN ('queued', 'offline', 'sent')"),
    )
    op.create_index("ix_commands_station_id_command_id", "commands", ["station_id", "command_id"])

    op.create_table(
        "connectors",
        sa.Column("station_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("evse_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("connector_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("info", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "station_id", "evse_id", "connector_id", name=op.f("pk_connectors")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "counters",
        sa.Column("name", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "meter_values",
        sa.Column("station_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("evse_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("power_w", sa.Double(), nullable=True),
        sa.Column("power_l1_w", sa.Double(), nullable=True),
        sa.Column("power_l2_w", sa.Double(), nullable=True),
        sa.Column("power_l3_w", sa.Double(), nullable=True),
        sa.Column("reactive_var", sa.Double(), nullable=True),
        sa.Column("energy_import_wh", sa.Double(), nullable=True),
        sa.Column("energy_export_wh", sa.Double(), nullable=True),
        sa.Column("voltage_l1_v", sa.Double(), nullable=True),
        sa.Column("voltage_l2_v", sa.Double(), nullable=True),
        sa.Column("voltage_l3_v", sa.Double(), nullable=True),
        sa.Column("current_l1_a", sa.Double(), nullable=True),
        sa.Column("current_l2_a", sa.Double(), nullable=True),
        sa.Column("current_l3_a", sa.Double(), nullable=True),
        sa.Column("frequency_hz", sa.Double(), nullable=True),
        sa.Column("soc_frac", sa.Double(), nullable=True),
        sa.Column("power_offered_w", sa.Double(), nullable=True),
        sa.Column("current_offered_a", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("station_id", "evse_id", "at", name=op.f("pk_meter_values")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notifications",
        sa.Column("station_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("received", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "received", "digest", name=op.f("pk_notifications")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "profiles",
        sa.Column("station_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("evse_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("profile_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "evse_id", "profile_id", name=op.f("pk_profiles")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "security_events",
        sa.Column("station_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("kind", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("info", sa.Text(), nullable=True),
        sa.Column("critical", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "kind", "at", name=op.f("pk_security_events")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_security_events_received", "security_events", ["received"])
    op.create_index(
        "ix_security_events_station_id_received", "security_events", ["station_id", "received"]
    )

    op.create_table(
        "signed_meter_values",
        sa.Column("station_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("evse_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("signed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "station_id", "evse_id", "at", "ordinal", "digest", name=op.f("pk_signed_meter_values")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stations",
        sa.Column("station_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("security_profile", sa.BigInteger(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("vendor", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("firmware", sa.Text(), nullable=True),
        sa.Column("booted_at", sa.BigInteger(), nullable=True),
        sa.Column("can_discharge", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("station_id", name=op.f("pk_stations")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tokens",
        sa.Column("token_key", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("group", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("token_key", name=op.f("pk_tokens")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "transactions",
        sa.Column("station_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("transaction_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("evse_id", sa.BigInteger(), nullable=False),
        sa.Column("connector_id", sa.BigInteger(), nullable=False),
        sa.Column("token_value", sa.Text(), nullable=True),
        sa.Column("token_kind", sa.Text(), nullable=True),
        sa.Column("started", sa.BigInteger(), nullable=True),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("stopped_reason", sa.Text(), nullable=True),
        sa.Column("charging_state", sa.Text(), nullable=True),
        sa.Column("operation_mode", sa.Text(), nullable=True),
        sa.Column("remote_start_id", sa.BigInteger(), nullable=True),
        sa.Column("import_first_at", sa.BigInteger(), nullable=True),
        sa.Column("import_first_wh", sa.Double(), nullable=True),
        sa.Column("import_last_at", sa.BigInteger(), nullable=True),
        sa.Column("import_last_wh", sa.Double(), nullable=True),
        sa.Column("export_first_at", sa.BigInteger(), nullable=True),
        sa.Column("export_first_wh", sa.Double(), nullable=True),
        sa.Column("export_last_at", sa.BigInteger(), nullable=True),
        sa.Column("export_last_wh", sa.Double(), nullable=True),
        sa.Column("seq_seen", sa.Text(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.Column("received", sa.BigInteger(), nullable=True),
        sa.Column("suspect", sa.Text(), nullable=True),
        sa.Column("sort_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "transaction_id", name=op.f("pk_transactions")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_transactions_open",
        "transactions",
        ["station_id"],
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    )
    op.create_index(
        "ix_transactions_sort_at", "transactions", ["sort_at", "station_id", "transaction_id"]
    )
    op.create_index(
        "ix_transactions_station_sort_at",
        "transactions",
        ["station_id", "sort_at", "transaction_id"],
    )

    op.create_table(
        "variables",
        sa.Column("station_id", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("component", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("variable", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("evse_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instance", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("attribute", KEY_TEXT, autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("mutability", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "station_id",
            "component",
            "variable",
            "evse_id",
            "instance",
            "attribute",
            name=op.f("pk_variables"),
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("variables")
    op.drop_index("ix_transactions_station_sort_at", "transactions")
    op.drop_index("ix_transactions_sort_at", "transactions")
    op.drop_index("ix_transactions_open", "transactions")

    op.drop_table("transactions")
    op.drop_table("tokens")
    op.drop_table("stations")
    op.drop_table("signed_meter_values")
    op.drop_index("ix_security_events_station_id_received", "security_events")
    op.drop_index("ix_security_events_received", "security_events")

    op.drop_table("security_events")
    op.drop_table("profiles")
    op.drop_table("notifications")
    op.drop_table("meter_values")
    op.drop_table("counters")
    op.drop_table("connectors")
    op.drop_index("ix_commands_station_id_command_id", "commands")
    op.drop_index("ix_commands_open", "commands")

    op.drop_table("commands")
    op.drop_table("audit")
    op.drop_table("api_keys")
