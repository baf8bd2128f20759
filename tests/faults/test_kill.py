"""Processes killed in the middle of writes: what was acknowledged is there, and nothing is torn."""

import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain.books import Book
from tests.http.client import Client
from tests.http.world import Member, World, vcard
from tests.support.daemon import family_of
from tests.support.network import wait_for
from tests.support.process import RunningServer

CLIENTS = 4


@dataclass
class Writer:
    """A client that makes, changes and deletes cards, and notes what the server said was done.

    ``known`` holds the content of each card as last acknowledged, None if deleted; ``doubtful``
    what was sent for a card and never answered: it may have been done or not.
    """

    client: Client
    folder: str
    number: int
    known: dict[str, bytes | None] = field(default_factory=dict)
    doubtful: dict[str, set[bytes | None]] = field(default_factory=dict)
    done: int = 0
    odd: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        chance = random.Random(self.number)
        methods = ["PUT", "PUT", "PUT", "PUT", "DELETE"]
        step = 0
        while not stop.is_set():
            step += 1
            name = f"{self.number}-{chance.randrange(12)}.vcf"
            content = None
            if self.known.get(name) is None or chance.choice(methods) == "PUT":
                content = vcard(name, f"Step {step}", "NOTE:" + "x" * chance.randrange(3000))
            self._send(name, content)

    def _send(self, name: str, content: bytes | None) -> None:
        path = self.folder + name
        try:
            answer = self.client.delete(path) if content is None else self.client.put(path, content)
        except ConnectionRefusedError:
            self.client.close()
            time.sleep(0.05)
        except (OSError, HTTPException):
            self.client.close()
            self.doubtful.setdefault(name, set()).add(content)
        else:
            if answer.status in {201, 204}:
                self.known[name] = content
                self.doubtful.pop(name, None)
                self.done += 1
            elif not (answer.status == 404 and name in self.doubtful):
                self.odd.append(repr(answer))

    def check(self, stored: dict[str, bytes]) -> None:
        """Compare with what is stored: each card is as acknowledged, or as sent after that."""
        assert self.odd == []
        for name in self.known.keys() | self.doubtful.keys():
            possible = {self.known.get(name), *self.doubtful.get(name, ())}
            assert stored.get(name) in possible, name
            # From here on, what is stored is what counts.
            self.known[name] = stored.get(name)
            self.doubtful.pop(name, None)


@contextmanager
def _writing(writers: list[Writer]) -> Iterator[None]:
    """Let the writers write for as long as the block lasts, from before its first statement."""
    stop = threading.Event()
    before = sum(writer.done for writer in writers)
    threads = [threading.Thread(target=writer.run, args=[stop]) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: sum(w.done for w in writers) > before + 20, 30, "some writes")
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def _writers(world: World, alice: Member, book: Book) -> list[Writer]:
    return [
        Writer(world.client(headers=alice.headers), alice.path(book), number)
        for number in range(CLIENTS)
    ]


def _require_sound(database: Database, world: World, alice: Member, book: Book) -> None:
    """Check the database itself, and that a sync from nothing tells exactly what is stored."""
    if database.dialect == "sqlite":
        with database.read() as connection:
            path = connection.engine.url.database
        assert path is not None
        with closing(sqlite3.connect(path)) as direct:
            assert direct.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert direct.execute("PRAGMA foreign_key_check").fetchall() == []
    synced = {
        href.rpartition("/")[2]: resource.text("D:getetag")
        for href, resource in alice.sync(alice.path(book)).resources.items()
    }
    assert synced.keys() == world.stored(book).keys()
    for name, etag in synced.items():
        assert alice.get(alice.path(book, name)).etag == etag


def _workers(server: RunningServer) -> set[int]:
    return family_of(server.pid) - {server.pid}


@pytest.mark.databases("sqlite")
def test_a_killed_worker_loses_nothing_and_is_replaced(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    with (
        RunningServer(tmp_path, database_url, {"server.workers": 2}) as server,
        World(database, server.port) as world,
    ):
        alice, book = world.shared()
        assert alice.books()
        wait_for(lambda: "Serving at" in server.log, 20, "both workers")
        writers, main, workers = _writers(world, alice, book), server.pid, _workers(server)
        assert len(workers) == 2
        with _writing(writers):
            os.kill(random.choice(sorted(workers)), signal.SIGKILL)
            wait_for(lambda: len(_workers(server) - workers) == 1, 20, "a new worker")
        # One that has not come up yet lets connections wait; by chance, these reach both.
        for _ in range(16):
            alice.close()
            assert alice.get("/-/health").status == 200
        for writer in writers:
            writer.check(world.stored(book))
        _require_sound(database, world, alice, book)
        assert (server.pid, len(_workers(server))) == (main, 2)
    assert server.log.count(" died ") == 1


def test_a_killed_server_has_all_it_acknowledged_after_the_restart(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    with (
        RunningServer(tmp_path, database_url, {"server.workers": 2}) as server,
        World(database, server.port) as world,
    ):
        alice, book = world.shared()
        assert alice.books()
        writers = _writers(world, alice, book)
        token = alice.sync(alice.path(book)).sync_token
        for _ in range(2 if database.dialect == "sqlite" else 1):
            with _writing(writers):
                server.kill()
            alice.close()
            server.start()
            stored = world.stored(book)
            for writer in writers:
                writer.check(stored)
            _require_sound(database, world, alice, book)
            # A token from before is still good, and tells of everything that is there now.
            changes = alice.sync(alice.path(book), token)
            told = {href.rpartition("/")[2] for href in changes.hrefs}
            assert told >= stored.keys()
