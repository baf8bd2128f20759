"""Connections that note how long each statement takes; for the log of slow requests.

They stand below everything that runs statements, so that none is missed and nothing is paid
where nobody wants to know.
"""

import sqlite3
from time import perf_counter
from typing import Any

from sharedbooks.watching.statements import note


def timed_arguments(dialect: str) -> dict[str, Any]:
    """Return what a driver's ``connect`` has to be told so that statements are timed."""
    if dialect == "sqlite":
        return {"factory": _TimedSqlite}
    if dialect == "postgresql":
        from psycopg import Cursor  # noqa: PLC0415 - an extra

        return {"cursor_factory": _timed(Cursor)}
    from pymysql.cursors import Cursor as MariaDbCursor  # noqa: PLC0415 - an extra

    return {"cursorclass": _timed(MariaDbCursor)}


def _timed(cursor_class: type[Any]) -> type[Any]:
    # Bound here: this runs with every statement of every request.
    execute, executemany = cursor_class.execute, cursor_class.executemany
    fetchall = cursor_class.fetchall

    class TimedCursor(cursor_class):  # type: ignore[misc] # whichever the driver has
        """Notes statements; what a driver does only while rows are fetched belongs to them."""

        _statement: Any = ""
        _inside = False

        def execute(self, statement: Any, *rest: Any, **more: Any) -> Any:
            if self._inside:
                # PyMySQL executes many by executing each, with its values written in.
                return execute(self, statement, *rest, **more)
            self._statement = statement
            started = perf_counter()
            try:
                return execute(self, statement, *rest, **more)
            finally:
                note(statement, perf_counter() - started)

        def executemany(self, statement: Any, *rest: Any, **more: Any) -> Any:
            self._inside, self._statement = True, statement
            started = perf_counter()
            try:
                return executemany(self, statement, *rest, **more)
            finally:
                note(statement, perf_counter() - started)
                self._inside = False

        def fetchall(self) -> Any:
            started = perf_counter()
            rows = fetchall(self)
            note(self._statement, perf_counter() - started, 0)
            return rows

    return TimedCursor


_TimedSqliteCursor = _timed(sqlite3.Cursor)


class _TimedSqlite(sqlite3.Connection):
    def cursor(self, factory: Any = _TimedSqliteCursor) -> Any:
        return super().cursor(factory)
