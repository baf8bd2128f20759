"""The organisation of a soak: people and their devices, shared books, and who may do what now."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from benchmarks.corpus import make_card
from sharedbooks.db.engine import Database
from sharedbooks.domain import books, bulk, credentials, grants, homes, principals
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.principals import Principal, PrincipalKind
from sharedbooks.domain.privileges import PRIVILEGES_BY_NAME
from sharedbooks.identifiers import BookReference
from sharedbooks.vcard.convert import to_version

T = TypeVar("T")

IMPORTER = "import"
"""Who history says brought the first cards in."""

PERSONAL = "contacts"
_PRIVILEGES = ("write", "write", "write", "edit-own", "read")


@dataclass(slots=True)
class Settling(Generic[T]):
    """What the administrator changes while requests that depend on it are on their way.

    Attributes:
        now: what holds, or will once the change is made.
        before: what held until then.
        settled: moment of ``time.monotonic`` from which only ``now`` holds.
    """

    now: T
    before: T
    settled: float = 0.0

    def possible(self, since: float) -> set[T]:
        """Return all that may have held for a request sent at ``since`` and answered now."""
        return {self.now, self.before} if self.settled > since else {self.now}

    @contextmanager
    def changing(self, value: T) -> Iterator[None]:
        """Make the change in this block."""
        self.before, self.now, self.settled = self.now, value, float("inf")
        yield
        self.settled = time.monotonic()


@dataclass(slots=True)
class Device:
    """An app password on one phone; ``works`` until the administrator revokes it."""

    user: str
    label: str
    password: str
    works: Settling[bool] = field(default_factory=lambda: Settling(now=True, before=True))


@dataclass(frozen=True, slots=True)
class Size:
    """How large the organisation is.

    Attributes:
        phones: in turn one for each user.
        users: each with a personal book.
        books: shared ones.
        cards: in all shared books together.
        own_cards: in each personal book.
    """

    phones: int = 1000
    users: int = 500
    books: int = 40
    cards: int = 12_000
    own_cards: int = 16


class Office:
    """The organisation, as the administrator knows it.

    Each shared book has a group of its own that it is granted to; everybody is in one or two of
    them.
    """

    def __init__(self, size: Size) -> None:
        self.size = size
        self.users = [f"user{number:04}" for number in range(size.users)]
        self.books = [f"book{number:02}" for number in range(size.books)]
        self.devices: list[Device] = []
        self._standings: dict[tuple[str, str], Settling[str | None]] = {}

    def standing(self, user: str, book: str) -> Settling[str | None]:
        """Return what the user may do with a book: the name of a privilege, or None."""
        if book == f"{user}/{PERSONAL}":
            return Settling("write", "write")
        return self._standings.setdefault((user, book), Settling(None, None))

    def privilege_of_group(self, book: str) -> str:
        """Return what the group of a shared book may do with it."""
        return _PRIVILEGES[self.books.index(book) % len(_PRIVILEGES)]

    def make(self, database: Database) -> None:
        """Write the organisation into an empty database."""
        with database.write() as connection:
            people = [
                principals.add_principal(connection, PrincipalKind.USER, name)
                for name in self.users
            ]
            for number in range(self.size.phones):
                user = people[number % len(people)]
                label = f"phone{number // len(people)}"
                password = credentials.add_device(connection, user, label)
                self.devices.append(Device(user.name, label, password))
        for number in range(len(self.books)):
            self._make_book(database, number, people)
        for number, user in enumerate(people):
            self._make_personal_book(database, number, user)

    def _make_book(self, database: Database, number: int, people: list[Principal]) -> None:
        name = self.books[number]
        privilege = self.privilege_of_group(name)
        with database.write() as connection:
            book = books.add_book(connection, BookReference(None, name))
            group = principals.add_principal(connection, PrincipalKind.GROUP, f"group-{name}")
            grants.set_grant(connection, book, group, PRIVILEGES_BY_NAME[privilege])
            for place, user in enumerate(people):
                if number in self._groups(place):
                    principals.add_member(connection, group, user)
                    self._standings[user.name, name] = Settling(privilege, privilege)
        share = self.size.cards // len(self.books)
        _fill(database, book.id, range(number * share, (number + 1) * share))

    def _make_personal_book(self, database: Database, number: int, user: Principal) -> None:
        with database.write() as connection:
            homes.complete_home(
                connection, user, personal_name=PERSONAL, personal_display_name=PERSONAL
            )
            book = books.get_book(connection, BookReference(user.name, PERSONAL))
        first = self.size.cards + number * self.size.own_cards
        _fill(database, book.id, range(first, first + self.size.own_cards))

    def _groups(self, place: int) -> set[int]:
        """Return the numbers of the groups a person is in; every second one is in two."""
        first = place % len(self.books)
        second = (place * 7 + 3) % len(self.books)
        return {first, second} if place % 2 else {first}


def _fill(database: Database, book_id: int, numbers: range) -> None:
    actor = Actor(None, IMPORTER, "", "")
    with database.write() as connection:
        cards = [prepare_card(_card(number), max_size=1_000_000) for number in numbers]
        bulk.store_cards(connection, book_id, actor, cards)


def _card(number: int) -> bytes:
    card = make_card(number, 1_000_000)
    # Some were stored by newer programs: clients that ask for 3.0 get them converted.
    return to_version(card, "4.0") if number % 10 == 0 else card
