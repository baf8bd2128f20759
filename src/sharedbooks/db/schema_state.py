"""Which schema a database holds, and whether this program can work with it.

Every command and every process of the server asks this first. Alembic would take as long to load
as all else, so only an upgrade does.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files

from sqlalchemy import Connection, inspect, text

from sharedbooks.db.engine import Database
from sharedbooks.db.schema_watch import SchemaWatch
from sharedbooks.errors import SchemaMismatch

_NUMBER = slice(0, 4)
"""Of the name of a migration's file: the schema that it makes."""


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
    known = _known_schemas()[-1]
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
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


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


def keep_to_schema(database: Database) -> None:
    """Have ``database`` refuse all work once its schema is not the one this program knows.

    Raises:
        SchemaMismatch: it is another one now; says which command mends it.
        StoreBusy: the database cannot be reached; when it can, it is looked at all the same.
    """
    try:
        require_current_schema(database)
    finally:
        database.watch_schema(SchemaWatch(database.dialect, _known_schemas()[-1]))


def knows_schema(revision: str) -> bool:
    """True if this program knows that schema, the present one or an older."""
    return revision in _known_schemas()


@cache
def _known_schemas() -> tuple[str, ...]:
    """Return every schema there has been, oldest first."""
    migrations = files("sharedbooks.db.migrations").joinpath("versions").iterdir()
    numbers = {file.name[_NUMBER] for file in migrations if file.name.endswith(".py")}
    return tuple(sorted(number for number in numbers if number.isdigit()))
