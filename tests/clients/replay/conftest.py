"""One server for all replayed clients, and an office whose books they show."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain.books import Book
from sharedbooks.domain.history import Actor
from sharedbooks.exchange.importing import Importing, import_records
from sharedbooks.exchange.vcf import read_vcf
from tests.clients.replay.device import Device, Login
from tests.http.world import Member, World, vcard
from tests.support.databases import SqliteDatabases
from tests.support.process import RunningServer

FRIENDS = {
    "ann.vcf": vcard("ann", "Ann Example", "EMAIL;TYPE=HOME:ann@example.org"),
    "bob.vcf": vcard("bob", "Bob Example"),
    # A name that has to be percent-encoded, and may be in several ways.
    "J. O'Neil+1@example.org \u00e9.vcf": vcard("jack", "Jack O'Neil"),
}
"""What is in the first book, in vCard 3.0."""

COMPANY = {
    "reception.vcf": vcard("reception", "Reception"),
    "hotline.vcf": vcard("hotline", "Help"),
}
"""What is in the second one."""


@dataclass
class Office:
    """A member with a device, and a colleague who works on the same books.

    Attributes:
        world: people and books on the server.
        alice: the member whose client is replayed; she has never logged in before.
        colleague: somebody who may write to both books, on another device.
        friends: a book that alice may write to.
        company: a book that alice may only read.
    """

    world: World
    alice: Member
    colleague: Member
    friends: Book
    company: Book

    @property
    def friends_path(self) -> str:
        """The path of the writable book in alice's home."""
        return self.alice.path(self.friends)

    @property
    def company_path(self) -> str:
        """The path of the read-only book in alice's home."""
        return self.alice.path(self.company)

    def device(self, login: Login, headers: dict[str, str]) -> Device:
        """A client program of alice's."""
        return Device(self.world, self.alice, login, headers)

    def put(self, book: Book, name: str, card: bytes) -> None:
        """Let the colleague store a card."""
        path = self.colleague.path(book, quote(name))
        assert self.colleague.put(path, card).status in {201, 204}

    def fill(self, book: Book, cards: Iterable[bytes]) -> None:
        """Import many cards at once, as the administrator may."""
        actor = Actor(None, "administrator", "", "sharedbooks")
        how = Importing(self.world.database, book.id, actor, "cards.vcf", 1_000_000)
        done = import_records(how, read_vcf(cards, max_card_size=1_000_000), refuse=print)
        assert not done.failed

    def delete(self, book: Book, name: str) -> None:
        """Let the colleague delete a card."""
        assert self.colleague.delete(self.colleague.path(book, quote(name))).status == 204

    def stored(self, name: str, book: Book | None = None) -> bytes:
        """The octets of a card as the server keeps them."""
        return self.world.stored(book or self.friends)[name]


@pytest.fixture(scope="session")
def replay_world(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[World]:
    """A server as it is configured by default."""
    with (
        sqlite_databases.migrated() as url,
        closing(Database(url)) as database,
        RunningServer(tmp_path_factory.mktemp("server"), url) as server,
        World(database, server.port) as made,
    ):
        yield made


@pytest.fixture
def office(replay_world: World) -> Iterator[Office]:
    """An office of its own for every test."""
    with World(replay_world.database, replay_world.port) as world:
        office = Office(
            world,
            world.member("alice", display_name="Alice Liddell", email="alice@example.org"),
            world.member("colleague"),
            world.book("friends", display_name="Friends & Family \u00e9"),
            world.book("company", display_name="Company (read only)"),
        )
        for book, privilege, content in (
            (office.friends, "write", FRIENDS),
            (office.company, "read", COMPANY),
        ):
            world.grant(book, office.alice, privilege)
            world.grant(book, office.colleague, "write")
            for name, card in content.items():
                office.put(book, name, card)
        yield office
