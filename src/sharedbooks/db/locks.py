"""Work that one process at a time does, on whatever machine: a named lock in the database."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, text

from sharedbooks.db.engine import Database
from sharedbooks.errors import StoreBusy


@contextmanager
def sole(database: Database, name: str) -> Iterator[None]:
    """Hold the lock called ``name`` while the block lasts; a process that dies loses it.

    The lock stands apart from transactions: nobody else waits for it.

    Raises:
        StoreBusy: somebody else holds it.
    """
    with database.read() as connection:
        if database.dialect == "sqlite":
            with _file_lock(_path_of(connection), name):
                yield
        elif database.dialect == "postgresql":
            number = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
            taken = text("SELECT pg_try_advisory_xact_lock(:number)")
            if not connection.execute(taken, {"number": number}).scalar():
                raise _busy(name)
            yield
        else:
            # MariaDB's locks are the whole server's, other databases included.
            whole = text("SELECT GET_LOCK(CONCAT(LEFT(DATABASE(), 40), :name), 0)")
            if not connection.execute(whole, {"name": name}).scalar():
                raise _busy(name)
            try:
                yield
            finally:
                release = text("SELECT RELEASE_LOCK(CONCAT(LEFT(DATABASE(), 40), :name))")
                connection.execute(release, {"name": name})


@contextmanager
def _file_lock(database: Path | None, name: str) -> Iterator[None]:
    if database is None:
        # A database in memory belongs to this process.
        yield
        return
    with database.with_name(f"{database.name}-{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(name) from None
        yield


def _path_of(connection: Connection) -> Path | None:
    rows = connection.exec_driver_sql("PRAGMA database_list").all()
    path = next(path for _, schema, path in rows if schema == "main")
    return Path(path) if path else None


def _busy(name: str) -> StoreBusy:
    return StoreBusy(f"Another {name.replace('-', ' ')} is running; try again when it is done.")
