import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, func, inspect, select

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import principals
from tests.support.daemon import family_of
from tests.support.databases import Databases
from tests.support.network import wait_for
from tests.support.servers import DatabaseServer, MariaDbServer, PostgresServer

SERVERS: dict[str, type[DatabaseServer]] = {
    "postgresql": PostgresServer,
    "mariadb": MariaDbServer,
}


def _add_principal(connection: Connection) -> int:
    values = {"kind": "user", "display_name": "", "enabled": True, "source": "local"}
    row = {**values, "name": "alice", "properties": {}, "created_at": 0}
    key = connection.execute(principals.insert(), row).inserted_primary_key
    assert key
    return int(key[0])


def test_every_test_finds_what_the_migrations_leave(databases: Databases) -> None:
    for _ in range(2):
        with databases.migrated() as url, closing(Database(url)) as database:
            assert database.run_read(_count_principals) == 1
            assert database.run_write(_add_principal) == 2


def _count_principals(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(principals)).scalar_one()


def test_databases_of_one_test_are_apart(databases: Databases) -> None:
    with databases.migrated() as one, databases.migrated() as other:
        with closing(Database(one)) as database:
            database.run_write(_add_principal)
        with closing(Database(other)) as database:
            assert database.run_read(_count_principals) == 1


def test_blank_database_has_no_tables(blank_database_url: str) -> None:
    with closing(Database(blank_database_url)) as database, database.read() as connection:
        assert inspect(connection).get_table_names() == []


@pytest.mark.databases("postgresql")
def test_connection_left_open_is_ended(databases: Databases) -> None:
    with databases.migrated() as url:
        left = psycopg.connect(url.replace("+psycopg", ""))
        left.execute("SELECT 1 FROM principals FOR UPDATE")
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    left.close()


@pytest.mark.databases("postgresql", "mariadb")
def test_server_keeps_data_over_a_crash_and_leaves_nothing(database_kind: str) -> None:
    with SERVERS[database_kind](durable=True) as server:
        folder = server._folder
        server.create_database("books")
        server.kill()
        server.restart()
        server.drop_database("books")
        processes = family_of(server._daemon.pid)
        assert processes
    assert not folder.exists()
    assert not any(map(_exists, processes))


def test_daemon_ends_with_the_tests(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from tests.support.daemon import Daemon; import time;"
        f"daemon = Daemon(['sleep', '60'], Path({str(tmp_path)!r}));"
        "daemon.start(lambda: True); print(daemon.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as tests:
        assert tests.stdout
        daemon = int(tests.stdout.readline())
        assert _exists(daemon)
        os.kill(tests.pid, signal.SIGKILL)
    wait_for(lambda: not _exists(daemon), 10, "the end of the daemon")


def _exists(pid: int) -> bool:
    return pid in family_of(pid)
