"""Upgrades while clients sync, and upgrades that are killed: no write is lost, no token is."""

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from sharedbooks.db.engine import Database
from sharedbooks.db.schema_state import require_current_schema, schema_status
from sharedbooks.db.upgrade import upgrade_schema
from sharedbooks.domain.books import Book
from tests.http.world import Member, World
from tests.support.factories import make_device, vcard
from tests.support.network import wait_for
from tests.support.next_version import NextVersion
from tests.support.process import RunningServer
from tests.support.proxy import Proxy
from tests.support.writing import (
    Follower,
    done,
    etags_by_sync,
    make_writers,
    require_sound,
    working,
)

ROOT = Path(__file__).parents[2]


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def test_servers_stand_aside_for_an_upgrade_and_clients_go_on(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    following = NextVersion(_folder(tmp_path, "version"), seconds=1)
    known = schema_status(database).known
    settings = {"server.workers": 2}
    old = RunningServer(_folder(tmp_path, "old"), database_url, settings)
    new = RunningServer(_folder(tmp_path, "new"), database_url, settings, following.program)
    with old, Proxy(old.port) as proxy, World(database, proxy.port) as world:
        alice, book = world.shared()
        assert alice.books()
        writers = make_writers(world, alice, book, 3)
        follower = Follower(world.client(headers=alice.headers), alice.path(book))
        with working([*writers, follower]):
            assert NextVersion.schema in following.run(old.config, "db", "upgrade")
            _require_aside(old, world, alice, book)
            with new:
                proxy.lead_to(new.port)
                wanted = done(writers) + 20
                wait_for(lambda: done(writers) > wanted, 30, "writes to the next version")
                wanted = follower.done + 2
                wait_for(lambda: follower.done > wanted, 30, "syncs from it")
                new.stop()
                proxy.lead_to(old.port)
        # The old version goes on where its schema is back, as from a backup.
        _go_back(database, known)
        alice.close()
        wait_for(lambda: alice.get("/-/health").status == 200, 10, "the old version")
        for writer in writers:
            writer.check(world.stored(book))
        follower.check(etags_by_sync(alice, book))
        require_sound(database, world, alice, book)


def _require_aside(server: RunningServer, world: World, alice: Member, book: Book) -> None:
    revision = world.revision(book)
    # By chance, these reach both workers.
    for _ in range(16):
        alice.close()
        answer = alice.put(alice.path(book, "late.vcf"), vcard("late"))
        assert answer.status == 503, answer
        assert int(answer.headers["Retry-After"]) > 0
    assert world.revision(book) == revision
    assert f"has schema {NextVersion.schema} by now" in server.log


def _go_back(database: Database, known: str) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :old"), {"old": known})
        connection.execute(text("ALTER TABLE cards DROP COLUMN starred"))


def _tables(database: Database) -> dict[str, list[str]]:
    with database.read() as connection:
        looker = inspect(connection)
        return {
            table: sorted(
                str(each["name"])
                for each in (
                    *looker.get_columns(table),
                    *looker.get_indexes(table),
                    *looker.get_unique_constraints(table),
                    *looker.get_foreign_keys(table),
                )
            )
            for table in looker.get_table_names()
        }


@pytest.mark.timeout(1800)
def test_an_upgrade_that_is_killed_is_carried_on(
    blank_database_url: str,
    database: Database,
    thorough: bool,  # noqa: FBT001
) -> None:
    program = [sys.executable, "-m", "tests.support.killed_upgrade", blank_database_url]
    with closing(Database(blank_database_url)) as upgraded:
        carries_on = upgraded.dialect == "mariadb"
        # Where one change of a migration was made, two more get further than its end.
        few, many = ([1, 15, 40], [2, 3] * 60) if carries_on else ([20], range(1, 60))
        ends = set()
        for changes in many if thorough else few:
            killed = subprocess.run([*program, str(changes)], cwd=ROOT, check=False)
            ends.add(killed.returncode)
            if killed.returncode == 0:
                break
            assert carries_on or _tables(upgraded) == {}
        assert -signal.SIGKILL in ends
        assert ends <= {-signal.SIGKILL, 0}
        upgrade_schema(upgraded)
        require_current_schema(upgraded)
        assert _tables(upgraded) == _tables(database)
        assert make_device(upgraded).put("ann.vcf", vcard()).changed
