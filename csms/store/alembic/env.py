"""Alembic's entry point: it only ever runs inside ``csms.store.migrate``, on the connection handed over."""

from __future__ import annotations

from alembic import context

from csms.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    compare_type=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
