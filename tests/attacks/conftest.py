"""The application called in process, and a world of people and books that it serves."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from sharedbooks.db.engine import Database
from sharedbooks_radicale.app import Application
from tests.attacks.in_process import InProcess, application
from tests.http.world import Member, World
from tests.support.databases import SqliteDatabases


@dataclass
class Stage:
    """An application in this process, and the world it serves."""

    app: Application
    world: World

    def client(self, member: Member | None = None, address: str = "192.0.2.1") -> InProcess:
        """Return a client that is ``member``, or nobody."""
        return InProcess(self.app, {} if member is None else member.headers, address)


@pytest.fixture(scope="session")
def stage(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[Stage]:
    with (
        sqlite_databases.migrated() as url,
        application(tmp_path_factory.mktemp("attacks"), url) as app,
        closing(Database(url)) as database,
        World(database, 0) as world,
    ):
        yield Stage(app, world)
