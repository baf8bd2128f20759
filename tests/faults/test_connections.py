"""A database server without a connection left: 503 soon, nothing piles up, and all goes on."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import make_url

from sharedbooks.db.engine import Database
from tests.http.client import Answer
from tests.http.world import World, vcard
from tests.support.daemon import family_of
from tests.support.databases import MariaDbDatabases
from tests.support.network import wait_for
from tests.support.process import RunningServer
from tests.support.servers import MariaDbServer, PostgresServer, disconnect

AT_ONCE = 12
ROUNDS = 5
MOST_SECONDS = 15
_FEW = 10


@pytest.fixture(scope="module")
def mariadb_server() -> Iterator[MariaDbServer]:
    """One of these tests' own: its limit is for all who are connected, other tests' servers too."""
    with MariaDbServer() as server:
        yield server


@pytest.fixture(scope="module")
def mariadb_databases(mariadb_server: MariaDbServer) -> MariaDbDatabases:
    return MariaDbDatabases(mariadb_server)


@contextmanager
def _none_left(url: str, server: PostgresServer | MariaDbServer) -> Iterator[None]:
    """Take every connection there is, those of others included."""
    parsed = make_url(url)
    name = parsed.database or ""
    named = {"host": parsed.host, "port": parsed.port, "user": parsed.username}
    named["password"] = parsed.password
    connect: Callable[[], Any]
    if isinstance(server, PostgresServer):
        connect = lambda: psycopg.connect(dbname=name, **named)  # noqa: E731
        with server.connect("postgres") as admin:
            admin.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT {_FEW}'.encode())
            admin.execute(
                b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
    else:
        connect = lambda: pymysql.connect(database=name, ssl_disabled=True, **named)  # noqa: E731
        with server.cursor() as cursor:
            cursor.execute(f"SET GLOBAL max_connections = {_FEW}")
            disconnect(cursor, name)
    try:
        with ExitStack() as stack:
            for _ in range(2 * _FEW):
                try:
                    stack.callback(connect().close)
                except (psycopg.OperationalError, pymysql.OperationalError):
                    break
            yield
    finally:
        if isinstance(server, PostgresServer):
            with server.connect("postgres") as admin:
                admin.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1'.encode())
        else:
            with server.cursor() as cursor:
                cursor.execute("SET GLOBAL max_connections = 151")


def _size(server: RunningServer) -> tuple[int, int]:
    """Return threads and resident kilobytes of the server's processes together."""
    threads = memory = 0
    for pid in family_of(server.pid):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            threads += int(value) if name == "Threads" else 0
            memory += int(value.split()[0]) if name == "VmRSS" else 0
    return threads, memory


@pytest.mark.databases("postgresql", "mariadb")
def test_no_connection_left_is_503_and_nothing_piles_up(
    tmp_path: Path,
    database_url: str,
    database: Database,
    database_kind: str,
    request: pytest.FixtureRequest,
) -> None:
    database_server = request.getfixturevalue(f"{database_kind}_server")
    with (
        RunningServer(tmp_path, database_url, {"server.threads": 16}) as server,
        World(database, server.port) as world,
    ):
        alice, book = world.shared()
        path = alice.path(book, "ann.vcf")
        assert alice.put(path, vcard()).status == 201
        clients = [world.client(headers=alice.headers) for _ in range(AT_ONCE)]

        def ask(number: int) -> tuple[Answer, float]:
            started = monotonic()
            return clients[number].get(path), monotonic() - started

        with ThreadPoolExecutor(AT_ONCE) as pool:
            assert {answer.status for answer, _ in pool.map(ask, range(AT_ONCE))} == {200}
            before = _size(server)
            with _none_left(database_url, database_server):
                for _ in range(ROUNDS):
                    for answer, seconds in pool.map(ask, range(AT_ONCE)):
                        assert answer.status == 503, answer
                        assert int(answer.headers["Retry-After"]) > 0
                        assert seconds < MOST_SECONDS
                after = _size(server)
            # A worker starts threads until there is one for each request at a time.
            assert after[0] <= before[0] + AT_ONCE
            assert after[1] <= before[1] * 1.2
            wait_for(lambda: alice.get(path).status == 200, 10, "a connection")
            assert {answer.status for answer, _ in pool.map(ask, range(AT_ONCE))} == {200}
            assert alice.put(path, vcard("ann", "After")).status == 204
