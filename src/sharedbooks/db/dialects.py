"""How each kind of database is opened: the transactions for reading, and those for writing."""

import random
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL

from sharedbooks.db.failures import leave_what_is_cut_off
from sharedbooks.db.hosts import mariadb_hosts, postgresql_hosts
from sharedbooks.db.limits import Limits, mariadb_arguments, postgresql_arguments
from sharedbooks.db.silence import Silence
from sharedbooks.db.transactions import (
    ENDED_BY_ITSELF,
    Begin,
    Beginnings,
    Ending,
    Transactions,
)
from sharedbooks.db.write_ahead_log import WriteAheadLog
from sharedbooks.watching.metrics import LOCK_WAITS
from sharedbooks.watching.statements import note

if TYPE_CHECKING:
    from sharedbooks.db.postgresql_session import Session

_LOCK_PAUSE = (0.0002, 0.001)
"""Seconds between two looks at SQLite's lock."""
_CHECKPOINT_PAGES = 4000
"""Pages of SQLite's log that go into its file at a time: as many as one look into its index finds.

One writer in two hundred waits for that, and a page that all of them change is written once.
"""


def sqlite(
    url: URL, pool_size: int, limits: Limits, extra: dict[str, Any]
) -> tuple[Transactions, Transactions]:
    """Open a file of SQLite.

    Args:
        url: its URL.
        pool_size: connections for reading; there is one for writing.
        limits: how long to wait for what.
        extra: more arguments for the driver's connections.
    """
    # sqlite3 would open transactions by itself, too late for snapshots and never for DDL;
    # with isolation_level=None the BEGIN is ours.
    arguments: dict[str, Any] = {
        "isolation_level": None,
        "check_same_thread": False,
        "timeout": limits.busy,
        **extra,
    }

    def make(*, writing: bool = False) -> Engine:
        engine = create_engine(url, connect_args=arguments, poolclass=NullPool)
        event.listen(engine, "connect", _prepare_sqlite)
        if writing:
            event.listen(engine, "connect", _prepare_sqlite_writer)
        return engine

    begin_writing = _begin_writing_within(limits.busy)
    # One writer connection a process: threads then queue here, in order, instead of polling
    # for the lock of the file.
    return (
        Transactions(
            make(),
            Beginnings(_begin_snapshot, _begin_snapshot, _begin_nothing),
            size=pool_size,
            patience=limits.busy,
        ),
        Transactions(
            make(writing=True),
            Beginnings(begin_writing, begin_writing, begin_writing),
            size=1,
            patience=limits.busy,
            writing=True,
            committed=WriteAheadLog(url.database).shorten,
        ),
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        # A worker has many connections that read. What one of them lacks here, the kernel has.
        "cache_size = -2000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_sqlite_writer(connection: Any, _record: Any) -> None:
    # The first statement of a transaction waits for the lock, in our own way; no other has to.
    connection.execute("PRAGMA busy_timeout = 0")
    connection.execute("PRAGMA cache_size = -16000")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")


def _begin_snapshot(driver: sqlite3.Connection) -> None:
    driver.execute("BEGIN")


def _begin_writing_within(seconds: float) -> Callable[[sqlite3.Connection], None]:
    """Return what begins a write transaction, waiting so long for those of other processes.

    SQLite itself would wait up to 100 ms between two looks at the lock, and a writer holds it for
    one or two.
    """

    def begin(driver: sqlite3.Connection) -> None:
        started = time.monotonic()
        try:
            _poll_for_lock(driver, started + seconds)
        finally:
            waited = time.monotonic() - started
            LOCK_WAITS.observe(waited)
            note("<waiting for the lock>", waited)

    return begin


def _poll_for_lock(driver: sqlite3.Connection, deadline: float) -> None:
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            # Its lower octet: the others say why it is busy.
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(random.uniform(*_LOCK_PAUSE))  # noqa: S311 - jitter is no secret


def _begin_nothing(_driver: Any) -> None:
    """Leave it to the driver or to the database, which take a statement for a transaction."""


def _beside_each_other(
    limits: Limits,
    pool_size: int,
    reading: tuple[Engine, Beginnings],
    writing: tuple[Engine, Beginnings],
) -> tuple[Transactions, Transactions]:
    """Return the transactions of two engines for the same server."""
    longest = limits.connect + (limits.statement(writing=True) or 0)
    silence = Silence(limits.answer and 0.9 * limits.connect, longest)
    make = partial(Transactions, size=pool_size, patience=limits.busy, silence=silence)
    readers, writers = make(*reading), make(*writing, writing=True)
    readers.beside, writers.beside = writers, readers
    return readers, writers


def postgresql(
    url: URL, pool_size: int, limits: Limits, extra: dict[str, Any]
) -> tuple[Transactions, Transactions]:
    """Open a database of PostgreSQL, on one host or several; see ``sqlite``."""
    from sharedbooks.db.postgresql_session import (  # noqa: PLC0415 - its driver is an extra
        Flow,
        SessionConnection,
    )

    address, hosts = postgresql_hosts(url)

    def make(*, writing: bool) -> Engine:
        engine = create_engine(
            address,
            # Transactions are begun by the session of a connection.
            isolation_level="AUTOCOMMIT",
            connect_args={**postgresql_arguments(url, limits, writing=writing), **hosts, **extra},
            poolclass=NullPool,
        )
        patience = limits.patience(writing=writing)

        @event.listens_for(engine, "do_connect")
        def connect(_dialect: object, _record: object, args: Any, arguments: Any) -> Any:
            return SessionConnection.open(patience, *args, **arguments)

        return engine

    def begin(isolation_level: str) -> Begin:
        def begin_whole(driver: Any) -> Ending:
            session: Session = driver.session
            session.begin(isolation_level)
            return session

        return begin_whole

    begin_reading, begin_writing = begin("REPEATABLE READ"), begin("READ COMMITTED")
    return _beside_each_other(
        limits,
        pool_size,
        (make(writing=False), Beginnings(begin_reading, begin_reading, _begin_single)),
        (make(writing=True), Beginnings(begin_writing, Flow, _begin_single)),
    )


def _begin_single(_driver: Any) -> Ending:
    return ENDED_BY_ITSELF


def mariadb(
    url: URL, pool_size: int, limits: Limits, extra: dict[str, Any]
) -> tuple[Transactions, Transactions]:
    """Open a database of MariaDB, on one host or several; see ``sqlite``."""
    # Comparing with the collation of the connection would make names case-blind again.
    address = url.update_query_dict({"charset": "utf8mb4"})

    def make(isolation_level: str, *, writing: bool) -> Engine:
        engine = create_engine(
            address,
            isolation_level=isolation_level,
            connect_args={**mariadb_arguments(url, limits, writing=writing), **extra},
            poolclass=NullPool,
        )
        event.listen(engine, "handle_error", leave_what_is_cut_off)
        mariadb_hosts(engine, url)
        return engine

    # READ COMMITTED takes no gap locks, so writers to different names of a book's index do not
    # meet.
    reader, writer = make("REPEATABLE READ", writing=False), make("READ COMMITTED", writing=True)
    begin = Beginnings(_begin_nothing, _begin_nothing, _begin_nothing)
    return _beside_each_other(limits, pool_size, (reader, begin), (writer, begin))
