"""Read snapshots over connections that stay begun, as far as SQLAlchemy knows.

From its pool to a begun transaction and back costs SQLAlchemy some 50 µs of Python, which is more
than all that a poll reads. Here beginning and ending are the driver's own calls.
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine

from sharedbooks.errors import StoreBusy


class Snapshots:
    """Snapshots of a database for the threads of a process.

    Args:
        engine: for reading; it pools nothing itself.
        begin: begins a transaction on the driver's connection, where the driver does not by itself.
        size: snapshots at a time; whoever wants one more waits.
        patience: seconds to wait for one.
    """

    def __init__(
        self, engine: Engine, begin: Callable[[Any], object], *, size: int, patience: float
    ) -> None:
        self._engine = engine
        self._begin = begin
        self._patience = patience
        self._free = threading.Semaphore(size)
        # The last one used comes first: what it has read is still in its cache.
        self._idle: list[Connection] = []

    def take(self) -> "Snapshot":
        """Return a snapshot, to be used in a ``with`` statement."""
        return Snapshot(self)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            _drop(self._idle.pop())

    def _acquire(self) -> Connection:
        if not self._free.acquire(timeout=self._patience):
            raise StoreBusy("Every database connection is in use; try again in a moment.")
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._engine.connect()
                connection.begin()
            self._begin(connection.connection.dbapi_connection)
        except BaseException:
            self._free.release()
            raise
        return connection

    def _release(self, connection: Connection) -> None:
        try:
            if self._ended(connection):
                self._idle.append(connection)
                return
        finally:
            self._free.release()
        _drop(connection)
        # What ended this one has ended those that wait, too.
        self.close()

    def _ended(self, connection: Connection) -> bool:
        """End the transaction; False if the connection is of no more use."""
        driver = None if connection.invalidated else connection.connection.dbapi_connection
        try:
            if driver is not None:
                driver.rollback()
        except connection.dialect.loaded_dbapi.Error:
            # What was read is whole all the same.
            return False
        return driver is not None


def _drop(connection: Connection) -> None:
    # Once invalidated, nothing is said to a server that may not be there.
    connection.invalidate()
    connection.close()


class Snapshot:
    """One snapshot: every statement inside the ``with`` sees the database at one moment."""

    __slots__ = ("_connection", "_snapshots")

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    def __enter__(self) -> Connection:
        """Begin.

        Raises:
            StoreBusy: every connection stays in use.
            DBAPIError: the database cannot be reached.
        """
        self._connection = self._snapshots._acquire()  # noqa: SLF001 - two halves of one thing
        return self._connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; there is nothing to commit."""
        self._snapshots._release(self._connection)  # noqa: SLF001
