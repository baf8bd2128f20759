"""One Radicale for all tests of the stock mode, and people and books on it."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from sharedbooks.db.engine import Database
from tests.plugins.stock import StockServer, StockWorld, write_configuration
from tests.support.databases import SqliteDatabases


@dataclass
class Stocked:
    """A running Radicale, our configuration that it reads, and the database."""

    server: StockServer
    config: Path
    database: Database


@pytest.fixture(scope="session")
def stocked(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[Stocked]:
    folder = tmp_path_factory.mktemp("stock")
    with sqlite_databases.migrated() as url, closing(Database(url)) as database:
        config = write_configuration(folder, url, failures=10_000)
        with StockServer(folder, config) as server:
            yield Stocked(server, config, database)


@pytest.fixture
def stock(stocked: Stocked) -> Iterator[StockWorld]:
    """People and books on the shared Radicale; every test makes its own."""
    with StockWorld(stocked.database, stocked.server.port) as made:
        yield made
