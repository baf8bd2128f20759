"""Books whose cards come from a directory: what each is made of, and which entry is which card."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from sharedbooks.db.schema import address_books, directory_books, directory_entries
from sharedbooks.db.types import now
from sharedbooks.domain.books import Book, count_cards, get_book, get_book_by_id, lock_book
from sharedbooks.errors import Conflict, NotFound
from sharedbooks.identifiers import BookReference

_IDS_A_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class DirectoryBook:
    """A read-only book and the part of a directory that it shows.

    Attributes:
        book: the address book.
        directory: name of the directory in the configuration.
        base: DN below which entries are looked for; empty: where the directory's users are.
        filter: LDAP filter of the entries; empty: that of the directory's users.
        group_filter: LDAP filter of the groups that become contact groups; empty: that of the
            directory's groups; None: no contact groups.
        mapping: vCard property to attributes, over what the configuration says.
        stamps_of: what the stamps of the entries hold for; see ``finish_sync``.
        synced_at: end of the last complete sync, microseconds since 1970, UTC; None before.
    """

    book: Book
    directory: str
    base: str
    filter: str
    group_filter: str | None
    mapping: dict[str, str]
    stamps_of: str
    synced_at: int | None


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """An entry of the directory that belongs to a book.

    Attributes:
        source_id: its stable id in the directory.
        is_group: whether it is a group, and its card a contact group.
        card_uid: UID of its card.
        dn_hash: stands for its DN, by which other entries name it.
        name: what its card is called.
        stamp: changes when the entry does; empty if it has to be read at the next sync anyway.
        manager_hash: stands for the DN of its manager, or None.
        problem: why the entry as it is now became no card, in a sentence; None if it did.
    """

    source_id: str
    is_group: bool
    card_uid: str
    dn_hash: str
    name: str
    stamp: str
    manager_hash: str | None
    problem: str | None


_ENTRY_COLUMNS = (
    directory_entries.c.source_id,
    directory_entries.c.is_group,
    directory_entries.c.card_uid,
    directory_entries.c.dn_hash,
    directory_entries.c.name,
    directory_entries.c.stamp,
    directory_entries.c.manager_hash,
    directory_entries.c.problem,
)
_FORGET = delete(directory_entries).where(
    directory_entries.c.book_id == bindparam("book"),
    directory_entries.c.source_id.in_(bindparam("ids", expanding=True)),
)


def _select_directory_books() -> Select[Any]:
    return (
        select(
            directory_books.c.book_id,
            directory_books.c.directory,
            directory_books.c.base,
            directory_books.c.filter,
            directory_books.c.group_filter,
            directory_books.c.mapping,
            directory_books.c.stamps_of,
            directory_books.c.synced_at,
        )
        .join(address_books, address_books.c.id == directory_books.c.book_id)
        .where(address_books.c.deletion == 0)
    )


def _directory_book(connection: Connection, row: Any) -> DirectoryBook:
    book_id, *rest = row
    return DirectoryBook(get_book_by_id(connection, book_id), *rest)


def add_directory_book(
    connection: Connection,
    reference: BookReference,
    directory: str,
    *,
    base: str = "",
    entry_filter: str = "",
    group_filter: str | None = None,
    mapping: dict[str, str] | None = None,
) -> DirectoryBook:
    """Let an empty book of the organisation show a part of a directory, and be read-only.

    The first sync fills it. For the arguments see ``DirectoryBook``.

    Raises:
        NotFound: there is no such book.
        Conflict: it belongs to a user, holds cards, or shows a directory already.
    """
    book = get_book(connection, reference)
    lock_book(connection, book.id)
    if book.owner is not None:
        raise Conflict("Only an address book of the organisation can show a directory.")
    if count_cards(connection, book.id):
        raise Conflict(f"The address book {str(reference)!r} holds cards of its own.")
    values = {
        "book_id": book.id,
        "directory": directory,
        "base": base,
        "filter": entry_filter,
        "group_filter": group_filter,
        "mapping": mapping or {},
        "stamps_of": "",
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(directory_books).values(values))
    except IntegrityError as error:
        raise Conflict(f"The address book {str(reference)!r} shows a directory.") from error
    _set_read_only(connection, book.id, read_only=True)
    return get_directory_book(connection, reference)


def _set_read_only(connection: Connection, book_id: int, *, read_only: bool) -> None:
    connection.execute(
        update(address_books).where(address_books.c.id == book_id).values(read_only=read_only)
    )


def get_directory_book(connection: Connection, reference: BookReference) -> DirectoryBook:
    """Return the directory book that ``reference`` names.

    Raises:
        NotFound: there is no such book, or it is an ordinary one.
    """
    book = get_book(connection, reference)
    statement = _select_directory_books().where(directory_books.c.book_id == book.id)
    row = connection.execute(statement).first()
    if row is None:
        raise NotFound(f"The address book {str(reference)!r} does not come from a directory.")
    return _directory_book(connection, row)


def list_directory_books(
    connection: Connection, directory: str | None = None
) -> list[DirectoryBook]:
    """Return the books of one directory, or of all, by name."""
    statement = _select_directory_books().order_by(address_books.c.name)
    if directory is not None:
        statement = statement.where(directory_books.c.directory == directory)
    return [_directory_book(connection, row) for row in connection.execute(statement).all()]


def release_book(connection: Connection, book_id: int) -> None:
    """Make a directory book an ordinary one: its cards stay, and may be written from now on.

    Raises:
        NotFound: the book is gone.
    """
    lock_book(connection, book_id)
    for table in (directory_entries, directory_books):
        connection.execute(delete(table).where(table.c.book_id == book_id))
    _set_read_only(connection, book_id, read_only=False)


def forget_stamps(connection: Connection, book_id: int) -> None:
    """Let the next sync read every entry, should this one not come to its end."""
    connection.execute(
        update(directory_books).where(directory_books.c.book_id == book_id).values(stamps_of="")
    )


def finish_sync(connection: Connection, book_id: int, stamps_of: str) -> None:
    """Note that the book shows the directory as it is.

    Args:
        connection: a write transaction.
        book_id: the book.
        stamps_of: the server and the way of making cards for which the entries' stamps hold. Where
            the next sync finds another one, it reads every entry.
    """
    connection.execute(
        update(directory_books)
        .where(directory_books.c.book_id == book_id)
        .values(stamps_of=stamps_of, synced_at=now())
    )


def list_entries(connection: Connection, book_id: int) -> list[DirectoryEntry]:
    """Return every entry of a book, by its id."""
    statement = select(*_ENTRY_COLUMNS).where(directory_entries.c.book_id == book_id)
    rows = connection.execute(statement.order_by(directory_entries.c.source_id))
    return [DirectoryEntry(*row) for row in rows]


def list_problems(connection: Connection, book_id: int) -> list[DirectoryEntry]:
    """Return the entries of a book that, as they are now, became no cards, by name."""
    statement = select(*_ENTRY_COLUMNS).where(
        directory_entries.c.book_id == book_id, directory_entries.c.problem.is_not(None)
    )
    rows = connection.execute(statement.order_by(directory_entries.c.name))
    return [DirectoryEntry(*row) for row in rows]


def count_entries(connection: Connection, book_id: int) -> int:
    """Return how many entries of the directory belong to a book."""
    counted = (
        select(func.count())
        .select_from(directory_entries)
        .where(directory_entries.c.book_id == book_id)
    )
    return int(connection.execute(counted).scalar_one())


def write_entries(connection: Connection, book_id: int, entries: Sequence[DirectoryEntry]) -> None:
    """Note entries of a book, in place of what was known of them."""
    forget_entries(connection, book_id, [entry.source_id for entry in entries])
    rows = [
        {
            "book_id": book_id,
            "source_id": entry.source_id,
            "is_group": entry.is_group,
            "card_uid": entry.card_uid,
            "dn_hash": entry.dn_hash,
            "name": entry.name,
            "stamp": entry.stamp,
            "manager_hash": entry.manager_hash,
            "problem": entry.problem,
        }
        for entry in entries
    ]
    if rows:
        connection.execute(insert(directory_entries), rows)


def forget_entries(connection: Connection, book_id: int, source_ids: Sequence[str]) -> None:
    """Forget entries of a book."""
    for start in range(0, len(source_ids), _IDS_A_STATEMENT):
        some = list(source_ids[start : start + _IDS_A_STATEMENT])
        connection.execute(_FORGET, {"book": book_id, "ids": some})
