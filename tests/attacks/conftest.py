"""The application called in process, and a world of people and books that it serves."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pytest

from sharedbooks.db.engine import Database
from sharedbooks_radicale.app import Application
from tests.attacks.in_process import InProcess, application
from tests.http.world import Member, World
from tests.support.databases import Databases
from tests.support.each_kind import on_each_kind


@dataclass
class Stage:
    """An application in this process, and the world it serves."""

    app: Application
    world: World

    def client(self, member: Member | None = None, address: str = "192.0.2.1") -> InProcess:
        """Return a client that is ``member``, or nobody."""
        return InProcess(self.app, {} if member is None else member.headers, address)


@contextmanager
def _staged(factory: pytest.TempPathFactory, databases: Databases) -> Iterator[Stage]:
    with (
        databases.migrated() as url,
        application(factory.mktemp("attacks"), url) as app,
        closing(Database(url)) as database,
        World(database, 0) as world,
    ):
        yield Stage(app, world)


sqlite_stage, postgresql_stage, mariadb_stage = on_each_kind("stage", _staged)


@pytest.fixture
def stage(database_kind: str, request: pytest.FixtureRequest) -> Stage:
    """The application on this kind of database."""
    made: Stage = request.getfixturevalue(f"{database_kind}_stage")
    return made
