"""Fresh databases for tests, of each kind we support, copied from a template made once a run."""

# ruff: noqa: S608 - the names in the SQL here are our own

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Protocol

from pymysql.err import MySQLError

from sharedbooks.db.engine import Database
from sharedbooks.db.upgrade import upgrade_schema
from tests.support.servers import MariaDbServer, PostgresServer

KINDS = ("sqlite", "postgresql", "mariadb")

_TEMPLATE = "migrated"


class Databases(Protocol):
    """Fresh databases of one kind; each is dropped at the end of its ``with`` block."""

    @contextmanager
    def blank(self) -> Iterator[str]:
        """Give the URL of a database without tables."""

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """Give the URL of a database as the migrations leave it."""


class SqliteDatabases:
    """Files in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()
        self._template = folder / f"{_TEMPLATE}.db"
        _migrate(f"sqlite:///{self._template}")

    @contextmanager
    def blank(self) -> Iterator[str]:
        path = self._folder / f"{next(self._numbers)}.db"
        try:
            yield f"sqlite:///{path}"
        finally:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)

    @contextmanager
    def migrated(self) -> Iterator[str]:
        with self.blank() as url:
            shutil.copyfile(self._template, url.removeprefix("sqlite:///"))
            yield url


class PostgresDatabases:
    """Databases of ``server``, emptied and used again: copying one takes the server 100 ms."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = count()
        self._idle: list[str] = []
        server.create_database(_TEMPLATE)
        _migrate(server.url(_TEMPLATE))
        self._emptying = self._statements()

    @contextmanager
    def blank(self) -> Iterator[str]:
        name = f"test{next(self._numbers)}"
        self._server.create_database(name)
        try:
            yield self._server.url(name)
        finally:
            self._server.drop_database(name)

    @contextmanager
    def migrated(self) -> Iterator[str]:
        name = self._idle.pop() if self._idle else self._copy()
        try:
            yield self._server.url(name)
        finally:
            with self._server.connect(name) as connection:
                connection.execute(self._emptying)
            self._idle.append(name)

    def _copy(self) -> str:
        name = f"test{next(self._numbers)}"
        self._server.create_database(name, template=_TEMPLATE)
        return name

    def _statements(self) -> bytes:
        """Return what leaves in a database the rows of the template, and nobody connected."""
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        statements = [
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}",
            "SET session_replication_role = replica",  # foreign keys are not looked at
        ]
        with self._server.connect(_TEMPLATE) as connection:

            def look(query: str) -> list[str]:
                return [value for (value,) in connection.execute(query.encode()) if value]

            for table in look("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
                statements.append(f'DELETE FROM "{table}"')
                rows = f'json_populate_recordset(NULL::"{table}", %L)'
                insert = f'INSERT INTO "{table}" SELECT * FROM {rows}'
                statements += look(f"SELECT format('{insert}', json_agg(t)) FROM \"{table}\" t")
            statements += look(
                "SELECT format('SELECT setval(%L, %s, %L)', sequencename,"
                " coalesce(last_value, start_value), last_value IS NOT NULL)"
                " FROM pg_sequences WHERE schemaname = 'public'"
            )
        return ";".join(statements).encode()


class MariaDbDatabases:
    """Databases of ``server``, emptied and used again: making one takes it half a second."""

    def __init__(self, server: MariaDbServer) -> None:
        self._server = server
        self._numbers = count()
        self._idle: list[str] = []
        server.create_database(_TEMPLATE)
        _migrate(server.url(_TEMPLATE))
        with server.cursor() as cursor:
            cursor.execute(f"USE `{_TEMPLATE}`")
            cursor.execute("SHOW TABLES")
            self._tables = [table for (table,) in cursor.fetchall()]
            counters = "SELECT table_name, auto_increment FROM information_schema.tables"
            cursor.execute(f"{counters} WHERE table_schema = %s", (_TEMPLATE,))
            self._counters = [(table, number) for table, number in cursor.fetchall() if number]

    @contextmanager
    def blank(self) -> Iterator[str]:
        name = f"test{next(self._numbers)}"
        self._server.create_database(name)
        try:
            yield self._server.url(name)
        finally:
            self._server.drop_database(name)

    @contextmanager
    def migrated(self) -> Iterator[str]:
        name = self._idle.pop() if self._idle else self._copy()
        try:
            yield self._server.url(name)
        finally:
            self._empty(name)
            self._idle.append(name)

    def _copy(self) -> str:
        name = f"test{next(self._numbers)}"
        self._server.create_database(name)
        with self._server.cursor() as cursor:
            # In any order, references to tables that are not there yet included.
            cursor.execute("SET foreign_key_checks = 0")
            cursor.execute(f"USE `{name}`")
            for table in self._tables:
                cursor.execute(f"SHOW CREATE TABLE `{_TEMPLATE}`.`{table}`")
                [(_, create)] = cursor.fetchall()
                cursor.execute(create)
                cursor.execute(f"INSERT INTO `{table}` SELECT * FROM `{_TEMPLATE}`.`{table}`")
        return name

    def _empty(self, name: str) -> None:
        """Leave the rows of the template, and nobody connected."""
        with self._server.cursor() as cursor:
            others = "SELECT id FROM information_schema.processlist WHERE db = %s"
            cursor.execute(others, (name,))
            for (connection,) in cursor.fetchall():
                with suppress(MySQLError):  # it may have gone by itself
                    cursor.execute(f"KILL {connection}")
            cursor.execute("SET foreign_key_checks = 0")
            for table in self._tables:
                cursor.execute(f"DELETE FROM `{name}`.`{table}`")
                cursor.execute(
                    f"INSERT INTO `{name}`.`{table}` SELECT * FROM `{_TEMPLATE}`.`{table}`"
                )
            for table, number in self._counters:
                cursor.execute(f"ALTER TABLE `{name}`.`{table}` AUTO_INCREMENT = {number}")


def _migrate(url: str) -> None:
    with closing(Database(url)) as database:
        upgrade_schema(database)
