"""An organisation to test with: its people, groups and books, and a server that shows them."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import Self

from sharedbooks.db.engine import Database
from sharedbooks.domain import (
    books,
    bulk,
    cards,
    credentials,
    directory_books,
    grants,
    homes,
    principals,
)
from sharedbooks.domain.books import Book
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.principals import Principal, PrincipalKind
from sharedbooks.domain.privileges import PRIVILEGES_BY_NAME
from sharedbooks.identifiers import BookReference
from tests.http.client import Answer, Client
from tests.support.network import LOOPBACK

_numbers = count(1)
"""All tests share a server, so that every name is given once."""

BOOK_TYPE = "<D:resourcetype><D:collection/><CARD:addressbook/></D:resourcetype>"


def fresh(name: str) -> str:
    """Return ``name`` with a number nobody else has."""
    return f"{name}-{next(_numbers)}"


def vcard(uid: str | None = "ann", name: str = "Ann Example", *lines: str) -> bytes:
    """Return a vCard 3.0 as clients write it, with no UID if that is None."""
    known = [] if uid is None else [f"UID:{uid}"]
    whole = ["BEGIN:VCARD", "VERSION:3.0", *known, f"FN:{name}", *lines, "END:VCARD", ""]
    return "\r\n".join(whole).encode()


class Member(Client):
    """A user with a device that is logged in."""

    def __init__(
        self, world: "World", user: Principal, password: str, headers: Mapping[str, str]
    ) -> None:
        super().__init__(world.port, (user.name, password), headers)
        self.user = user
        self.name = user.name
        self.password = password

    @property
    def home(self) -> str:
        """The path of the home."""
        return f"/{self.name}/"

    @property
    def contacts(self) -> str:
        """The path of the personal book."""
        return f"/{self.name}/contacts/"

    def path(self, book: Book | str, card: str = "") -> str:
        """The path of a book of the organisation in the member's home, or of a card in it."""
        name = book if isinstance(book, str) else book.name
        return f"/{self.name}/{name}/{card}"

    def listing(self, *names: str) -> Answer:
        """The home with its books, as every client asks for it."""
        answer = self.propfind(self.home, names or ("D:resourcetype",), depth=1)
        assert answer.status == 207, answer
        return answer

    def books(self) -> set[str]:
        """The names of the books in the home."""
        return {href.split("/")[2] for href in self.listing().hrefs[1:]}


@dataclass
class World:
    """A database, and the port of the server that serves it; a ``with`` block closes both ends."""

    database: Database
    port: int

    def __post_init__(self) -> None:
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def client(
        self, login: tuple[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Client:
        """Open a connection to the server."""
        return self._open.enter_context(Client(self.port, login, headers))

    def user(self, name: str = "alice", **more: str) -> Principal:
        """Make a user who cannot log in yet; the name gets a number."""
        return self.exact_user(fresh(name), **more)

    def exact_user(self, name: str, **more: str) -> Principal:
        """Make a user of this very name."""
        with self.database.write() as connection:
            return principals.add_principal(connection, PrincipalKind.USER, name, **more)

    def device(self, user: Principal, label: str = "phone") -> str:
        """Make an app password."""
        with self.database.write() as connection:
            return credentials.add_device(connection, user, label)

    def member(self, name: str = "alice", **more: str) -> Member:
        """Make a user with a device that is logged in; the name gets a number."""
        return self.log_in(self.user(name, **more))

    def log_in(self, user: Principal, headers: Mapping[str, str] | None = None) -> Member:
        """Log in with a new device."""
        member = Member(self, user, self.device(user, fresh("phone")), headers or {})
        self._open.enter_context(member)
        return member

    def group(self, name: str, members: Iterable[Member] = ()) -> Principal:
        """Make a group; the name gets a number."""
        with self.database.write() as connection:
            group = principals.add_principal(connection, PrincipalKind.GROUP, fresh(name))
            for member in members:
                principals.add_member(connection, group, member.user)
        return group

    def join(self, group: Principal, member: Member) -> None:
        """Put a member into a group."""
        with self.database.write() as connection:
            principals.add_member(connection, group, member.user)

    def leave(self, group: Principal, member: Member) -> None:
        """Take a member out of a group."""
        with self.database.write() as connection:
            principals.remove_member(connection, group, member.user)

    def book(self, name: str = "sales", **more: str) -> Book:
        """Make a book of the organisation; the name gets a number."""
        return self.exact_book(BookReference(None, fresh(name)), **more)

    def exact_book(self, reference: BookReference, **more: str) -> Book:
        """Make a book of this very name."""
        with self.database.write() as connection:
            return books.add_book(connection, reference, **more)

    def directory_book(self, name: str, *contents: bytes) -> Book:
        """Make a book whose cards come from a directory; the name gets a number."""
        book = self.book(name)
        prepared = [prepare_card(content, max_size=len(content)) for content in contents]
        with self.database.write() as connection:
            directory_books.add_directory_book(connection, book.reference, "corp")
            actor = Actor(None, "directory:corp", "", "")
            bulk.store_cards(connection, book.id, actor, prepared, from_directory=True)
        return book

    def release(self, book: Book) -> None:
        """Make an ordinary book of one whose cards come from a directory."""
        with self.database.write() as connection:
            directory_books.release_book(connection, book.id)

    def own_book(self, member: Member, name: str = "contacts") -> Book:
        """The book of that name that a member owns, once they have logged in."""
        with self.database.read() as connection:
            return books.get_book(connection, BookReference(member.name, name))

    def grant(self, book: Book, grantee: Member | Principal, privilege: str = "write") -> None:
        """Give a privilege on ``book``, or another one than before."""
        principal = grantee.user if isinstance(grantee, Member) else grantee
        with self.database.write() as connection:
            grants.set_grant(connection, book, principal, PRIVILEGES_BY_NAME[privilege])

    def revoke(self, book: Book, grantee: Member | Principal) -> None:
        """Take the grant on ``book`` back."""
        principal = grantee.user if isinstance(grantee, Member) else grantee
        with self.database.write() as connection:
            grants.remove_grant(connection, book, principal)

    def shared(self, privilege: str = "write", name: str = "sales") -> tuple[Member, Book]:
        """Make a member and a book of the organisation on which they have that privilege."""
        member, book = self.member(), self.book(name)
        self.grant(book, member, privilege)
        return member, book

    def stored(self, book: Book) -> dict[str, bytes]:
        """The cards of a book by name, as the database has them."""
        with self.database.read() as connection:
            return {
                card.resource_name: card.content
                for card in cards.iterate_cards(connection, book.id)
            }

    def revision(self, book: Book) -> int:
        """The revision of a book."""
        with self.database.read() as connection:
            return books.get_book_by_id(connection, book.id).revision

    def mount(self, member: Member, book: Book) -> str:
        """The name under which a member sees a book."""
        with self.database.read() as connection:
            [name] = [
                access.name
                for access in homes.list_home(connection, member.user.id)
                if access.book_id == book.id
            ]
        return name


def authority(world: World) -> str:
    """Host and port of the server as they stand in absolute URLs."""
    return f"{LOOPBACK}:{world.port}"
