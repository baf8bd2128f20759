"""A backup put into an empty database, of whichever kind: whole or not at all."""

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, exists, inspect, select, text

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import ORGANISATION_ID, address_books, metadata, principals
from sharedbooks.db.schema_state import (
    SchemaState,
    knows_schema,
    require_current_schema,
    schema_status,
)
from sharedbooks.db.search_index import made_anew
from sharedbooks.db.upgrade import drop_schema, schema_lock, upgrade_schema
from sharedbooks.errors import BackupDamaged, Conflict, SchemaMismatch
from sharedbooks.exchange.backup import Watch, check_backup
from sharedbooks.exchange.backup_file import JSON, Contents, Section, read_backup

_SERIAL_COLUMNS = text(
    "SELECT table_name, column_name FROM information_schema.columns"
    " WHERE table_schema = current_schema()"
    " AND (is_identity = 'YES' OR column_default LIKE 'nextval(%')"
)


def restore_backup(database: Database, path: Path, watch: Watch, *, move: bool) -> Contents:
    """Put the backup at ``path`` into an empty database, and bring it to the present schema.

    The file is checked first. All rows go in in one transaction. Sync tokens are valid afterwards
    only with ``move``: phones may have seen what came after the backup, and their tokens would be
    taken for ones of what comes now. So every book gets a new sync key, and each device compares
    the whole book once.

    Args:
        database: one without tables, or with tables in which nothing is.
        path: the file.
        watch: shows the progress of checking and of restoring.
        move: nothing was changed after the backup, so that sync tokens stay valid.

    Raises:
        BackupDamaged: the file is no backup, or not whole.
        Conflict: the database is not empty.
        SchemaMismatch: the backup or the database has a schema that this program does not know.
    """
    contents = check_backup(path, watch)
    _make_tables(database, contents.header.schema)
    with database.write() as connection, schema_lock(connection):
        _require_empty(connection)
        for table in reversed(metadata.sorted_tables):
            # What the migrations put in is in the backup too.
            if table.name in contents.rows:
                connection.execute(table.delete())
        with (
            made_anew(connection),
            watch("Restoring", contents.total) as advance,
            path.open("rb") as file,
        ):
            statement, section = "", Section("", {})
            for part in read_backup(file):
                if isinstance(part, Section):
                    section, statement = part, _insertion(connection, part)
                elif isinstance(part, list):
                    rows = [_values(section, row, move=move) for row in part]
                    connection.exec_driver_sql(statement, rows)
                    advance(len(rows))
        _set_sequences(connection)
    upgrade_schema(database)
    return contents


def _make_tables(database: Database, schema: str) -> None:
    """Give the database the tables of that schema, if it has none or others with nothing in them.

    It is of that schema until the rows are in, so that a migration finds them.
    """
    if not knows_schema(schema):
        raise SchemaMismatch(
            f"The backup has schema {schema}, which this program does not know: install the newer"
            " sharedbooks that made it."
        )
    status = schema_status(database)
    if status.state is not SchemaState.EMPTY:
        if status.found != schema:
            require_current_schema(database)
        database.run_read(_require_empty)
        if status.found == schema:
            return
        drop_schema(database)
    upgrade_schema(database, revision=schema)


def _require_empty(connection: Connection) -> None:
    """Return if the database has nobody but the organisation, and no books.

    Raises:
        Conflict: it has.
    """
    filled = (
        exists().where(principals.c.id != ORGANISATION_ID),
        exists(select(address_books.c.id)),
    )
    if any(connection.execute(select(found)).scalar() for found in filled):
        raise Conflict(
            "The database is not empty, and a backup is restored into an empty one: name another"
            " in [database] url, or move this one away."
        )


def _insertion(connection: Connection, section: Section) -> str:
    """Return the statement for the rows of a table that the database has."""
    looker = inspect(connection)
    known = (
        {column["name"] for column in looker.get_columns(section.table)}
        if looker.has_table(section.table)
        else set()
    )
    if not set(section.columns) <= known:
        raise BackupDamaged(f"The backup is damaged: there is no such table {section.table!r}.")
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    columns = ", ".join(_quoted(connection, name) for name in section.columns)
    marks = ", ".join([mark] * len(section.columns))
    return f"INSERT INTO {_quoted(connection, section.table)} ({columns}) VALUES ({marks})"  # noqa: S608 - quoted


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)


def _values(section: Section, row: Sequence[Any], *, move: bool) -> tuple[Any, ...]:
    columns: Mapping[str, str] = section.columns
    values = [
        json.dumps(value, ensure_ascii=False) if kind == JSON and value is not None else value
        for kind, value in zip(columns.values(), row, strict=True)
    ]
    if section.table == address_books.name and not move:
        values[list(columns).index(address_books.c.sync_key.name)] = secrets.token_hex(8)
    return tuple(values)


def _set_sequences(connection: Connection) -> None:
    """Let PostgreSQL count on from the ids that came in; the others look at the rows."""
    if connection.dialect.name != "postgresql":
        return
    for table, column in connection.execute(_SERIAL_COLUMNS).all():
        if table in metadata.tables:
            highest = f"max({_quoted(connection, column)})"
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence(%s, %s), coalesce({highest}, 1),"  # noqa: S608
                f" {highest} IS NOT NULL) FROM {_quoted(connection, table)}",
                (_quoted(connection, table), column),
            )
