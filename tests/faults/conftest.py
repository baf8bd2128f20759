"""A server whose database is behind a proxy of ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import make_url

from sharedbooks.db.engine import Database
from tests.http.world import World
from tests.support.databases import SqliteDatabases
from tests.support.process import RunningServer
from tests.support.proxy import Proxy

ANSWER_SECONDS = 2
BUSY_SECONDS = 2


@dataclass
class Distant:
    """A server with two workers that reaches its database through a proxy; the tests need not.

    ``url`` is the database's as the server has it.
    """

    proxy: Proxy
    server: RunningServer
    world: World
    url: str


@pytest.fixture
def distant(
    tmp_path: Path,
    database_url: str,
    database: Database,
    thorough: bool,  # noqa: FBT001
) -> Iterator[Distant]:
    if database.dialect == "mariadb" and not thorough:
        pytest.skip("in the long form")
    direct = make_url(database_url)
    assert direct.port is not None
    settings = {
        "server.workers": 2,
        "server.threads": 8,
        "database.pool_size": 2,
        "database.busy_timeout": f"{BUSY_SECONDS} s",
        "database.answer_timeout": f"{ANSWER_SECONDS} s",
    }
    with Proxy(direct.port) as proxy:
        url = direct.set(port=proxy.port).render_as_string(hide_password=False)
        with (
            RunningServer(tmp_path, url, settings) as server,
            World(database, server.port) as world,
        ):
            yield Distant(proxy, server, world, url)
            assert " failed\n" not in server.log, server.log


@pytest.fixture
def sqlite_database_url(sqlite_databases: SqliteDatabases) -> Iterator[str]:
    """URL of a fresh SQLite database, for what has nothing to do with the kind of it."""
    with sqlite_databases.migrated() as url:
        yield url
