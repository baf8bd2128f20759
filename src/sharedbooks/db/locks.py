"""Work that one process at a time does, on whatever machine: a named lock in the database."""

import fcntl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

from sqlalchemy import text

from sharedbooks.db.engine import Database
from sharedbooks.db.hosts import agreed_order
from sharedbooks.errors import StoreBusy


@contextmanager
def sole(database: Database, name: str) -> Iterator[None]:
    """Hold the lock called ``name`` while the block lasts; a process that dies loses it.

    The lock stands apart from transactions: nobody else waits for it.

    Raises:
        StoreBusy: somebody else holds it.
    """
    if database.dialect == "sqlite":
        with _file_lock(database.url.database, name):
            yield
        return
    # A connection of its own: a small pool would have none left for the work. The servers of a
    # Galera cluster know nothing of each other's named locks, so all go to the same one.
    url = agreed_order(database.url)
    with closing(Database(url, pool_size=1)) as apart, apart.read() as connection:
        if database.dialect == "postgresql":
            number = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
            taken = text("SELECT pg_try_advisory_xact_lock(:number)")
            arguments: dict[str, object] = {"number": number}
        else:
            # MariaDB's locks are the whole server's, other databases included. It ends with the
            # connection.
            taken = text("SELECT GET_LOCK(CONCAT(LEFT(DATABASE(), 40), :name), 0)")
            arguments = {"name": name}
        if not connection.execute(taken, arguments).scalar():
            raise _busy(name)
        yield


@contextmanager
def _file_lock(database: str | None, name: str) -> Iterator[None]:
    if database in {None, "", ":memory:"}:
        # It belongs to this process.
        yield
        return
    with Path(f"{database}-{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(name) from None
        yield


def _busy(name: str) -> StoreBusy:
    return StoreBusy(f"Another {name.replace('-', ' ')} is running; try again when it is done.")
