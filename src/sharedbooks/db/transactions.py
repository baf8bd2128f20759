"""Transactions over connections that stay begun, as far as SQLAlchemy knows.

From its pool to a begun transaction and back costs SQLAlchemy some 50 µs of Python, which is more
than all that a poll reads. Here beginning and ending are the driver's own calls.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from sharedbooks.db.failures import Failure, classify, wrapped
from sharedbooks.db.schema_watch import SchemaWatch
from sharedbooks.db.silence import Silence
from sharedbooks.errors import StoreBusy
from sharedbooks.watching.metrics import COMMITS, CONNECTION_WAITS, CONNECTIONS, DATABASE_FAILURES
from sharedbooks.watching.statements import note


class Ending(Protocol):
    """How a transaction ends: by default, the driver's own connection."""

    def commit(self) -> object:
        """Keep what was written; raises what the driver raises."""

    def rollback(self) -> object:
        """Take back what was written; raises what the driver raises."""


Begin = Callable[[Any], Ending | None]
"""Begins a transaction on the driver's connection; returns what ends it, None for the driver."""


class _Ended:
    """Ends nothing: a statement was a transaction by itself."""

    def commit(self) -> None:
        pass

    def rollback(self) -> None:
        pass


ENDED_BY_ITSELF = _Ended()
"""What a ``Begin`` returns that leaves it to the database to end a transaction."""


class Beginnings(NamedTuple):
    """How transactions are begun.

    Attributes:
        whole: one of any length.
        short: one of a few ``Prepared`` statements, in fewer journeys to the database.
        single: one of a single statement.
    """

    whole: Begin
    short: Begin
    single: Begin


class Transactions:
    """Transactions of one kind, for reading or for writing, for the threads of a process.

    Args:
        engine: makes the connections; it pools nothing itself.
        begin: begins a transaction, where the driver does not by itself.
        size: transactions at a time; whoever wants one more waits.
        patience: seconds to wait for one.
        writing: whether there is something to commit when one ends well.
        silence: keeps threads from a database that does not answer.
        committed: called with the driver's connection after each commit of what was written.

    Attributes:
        watch: refuses transactions when the schema is not the one this program knows.
        beside: those whose connections end with these, being to the same server.
    """

    def __init__(
        self,
        engine: Engine,
        begin: Beginnings,
        *,
        size: int,
        patience: float,
        writing: bool = False,
        silence: Silence | None = None,
        committed: Callable[[Any], object] | None = None,
    ) -> None:
        self._engine = engine
        self._begin = begin
        self._patience = patience
        self._writing = writing
        self._committed = committed
        self._silence = silence or Silence(None, 0)
        self._use = "writing" if writing else "reading"
        self.watch: SchemaWatch | None = None
        self.beside: Transactions | None = None
        # A semaphore of the standard library is made of Python; this costs a tenth.
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._free.put(None)
        # The last one used comes first: what it has read is still in its cache.
        self._idle: list[Connection] = []

    def take(self, *, short: bool = False) -> "Transaction":
        """Return a transaction, to be used in a ``with`` statement.

        Args:
            short: whether it is one of a few ``Prepared`` statements.
        """
        return Transaction(self, self._begin.short if short else self._begin.whole)

    def take_single(self) -> "Transaction":
        """Return one for a single statement, which is kept as soon as it is done."""
        return Transaction(self, self._begin.single)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        # Other threads take and bring some meanwhile.
        with suppress(IndexError):
            while True:
                _drop(self._idle.pop())

    def acquire(self, begin: Begin) -> tuple[Connection, Ending]:
        """Return a connection with a transaction begun; for ``Transaction``, as ``release`` is."""
        trying = self._silence.check()
        try:
            self._free.get_nowait()
        except Empty:
            self._wait()
        CONNECTIONS.count(self._use)
        try:
            if not trying:
                # Others may have met with silence while this one waited for its turn.
                self._silence.check()
            connection = self._open()
            if self.watch is not None and not self.watch.inside:
                driver: Any = connection.connection.dbapi_connection
                self._check_schema(self.watch, connection, driver)
            ending = self._begin_on(connection, begin)
            if self.watch is not None and self.watch.inside:
                self._check_schema(self.watch, connection, ending)
        except BaseException:
            self._let_go()
            raise
        return connection, ending

    def _wait(self) -> None:
        started = time.monotonic()
        try:
            self._free.get(timeout=self._patience)
        except Empty:
            DATABASE_FAILURES.count("busy")
            raise StoreBusy("Every database connection is in use; try again in a moment.") from None
        finally:
            waited = time.monotonic() - started
            CONNECTION_WAITS.observe(waited, self._use)
            note("<waiting for a connection>", waited)

    def _let_go(self) -> None:
        CONNECTIONS.count(self._use, by=-1)
        self._free.put(None)

    def _open(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            started = time.monotonic()
            try:
                connection = self._engine.connect()
            except DBAPIError:
                self._silence.lost(started)
                raise
            connection.begin()
            return connection

    def _begin_on(self, connection: Connection, begin: Begin) -> Ending:
        driver: Any = connection.connection.dbapi_connection
        try:
            return begin(driver) or driver
        except connection.dialect.loaded_dbapi.Error as error:
            failure = wrapped(connection, error, "BEGIN")
            self._forget(connection)
            raise failure from error

    def _check_schema(self, watch: SchemaWatch, connection: Connection, ending: Ending) -> None:
        try:
            watch.check(connection, writing=self._writing)
        except BaseException:
            self._end(connection, ending, failed=True, since=time.monotonic())
            raise

    def explain(self, error: DBAPIError) -> None:
        """Return unless ``error`` comes of a schema that this program does not know.

        Raises:
            StoreBusy: it does.
        """
        if self.watch is not None and classify(error) is Failure.OTHER:
            connection, ending = self.acquire(self._begin.single)
            try:
                self.watch.look(connection)
            finally:
                self.release(connection, ending, failed=True, since=time.monotonic())

    def release(
        self, connection: Connection, ending: Ending, *, failed: bool, since: float
    ) -> None:
        """End a transaction: commit what was written unless the work failed.

        Args:
            connection: what ``acquire`` gave.
            ending: what it gave with it.
            failed: whether what was written is to be taken back.
            since: when it began, by ``time.monotonic``.

        Raises:
            StoreBusy: the connection was lost on the way, and the work did not notice.
            DBAPIError: the commit failed.
        """
        try:
            self._end(connection, ending, failed=failed, since=since)
        finally:
            self._let_go()

    def _end(self, connection: Connection, ending: Ending, *, failed: bool, since: float) -> None:
        try:
            if connection.invalidated:
                self._forget(connection)
                if self._writing and not failed:
                    raise StoreBusy("The connection to the database was lost; nothing is written.")
                return
            if failed:
                ending.rollback()
            elif self._writing and ending is not ENDED_BY_ITSELF:
                self._commit(connection, ending)
            else:
                ending.commit()
            if not connection.in_transaction():
                # The work ended the transaction by itself.
                connection.begin()
            self._silence.answered()
            self._idle.append(connection)
        except connection.dialect.loaded_dbapi.Error:
            # Nothing was written, and what was read is whole all the same.
            self._forget(connection)
        finally:
            if connection.closed:
                self._silence.lost(since)

    def _commit(self, connection: Connection, ending: Ending) -> None:
        started = time.monotonic()
        try:
            ending.commit()
            COMMITS.observe(time.monotonic() - started)
            note("COMMIT", time.monotonic() - started)
        except connection.dialect.loaded_dbapi.Error as error:
            failure = wrapped(connection, error, "COMMIT")
            self._forget(connection)
            raise failure from error
        if self._committed is not None:
            self._committed(connection.connection.dbapi_connection)

    def _forget(self, connection: Connection) -> None:
        _drop(connection)
        # What ended this one has ended those that wait, too.
        self.close()
        if self.beside is not None:
            self.beside.close()


class Transaction:
    """One transaction, begun and ended by a ``with`` statement."""

    __slots__ = ("_begin", "_connection", "_ending", "_since", "_transactions")

    def __init__(self, transactions: Transactions, begin: Begin) -> None:
        self._transactions = transactions
        self._begin = begin

    def __enter__(self) -> Connection:
        """Begin.

        Raises:
            StoreBusy: every connection stays in use.
            DBAPIError: the database cannot be reached, or another writer stays in the way.
        """
        self._connection, self._ending = self._transactions.acquire(self._begin)
        self._since = time.monotonic()
        return self._connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End: by a commit, or after an exception by a rollback.

        Raises:
            StoreBusy, DBAPIError: what was written is not kept; see ``Transactions.release``.
        """
        failed = kind is not None
        self._transactions.release(self._connection, self._ending, failed=failed, since=self._since)
        if isinstance(error, DBAPIError):
            self._transactions.explain(error)


def _drop(connection: Connection) -> None:
    # Once invalidated, nothing is said to a server that may not be there.
    connection.invalidate()
    connection.close()
