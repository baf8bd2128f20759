"""Revisions of a book, sync tokens, and what changed since one (RFC 6578).

The token is opaque everywhere else. It names the book by its random sync key, the view (a member
who sees part of a book has tokens of their own) and the revision.
"""

import json
import re
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    func,
    null,
    select,
    union_all,
    update,
)

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import address_books, cards, removed_names
from sharedbooks.db.types import now
from sharedbooks.domain.at_once import AtOnce, MoreWanted, News
from sharedbooks.errors import AccessDenied, InvalidSyncToken

_PREFIX = "urn:sharedbooks:sync:"
_WHOLE_BOOK = "all"
_NO_LIMIT = 2**31 - 1
_MAX_DIGITS = 19
_IN_BODY = re.compile(rf"{_PREFIX}[^:<]*:{_WHOLE_BOOK}:([0-9]{{1,{_MAX_DIGITS - 1}}})\b".encode())


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened to a book between a token and now.

    Attributes:
        token: sync token that stands for the end of this answer.
        since: the revision of the token that was sent; 0 without one.
        until: the revision of ``token``.
        changed: (resource name, content hash) of each card new or changed since.
        removed: names that were there and are no longer.
        truncated: True if a limit cut the answer; ask again from ``token`` for the rest.
    """

    token: str
    since: int
    until: int
    changed: list[tuple[str, str]]
    removed: list[str]
    truncated: bool


_CHANGED = Prepared(
    select(cards.c.revision, cards.c.resource_name, cards.c.content_hash)
    .where(cards.c.book_id == bindparam("book_id"), cards.c.revision > bindparam("since"))
    .order_by(cards.c.revision)
    .limit(bindparam("most"))
)
_REMOVED = Prepared(
    select(removed_names.c.revision, removed_names.c.resource_name)
    .where(
        removed_names.c.book_id == bindparam("book_id"),
        removed_names.c.revision > bindparam("since"),
    )
    .order_by(removed_names.c.revision)
    .limit(bindparam("most"))
)


_MOST_NEWS = 50


def _part_of_news(rows: Table, content_hash: ColumnElement[Any]) -> Select[Any]:
    # Hidden from PostgreSQL's planner, which else plans anew for each revision: it takes longer
    # than reading the changes.
    since = select(bindparam("since", type_=BigInteger)).scalar_subquery()
    part = (
        select(rows.c.revision, rows.c.resource_name, content_hash.label("content_hash"))
        .where(rows.c.book_id == address_books.c.id, rows.c.revision > since)
        .order_by(rows.c.revision)
        .limit(_MOST_NEWS + 1)
        .correlate(address_books)
        .subquery()
    )
    return select(part)


def _news() -> ColumnElement[str]:
    # Changed cards and, without a hash, removed names.
    found = union_all(
        _part_of_news(cards, cards.c.content_hash), _part_of_news(removed_names, null())
    ).subquery()
    row = func.json_build_array(found.c.revision, found.c.resource_name, found.c.content_hash)
    return select(cast(func.json_agg(row), Text)).scalar_subquery()


NEWS = _news()
"""Column of a statement of PostgreSQL on ``address_books``: what changed since the revision bound
as ``since``, for ``read_news``."""
_raising = (
    update(address_books)
    .where(
        address_books.c.id == bindparam("book"),
        address_books.c.read_only == bindparam("wanted"),
    )
    .values(revision=address_books.c.revision + bindparam("steps"), changed_at=bindparam("moment"))
)
_RAISE = Prepared(_raising)
_RAISE_RETURNING = Prepared(_raising.returning(address_books.c.revision))
_REVISION = Prepared(
    select(address_books.c.revision).where(address_books.c.id == bindparam("book"))
)


def read_news(since: int, column: str | None) -> News | None:
    """Return what was read as ``NEWS``; None if there is more than it tells."""
    rows = [] if column is None else json.loads(column)
    if len(rows) > _MOST_NEWS:
        return None
    rows.sort(key=itemgetter(0))
    changed = [(at, name, content_hash) for at, name, content_hash in rows if content_hash]
    return News(since, changed, [(at, name) for at, name, content_hash in rows if not content_hash])


def revision_in(body: bytes) -> int | None:
    """Return the revision of the first sync token in a request, whatever else it says, or None."""
    found = _IN_BODY.search(body)
    return None if found is None else int(found[1])


def sync_token(sync_key: str, revision: int) -> str:
    """Return the token for a book as it is at ``revision``."""
    return f"{_PREFIX}{sync_key}:{_WHOLE_BOOK}:{revision}"


def changes_since(
    connection: Connection,
    book_id: int,
    sync_key: str,
    revision: int,
    token: str,
    limit: int | None = None,
) -> Changes:
    """Return the changes of a book since ``token``, oldest first; all of its cards if it is empty.

    ``revision`` is the book's, read in the same snapshot as ``connection`` reads now; or
    ``connection`` is one for reading at once.

    Raises:
        MoreWanted: they could not be read at once.
        InvalidSyncToken: malformed, of another book or view, or of a moment still to come.
    """
    since = _parse(token, sync_key, revision) if token else 0
    if since == revision:
        return Changes(sync_token(sync_key, revision), since, revision, [], [], truncated=False)
    # One more than asked tells whether there are more.
    most = _NO_LIMIT if limit is None else limit + 1
    where = {"book_id": book_id, "since": since, "most": most}
    if token:
        changed, removed = _read_news(connection, where)
    else:
        changed, removed = _CHANGED.all(connection, where), []
    if limit is None or len(changed) + len(removed) <= limit:
        return Changes(
            sync_token(sync_key, revision),
            since,
            revision,
            [(name, content_hash) for _, name, content_hash in changed],
            [name for _, name in removed],
            truncated=False,
        )
    # Every change has a revision of its own, so a page ends exactly between two changes.
    last = sorted([row[0] for row in changed] + [row[0] for row in removed])[limit - 1]
    return Changes(
        sync_token(sync_key, last),
        since,
        last,
        [(name, content_hash) for at, name, content_hash in changed if at <= last],
        [name for at, name in removed if at <= last],
        truncated=True,
    )


def _read_news(connection: Connection, where: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Return changed cards and removed names, oldest first."""
    if isinstance(connection, AtOnce):
        news = connection.news
        if news is None or news.since != where["since"]:
            raise MoreWanted
        return news.changed, news.removed
    return _CHANGED.all(connection, where), _REMOVED.all(connection, where)


def raise_revision(
    connection: Connection, book_id: int, steps: int = 1, *, from_directory: bool = False
) -> int:
    """Add ``steps`` to the revision of a book that this transaction has locked; return the new one.

    Each change of a card takes one step. So no card of a read-only book changes but for
    ``from_directory``, whoever asks and in whatever way; and the directory changes no other book.

    Raises:
        AccessDenied: the book is read-only, or not one of a directory.
    """
    where = {"book": book_id, "steps": steps, "moment": now(), "wanted": from_directory}
    raised = _raise(connection, where)
    if raised is None:
        if from_directory:
            raise AccessDenied(
                "This address book does not belong to a directory any more.", privileges=["bind"]
            )
        raise AccessDenied(
            "The cards of this address book come from a directory; they are changed there.",
            privileges=["write-content"],
        )
    return raised


def _raise(connection: Connection, where: dict[str, Any]) -> int | None:
    if connection.dialect.update_returning:
        row = _RAISE_RETURNING.first(connection, where)
    else:
        raised = _RAISE.run(connection, where) > 0
        row = _REVISION.first(connection, where) if raised else None
    return None if row is None else int(row[0])


def _parse(token: str, sync_key: str, revision: int) -> int:
    parts = token.removeprefix(_PREFIX).split(":")
    if not token.startswith(_PREFIX) or len(parts) != 3 or not parts[2].isascii():
        raise InvalidSyncToken("This is no sync token of this server.")
    key, view, number = parts
    if key != sync_key or view != _WHOLE_BOOK:
        raise InvalidSyncToken("This sync token belongs to another address book.")
    # Python refuses to read thousands of digits as a number.
    if not number.isdigit() or len(number) > _MAX_DIGITS or int(number) > revision:
        raise InvalidSyncToken("This sync token is of a state that this address book never had.")
    return int(number)
