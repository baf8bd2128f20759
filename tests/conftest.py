"""Options and fixtures of the whole suite."""

import signal
from collections.abc import Iterator
from contextlib import closing
from types import FrameType

import pytest

from sharedbooks.db.engine import Database
from tests.support.databases import (
    KINDS,
    Databases,
    MariaDbDatabases,
    PostgresDatabases,
    SqliteDatabases,
)
from tests.support.servers import MariaDbServer, PostgresServer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--databases",
        default=",".join(KINDS),
        metavar="KINDS",
        help="which databases to test on, separated by commas (default: %(default)s)",
    )
    parser.addoption(
        "--thorough",
        action="store_true",
        help="more rounds and longer times for the tests that have them (make faults)",
    )


def pytest_configure(config: pytest.Config) -> None:
    unknown = set(_selected(config)) - set(KINDS)
    if unknown:
        raise pytest.UsageError(f"--databases knows {', '.join(KINDS)}, not {', '.join(unknown)}")
    config.addinivalue_line(
        "markers", "databases(*kinds): run the test on these kinds of database only"
    )
    # Ended this way, pytest would leave its servers' folders behind.
    signal.signal(signal.SIGTERM, _interrupt)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that asks for ``database_kind`` once for each kind selected."""
    if "database_kind" not in metafunc.fixturenames:
        return
    kinds = _selected(metafunc.config)
    for mark in metafunc.definition.iter_markers("databases"):
        kinds = [kind for kind in kinds if kind in mark.args]
    metafunc.parametrize("database_kind", kinds)


def _selected(config: pytest.Config) -> list[str]:
    return str(config.getoption("databases")).split(",")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether tests that can go on for hours should."""
    return bool(pytestconfig.getoption("--thorough"))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresServer]:
    """The run's own PostgreSQL server, started when the first test asks for it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def stopping_postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL server of the test's own, which it may stop."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDbServer]:
    """The run's own MariaDB server, started when the first test asks for it."""
    with MariaDbServer() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    return SqliteDatabases(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_server: PostgresServer) -> PostgresDatabases:
    return PostgresDatabases(postgresql_server)


@pytest.fixture(scope="session")
def mariadb_databases(mariadb_server: MariaDbServer) -> MariaDbDatabases:
    return MariaDbDatabases(mariadb_server)


@pytest.fixture
def databases(database_kind: str, request: pytest.FixtureRequest) -> Databases:
    """As many fresh databases of the kind as the test wants."""
    made: Databases = request.getfixturevalue(f"{database_kind}_databases")
    return made


@pytest.fixture
def blank_database_url(databases: Databases) -> Iterator[str]:
    """URL of a fresh database without tables."""
    with databases.blank() as url:
        yield url


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """URL of a fresh database as the migrations leave it."""
    with databases.migrated() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database as the migrations leave it, opened."""
    with closing(Database(database_url)) as opened:
        yield opened
