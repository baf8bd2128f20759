"""A whole book back to what it was at one of its revisions.

The restore is made of ordinary changes, so it syncs to every device, stands in history, and is
undone by another one. It is done in chunks, each a transaction under the book's lock: what others
change meanwhile stays, or is in history.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, exists, func, or_, select

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import address_books, card_versions, cards
from sharedbooks.domain.books import lock_book
from sharedbooks.domain.bringing_back import insert_again, stored_before
from sharedbooks.domain.card_history import require_history
from sharedbooks.domain.card_rows import RemovedCard, remove_rows, replace_card
from sharedbooks.domain.cards import get_cards_by_id
from sharedbooks.domain.changes import raise_revision
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import hash_content
from sharedbooks.errors import NotFound, SharedbooksError
from sharedbooks.vcard.card import inspect_card

_CHUNK_CARDS = 500
_CHUNK_OCTETS = 4 * 1024 * 1024


class Kind(StrEnum):
    """What a restore does to a card."""

    CREATED = "created"
    CHANGED = "changed"
    REMOVED = "removed"


class PlannedChange(NamedTuple):
    """One card that a restore would create, change or remove."""

    kind: Kind
    resource_name: str
    display_name: str


@dataclass(slots=True)
class RestoreResult:
    """How many cards a restore created, changed and removed.

    ``before`` is the revision of the book to which another restore takes it back.
    """

    before: int
    created: int = 0
    changed: int = 0
    removed: int = 0


_earlier = card_versions.alias("earlier")
# The first change of a card after the revision: what it found is what the card was.
_TOUCHED = (
    select(
        card_versions.c.revision,
        card_versions.c.card_uid,
        card_versions.c.resource_name,
        func.coalesce(func.length(card_versions.c.content_before), 0).label("octets"),
        cards.c.id,
        cards.c.resource_name.label("present_name"),
        cards.c.content_hash,
        cards.c.display_name,
        func.coalesce(cards.c.size, 0).label("size"),
    )
    .join_from(
        card_versions,
        cards,
        (cards.c.book_id == card_versions.c.book_id)
        & (cards.c.card_uid == card_versions.c.card_uid),
        isouter=True,
    )
    .where(
        card_versions.c.book_id == bindparam("book_id"),
        card_versions.c.revision > bindparam("after"),
        card_versions.c.revision <= bindparam("until"),
        ~exists().where(
            _earlier.c.book_id == card_versions.c.book_id,
            _earlier.c.card_uid == card_versions.c.card_uid,
            _earlier.c.revision > bindparam("target"),
            _earlier.c.revision < card_versions.c.revision,
        ),
    )
    .order_by(card_versions.c.revision)
    .limit(_CHUNK_CARDS)
)
_ABSENT_THEN = card_versions.c.content_before.is_(None)
_TO_REMOVE = _TOUCHED.where(
    cards.c.id.is_not(None),
    or_(_ABSENT_THEN, cards.c.resource_name != card_versions.c.resource_name),
)
_TO_STORE = _TOUCHED.where(~_ABSENT_THEN)
_TO_CHANGE = _TOUCHED.where(or_(~_ABSENT_THEN, cards.c.id.is_not(None)))
_CONTENTS = select(card_versions.c.revision, card_versions.c.content_before).where(
    card_versions.c.book_id == bindparam("book_id"),
    card_versions.c.revision.in_(bindparam("revisions", expanding=True)),
)
_REVISION = select(address_books.c.revision).where(
    address_books.c.id == bindparam("book_id"), address_books.c.deletion == 0
)


def plan_restore(connection: Connection, book_id: int, target: int) -> Iterator[PlannedChange]:
    """Yield what ``restore_book_to`` would do now, in bounded memory; nothing is changed.

    Raises:
        Conflict: history does not reach back to revision ``target``.
        NotFound: the book is gone.
    """
    require_history(connection, book_id, target)
    span = _span(connection, book_id, target)
    while rows := _next_rows(connection, _TO_CHANGE, span):
        contents = _contents(connection, book_id, rows)
        for row in rows:
            content = contents[row.revision]
            if content is None:
                yield PlannedChange(Kind.REMOVED, row.present_name, row.display_name)
            elif row.id is None:
                name = inspect_card(content).display_name
                yield PlannedChange(Kind.CREATED, row.resource_name, name)
            elif _differs(row, content):
                name = inspect_card(content).display_name
                yield PlannedChange(Kind.CHANGED, row.resource_name, name)
        span = span._replace(after=rows[-1].revision)


def restore_book_to(
    database: Database,
    book_id: int,
    target: int,
    actor: Actor,
    advance: Callable[[int], None] = lambda _cards: None,
) -> RestoreResult:
    """Make a book what it was at revision ``target``: cards, octets and resource names.

    When it fails on the way, done again it does the rest.

    Args:
        database: where the book is.
        book_id: the book.
        target: revision to go back to.
        actor: who restores, for history.
        advance: called with the number of cards after each chunk.

    Raises:
        Conflict: history does not reach back so far.
        NotFound: the book is gone.
        StoreBusy, StoreFull: with a note if a part is done.
    """
    span = database.run_read(lambda connection: _span(connection, book_id, target))
    result = RestoreResult(before=span.until)
    renamed: set[str] = set()
    try:
        # First what is in the way of the names of others.
        for work in (_remove, _store):
            rest: _Span | None = span
            while rest is not None:
                done = database.run_write(partial(work, book_id=book_id, actor=actor, span=rest))
                rest = done.rest
                renamed.update(done.renamed)
                result.created += len(set(done.created) - renamed)
                result.changed += done.changed + len(set(done.created) & renamed)
                result.removed += done.removed
                advance(len(done.created) + done.changed + done.removed)
    except SharedbooksError as error:
        if result.created + result.changed + result.removed + len(renamed):
            error.add_note("A part of the restore is done; give the command again for the rest.")
        raise
    return result


class _Span(NamedTuple):
    """Changes of a book after one revision, up to another; ``target`` is what is restored."""

    book_id: int
    target: int
    after: int
    until: int


class _Done(NamedTuple):
    """What one chunk did; UIDs of cards created and of those removed to get another name."""

    rest: _Span | None
    created: list[str]
    renamed: list[str]
    changed: int
    removed: int


def _span(connection: Connection, book_id: int, target: int) -> _Span:
    revision = connection.execute(_REVISION, {"book_id": book_id}).scalar()
    if revision is None:
        raise NotFound("This address book is gone.")
    return _Span(book_id, target, target, revision)


def _next_rows(connection: Connection, statement: Any, span: _Span) -> list[Row[Any]]:
    """Return the next rows whose cards, before and now, together are not too many octets."""
    rows = connection.execute(statement, span._asdict()).all()
    octets = 0
    for number, row in enumerate(rows, start=1):
        octets += row.octets + row.size
        if octets >= _CHUNK_OCTETS:
            return list(rows[:number])
    return list(rows)


def _contents(
    connection: Connection, book_id: int, rows: list[Row[Any]]
) -> dict[int, bytes | None]:
    where = {"book_id": book_id, "revisions": [row.revision for row in rows]}
    return {row[0]: row[1] for row in connection.execute(_CONTENTS, where)}


def _differs(row: Row[Any], content: bytes) -> bool:
    now = (row.present_name, row.content_hash)
    return now != (row.resource_name, hash_content(content))


def _open(connection: Connection, span: _Span, statement: Any) -> list[Row[Any]]:
    lock_book(connection, span.book_id)
    require_history(connection, span.book_id, span.target)
    return _next_rows(connection, statement, span)


def _remove(connection: Connection, book_id: int, actor: Actor, span: _Span) -> _Done:
    rows = _open(connection, span, _TO_REMOVE)
    if not rows:
        return _Done(None, [], [], 0, 0)
    removed = [
        RemovedCard(card.id, card.resource_name, card.card_uid, card.content)
        for card in get_cards_by_id(connection, [row.id for row in rows])
    ]
    first = raise_revision(connection, book_id, len(removed)) - len(removed) + 1
    remove_rows(connection, book_id, actor, first, removed)
    renamed = [row.card_uid for row in rows if row.octets]
    rest = span._replace(after=rows[-1].revision)
    return _Done(rest, [], renamed, 0, len(rows) - len(renamed))


def _store(connection: Connection, book_id: int, actor: Actor, span: _Span) -> _Done:
    rows = _open(connection, span, _TO_STORE)
    if not rows:
        return _Done(None, [], [], 0, 0)
    contents = _contents(connection, book_id, rows)
    wanted = {row.card_uid: stored_before(contents[row.revision] or b"") for row in rows}
    missing = [row for row in rows if row.id is None]
    insert_again(
        connection, book_id, actor, [(row.resource_name, wanted[row.card_uid]) for row in missing]
    )
    differing = [
        row.id
        for row in rows
        if row.id is not None and row.content_hash != wanted[row.card_uid].content_hash
    ]
    if differing:
        first = raise_revision(connection, book_id, len(differing)) - len(differing) + 1
        existing = get_cards_by_id(connection, differing)
        for revision, card in enumerate(existing, start=first):
            replace_card(connection, book_id, card, wanted[card.card_uid], actor, revision)
    rest = span._replace(after=rows[-1].revision)
    return _Done(rest, [row.card_uid for row in missing], [], len(differing), 0)
