"""The synchronous writer: poison is set apart by few commits, questions use the indexes."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, event, text

from csms.domain.errors import InvalidInput, StoreUnavailable
from csms.store import engines
from csms.store.repositories import commands, transactions
from csms.store.repositories.counters import TRANSACTION_NUMBER, reserve
from csms.store.rows import ticket
from csms.store.schema import METADATA
from csms.store.writer import write_group
from tests.integration.store.samples import CP1, T0, TOKEN, transaction_record


@pytest.fixture
def engine() -> Engine:
    made = engines.memory()
    METADATA.create_all(made)
    return made


def test_poison_is_found_by_halving(engine: Engine) -> None:
    tickets = [ticket([transaction_record(n)]) for n in range(256)]
    row = list(tickets[77][0][1])
    row[2] = 2**64  # evse_id: no database holds it
    tickets[77] = [(tickets[77][0][0], tuple(row))]
    begun: list[Connection] = []
    event.listen(engine, "begin", begun.append)
    outcomes = write_group(engine, tickets)
    assert isinstance(outcomes.pop(77), InvalidInput)
    assert outcomes == [None] * 255
    assert len(begun) <= 2 * 8 + 1
    with engine.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM transactions")).scalar_one() == 255


def test_blocks_follow_each_other(engine: Engine) -> None:
    with engine.begin() as conn:
        assert reserve(conn, TRANSACTION_NUMBER, 10) == range(1, 11)
        assert reserve(conn, "another", 5) == range(1, 6)
        assert reserve(conn, TRANSACTION_NUMBER, 3) == range(11, 14)


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (lambda c: transactions.page(c, None, (T0, "a", "b"), 10), "ix_transactions_sort_at"),
        (
            lambda c: transactions.page(c, CP1, (T0, "a", "b"), 10),
            "ix_transactions_station_sort_at",
        ),
        (transactions.open_transactions, "ix_transactions_open"),
        (
            lambda c: transactions.started_16(c, CP1, 1, TOKEN.key, T0, 0.0),
            "ix_transactions_station_sort_at",
        ),
        (commands.open_commands, "ix_commands_open"),
        (lambda c: commands.page(c, CP1, None, 10), "ix_commands_station_id_command_id"),
    ],
    ids=["all", "of a station", "open", "started 1.6", "open commands", "commands"],
)
def test_questions_use_their_index_and_sort_nothing_big(
    engine: Engine, question: object, index: str
) -> None:
    asked: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, sql: str, values: object, _x: object, _m: object) -> None:
        asked.append((sql, values))

    event.listen(engine, "before_cursor_execute", note)
    with engine.connect() as conn:
        question(conn)  # type: ignore[operator]
        sql, values = asked[0]
        plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()  # type: ignore[arg-type]
    steps = " | ".join(row[-1] for row in plan)
    assert index in steps
    if "open" not in index:
        assert "FOR ORDER BY" not in steps


def test_an_outage_gives_each_caller_an_exception_of_its_own() -> None:
    """One exception raised in many tasks would gather all their tracebacks."""
    outcomes = write_group(engines.memory(), [ticket([transaction_record(n)]) for n in range(3)])
    assert [type(o) for o in outcomes] == [StoreUnavailable] * 3  # there are no tables
    assert len({id(o) for o in outcomes}) == 3
