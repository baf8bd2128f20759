"""One server for all tests over HTTP, and a world of users and books on it."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sharedbooks.db.engine import Database
from tests.http.world import World
from tests.support.databases import Databases, SqliteDatabases
from tests.support.each_kind import on_each_kind
from tests.support.network import LOOPBACK
from tests.support.process import RunningServer

_SETTINGS: Mapping[str, Any] = {
    "server.workers": 2,
    "server.max_body": "5 MiB",
    "books.max_card_size": "4 MiB",
    "auth.throttle_failures": 10000,
    "log.level": "debug",
}


@dataclass
class Served:
    """A running server and the database it serves."""

    server: RunningServer
    database: Database

    @contextmanager
    def world(self) -> Iterator[World]:
        """Make people and books on this server."""
        with World(self.database, self.server.port) as made:
            yield made


@contextmanager
def _serving(
    factory: pytest.TempPathFactory, databases: Databases, settings: Mapping[str, Any]
) -> Iterator[Served]:
    with ExitStack() as stack:
        url = stack.enter_context(databases.migrated())
        server = RunningServer(factory.mktemp("server"), url, {**_SETTINGS, **settings})
        stack.enter_context(server)
        yield Served(server, stack.enter_context(closing(Database(url))))


@contextmanager
def world_of(folder: Path, url: str, settings: Mapping[str, Any]) -> Iterator[World]:
    """Serve a database with tables, as configured, and make people and books in it."""
    with (
        closing(Database(url)) as database,
        RunningServer(folder, url, settings) as server,
        World(database, server.port) as made,
    ):
        yield made


sqlite_served, postgresql_served, mariadb_served = on_each_kind(
    "served", lambda factory, databases: _serving(factory, databases, {})
)


@pytest.fixture
def served(database_kind: str, request: pytest.FixtureRequest) -> Served:
    """The server on this kind of database that most tests share, with two workers."""
    running: Served = request.getfixturevalue(f"{database_kind}_served")
    return running


@pytest.fixture
def world(served: Served) -> Iterator[World]:
    """People and books on the shared server; every test makes its own."""
    with served.world() as made:
        yield made


@pytest.fixture(scope="session")
def throttling(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[Served]:
    """A server with two workers that takes four failed logins, behind a chain of proxies."""
    settings: Mapping[str, Any] = {
        "server.trusted_proxies": [LOOPBACK, "10.0.0.0/8"],
        "auth.throttle_failures": 4,
        "auth.throttle_window": "1 h",
    }
    with _serving(tmp_path_factory, sqlite_databases, settings) as running:
        yield running


@pytest.fixture(scope="session")
def untrusting(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[Served]:
    """A server that takes four failed logins, and whose clients are no trusted proxies."""
    settings = {"server.trusted_proxies": ["192.0.2.7"], "auth.throttle_failures": 4}
    with _serving(tmp_path_factory, sqlite_databases, settings) as running:
        yield running


@pytest.fixture(scope="session")
def prefixed(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[Served]:
    """A server below ``/dav``."""
    with _serving(tmp_path_factory, sqlite_databases, {"server.prefix": "/dav"}) as running:
        yield running


@pytest.fixture(scope="session")
def watched(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[Served]:
    """A server with three workers that tells its numbers, behind a trusted proxy."""
    settings: Mapping[str, Any] = {
        "server.workers": 3,
        "server.trusted_proxies": [LOOPBACK],
        "books.mass_deletion": 50,
        "auth.throttle_failures": 3,
        "monitoring.allow": [LOOPBACK],
        "log.format": "json",
        "log.access": True,
        "log.level": "info",
    }
    with _serving(tmp_path_factory, sqlite_databases, settings) as running:
        yield running
