"""Reading history: what each change made of a card, and how a book was at some moment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from sharedbooks.db.schema import address_books, card_versions, cards
from sharedbooks.domain.history import COLUMNS, Action, CardVersion
from sharedbooks.errors import Conflict, NotFound
from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.differences import PropertyChange, differences

_CHANGES_A_STATEMENT = 20
"""A card may have a photo of some megabytes, and its state before and after are both read."""

_later = card_versions.alias("later")
_NEXT_REVISION = (
    select(func.min(_later.c.revision))
    .where(
        _later.c.book_id == card_versions.c.book_id,
        _later.c.card_uid == card_versions.c.card_uid,
        _later.c.revision > card_versions.c.revision,
    )
    .scalar_subquery()
)
_NEWEST_FIRST = (
    select(*COLUMNS, _NEXT_REVISION)
    .where(
        card_versions.c.book_id == bindparam("book_id"),
        card_versions.c.revision < bindparam("before"),
    )
    .order_by(card_versions.c.revision.desc())
    .limit(_CHANGES_A_STATEMENT)
)
_OF_CARD = _NEWEST_FIRST.where(card_versions.c.card_uid == bindparam("card_uid"))
_BEFORE = select(card_versions.c.revision, card_versions.c.content_before).where(
    card_versions.c.book_id == bindparam("book_id"),
    card_versions.c.revision.in_(bindparam("revisions", expanding=True)),
)
_LIVING = select(cards.c.card_uid, cards.c.content).where(
    cards.c.book_id == bindparam("book_id"),
    cards.c.card_uid.in_(bindparam("uids", expanding=True)),
)
# Read backwards, so that it takes as long as there are changes since.
_REVISION_AT = (
    select(card_versions.c.revision)
    .where(
        card_versions.c.book_id == bindparam("book_id"), card_versions.c.at <= bindparam("moment")
    )
    .order_by(card_versions.c.revision.desc())
    .limit(1)
)
_FIRST_AFTER = (
    select(card_versions.c.content_before)
    .where(
        card_versions.c.book_id == bindparam("book_id"),
        card_versions.c.card_uid == bindparam("card_uid"),
        card_versions.c.revision > bindparam("revision"),
    )
    .order_by(card_versions.c.revision)
    .limit(1)
)
_START = select(address_books.c.history_start, address_books.c.versions_start).where(
    address_books.c.id == bindparam("book_id")
)
_LATEST_UID = (
    select(card_versions.c.card_uid)
    .where(card_versions.c.book_id == bindparam("book_id"))
    .order_by(card_versions.c.revision.desc())
    .limit(1)
)
_LIVING_UIDS = select(cards.c.card_uid).where(cards.c.book_id == bindparam("book_id"))

_NEWEST = 2**62


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A change with what it did: ``display_name`` is the card's after it, or before a deletion."""

    version: CardVersion
    display_name: str
    changes: Sequence[PropertyChange]


def iterate_history(
    connection: Connection,
    book_id: int,
    *,
    card_uid: str | None = None,
    since: int = 0,
    before: int = _NEWEST,
) -> Iterator[HistoryEntry]:
    """Yield the changes of a book, or of one card, newest first, in bounded memory.

    Args:
        connection: a snapshot of the database.
        book_id: the book, living or deleted.
        card_uid: the card, or None for all.
        since: the first moment, in microseconds since 1970.
        before: revision before which to begin, to go on where an answer ended.
    """
    where = {"book_id": book_id, "before": before, "card_uid": card_uid}
    statement = _NEWEST_FIRST if card_uid is None else _OF_CARD
    while rows := connection.execute(statement, where).all():
        after = _contents_after(connection, book_id, rows)
        for row, content in zip(rows, after, strict=True):
            version = _version(row)
            if version.at < since:
                return
            yield _entry(version, content)
        where["before"] = rows[-1].revision


def revision_at(connection: Connection, book_id: int, moment: int) -> int:
    """Return the revision that a book had at ``moment``, in microseconds since 1970."""
    where = {"book_id": book_id, "moment": moment}
    return int(connection.execute(_REVISION_AT, where).scalar() or 0)


def require_history(
    connection: Connection, book_id: int, revision: int, *, of_living: bool = False
) -> None:
    """Return if history tells of everything that a book went through since ``revision``.

    With ``of_living`` only cards count that are not deleted for longer than the trash is kept.

    Raises:
        Conflict: retention has taken some of it; says how far history reaches back.
        NotFound: the book is gone.
    """
    row = connection.execute(_START, {"book_id": book_id}).first()
    if row is None:
        raise NotFound("This address book is gone.")
    start = row.versions_start if of_living else row.history_start
    if revision < start:
        raise Conflict(
            f"History of this address book reaches back to revision {start} only: older versions"
            " were not kept."
        )


def content_at(connection: Connection, book_id: int, card_uid: str, revision: int) -> bytes | None:
    """Return a card as it was at a revision of its book; None if it was not there.

    Raises:
        Conflict: history does not reach back so far.
        NotFound: the book is gone.
    """
    require_history(connection, book_id, revision, of_living=True)
    where = {"book_id": book_id, "card_uid": card_uid, "revision": revision}
    later = connection.execute(_FIRST_AFTER, where).first()
    if later is not None:
        content: bytes | None = later[0]
        return content
    found = connection.execute(_LIVING, {"book_id": book_id, "uids": [card_uid]}).first()
    return None if found is None else found.content


def find_card_uid(connection: Connection, book_id: int, text: str) -> str:
    """Return the UID of the card that people mean by ``text``, living or deleted.

    Looked for in this order: resource name, UID and display name of living cards, then resource
    name and UID in history.

    Raises:
        NotFound: there is no such card.
        Conflict: several living cards have that display name.
    """
    where = {"book_id": book_id}
    for column in (cards.c.resource_name, cards.c.card_uid, cards.c.display_name):
        living = connection.execute(_LIVING_UIDS.where(column == text).limit(2), where).all()
        if len(living) > 1:
            raise Conflict(f"Several cards of this address book are called {text!r}.")
        if living:
            return str(living[0][0])
    for column in (card_versions.c.resource_name, card_versions.c.card_uid):
        found = connection.execute(_LATEST_UID.where(column == text), where).first()
        if found is not None:
            return str(found[0])
    raise NotFound(f"There is no card {text!r} in this address book, and was none.")


def _version(row: Any) -> CardVersion:
    revision, action, *rest, _next = row
    return CardVersion(revision, Action(action), *rest)


def _contents_after(
    connection: Connection, book_id: int, rows: Sequence[Any]
) -> list[bytes | None]:
    """Return what each change made of its card: what the next change of the card found."""
    revisions = [row[-1] for row in rows if row[-1] is not None]
    newest = [row.card_uid for row in rows if row[-1] is None]
    found: dict[int, bytes | None] = {}
    living: dict[str, bytes] = {}
    if revisions:
        where = {"book_id": book_id, "revisions": revisions}
        found = {row[0]: row[1] for row in connection.execute(_BEFORE, where)}
    if newest:
        where = {"book_id": book_id, "uids": newest}
        living = {row[0]: row[1] for row in connection.execute(_LIVING, where)}
    return [living.get(row.card_uid) if row[-1] is None else found[row[-1]] for row in rows]


def _entry(version: CardVersion, after: bytes | None) -> HistoryEntry:
    shown = version.content_before if after is None else after
    name = "" if shown is None else inspect_card(shown).display_name
    # Of a card that is not deleted and still has no state afterwards, history was erased.
    known = after is not None or version.action is Action.DELETE
    changes = differences(version.content_before, after) if known else []
    return HistoryEntry(version, name, changes)
