"""The tables, in one place. ``alembic/versions`` builds exactly these; a test compares the two.

Columns of the primary key come first, in key order: ``upsert`` relies on it. Instants are integers, microseconds of
UTC since 1970: they compare, index and travel the same on both databases. Integers are 64 bits wide, since stations
choose them. There are no foreign keys between aggregates: stations speak in any order, and a meter value whose
transaction never arrives is still energy that was metered.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from csms.domain.commands import CommandState

METADATA = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"}
)

KEY_TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""Identifiers sort by code point on both databases, so that keyset pages agree."""

OPEN_COMMAND_SQL = (
    f"state IN ({', '.join(repr(str(state)) for state in CommandState if not state.is_final)})"
)
"""Literal on purpose: a partial index serves only a query that repeats its condition without parameters."""


def _key(name: str, *, integer: bool = False) -> Column[object]:
    # autoincrement off: else a lone integer key would become a sequence
    kind = BigInteger() if integer else KEY_TEXT
    return Column(name, kind, primary_key=True, nullable=False, autoincrement=False)


def _text(name: str, *, required: bool = False) -> Column[object]:
    return Column(name, Text, nullable=not required)


def _int(name: str, *, required: bool = False) -> Column[object]:
    return Column(name, BigInteger, nullable=not required)


def _real(name: str) -> Column[object]:
    return Column(name, Double, nullable=True)


def _table(name: str, *parts: Column[object] | Index) -> Table:
    # clustered by key on SQLite: range reads of one EVSE stay together, and a row is found by one tree, not two
    return Table(name, METADATA, *parts, sqlite_with_rowid=False)


STATIONS = _table(
    "stations",
    _key("station_id"),
    _text("password_hash"),
    _int("security_profile"),
    Column("enabled", Boolean),
    _text("version"),
    _text("vendor"),
    _text("model"),
    _text("serial"),
    _text("firmware"),
    _int("booted_at"),
    Column("can_discharge", Boolean),
)

CONNECTORS = _table(
    "connectors",
    _key("station_id"),
    _key("evse_id", integer=True),
    _key("connector_id", integer=True),
    _text("status", required=True),
    _int("at", required=True),
    _text("error_code"),
    _text("info"),
)

TOKENS = _table(
    "tokens",
    _key("token_key"),
    _text("value", required=True),
    _text("kind", required=True),
    _text("status", required=True),
    _int("expires"),
    _text("group"),
)

TRANSACTIONS = _table(
    "transactions",
    _key("station_id"),
    _key("transaction_id"),
    _int("evse_id", required=True),
    _int("connector_id", required=True),
    _text("token_value"),
    _text("token_kind"),
    _int("started"),
    _int("ended"),
    _text("stopped_reason"),
    _text("charging_state"),
    _text("operation_mode"),
    _int("remote_start_id"),
    _int("import_first_at"),
    _real("import_first_wh"),
    _int("import_last_at"),
    _real("import_last_wh"),
    _int("export_first_at"),
    _real("export_first_wh"),
    _int("export_last_at"),
    _real("export_last_wh"),
    _text("seq_seen", required=True),
    _int("last_at"),
    _int("received"),
    _text("suspect"),
    _int("sort_at", required=True),
    Index("ix_transactions_sort_at", "sort_at", "station_id", "transaction_id"),
    Index("ix_transactions_station_sort_at", "station_id", "sort_at", "transaction_id"),
    Index(
        "ix_transactions_open",
        "station_id",
        sqlite_where=text("ended IS NULL"),
        postgresql_where=text("ended IS NULL"),
    ),
)

METER_VALUES = _table(
    "meter_values",
    _key("station_id"),
    _key("evse_id", integer=True),
    _key("at", integer=True),
    _int("received", required=True),
    _text("transaction_id"),
    _text("context", required=True),
    _real("power_w"),
    _real("power_l1_w"),
    _real("power_l2_w"),
    _real("power_l3_w"),
    _real("reactive_var"),
    _real("energy_import_wh"),
    _real("energy_export_wh"),
    _real("voltage_l1_v"),
    _real("voltage_l2_v"),
    _real("voltage_l3_v"),
    _real("current_l1_a"),
    _real("current_l2_a"),
    _real("current_l3_a"),
    _real("frequency_hz"),
    _real("soc_frac"),
    _real("power_offered_w"),
    _real("current_offered_a"),
)

SIGNED_METER_VALUES = _table(
    "signed_meter_values",
    _key("station_id"),
    _key("evse_id", integer=True),
    _key("at", integer=True),
    _key("ordinal", integer=True),
    _key("digest"),
    Column("signed", LargeBinary, nullable=False),
)
"""Keyed by content as well: two different signed values of one instant are both evidence, and both are kept."""

COMMANDS = _table(
    "commands",
    _key("command_id"),
    Column("station_id", KEY_TEXT, nullable=False),
    _text("action", required=True),
    _text("payload", required=True),
    _text("issued_by", required=True),
    _int("created", required=True),
    _text("state", required=True),
    _text("status"),
    _text("reason"),
    _text("answer"),
    _int("expires"),
    _int("sent"),
    _int("answered"),
    _real("queue_ms"),
    _real("round_trip_ms"),
    Index("ix_commands_station_id_command_id", "station_id", "command_id"),
    Index(
        "ix_commands_open",
        "command_id",
        sqlite_where=text(OPEN_COMMAND_SQL),
        postgresql_where=text(OPEN_COMMAND_SQL),
    ),
)

PROFILES = _table(
    "profiles",
    _key("station_id"),
    _key("evse_id", integer=True),
    _key("profile_id", integer=True),
    _int("at", required=True),
    _text("profile", required=True),
)

VARIABLES = _table(
    "variables",
    _key("station_id"),
    _key("component"),
    _key("variable"),
    _key("evse_id", integer=True),
    _key("instance"),
    _key("attribute"),
    _text("value"),
    _int("at", required=True),
    _text("mutability"),
    _text("unit"),
)

SECURITY_EVENTS = _table(
    "security_events",
    _key("station_id"),
    _key("kind"),
    _key("at", integer=True),
    _int("received", required=True),
    _text("info"),
    Column("critical", Boolean, nullable=False),
    Index("ix_security_events_received", "received"),
    Index("ix_security_events_station_id_received", "station_id", "received"),
)

NOTIFICATIONS = _table(
    "notifications",
    _key("station_id"),
    _key("received", integer=True),
    _key("digest"),
    _text("action", required=True),
    _text("payload", required=True),
)

AUDIT = _table(
    "audit",
    _key("at", integer=True),
    _key("digest"),
    _text("actor", required=True),
    _text("action", required=True),
    _text("target", required=True),
    _text("detail", required=True),
)

TARIFFS = _table(
    "tariffs",
    _key("since", integer=True),
    _text("import_per_kwh", required=True),
    _text("export_per_kwh", required=True),
    _text("currency", required=True),
)
"""Money is decimal text: neither database rounds it."""

API_KEYS = _table(
    "api_keys",
    _key("key_id"),
    _text("secret_hash", required=True),
    _text("role", required=True),
    _int("created", required=True),
    _int("revoked"),
)

PLANS = _table(
    "plans",
    _key("made", integer=True),
    _key("site"),
    _text("summary", required=True),
    Column("body", LargeBinary, nullable=False),
)
"""The summary apart, so that a list of plans does not unpack their schedules."""

PLAN_QUARTERS = _table(
    "plan_quarters",
    _key("at", integer=True),
    _key("station_id"),
    _key("evse_id", integer=True),
    _key("transaction_id"),
    _real("planned_wh"),
    _real("import_wh"),
    _real("export_wh"),
    _real("import_eur_per_kwh"),
    _real("export_eur_per_kwh"),
)

SESSION_ACCOUNTS = _table(
    "session_accounts",
    _key("station_id"),
    _key("transaction_id"),
    _int("evse_id", required=True),
    _int("started", required=True),
    _int("ended", required=True),
    _real("import_wh"),
    _real("export_wh"),
    _real("cost_eur"),
    _real("expected_cost_eur"),
    _real("uncontrolled_cost_eur"),
    _real("wear_low_eur"),
    _real("wear_high_eur"),
    _text("note"),
    Index("ix_session_accounts_ended", "ended", "station_id", "transaction_id"),
)

COUNTERS = _table("counters", _key("name"), _int("value", required=True))
