"""Bringing a database up to the schema that this program knows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import metadata
from sharedbooks.db.schema_state import (
    SchemaState,
    SchemaStatus,
    require_current_schema,
    schema_status,
)
from sharedbooks.db.schema_watch import LOCK_NAME, LOCK_NUMBER, LOOK_SECONDS
from sharedbooks.db.search_index import drop_texts
from sharedbooks.errors import StoreBusy

_LOCK_SECONDS = 60
_NOTICE_SECONDS = 2 * LOOK_SECONDS


def upgrade_schema(database: Database, *, revision: str = "head") -> SchemaStatus:
    """Bring ``database`` to the schema this program knows, under a lock; return what was found.

    Servers at work on it are given the time to notice the lock. What an upgrade that was killed
    has left behind is carried on with.

    Args:
        database: what to upgrade.
        revision: an older schema to stop at, for what is older and has to go in first.

    Raises:
        SchemaMismatch: the database is newer than this program.
        StoreBusy: the database cannot be reached, or another upgrade holds the lock.
    """
    before = schema_status(database)
    if before.state is SchemaState.NEW:
        require_current_schema(database)
    with database.write() as connection, schema_lock(connection):
        if before.state is SchemaState.OLD and database.dialect != "sqlite":
            time.sleep(_NOTICE_SECONDS)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return before


def drop_schema(database: Database) -> None:
    """Take every table of the present schema out of ``database``, with what is in them.

    Raises:
        StoreBusy: the database cannot be reached, or an upgrade holds the lock.
    """
    with database.write() as connection, schema_lock(connection):
        metadata.drop_all(connection)
        drop_texts(connection)
        connection.exec_driver_sql("DROP TABLE alembic_version")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "sharedbooks.db:migrations")
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def schema_lock(connection: Connection) -> Iterator[None]:
    """Hold the one lock for schema changes, in whose block the work of the transaction is done.

    On SQLite the write transaction is that lock.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": LOCK_NUMBER})
        yield
    elif connection.dialect.name in {"mysql", "mariadb"}:
        take = text(f"SELECT GET_LOCK({LOCK_NAME}, :seconds)")
        if not connection.execute(take, {"seconds": _LOCK_SECONDS}).scalar():
            raise StoreBusy("Another upgrade of this database is running; try again later.")
        try:
            yield
            # The lock does not end with the transaction: whoever has it next is to see all.
            connection.exec_driver_sql("COMMIT")
        finally:
            connection.execute(text(f"SELECT RELEASE_LOCK({LOCK_NAME})"))
    else:
        yield
