"""A backup of everything: made while the server goes on, and checked by reading it back."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import JSON as JSON_TYPE
from sqlalchemy import Connection, LargeBinary, Table, func, select

from sharedbooks import __version__
from sharedbooks.db.engine import Database
from sharedbooks.db.schema import metadata
from sharedbooks.db.schema_state import found_schema
from sharedbooks.db.types import json_text
from sharedbooks.errors import BackupDamaged
from sharedbooks.exchange.backup_file import (
    JSON,
    OCTETS,
    VALUE,
    BackupWriter,
    Contents,
    Header,
    Section,
    read_backup,
)
from sharedbooks.exchange.files import replacing

_ROWS = 2000
_ROWS_WITH_OCTETS = 100
"""Rows fetched at a time: those with octets may have megabytes each."""

Watch = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Shows how far something of so many steps has come, and is told of each one."""


def make_backup(database: Database, path: Path, watch: Watch) -> Contents:
    """Write everything the database holds at one moment into ``path``, and read it back.

    ``path`` is replaced once the backup is known to be whole; only its owner may read it. Into a
    device or pipe is written without reading back.

    Args:
        database: what to back up; others go on reading and writing.
        path: the file.
        watch: shows the progress of writing and of checking.

    Raises:
        BackupDamaged: what was read back is not what was written.
        StoreBusy: the database cannot be reached.
    """
    with replacing(path) as file:
        os.fchmod(file.fileno(), 0o600)
        with (
            database.read() as connection,
            watch("Backing up", _count_rows(connection)) as advance,
        ):
            written = dump_database(connection, file, advance)
        file.flush()
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            found = check_backup(Path(file.name), watch)
            if found != written:
                raise BackupDamaged("The backup read back is not the one that was written.")
    return written


def check_backup(path: Path, watch: Watch) -> Contents:
    """Read a backup from beginning to end and return what it holds.

    Raises:
        BackupDamaged: it is no backup, or not whole.
    """
    with path.open("rb") as file, watch("Checking", path.stat().st_size) as advance:
        contents = None
        done = 0
        for part in read_backup(file):
            contents = part
            position = file.tell()
            advance(position - done)
            done = position
    assert isinstance(contents, Contents)  # noqa: S101 - a backup that is whole ends with it
    return contents


def dump_database(
    connection: Connection, file: BinaryIO, advance: Callable[[int], None]
) -> Contents:
    """Write every table into ``file``; ``connection`` is a snapshot, ``advance`` told of rows."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    writer = BackupWriter(file, Header(found_schema(connection) or "", __version__, moment))
    for table in metadata.sorted_tables:
        section = Section(table.name, {column.name: _kind(column) for column in table.columns})
        writer.write_table(section, _batches(connection, table, advance))
    return writer.close()


def _count_rows(connection: Connection) -> int:
    counted = (select(func.count()).select_from(table) for table in metadata.sorted_tables)
    return sum(connection.execute(statement).scalar_one() for statement in counted)


def _kind(column: Any) -> str:
    if isinstance(column.type, LargeBinary):
        return OCTETS
    return JSON if isinstance(column.type, JSON_TYPE) else VALUE


def _batches(
    connection: Connection, table: Table, advance: Callable[[int], None]
) -> Iterator[list[list[Any]]]:
    kinds = [_kind(column) for column in table.columns]
    # As text: a driver that decodes JSON would not tell null from nothing.
    columns = [
        json_text(column) if kind == JSON else column
        for column, kind in zip(table.columns, kinds, strict=True)
    ]
    decoded = [number for number, kind in enumerate(kinds) if kind == JSON]
    rows = _ROWS_WITH_OCTETS if OCTETS in kinds else _ROWS
    statement = select(*columns).order_by(*table.primary_key.columns)
    options = {"yield_per": rows}
    with connection.execute(statement, execution_options=options) as result:
        for partition in result.partitions():
            batch = [list(row) for row in partition]
            for row in batch:
                for number in decoded:
                    if row[number] is not None:
                        row[number] = json.loads(row[number])
            yield batch
            advance(len(batch))
