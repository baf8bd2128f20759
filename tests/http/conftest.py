"""One server for all tests over HTTP, and a world of users and books on it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import pytest

from sharedbooks.db.engine import Database
from tests.http.world import World
from tests.support.databases import SqliteDatabases
from tests.support.process import RunningServer, Setting

_SETTINGS: Mapping[str, Setting] = {
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
def _serving(
    factory: pytest.TempPathFactory, databases: SqliteDatabases, settings: Mapping[str, Setting]
) -> Iterator[Served]:
    with ExitStack() as stack:
        url = stack.enter_context(databases.migrated())
        server = RunningServer(factory.mktemp("server"), url, {**_SETTINGS, **settings})
        stack.enter_context(server)
        yield Served(server, stack.enter_context(closing(Database(url))))


@pytest.fixture(scope="session")
def served(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[Served]:
    """The server that most tests share, with two workers on SQLite."""
    with _serving(tmp_path_factory, sqlite_databases, {}) as running:
        yield running


@pytest.fixture
def world(served: Served) -> Iterator[World]:
    """People and books on the shared server; every test makes its own."""
    with World(served.database, served.server.port) as made:
        yield made


Start = Callable[[Mapping[str, Setting]], tuple[RunningServer, World]]


@pytest.fixture
def serve(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[Start]:
    """Start a server of the test's own with other settings, on a database of its own."""
    with ExitStack() as stack:

        def start(settings: Mapping[str, Setting]) -> tuple[RunningServer, World]:
            running = stack.enter_context(_serving(tmp_path_factory, sqlite_databases, settings))
            world = stack.enter_context(World(running.database, running.server.port))
            return running.server, world

        yield start
