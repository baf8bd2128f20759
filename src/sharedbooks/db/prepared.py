"""Statements that every request runs: compiled once a dialect, run past SQLAlchemy's layers.

A statement through ``Connection.execute`` costs some 70 µs of Python whatever it does; on SQLite
that is ten times what the statement itself takes. Here it costs the driver's own time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import CompoundSelect, Connection, Delete, Insert, Select, TextClause, Update
from sqlalchemy.engine import Dialect

from sharedbooks.db.failures import wrapped

T_co = TypeVar("T_co", covariant=True)

Parameters = dict[str, Any]
_Compiled = tuple[str, Callable[[Parameters], Any]]


class Prepared:
    """A statement with bound parameters, whose rows come as the driver gives them.

    Columns must be of types that every driver takes and returns alike: integers, texts, octets. A
    boolean is 0 or 1 on some, and a JSON column has to be cast to text.

    Args:
        statement: the statement.
        columns: for an insert, the names of the columns it fills, which are its parameters.
    """

    def __init__(
        self,
        statement: Select[*tuple[Any, ...]]
        | CompoundSelect[*tuple[Any, ...]]
        | Insert
        | Update
        | Delete
        | TextClause,
        columns: Sequence[str] | None = None,
    ) -> None:
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}

    def all(self, connection: Connection, parameters: Parameters) -> list[Any]:
        """Return every row.

        Raises:
            DBAPIError: as ``Connection.execute`` does.
        """
        text, arrange = self._for(connection.dialect)
        try:
            return _runner(connection).all(text, arrange(parameters))
        except connection.dialect.loaded_dbapi.Error as error:
            raise wrapped(connection, error, text) from error

    def send(self, connection: Connection, parameters: Parameters) -> Callable[[], list[Any]]:
        """Send it on its way; return what returns its rows once the transaction is committed.

        Raises:
            DBAPIError: as ``Connection.execute`` does, or the commit will.
        """
        text, arrange = self._for(connection.dialect)
        try:
            return _runner(connection).send(text, arrange(parameters))
        except connection.dialect.loaded_dbapi.Error as error:
            raise wrapped(connection, error, text) from error

    def first(self, connection: Connection, parameters: Parameters) -> Any | None:
        """Return the only row, or the first, or None; see ``all``."""
        rows = self.all(connection, parameters)
        return rows[0] if rows else None

    def run(self, connection: Connection, *some: Parameters) -> int:
        """Run a statement once for each of the parameters; return how many rows the last one met.

        Raises:
            DBAPIError: as ``Connection.execute`` does.
        """
        if not some:
            return 0
        text, arrange = self._for(connection.dialect)
        try:
            return _runner(connection).run(text, [arrange(parameters) for parameters in some])
        except connection.dialect.loaded_dbapi.Error as error:
            raise wrapped(connection, error, text) from error

    def _for(self, dialect: Dialect) -> _Compiled:
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = self._compile(dialect)
        return known

    def _compile(self, dialect: Dialect) -> _Compiled:
        keys = None if self._columns is None else list(self._columns)
        if dialect.name == "postgresql":
            numbered: Any = type(dialect)
            dialect = numbered(paramstyle="numeric_dollar")
        compiled = self._statement.compile(dialect=dialect, column_keys=keys)
        fixed = {name: value for name, value in compiled.params.items() if value is not None}
        if not compiled.positional:
            return str(compiled), lambda parameters: {**fixed, **parameters}
        order = list(compiled.positiontup or ())
        # Of a single name itemgetter would return the value alone.
        pick = itemgetter(*order) if len(order) > 1 else _tuple_of(order)
        if not fixed:
            return str(compiled), pick
        return str(compiled), lambda parameters: pick({**fixed, **parameters})


@dataclass(frozen=True, slots=True)
class SingleWrite(Generic[T_co]):
    """A write that is one statement, which does all of it or nothing, and waits for nobody.

    Attributes:
        statement: returns no row if it did nothing.
        parameters: makes its parameters, at the moment when they are needed.
        lock: takes the lock without which others may be in its way.
        outcome: makes of the row what the write returns; None if it did nothing for all that, or
            raises a ``SharedbooksError`` if the row tells that it is not to be done.
    """

    statement: Prepared
    parameters: Callable[[], Parameters]
    lock: Callable[[Connection], object]
    outcome: Callable[[Any], T_co | None]


class _Runner(Protocol):
    """What runs statements; see ``db.postgresql_session.Session``."""

    def all(self, statement: str, values: Any) -> list[Any]: ...

    def send(self, statement: str, values: Any) -> Callable[[], list[Any]]: ...

    def run(self, statement: str, some: Sequence[Any]) -> int: ...


class _Cursors:
    """Runs statements as every driver can.

    Args:
        driver: its connection.
    """

    __slots__ = ("_driver",)

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def all(self, statement: str, values: Any) -> list[Any]:
        cursor = self._driver.cursor()
        try:
            cursor.execute(statement, values)
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def send(self, statement: str, values: Any) -> Callable[[], list[Any]]:
        rows = self.all(statement, values)
        return lambda: rows

    def run(self, statement: str, some: Sequence[Any]) -> int:
        cursor = self._driver.cursor()
        try:
            if len(some) == 1:
                cursor.execute(statement, some[0])
            else:
                cursor.executemany(statement, some)
            return int(cursor.rowcount)
        finally:
            cursor.close()


def _runner(connection: Connection) -> _Runner:
    # The driver's own connection: the pool's proxy of it costs as much as a cursor.
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "postgresql":
        session: _Runner = driver.session
        return session
    return _Cursors(driver)


def _tuple_of(names: Sequence[str]) -> Callable[[Parameters], tuple[Any, ...]]:
    return lambda parameters: tuple(parameters[name] for name in names)
