"""Statements of PostgreSQL that travel together, where each would be a journey by itself."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection

from sharedbooks.db.failures import wrapped


class Flow:
    """A write transaction that waits for the server only where rows are asked for.

    Its beginning travels with the first statements, and its commit with the last. In between there
    may be ``Prepared`` statements alone; how many rows one has met that returns none is not known.

    Args:
        driver: a connection of psycopg without a transaction; it is begun now.
    """

    def __init__(self, driver: Any) -> None:
        import psycopg  # noqa: PLC0415 - an extra

        self._failures = psycopg.Error
        # Else psycopg would begin by itself, and wait for it.
        driver.autocommit = True
        self._driver = driver
        # None of the driver's own making, which may be timed: the whole commit is, elsewhere.
        self._cursor = psycopg.Cursor(driver)
        self._pipeline = driver.pipeline()
        self._pipeline.__enter__()
        self._cursor.execute("BEGIN ISOLATION LEVEL READ COMMITTED")

    def commit(self) -> None:
        """Commit, once all that is on its way has arrived.

        Raises:
            psycopg.Error: a statement failed, or the commit; nothing is written then, as long as
                the connection is there.
        """
        self._cursor.execute("COMMIT")
        self._pipeline.__exit__(None, None, None)

    def rollback(self) -> None:
        """Take back what was written.

        Raises:
            psycopg.Error: the connection is lost.
        """
        # What failed first has been raised, or is of no interest.
        with suppress(self._failures):
            self._pipeline.__exit__(None, None, None)
        self._driver.rollback()


def is_flowing(connection: Connection) -> bool:
    """True if statements on ``connection`` do not wait for those before them."""
    if connection.dialect.name != "postgresql":
        return False
    driver: Any = connection.connection.dbapi_connection
    return bool(driver.pgconn.pipeline_status)


@contextmanager
def pipelined(connection: Connection) -> Iterator[None]:
    """Let PostgreSQL work while the next statements of the block are on their way.

    For ``Prepared`` statements, as in a ``Flow``.

    Raises:
        DBAPIError: a statement of the block failed; at its end at the latest.
    """
    if connection.dialect.name != "postgresql" or is_flowing(connection):
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    try:
        with driver.pipeline():
            yield
    except connection.dialect.loaded_dbapi.Error as error:
        raise wrapped(connection, error, "") from error
