"""Clients that write and follow a book while its server breaks, and what must be true after it."""

import random
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Protocol

from sqlalchemy import select

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import card_versions
from sharedbooks.domain.books import Book
from tests.http.client import Answer, Client
from tests.http.world import Member, World, vcard
from tests.support.network import wait_for

_PAUSE = 0.05
"""Seconds a client waits after a refusal. Real ones wait for the time that Retry-After says."""


class Worker(Protocol):
    """What works until it is told to stop."""

    done: int

    def run(self, stop: threading.Event) -> None:
        """Work."""


@dataclass
class Writer:
    """A client that makes, changes and deletes cards, and notes what the server said was done.

    Attributes:
        sent_twice: whether a proxy between may send again what a server has answered 503. A
            deletion that was done all the same is a 404 then: no other client has these cards.
        known: the content of each card as last acknowledged, None if deleted.
        doubtful: what was sent for a card and not acknowledged: it may have been done or not.
        refused: the answers 503.
        moments: when each write was acknowledged, by ``time.monotonic``.
        slowest: seconds that the slowest answer took.
        odd: answers that no client should get.
    """

    client: Client
    folder: str
    number: int
    sent_twice: bool = False
    known: dict[str, bytes | None] = field(default_factory=dict)
    doubtful: dict[str, set[bytes | None]] = field(default_factory=dict)
    refused: list[Answer] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    slowest: float = 0.0
    odd: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many writes were acknowledged."""
        return len(self.moments)

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
        started = time.monotonic()
        try:
            answer = self.client.delete(path) if content is None else self.client.put(path, content)
        except ConnectionRefusedError:
            self.client.close()
            time.sleep(_PAUSE)
        except (OSError, HTTPException):
            self.client.close()
            self._doubt(name, content)
        else:
            self.slowest = max(self.slowest, time.monotonic() - started)
            self._note(name, content, answer)

    def _note(self, name: str, content: bytes | None, answer: Answer) -> None:
        gone = self.sent_twice and content is None and answer.status == 404
        if answer.status in {201, 204} or (gone and name not in self.doubtful):
            self.known[name] = content
            self.doubtful.pop(name, None)
            self.moments.append(time.monotonic())
        elif answer.status == 503:
            self._doubt(name, content)
            self.refused.append(answer)
            time.sleep(_PAUSE)
        elif not (answer.status == 404 and name in self.doubtful):
            self.odd.append(repr(answer))

    def _doubt(self, name: str, content: bytes | None) -> None:
        self.doubtful.setdefault(name, set()).add(content)

    def check(self, stored: dict[str, bytes]) -> None:
        """Compare with what is stored: each card is as acknowledged, or as sent after that."""
        assert self.odd == []
        for answer in self.refused:
            assert int(answer.headers["Retry-After"]) > 0, answer
        for name in self.known.keys() | self.doubtful.keys():
            possible = {self.known.get(name), *self.doubtful.get(name, ())}
            assert stored.get(name) in possible, name
            # From here on, what is stored is what counts.
            self.known[name] = stored.get(name)
            self.doubtful.pop(name, None)


@dataclass
class Follower:
    """A device that keeps itself up to date by sync tokens, and by nothing else.

    Attributes:
        token: of its last sync.
        etags: what it knows of the book, by resource name.
        done: how many syncs it got.
    """

    client: Client
    folder: str
    token: str = ""
    etags: dict[str, str] = field(default_factory=dict)
    done: int = 0
    odd: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.sync()

    def sync(self) -> None:
        """Ask once; a refusal or a lost connection changes nothing."""
        try:
            answer = self.client.sync(self.folder, self.token)
        except (OSError, HTTPException):
            self.client.close()
            time.sleep(_PAUSE)
            return
        if answer.status == 503:
            time.sleep(_PAUSE)
        elif answer.status == 207:
            self._apply(answer)
        else:
            self.odd.append(repr(answer))

    def _apply(self, answer: Answer) -> None:
        for href, resource in answer.resources.items():
            name = href.rpartition("/")[2]
            if resource.status == 404:
                self.etags.pop(name, None)
            else:
                self.etags[name] = resource.text("D:getetag")
        self.token = answer.sync_token
        self.done += 1

    def check(self, etags: dict[str, str]) -> None:
        """Sync once more, and compare with what the book really has."""
        self.client.close()
        before = self.done
        self.sync()
        assert self.odd == []
        assert self.done == before + 1
        assert self.etags == etags


@contextmanager
def working(workers: Sequence[Worker], first: int = 20) -> Iterator[None]:
    """Let them work for as long as the block lasts, from ``first`` things done before it on."""
    stop = threading.Event()
    threads = [threading.Thread(target=worker.run, args=[stop]) for worker in workers]
    wanted = done(workers) + first
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: done(workers) >= wanted, 30, "some writes")
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def done(workers: Sequence[Worker]) -> int:
    """Return how much they have done together."""
    return sum(worker.done for worker in workers)


def make_writers(
    world: World, alice: Member, book: Book, number: int, *, sent_twice: bool = False
) -> list[Writer]:
    """Return writers of one book, each with cards of its own; ``sent_twice`` is the writers'."""
    return [
        Writer(world.client(headers=alice.headers), alice.path(book), each, sent_twice)
        for each in range(number)
    ]


def require_sound(database: Database, world: World, alice: Member, book: Book) -> None:
    """Check the database itself, and that a sync from nothing tells exactly what is stored."""
    if database.dialect == "sqlite":
        _require_sound_file(database)
    _require_every_revision(database, book)
    synced = etags_by_sync(alice, book)
    assert synced.keys() == world.stored(book).keys()
    for name, etag in synced.items():
        assert alice.get(alice.path(book, name)).etag == etag


def etags_by_sync(alice: Member, book: Book) -> dict[str, str]:
    """Return the ETags of a book by resource name, as a sync from nothing tells them."""
    return {
        href.rpartition("/")[2]: resource.text("D:getetag")
        for href, resource in alice.sync(alice.path(book)).resources.items()
    }


def _require_sound_file(database: Database) -> None:
    path = database.url.database
    assert path is not None
    with closing(sqlite3.connect(path)) as direct:
        assert direct.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert direct.execute("PRAGMA foreign_key_check").fetchall() == []


def _require_every_revision(database: Database, book: Book) -> None:
    """Check that history has one change for each revision of the book."""
    with database.read() as connection:
        rows = connection.execute(
            select(card_versions.c.revision)
            .where(card_versions.c.book_id == book.id)
            .order_by(card_versions.c.revision)
        )
        revisions = list(rows.scalars())
    assert revisions == list(range(1, len(revisions) + 1))
