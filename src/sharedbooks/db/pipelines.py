"""Statements of PostgreSQL that travel together, where each would be a journey by itself."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any


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
        # The driver's own would forget what it has prepared, tables made here being gone: none
        # are, and a write that is refused would make the next ones slow.
        self._driver.wait(_roll_back(self._driver.pgconn))


def _roll_back(server: Any) -> Iterator[Any]:
    """Yield what to wait for on libpq's connection, as psycopg's generators do."""
    from psycopg import OperationalError, pq  # noqa: PLC0415 - an extra
    from psycopg.waiting import Wait  # noqa: PLC0415

    server.send_query(b"ROLLBACK")
    while server.flush():
        yield Wait.RW
        server.consume_input()
    while server.is_busy():
        yield Wait.R
        server.consume_input()
    while server.get_result():
        pass
    if server.transaction_status != pq.TransactionStatus.IDLE:
        raise OperationalError("the transaction does not end")
