"""A disk that is full: 507 for what needs room, answers to readers, and then all goes on."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.db.upgrade import upgrade_schema
from tests.http.client import Answer
from tests.http.world import World, vcard
from tests.support.network import wait_for
from tests.support.process import RunningServer
from tests.support.servers import PostgresServer
from tests.support.small_disk import SmallDisk, needs_root
from tests.support.writing import etags_by_sync, require_sound

needs_mounts = pytest.mark.skipif(needs_root(), reason="only root may mount a small disk")

_PHOTO = "NOTE:" + "x" * 200_000
WRITES = 40


@contextmanager
def _database_on_small_disk(kind: str) -> Iterator[tuple[SmallDisk, str]]:
    with SmallDisk(8 if kind == "sqlite" else 160) as disk:
        if kind == "sqlite":
            yield disk, f"sqlite:///{disk.folder}/books.db"
            return
        with PostgresServer(durable=True, parent=disk.folder) as server:
            server.create_database("books")
            yield disk, server.url("books")


# MariaDB ends itself when its disk is full: then it is a database that is away.
@pytest.mark.databases("sqlite", "postgresql")
@needs_mounts
def test_a_full_disk_is_507_until_there_is_room(database_kind: str, tmp_path: Path) -> None:
    with (
        _database_on_small_disk(database_kind) as (disk, url),
        closing(Database(url)) as database,
    ):
        upgrade_schema(database)
        with (
            RunningServer(tmp_path, url, {"server.workers": 2}) as server,
            World(database, server.port) as world,
        ):
            alice, book = world.shared()
            assert alice.books()
            known = {f"{n}.vcf": vcard(f"{n}", "Before", _PHOTO) for n in range(5)}
            for name, card in known.items():
                assert alice.put(alice.path(book, name), card).status == 201
            late = world.log_in(alice.user)
            disk.fill()
            refused = 0
            for number in range(WRITES):
                name = f"{number}.vcf"
                card = vcard(f"{number}", "When it was full", _PHOTO)
                answer = alice.put(alice.path(book, name), card)
                if answer.status == 507:
                    assert answer.conditions == ["D:quota-not-exceeded"]
                    refused += 1
                else:
                    assert answer.status in {201, 204}, answer
                    known[name] = card
            assert refused > 0
            # A device that was never seen before included.
            for member in (alice, late):
                assert member.get(alice.path(book, "0.vcf")).body == known["0.vcf"]
                assert member.listing().status == 207
                assert etags_by_sync(member, book).keys() == known.keys()
            assert world.stored(book) == known
            disk.free()
            card = vcard("0", "After", _PHOTO)
            wait_for(lambda: alice.put(alice.path(book, "0.vcf"), card).status == 204, 20, "room")
            known["0.vcf"] = card
            assert alice.put(alice.path(book, "new.vcf"), vcard("new")).status == 201
            known["new.vcf"] = vcard("new")
            assert world.stored(book) == known
            require_sound(database, world, alice, book)


@needs_mounts
def test_no_room_for_a_long_answer(
    tmp_path: Path, sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        SmallDisk(1) as disk,
        closing(Database(sqlite_database_url)) as database,
    ):
        monkeypatch.setenv("TMPDIR", str(disk.folder))
        with (
            RunningServer(tmp_path, sqlite_database_url) as server,
            World(database, server.port) as world,
        ):
            alice, book = world.shared()
            hrefs = [alice.path(book, f"{number}.vcf") for number in range(25)]
            for number, href in enumerate(hrefs):
                assert alice.put(href, vcard(f"{number}", "Ann", _PHOTO)).status == 201

            def ask() -> Answer:
                return alice.multiget(alice.path(book), hrefs)

            assert ask().status == 507
            assert len(alice.multiget(alice.path(book), hrefs[:5]).hrefs) == 5
        monkeypatch.delenv("TMPDIR")


def test_a_log_on_a_full_disk_costs_no_request(tmp_path: Path, sqlite_database_url: str) -> None:
    program = ["sh", "-c", 'exec "$@" 2>/dev/full', "sh", sys.executable, "-m", "sharedbooks.cli"]
    settings = {"log.level": "debug"}
    with (
        RunningServer(tmp_path, sqlite_database_url, settings, program) as server,
        closing(Database(sqlite_database_url)) as database,
        World(database, server.port) as world,
    ):
        alice, book = world.shared()
        assert alice.put(alice.path(book, "ann.vcf"), vcard()).status == 201
        assert alice.get(alice.path(book, "ann.vcf")).body == vcard()
        assert world.client((alice.name, "wrong")).propfind("/").status == 401
