"""A database, and the two kinds of session: a read snapshot and a write transaction."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from sharedbooks.config.database_url import several_hosts
from sharedbooks.db.dialects import mariadb, postgresql, sqlite
from sharedbooks.db.failures import Failure, classify, wrapped
from sharedbooks.db.limits import Limits
from sharedbooks.db.prepared import Prepared, SingleWrite
from sharedbooks.db.schema_watch import SchemaWatch
from sharedbooks.db.timing import timed_arguments
from sharedbooks.db.turns import Turn, Turns, Write
from sharedbooks.errors import SharedbooksError, StoreBusy, StoreFull
from sharedbooks.watching.metrics import COMMITS, DATABASE_FAILURES, RETRIES

T = TypeVar("T")

_logger = logging.getLogger(__name__)

_REASONS = {
    Failure.TRANSIENT: "busy",
    Failure.UNAVAILABLE: "unavailable",
    Failure.FULL: "full",
}
_ATTEMPTS = 6
"""For work that met with a lost connection; that in the way of others has the time to wait."""
_FIRST_PAUSE = 0.01
"""Seconds before the second attempt; doubled, with jitter, for each one after, up to the last."""
_LAST_PAUSE = 0.3


class Database:
    """One SQL database, with a pool of connections for reading and one for writing.

    Reads see one snapshot for as long as their transaction lasts. Writes are read-committed with
    row locks (SQLite: one writer at a time), so that a writer waits for the book it wants and
    then sees what the one before it did.

    Args:
        url: SQLAlchemy URL: ``sqlite:///…``, ``postgresql+psycopg://…`` or ``mariadb+pymysql://…``;
            a database server's may name several hosts (``sharedbooks.db.hosts``).
        pool_size: connections kept for reading, and as many again for writing.
        busy_timeout: seconds a writer waits for another before the work is given up.
        answer_timeout: seconds a database server may take for a statement before it is given up;
            None if it may take hours.
        timed: whether to note how long statements take (``watching.statements``).
    """

    def __init__(
        self,
        url: str | URL,
        *,
        pool_size: int = 5,
        busy_timeout: float = 30.0,
        answer_timeout: float | None = None,
        timed: bool = False,
    ) -> None:
        parsed = self.url = make_url(url)
        self.dialect = parsed.get_backend_name()
        self._busy_timeout = busy_timeout
        make = {"sqlite": sqlite, "postgresql": postgresql}.get(self.dialect, mariadb)
        extra = timed_arguments(self.dialect) if timed else {}
        limits = Limits(busy_timeout, answer_timeout, max(1, len(several_hosts(parsed))))
        self._reading, self._writing = make(parsed, pool_size, limits, extra)
        # SQLite has one connection for writing, at which they queue.
        self._turns = None if self.dialect == "sqlite" else Turns(busy_timeout)
        self._companion: Callable[[Connection], None] | None = None

    @property
    def spares_transactions(self) -> bool:
        """Whether statements by themselves cost less than in a transaction.

        To SQLite it makes no difference; MariaDB's driver ends a transaction after each.
        """
        return self.dialect == "postgresql"

    @property
    def queues_by_book(self) -> bool:
        """Whether ``run_write`` makes use of a ``book_id``."""
        return self._turns is not None

    def accompany_first_write(self, work: Callable[[Connection], None]) -> None:
        """Have ``work`` done at the end of the next write transaction that is committed.

        It may run any statements, so that transaction is not a short one.
        """
        self._companion = work

    def watch_schema(self, watch: SchemaWatch) -> None:
        """Do no work from now on but with the schema that ``watch`` knows; else ``StoreBusy``."""
        self._reading.watch = self._writing.watch = watch

    def close(self) -> None:
        """Close every pooled connection."""
        self._reading.close()
        self._writing.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a snapshot: every statement inside sees the database at one moment.

        Raises:
            StoreBusy: the database cannot be reached.
        """
        try:
            with self._reading.take() as connection:
                yield connection
        except DBAPIError as error:
            _raise_typed(error)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a write transaction: committed on a normal exit, rolled back on an exception.

        Raises:
            StoreBusy: another writer was in the way for too long, or the database is away.
            StoreFull: no space left.
        """
        try:
            with self._writing.take() as connection:
                yield connection
                self._do_companion(connection)
            self._companion = None
        except DBAPIError as error:
            _raise_typed(error)

    def run_read(self, work: Callable[[Connection], T]) -> T:
        """Return ``work(connection)`` done in a snapshot, tried again if the connection was stale.

        Raises:
            StoreBusy: the database cannot be reached.
        """

        def attempt() -> T:
            with self._reading.take() as connection:
                return work(connection)

        return _with_attempts(attempt, _may_pass, self._busy_timeout)

    def read_statement(self, statement: Prepared, parameters: dict[str, Any]) -> list[Any]:
        """Return the rows of one statement, which sees the database at one moment by itself.

        So it costs no beginning and no end of a transaction.

        Raises:
            StoreBusy: the database cannot be reached.
        """

        def attempt() -> list[Any]:
            with self._reading.take_single() as connection:
                return statement.all(connection, parameters)

        return _with_attempts(attempt, _may_pass, self._busy_timeout)

    def run_write(
        self,
        work: Callable[[Connection], T],
        *,
        short: bool = False,
        book_id: int | None = None,
        single: SingleWrite[T] | None = None,
    ) -> T:
        """Return ``work(connection)`` done and committed in a write transaction.

        ``work`` is called again from the start while the time to wait is not over, when another
        transaction was in the way (serialisation failure, deadlock; between the nodes of a Galera
        cluster that is how writers wait for each other), and a bounded number of times when the
        connection was lost; it must not have effects outside the connection. A connection
        lost while committing is not tried again: whether the commit happened is unknown then, and
        only the caller can find out.

        Args:
            work: what to do.
            short: whether it runs ``Prepared`` statements alone, whose journeys to a database on
                another machine can then be fewer (``db.postgresql_session.Flow``), and raises a
                ``SharedbooksError`` only as long as it has written nothing: it may share a
                transaction with others.
            book_id: the book that it is going to lock, if it is only one and that is known: others
                of this process who write to it wait until it is done, or do it as well.
            single: does the same, if there is nothing in its way.

        Raises:
            StoreBusy: it did not succeed in the attempts allowed, or the database is away.
            StoreFull: no space left.
        """
        if book_id is None or self._turns is None:
            return self._write_alone(work, short=short)
        write = Write(work, single, alone=not short)
        while True:
            with self._turns.take(book_id, write) as turn:
                if turn is not None and write.alone:
                    return self._write_alone(work, short=short)
                if turn is not None:
                    self._write_turn(turn)
            if not write.alone:
                return write.result()

    def _write_alone(self, work: Callable[[Connection], T], *, short: bool) -> T:
        committing = False

        def attempt() -> T:
            nonlocal committing
            committing = False
            with self._writing.take(short=short and self._companion is None) as connection:
                outcome = work(connection)
                self._do_companion(connection)
                committing = True
            self._companion = None
            return outcome

        def may_repeat(failure: Failure) -> bool:
            return failure is Failure.TRANSIENT or (_may_pass(failure) and not committing)

        return _with_attempts(attempt, may_repeat, self._busy_timeout)

    def _write_turn(self, turn: Turn) -> None:
        turn.gather()
        first = turn.writes[0]
        if len(turn.writes) == 1 and first.single is not None and self._companion is None:
            self._write_at_once(first, first.single)
            if first.is_open:
                turn.gather()
        self._write_singles(turn)
        if turn.open_writes:
            self._write_together(turn)

    def _write_at_once(self, write: Write[T], single: SingleWrite[T]) -> None:
        asking = False
        started = time.monotonic()
        try:
            with self._writing.take_single() as connection:
                asking = True
                rows = single.statement.all(connection, single.parameters())
        except DBAPIError as error:
            if asking and classify(error) is Failure.UNAVAILABLE:
                # Nobody knows whether it was done.
                _raise_typed(error)
            return
        if write.settle(single, rows):
            COMMITS.observe(time.monotonic() - started)

    def _write_singles(self, turn: Turn) -> None:
        """Do what can be done by single statements in one journey to the database."""
        singles = [(write, write.single) for write in turn.open_writes if write.single]
        if not singles:
            return

        replies: list[Callable[[], list[Any]]] = []

        def send(connection: Connection) -> None:
            singles[0][1].lock(connection)
            replies.extend(write.send(connection, single) for write, single in singles)

        self._commit_for([write for write, _ in singles], send)
        for (write, single), rows in zip(singles, replies, strict=False):
            if write.is_open:
                write.settle(single, rows())

    def _write_together(self, turn: Turn) -> None:
        """Do what is still to be done, and what comes meanwhile, in one transaction."""
        writes = turn.open_writes

        def attempt(connection: Connection) -> None:
            for write in writes:
                write.attempt(connection)
            for write in turn.newcomers():
                writes.append(write)
                write.attempt(connection)

        self._commit_for(writes, attempt)

    def _commit_for(self, writes: list[Write[Any]], work: Callable[[Connection], None]) -> None:
        """Do ``work`` in a transaction for all of them; if it fails, each is to be done alone."""
        committing = False
        try:
            with self._writing.take(short=self._companion is None) as connection:
                work(connection)
                self._do_companion(connection)
                committing = True
            self._companion = None
        except SharedbooksError as error:
            for write in writes:
                write.fail(error)
        except DBAPIError as error:
            failure = classify(error)
            _logger.debug("%d writes met %s together", len(writes), failure.name)
            _count_retry(failure)
            for write in writes:
                if committing and failure is Failure.UNAVAILABLE:
                    write.fail(_typed(error))
                else:
                    write.separate()
        except Exception:  # noqa: BLE001 - a defect: whose it is, meets it again
            for write in writes:
                write.separate()

    def run_outside_transactions(self, work: Callable[[Any], T]) -> T:
        """Return ``work(connection)`` done on the writing connection as the driver has it.

        For statements of SQLite that refuse a transaction.

        Raises:
            StoreBusy: another writer was in the way for too long.
            StoreFull: no space left.
        """
        try:
            with self._writing.take() as connection:
                driver: Any = connection.connection.dbapi_connection
                driver.rollback()
                driver.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1000)}")
                try:
                    return work(driver)
                except connection.dialect.loaded_dbapi.Error as error:
                    raise wrapped(connection, error, "") from error
                finally:
                    driver.execute("PRAGMA busy_timeout = 0")
        except DBAPIError as error:
            _raise_typed(error)

    def _do_companion(self, connection: Connection) -> None:
        if self._companion is not None:
            self._companion(connection)


def _count_retry(failure: Failure) -> None:
    RETRIES.count("unavailable" if failure is Failure.UNAVAILABLE else "conflict")


def _may_pass(failure: Failure) -> bool:
    return failure in {Failure.TRANSIENT, Failure.UNAVAILABLE}


def _with_attempts(
    attempt: Callable[[], T], may_repeat: Callable[[Failure], bool], patience: float
) -> T:
    pause = _FIRST_PAUSE
    deadline = time.monotonic() + patience
    lost = 0
    while True:
        try:
            return attempt()
        except DBAPIError as error:
            failure = classify(error)
            lost += failure is not Failure.TRANSIENT
            if lost == _ATTEMPTS or time.monotonic() >= deadline or not may_repeat(failure):
                _raise_typed(error)
            _logger.debug("an attempt met %s; trying again", failure.name)
            _count_retry(failure)
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter is no secret
        pause = min(2 * pause, _LAST_PAUSE)


def _raise_typed(error: DBAPIError) -> NoReturn:
    typed = _typed(error)
    if typed is error:
        raise error
    raise typed from error


def _typed(error: DBAPIError) -> Exception:
    """Return the typed error that ``error`` means, or ``error`` itself when it means a defect."""
    failure = classify(error)
    if failure in _REASONS:
        DATABASE_FAILURES.count(_REASONS[failure])
    if failure is Failure.TRANSIENT:
        return StoreBusy("The database is busy; try again in a moment.")
    if failure is Failure.UNAVAILABLE:
        # libpq tells of every host, over several lines.
        reason = " ".join(str(error.orig).split())
        return StoreBusy(f"The database cannot be reached: {reason}")
    if failure is Failure.FULL:
        return StoreFull("The database has no space left.")
    return error
