"""What a database error means: try again, wait, or no space left."""

import sqlite3
from enum import Enum
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

_SQLITE_TRANSIENT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_SQLITE_UNAVAILABLE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
}
_POSTGRESQL_TRANSIENT = {"40001", "40P01", "55P03"}  # serialisation, deadlock, lock timeout
_POSTGRESQL_FULL = {"53100"}
# lock timeout, deadlock (also Galera), record changed; 1305: the savepoint that a deadlock took
# with it, found missing on the way out
_MARIADB_TRANSIENT = {1205, 1213, 1020, 1305}
_MARIADB_FULL = {3, 1021, 1114}
CUT_OFF = 1047
"""MariaDB's number for: this node of a Galera cluster is not in the part with the majority."""
_COMMIT_FAILED = 1180
"""The same, when it shows while the node commits."""
# too many connections (of all, of an account), shutting down, statement took too long
_MARIADB_UNAVAILABLE = {1040, 1203, 1226, CUT_OFF, _COMMIT_FAILED, 1053, 1969, *range(2000, 2100)}


class Failure(Enum):
    """Kinds of database failure that callers treat differently."""

    TRANSIENT = "another transaction was in the way; the same work may succeed now"
    UNAVAILABLE = "the database cannot be reached"
    FULL = "no space left"
    OTHER = "a defect of ours, or of the database"


def wrapped(connection: Connection, error: Any, statement: str) -> DBAPIError:
    """Return what SQLAlchemy would raise for a driver's ``error``; parameters are not told.

    A connection that was lost is invalidated, as SQLAlchemy does it.
    """
    dialect = connection.dialect
    driver: Any = None if connection.invalidated else connection.connection.dbapi_connection
    lost = dialect.is_disconnect(error, driver, None) or _is_cut_off(error)
    failure = DBAPIError.instance(
        statement,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )
    if lost:
        connection.invalidate(error)
    assert isinstance(failure, DBAPIError)  # noqa: S101 - of any other class it could not be
    return failure


def leave_what_is_cut_off(context: ExceptionContext) -> None:
    """Take the connection to a node without its cluster for lost, so that the next is to another.

    For an engine's event ``handle_error``; ``wrapped`` does the same.
    """
    context.is_disconnect |= _is_cut_off(context.original_exception)


def _is_cut_off(error: BaseException) -> bool:
    return error.args[:1] in {(CUT_OFF,), (_COMMIT_FAILED,)}


def classify(error: DBAPIError) -> Failure:
    """Return what ``error`` means on the database it came from."""
    if error.connection_invalidated:
        return Failure.UNAVAILABLE
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return _classify_sqlite(original)
    # PyMySQL's errors have a state too, but only their number is exact.
    number = original.args[0] if original is not None and original.args else None
    if isinstance(number, int):
        return _classify_mariadb(number)
    state = getattr(original, "sqlstate", None)
    if isinstance(state, str):
        return _classify_postgresql(state)
    # psycopg raises a connection failure without a state, or a kind of it.
    kinds = {kind.__name__ for kind in type(original).__mro__}
    return Failure.UNAVAILABLE if "OperationalError" in kinds else Failure.OTHER


def _classify_sqlite(error: sqlite3.Error) -> Failure:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _SQLITE_TRANSIENT:
        return Failure.TRANSIENT
    if code == sqlite3.SQLITE_FULL:
        return Failure.FULL
    if code in _SQLITE_UNAVAILABLE:
        return Failure.UNAVAILABLE
    return Failure.OTHER


def _classify_postgresql(state: str) -> Failure:
    if state in _POSTGRESQL_TRANSIENT:
        return Failure.TRANSIENT
    if state in _POSTGRESQL_FULL:
        return Failure.FULL
    # 08: connection lost, 53: too many connections or out of memory, 57: shutting down, or a
    # statement that took too long
    if state[:2] in {"08", "53", "57"}:
        return Failure.UNAVAILABLE
    return Failure.OTHER


def _classify_mariadb(number: int) -> Failure:
    if number in _MARIADB_TRANSIENT:
        return Failure.TRANSIENT
    if number in _MARIADB_FULL:
        return Failure.FULL
    return Failure.UNAVAILABLE if number in _MARIADB_UNAVAILABLE else Failure.OTHER
