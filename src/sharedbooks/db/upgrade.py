"""Which schema a database holds, and bringing it up to the one this program knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import metadata
from sharedbooks.db.search_index import drop_texts
from sharedbooks.errors import SchemaMismatch, StoreBusy

_LOCK_NUMBER = 0x5B00C5  # arbitrary, the same in every version
_LOCK_NAME = "sharedbooks-schema"
_LOCK_SECONDS = 60


class SchemaState(Enum):
    """How the schema of a database stands to the one this program knows."""

    EMPTY = "no tables yet"
    OLD = "older than this program"
    CURRENT = "current"
    NEW = "newer than this program"


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """The revision a database holds (None: no tables) and the one this program knows."""

    found: str | None
    known: str
    state: SchemaState


def schema_status(database: Database) -> SchemaStatus:
    """Return which schema ``database`` holds.

    Raises:
        StoreBusy: the database cannot be reached.
    """
    script = ScriptDirectory.from_config(_config())
    known = script.get_current_head() or ""
    # Tried again, since of several processes that open a new SQLite file at the same moment one
    # turns it to WAL, and SQLite lets the others fail instead of wait.
    found = database.run_read(found_schema)
    if found is None:
        return SchemaStatus(None, known, SchemaState.EMPTY)
    if found == known:
        return SchemaStatus(found, known, SchemaState.CURRENT)
    return SchemaStatus(found, known, SchemaState.OLD if knows_schema(found) else SchemaState.NEW)


def found_schema(connection: Connection) -> str | None:
    """Return the revision of the schema that the database has; None if it has no tables."""
    return MigrationContext.configure(connection).get_current_revision()


def require_current_schema(database: Database) -> None:
    """Return if this program can serve ``database``.

    Raises:
        SchemaMismatch: the schema is missing, older or newer; says which command mends it.
        StoreBusy: the database cannot be reached.
    """
    status = schema_status(database)
    if status.state is SchemaState.CURRENT:
        return
    if status.state is SchemaState.NEW:
        raise SchemaMismatch(
            f"The database has schema {status.found}, newer than this program knows"
            f" ({status.known}): install the newer sharedbooks that made it."
        )
    found = "no tables yet" if status.found is None else f"the older schema {status.found}"
    raise SchemaMismatch(f"The database has {found}: run 'sharedbooks db upgrade'.")


def upgrade_schema(database: Database, *, revision: str = "head") -> SchemaStatus:
    """Bring ``database`` to the schema this program knows, under a lock; return what was found.

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


def knows_schema(revision: str) -> bool:
    """True if this program knows that schema, the present one or an older."""
    script = ScriptDirectory.from_config(_config())
    return revision in {each.revision for each in script.walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "sharedbooks.db:migrations")
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def schema_lock(connection: Connection) -> Iterator[None]:
    """Hold the one lock for schema changes; on SQLite the write transaction is that lock."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK_NUMBER})
        yield
    elif connection.dialect.name in {"mysql", "mariadb"}:
        taken = {"name": _LOCK_NAME, "seconds": _LOCK_SECONDS}
        if not connection.execute(text("SELECT GET_LOCK(:name, :seconds)"), taken).scalar():
            raise StoreBusy("Another upgrade of this database is running; try again later.")
        try:
            yield
        finally:
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": _LOCK_NAME})
    else:
        yield
