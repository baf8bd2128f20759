"""What ``sharedbooks doctor`` asks a database server."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.cli.conftest import InProcess
from tests.support.databases import MariaDbDatabases, PostgresDatabases
from tests.support.network import free_port
from tests.support.process import toml
from tests.support.servers import PostgresServer


class Doctor:
    """Looks at one database."""

    def __init__(self, program: InProcess, url: str) -> None:
        self._program = program
        self._config = program.folder / "other.toml"
        self.url = url
        self.configure()

    def configure(self, **settings: Any) -> None:
        values = {"database.url": self.url, "server.port": free_port()}
        self._config.write_text(
            toml({**values, **{k.replace("_", ".", 1): v for k, v in settings.items()}})
        )
        self._config.chmod(0o600)

    def __call__(self, check: str) -> tuple[str, str, str]:
        """Result, detail and remedy of a check; there are no users yet, so that something fails."""
        rows = self._program("--config", self._config, "doctor", "--json", code=1).document
        [row] = [row for row in rows if row["check"] == check]
        return row["result"], row["detail"], row["remedy"]


@pytest.fixture
def on_postgresql(
    sharedbooks: InProcess, postgresql_databases: PostgresDatabases
) -> Iterator[Doctor]:
    with postgresql_databases.migrated() as url:
        yield Doctor(sharedbooks, url)


@pytest.fixture
def on_mariadb(sharedbooks: InProcess, mariadb_databases: MariaDbDatabases) -> Iterator[Doctor]:
    with mariadb_databases.migrated() as url:
        yield Doctor(sharedbooks, url)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize(
    ("ahead", "result", "shown"),
    [(0, "ok", "within"), (10, "warning", "behind"), (-3600, "failed", "ahead of")],
)
def test_clocks_that_are_apart(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kind: str,
    ahead: int,
    result: str,
    shown: str,
) -> None:
    doctor = request.getfixturevalue(f"on_{kind}")
    true_time = time.time
    monkeypatch.setattr("sharedbooks.cli.doctor_database.time.time", lambda: true_time() + ahead)
    found = doctor("clock of the database")
    assert (found[0], shown in found[1]) == (result, True), found


def test_a_postgresql_that_loses_what_it_acknowledged(on_postgresql: Doctor) -> None:
    # The tests' server is fast rather than safe.
    result, detail, remedy = on_postgresql("durability")
    assert result == "failed"
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        assert f"{name} is off" in detail
        assert f"set {name} to on" in remedy


def test_a_postgresql_that_keeps_it(sharedbooks: InProcess) -> None:
    with PostgresServer(durable=True) as server:
        server.create_database("books")
        doctor = Doctor(sharedbooks, server.url("books"))
        assert doctor("durability")[0] == "ok"
        with server.connect("books") as connection:
            connection.execute("ALTER DATABASE books SET synchronous_commit = remote_apply")
        assert doctor("durability")[0] == "ok"
        with server.connect("books") as connection:
            connection.execute("ALTER DATABASE books SET synchronous_commit = local")
        assert "synchronous_commit is local" in doctor("durability")[1]


def test_a_mariadb_that_loses_what_it_acknowledged(on_mariadb: Doctor) -> None:
    result, detail, remedy = on_mariadb("durability")
    assert result == "failed"
    assert "innodb_flush_log_at_trx_commit is " in detail
    assert "set innodb_flush_log_at_trx_commit to 1" in remedy


def test_fewer_connections_than_the_workers_may_want(on_postgresql: Doctor) -> None:
    assert on_postgresql("connections of the database")[0] == "ok"
    on_postgresql.configure(server_workers=64, database_pool_size=20)
    result, detail, remedy = on_postgresql("connections of the database")
    assert (result, "may want 2570" in detail) == ("warning", True)
    assert "max_connections" in remedy


def test_packets_smaller_than_a_card(on_mariadb: Doctor) -> None:
    on_mariadb.configure(books_max_card_size="10 MiB")
    found = on_mariadb("size of a card")
    engine = create_engine(make_url(on_mariadb.url))
    with engine.connect() as connection:
        packet = int(connection.execute(text("SELECT @@max_allowed_packet")).scalar_one())
    engine.dispose()
    assert found[0] == ("ok" if packet >= 20 * 1024 * 1024 else "warning")
    on_mariadb.configure(books_max_card_size=packet, server_max_body=packet)
    result, detail, _ = on_mariadb("size of a card")
    assert (result, str(packet) in detail) == ("warning", True)


def test_a_database_on_this_machine_is_reached_through_its_socket(
    sharedbooks: InProcess,
    postgresql_server: PostgresServer,
    postgresql_databases: PostgresDatabases,
) -> None:
    with postgresql_databases.migrated() as url:
        doctor = Doctor(sharedbooks, postgresql_server.socket_url(str(make_url(url).database)))
        for check in ("database", "schema"):
            assert doctor(check)[0] == "ok"
