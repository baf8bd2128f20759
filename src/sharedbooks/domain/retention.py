"""How long history and trash are kept, and taking away what is kept no longer.

Everything is taken away in small transactions, so that writers wait for none of them long. Names of
removed cards stay: a sync token never expires by this.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, delete, select, update

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import (
    address_books,
    card_properties,
    card_versions,
    cards,
    removed_names,
)
from sharedbooks.db.search_index import forget_texts
from sharedbooks.db.types import now
from sharedbooks.domain.books import lock_book
from sharedbooks.domain.card_history import revision_at
from sharedbooks.domain.import_marks import keep_marks
from sharedbooks.domain.trash import IN_TRASH
from sharedbooks.errors import NotFound

_SECOND = 1_000_000
_ROWS = 500
"""Rows that one transaction takes away."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds that versions of cards, and what was deleted, are kept; 0: for ever."""

    versions: int
    trash: int


@dataclass(slots=True)
class Purged:
    """What was taken away: versions of cards, cards in the trash, and deleted books."""

    versions: int = 0
    cards: int = 0
    books: int = 0


_BOOKS = select(
    address_books.c.id,
    address_books.c.deletion,
    address_books.c.deleted_at,
    address_books.c.keep_versions,
    address_books.c.keep_trash,
).order_by(address_books.c.id)
_OLD = (
    card_versions.c.book_id == bindparam("book_id"),
    card_versions.c.revision > bindparam("after"),
    card_versions.c.revision <= bindparam("until"),
)
_OLD_VERSIONS = (
    select(card_versions.c.revision, card_versions.c.id)
    # The last change of a deleted card is the card in the trash.
    .where(*_OLD, ~IN_TRASH)
    .order_by(card_versions.c.revision)
)
_OLD_TRASH = (
    select(card_versions.c.revision, card_versions.c.card_uid)
    .where(*_OLD, IN_TRASH)
    .order_by(card_versions.c.revision)
)
_SETTING = select(address_books.c.keep_versions, address_books.c.keep_trash)


def get_retention(connection: Connection, book_id: int) -> tuple[int | None, int | None]:
    """Return how many seconds a book keeps versions and trash; None: as the configuration says."""
    row = connection.execute(_SETTING.where(address_books.c.id == book_id)).one()
    return row.keep_versions, row.keep_trash


def set_versions_kept(connection: Connection, book_id: int, seconds: int | None) -> None:
    """Set how long a book keeps versions; None: as the configuration says."""
    _set(connection, book_id, keep_versions=seconds)


def set_trash_kept(connection: Connection, book_id: int, seconds: int | None) -> None:
    """Set how long a book keeps deleted cards, and is kept when deleted; None: see above."""
    _set(connection, book_id, keep_trash=seconds)


def _set(connection: Connection, book_id: int, **values: int | None) -> None:
    connection.execute(update(address_books).where(address_books.c.id == book_id).values(values))


def purge(
    database: Database, default: Retention, advance: Callable[[int], None] = lambda _rows: None
) -> Purged:
    """Take away what no book keeps any longer.

    Args:
        database: where the books are.
        default: for books that say nothing themselves.
        advance: called with the number of things taken away after each transaction.

    Raises:
        StoreBusy, StoreFull: what was done until then stays done.
    """
    moment = now()
    purged = Purged()
    for book in database.run_read(lambda connection: connection.execute(_BOOKS).all()):
        versions = default.versions if book.keep_versions is None else book.keep_versions
        trash = default.trash if book.keep_trash is None else book.keep_trash
        if book.deletion == 0:
            if versions:
                before = moment - versions * _SECOND
                purged.versions += _purge(database, book.id, before, _purge_versions, advance)
            if trash:
                before = moment - trash * _SECOND
                purged.cards += _purge(database, book.id, before, _purge_trash, advance)
        elif book.deletion < 0 or (trash and book.deleted_at < moment - trash * _SECOND):
            purged.books += _purge_book(database, book.id, advance)
    return purged


class _Step(Protocol):
    """Takes some rows of a book away: of changes after one revision, up to another.

    Returns how many, and the revision to go on after, which is None at the end.
    """

    def __call__(
        self, connection: Connection, book_id: int, after: int, until: int
    ) -> tuple[int, int | None]: ...


def _purge(
    database: Database, book_id: int, before: int, step: _Step, advance: Callable[[int], None]
) -> int:
    until = database.run_read(lambda connection: revision_at(connection, book_id, before))
    number = 0
    after: int | None = 0
    while after is not None:
        work = partial(step, book_id=book_id, after=after, until=until)
        try:
            done, after = database.run_write(work)
        except NotFound:  # deleted meanwhile
            break
        number += done
        advance(done)
    return number


def _purge_versions(
    connection: Connection, book_id: int, after: int, until: int
) -> tuple[int, int | None]:
    lock_book(connection, book_id)
    where = {"book_id": book_id, "after": after, "until": until}
    rows = connection.execute(_OLD_VERSIONS.limit(_ROWS), where).all()
    if not rows:
        return 0, None
    old = card_versions.c.id.in_([row.id for row in rows])
    keep_marks(connection, book_id, old)
    connection.execute(delete(card_versions).where(old))
    last = rows[-1].revision
    _note_loss(connection, book_id, last, of_living=True)
    return len(rows), last


def _purge_trash(
    connection: Connection, book_id: int, after: int, until: int
) -> tuple[int, int | None]:
    lock_book(connection, book_id)
    where = {"book_id": book_id, "after": after, "until": until}
    rows = connection.execute(_OLD_TRASH.limit(_ROWS), where).all()
    if not rows:
        return 0, None
    uids = [row.card_uid for row in rows]
    of_cards = card_versions.c.card_uid.in_(uids)
    keep_marks(connection, book_id, of_cards)
    connection.execute(delete(card_versions).where(card_versions.c.book_id == book_id, of_cards))
    last = rows[-1].revision
    _note_loss(connection, book_id, last, of_living=False)
    return len(rows), last


def _note_loss(connection: Connection, book_id: int, revision: int, *, of_living: bool) -> None:
    """Note that history up to ``revision`` is not whole any more."""
    columns = [address_books.c.history_start]
    if of_living:
        columns.append(address_books.c.versions_start)
    for column in columns:
        connection.execute(
            update(address_books)
            .where(address_books.c.id == book_id, column < revision)
            .values({column.name: revision})
        )


def _purge_book(database: Database, book_id: int, advance: Callable[[int], None]) -> int:
    if not database.run_write(partial(_condemn, book_id=book_id)):
        return 0
    for step in (_purge_cards, _purge_history, _purge_names):
        while done := database.run_write(partial(step, book_id=book_id)):
            advance(done)
    database.run_write(
        lambda connection: connection.execute(
            delete(address_books).where(address_books.c.id == book_id)
        )
    )
    advance(1)
    return 1


def _condemn(connection: Connection, book_id: int) -> bool:
    """Make sure that nobody brings the book back any more; return False if somebody just has."""
    return (
        connection.execute(
            update(address_books)
            .where(address_books.c.id == book_id, address_books.c.deletion != 0)
            .values(deletion=-book_id)
        ).rowcount
        > 0
    )


def _purge_cards(connection: Connection, book_id: int) -> int:
    ids = _some(connection, cards.c.id, cards.c.book_id == book_id)
    if ids:
        connection.execute(delete(card_properties).where(card_properties.c.card_id.in_(ids)))
        forget_texts(connection, ids)
        connection.execute(delete(cards).where(cards.c.id.in_(ids)))
    return len(ids)


def _purge_history(connection: Connection, book_id: int) -> int:
    ids = _some(connection, card_versions.c.id, card_versions.c.book_id == book_id)
    if ids:
        connection.execute(delete(card_versions).where(card_versions.c.id.in_(ids)))
    return len(ids)


def _purge_names(connection: Connection, book_id: int) -> int:
    here = removed_names.c.book_id == book_id
    names = _some(connection, removed_names.c.resource_name, here)
    if names:
        connection.execute(
            delete(removed_names).where(here, removed_names.c.resource_name.in_(names))
        )
    return len(names)


def _some(connection: Connection, column: Any, condition: Any) -> Sequence[Any]:
    return connection.execute(select(column).where(condition).limit(_ROWS)).scalars().all()
