"""Run by Alembic for every command; the connection comes from the caller, already locked."""

from alembic import context

from sharedbooks.db.migrations import resuming  # noqa: F401 - Alembic knows it from then on
from sharedbooks.db.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
