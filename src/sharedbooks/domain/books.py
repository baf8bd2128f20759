"""Address books: the organisation's and the users' own."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import ORGANISATION_ID, address_books, cards, principals
from sharedbooks.db.types import now
from sharedbooks.domain.principals import PrincipalKind, get_user
from sharedbooks.errors import Conflict, NotFound
from sharedbooks.identifiers import MAX_NAME_LENGTH, BookReference, parse_resource_name
from sharedbooks.watching.metrics import LOCK_WAITS


@dataclass(frozen=True, slots=True)
class Book:
    """An address book; ``owner`` is a user's name, or None for a book of the organisation.

    ``created_at`` and ``changed_at`` are microseconds since 1970, UTC. ``properties`` are dead
    WebDAV properties (Clark name to XML text). Nobody but a directory changes the cards of a
    ``read_only`` one.
    """

    id: int
    owner_id: int
    owner: str | None
    name: str
    display_name: str
    description: str
    properties: dict[str, str]
    sync_key: str
    revision: int
    created_at: int
    changed_at: int
    read_only: bool

    @property
    def reference(self) -> BookReference:
        """How people name this book."""
        return BookReference(self.owner, self.name)


def _select_books() -> Select[Any]:
    return (
        select(
            address_books.c.id,
            address_books.c.owner_id,
            principals.c.name,
            address_books.c.name,
            address_books.c.display_name,
            address_books.c.description,
            address_books.c.properties,
            address_books.c.sync_key,
            address_books.c.revision,
            address_books.c.created_at,
            address_books.c.changed_at,
            address_books.c.read_only,
        )
        .join(principals, principals.c.id == address_books.c.owner_id)
        .where(address_books.c.deletion == 0)
    )


_ORGANISATIONAL = _select_books().where(
    address_books.c.owner_id == ORGANISATION_ID, address_books.c.name == bindparam("name")
)
_PERSONAL = _select_books().where(
    principals.c.kind == PrincipalKind.USER.value,
    principals.c.name == bindparam("owner"),
    address_books.c.name == bindparam("name"),
)
_LOCK = Prepared(
    select(address_books.c.id)
    .where(address_books.c.id == bindparam("book"), address_books.c.deletion == 0)
    # On PostgreSQL rows that only refer to the book (a mount, a grant) need not wait.
    .with_for_update(key_share=True)
)
_BY_ID = _select_books().where(address_books.c.id == bindparam("id"))
_NAMES = Prepared(
    select(address_books.c.owner_id, principals.c.name, address_books.c.name)
    .join(principals, principals.c.id == address_books.c.owner_id)
    .where(address_books.c.id == bindparam("id"))
)


def _book(row: Any) -> Book:
    book_id, owner_id, owner, *rest = row
    return Book(book_id, owner_id, None if owner_id == ORGANISATION_ID else owner, *rest)


def get_book(connection: Connection, reference: BookReference) -> Book:
    """Return the living book that ``reference`` names.

    Raises:
        NotFound: there is none.
    """
    if reference.owner is None:
        row = connection.execute(_ORGANISATIONAL, {"name": reference.name}).first()
    else:
        where = {"owner": reference.owner, "name": reference.name}
        row = connection.execute(_PERSONAL, where).first()
    if row is None:
        raise NotFound(f"There is no address book {str(reference)!r}.")
    return _book(row)


def get_book_by_id(connection: Connection, book_id: int) -> Book:
    """Return the living book with that id.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(_BY_ID, {"id": book_id}).first()
    if row is None:
        raise NotFound("This address book is gone.")
    return _book(row)


def get_reference(connection: Connection, book_id: int) -> BookReference:
    """Return how people name a book that is there."""
    owner_id, owner, name = _NAMES.all(connection, {"id": book_id})[0]
    return BookReference(None if owner_id == ORGANISATION_ID else owner, name)


def list_books(connection: Connection) -> list[Book]:
    """Return every living book: the organisation's by name, then the users' by owner and name."""
    statement = _select_books().order_by(principals.c.name, address_books.c.name)
    return [_book(row) for row in connection.execute(statement)]


def count_cards(connection: Connection, book_id: int) -> int:
    """Return how many cards the book holds."""
    counted = select(func.count()).select_from(cards).where(cards.c.book_id == book_id)
    return int(connection.execute(counted).scalar_one())


def add_book(
    connection: Connection,
    reference: BookReference,
    *,
    display_name: str = "",
    description: str = "",
    properties: dict[str, str] | None = None,
) -> Book:
    """Make an empty book and return it; without a display name it shows its name.

    A user's book does not appear in their home by this alone: ``homes.add_own_book`` does both.

    Raises:
        InvalidName: the name is unsafe.
        NotFound: the owner is no user.
        Conflict: the owner has a book of that name.
    """
    name = parse_resource_name(reference.name)
    owner = None if reference.owner is None else get_user(connection, reference.owner)
    moment = now()
    values = {
        "owner_id": ORGANISATION_ID if owner is None else owner.id,
        "name": name,
        "display_name": (display_name or name)[:MAX_NAME_LENGTH],
        "description": description,
        "properties": properties or {},
        "sync_key": secrets.token_hex(8),
        "revision": 0,
        "created_at": moment,
        "changed_at": moment,
        "deletion": 0,
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(address_books).values(values))
    except IntegrityError as error:
        raise Conflict(f"There is already an address book {str(reference)!r}.") from error
    return get_book(connection, reference)


def set_book(
    connection: Connection,
    book_id: int,
    *,
    display_name: str | None = None,
    description: str | None = None,
    properties: dict[str, str] | None = None,
) -> None:
    """Change what the book says of itself to everyone; None leaves a value as it is."""
    given = {"display_name": display_name, "description": description, "properties": properties}
    values = {key: value for key, value in given.items() if value is not None}
    if display_name is not None:
        values["display_name"] = display_name[:MAX_NAME_LENGTH]
    if values:
        connection.execute(
            update(address_books).where(address_books.c.id == book_id).values(values)
        )


def delete_book(connection: Connection, book_id: int) -> None:
    """Put a book into the trash: it is gone for every member, its rows stay, its name is free."""
    connection.execute(
        update(address_books)
        .where(address_books.c.id == book_id, address_books.c.deletion == 0)
        .values(deletion=address_books.c.id, deleted_at=now())
    )


def lock_book(connection: Connection, book_id: int) -> None:
    """Make other writers of this book wait until this transaction ends.

    Raises:
        NotFound: the book is gone.
    """
    started = time.monotonic()
    locked = _LOCK.first(connection, {"book": book_id})
    if connection.dialect.name != "sqlite":
        # There the whole file is locked, as the transaction begins.
        LOCK_WAITS.observe(time.monotonic() - started)
    if locked is None:
        raise NotFound("This address book is gone.")
