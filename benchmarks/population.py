"""An organisation of any size: people in groups, shared books, grants, mounts and cards.

Rows are written past the domain's calls where one call a row would take hours: a thousand cards are
stored by them, and the other books are copies of these.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, func, insert, literal, select

from benchmarks.corpus import make_card
from benchmarks.servers import USER
from sharedbooks.db.engine import Database
from sharedbooks.db.schema import (
    ORGANISATION_ID,
    address_books,
    card_properties,
    card_versions,
    cards,
    credentials,
    grants,
    memberships,
    mounts,
    principals,
)
from sharedbooks.db.search_index import rebuild_texts
from sharedbooks.db.types import now
from sharedbooks.domain.bulk import store_cards
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import prepare_card

T = TypeVar("T")

ORDER = ("users", "grants", "mounts", "cards")
"""The kinds of rows, each after those it needs."""

_CARDS_A_BOOK = 1000
_MEMBERS = 20
_BOOKS_A_GROUP = 4
_BATCH = 500


class Population:
    """So many users and cards.

    Every 20 users are a group, which was granted 4 books; each user was granted one more. A user
    has a device, a personal book, and a mount of every book.
    """

    def __init__(self, users: int, cards: int) -> None:
        self.title = f"{users:,} users, {cards:,} cards"
        self._users = users
        self._books = max(_BOOKS_A_GROUP + 1, cards // _CARDS_A_BOOK)

    def add(self, database: Database, kind: str) -> int:
        """Write the rows of one kind and return how many there are of it."""
        if kind == "cards":
            return self._fill_books(database)
        work: Callable[[Connection], int] = getattr(self, f"_add_{kind}")
        return database.run_write(work)

    def _add_users(self, connection: Connection) -> int:
        names = [f"user{number}" for number in range(self._users)]
        groups = [f"group{number}" for number in range(self._users // _MEMBERS)]
        _insert(connection, principals, [_principal("user", name) for name in names])
        _insert(connection, principals, [_principal("group", name) for name in groups])
        users = self._ids(connection, "user")
        rows = [(users[n], group) for n, group in self._membership(connection)]
        _insert(connection, memberships, [{"member_id": u, "group_id": g} for u, g in rows])
        _insert(connection, credentials, [_device(user) for user in users])
        _insert(connection, address_books, [_book(user, "contacts") for user in users])
        return self._users

    def _add_grants(self, connection: Connection) -> int:
        names = [f"book{number}" for number in range(self._books)]
        _insert(connection, address_books, [_book(ORGANISATION_ID, name) for name in names])
        return _insert(
            connection,
            grants,
            [
                {"book_id": book, "principal_id": who, "privilege": 4, "granted_at": now()}
                for who, book in self._grants(connection)
            ],
        )

    def _add_mounts(self, connection: Connection) -> int:
        own = select(address_books.c.owner_id, address_books.c.id).where(
            address_books.c.owner_id != ORGANISATION_ID
        )
        members = select(memberships.c.member_id, grants.c.book_id).join(
            grants, grants.c.principal_id == memberships.c.group_id
        )
        direct = select(grants.c.principal_id, grants.c.book_id).join(
            principals, (principals.c.id == grants.c.principal_id) & (principals.c.kind == "user")
        )
        names = dict(connection.execute(select(address_books.c.id, address_books.c.name)).all())
        pairs = {
            tuple(row) for query in (own, members, direct) for row in connection.execute(query)
        }
        return _insert(
            connection,
            mounts,
            [
                {
                    "principal_id": user,
                    "book_id": book,
                    "name": names[book],
                    "hidden": False,
                    "position": 0,
                    "properties": {},
                }
                for user, book in sorted(pairs)
            ],
        )

    def _fill_books(self, database: Database) -> int:
        shared = database.run_read(_organisation_books)
        first, *others = shared
        actor = Actor(None, "administrator", "", "benchmark")
        prepared = [
            prepare_card(make_card(number, _CARDS_A_BOOK), max_size=1_000_000)
            for number in range(_CARDS_A_BOOK)
        ]
        for some in _batches(prepared):
            database.run_write(lambda c, some=some: store_cards(c, first, actor, some))
        for some in _batches(others, 20):
            database.run_write(lambda c, some=some: [_copy(c, first, book) for book in some])
        database.run_write(rebuild_texts)
        return _CARDS_A_BOOK * len(shared)

    def _ids(self, connection: Connection, kind: str) -> list[int]:
        rows = select(principals.c.id).where(
            principals.c.kind == kind, principals.c.name.like(f"{kind}%")
        )
        return list(connection.execute(rows.order_by(principals.c.id)).scalars())

    def _membership(self, connection: Connection) -> Iterator[tuple[int, int]]:
        """Yield the number of each user, and the id of their group."""
        for number, group in enumerate(self._ids(connection, "group")):
            for member in range(number * _MEMBERS, (number + 1) * _MEMBERS):
                yield member, group

    def _grants(self, connection: Connection) -> Iterator[tuple[int, int]]:
        """Yield principal and book."""
        books = _organisation_books(connection)
        for number, group in enumerate(self._ids(connection, "group")):
            for place in range(_BOOKS_A_GROUP):
                yield group, books[(number * _BOOKS_A_GROUP + place) % len(books)]
        for number, user in enumerate(self._ids(connection, "user")):
            away = (number // _MEMBERS) * _BOOKS_A_GROUP + _BOOKS_A_GROUP
            yield user, books[away % len(books)]
        measured = connection.execute(
            select(principals.c.id).where(principals.c.name == USER)
        ).scalar_one()
        yield from ((measured, book) for book in books[: _BOOKS_A_GROUP + 1])


def _principal(kind: str, name: str) -> dict[str, Any]:
    moment = now()
    return {
        "kind": kind,
        "name": name,
        "display_name": name.capitalize(),
        "email": f"{name}@example.com",
        "enabled": True,
        "source": "local",
        "properties": {},
        "created_at": moment,
        "first_login_at": moment if kind == "user" else None,
    }


def _device(user: int) -> dict[str, Any]:
    return {
        "principal_id": user,
        "kind": "device",
        "label": "phone",
        "secret_hash": f"sha256:{secrets.token_hex(32)}",
        "created_at": now(),
    }


def _book(owner: int, name: str) -> dict[str, Any]:
    moment = now()
    return {
        "owner_id": owner,
        "name": name,
        "display_name": name.capitalize(),
        "description": "",
        "properties": {},
        "sync_key": secrets.token_hex(16),
        "revision": 0,
        "created_at": moment,
        "changed_at": moment,
        "deletion": 0,
    }


def _organisation_books(connection: Connection) -> list[int]:
    rows = select(address_books.c.id).where(address_books.c.owner_id == ORGANISATION_ID)
    return list(connection.execute(rows.order_by(address_books.c.id)).scalars())


def _copy(connection: Connection, source: int, book: int) -> None:
    """Give a book without cards those of another, with their index and history."""
    for table in (cards, card_versions):
        _copy_rows(connection, table, source, book)
    old, new = cards.alias("old"), cards.alias("new")
    copied = (
        select(new.c.id, new.c.book_id, card_properties.c.name, card_properties.c.value)
        .select_from(card_properties)
        .join(old, old.c.id == card_properties.c.card_id)
        .join(new, (new.c.book_id == book) & (new.c.resource_name == old.c.resource_name))
        .where(old.c.book_id == source)
    )
    columns = ["card_id", "book_id", "name", "value"]
    connection.execute(insert(card_properties).from_select(columns, copied))
    last = select(func.max(cards.c.revision)).where(cards.c.book_id == book).scalar_subquery()
    connection.execute(
        address_books.update().where(address_books.c.id == book).values(revision=last)
    )


def _copy_rows(connection: Connection, table: Table, source: int, book: int) -> None:
    names = [column.name for column in table.columns if column.name not in {"id", "book_id"}]
    rows = select(literal(book), *(table.c[name] for name in names)).where(
        table.c.book_id == source
    )
    connection.execute(insert(table).from_select(["book_id", *names], rows))


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    for some in _batches(rows, 5000):
        connection.execute(insert(table), list(some))
    return len(rows)


def _batches(some: Sequence[T], size: int = _BATCH) -> Iterator[Sequence[T]]:
    return (some[start : start + size] for start in range(0, len(some), size))
