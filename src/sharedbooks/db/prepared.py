"""Statements that every request runs: compiled once a dialect, fetched past SQLAlchemy's layers.

A select through ``Connection.execute`` costs some 70 µs of Python whatever it reads; on SQLite
that is ten times what the statement itself takes. Here it costs the driver's own time.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy.engine import Dialect

Parameters = dict[str, Any]
_Compiled = tuple[str, Callable[[Parameters], Any]]


class Prepared:
    """A select with bound parameters, whose rows come as the driver gives them.

    Columns must be of types that every driver returns alike: integers, texts, octets. A boolean
    is 0 or 1 on some, and a JSON column has to be cast to text.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def all(self, connection: Connection, parameters: Parameters) -> list[Any]:
        """Return every row.

        Raises:
            DBAPIError: as ``Connection.execute`` does.
        """
        text, arrange = self._for(connection.dialect)
        dialect = connection.dialect
        arranged = arrange(parameters)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(text, arranged)
            return list(cursor.fetchall())
        except dialect.loaded_dbapi.Error:
            # Once more where the error is wrapped and a lost connection noticed.
            return list(connection.exec_driver_sql(text, arranged).all())
        finally:
            cursor.close()

    def first(self, connection: Connection, parameters: Parameters) -> Any | None:
        """Return the only row, or the first, or None; see ``all``."""
        rows = self.all(connection, parameters)
        return rows[0] if rows else None

    def _for(self, dialect: Dialect) -> _Compiled:
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = _compile(self._statement, dialect)
        return known


def _compile(statement: Select[Any], dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    if not compiled.positional:
        return str(compiled), lambda parameters: {**fixed, **parameters}
    order = list(compiled.positiontup or ())
    if len(order) > 1 and not fixed:
        return str(compiled), itemgetter(*order)

    def arrange(parameters: Parameters) -> tuple[Any, ...]:
        merged = {**fixed, **parameters}
        return tuple(merged[name] for name in order)

    return str(compiled), arrange
