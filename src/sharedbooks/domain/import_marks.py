"""The marks of what a source said of a card, worked out when somebody needs them.

Marks take longer than all else of an import, and most are never asked for: as long as nobody
changes the card, the source may replace it. So none are made of a card that is stored as the source
gave it. Once somebody has changed it, history has it; before history loses it, they are made.
"""

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from sharedbooks.db.schema import card_versions, import_rows, import_sources
from sharedbooks.domain.imports import ImportedRow
from sharedbooks.domain.prepared_cards import hash_content
from sharedbooks.vcard.marks import card_marks

NOT_MADE = b""
"""Stands for the marks of a card that was stored as the source gave it."""

_EARLIER = (
    select(card_versions.c.content_before)
    .where(
        card_versions.c.book_id == bindparam("book_id"),
        card_versions.c.card_uid == bindparam("card_uid"),
        card_versions.c.content_before.is_not(None),
    )
    .order_by(card_versions.c.revision.desc())
)
_WITHOUT_MARKS = (
    select(
        import_rows.c.source_id,
        import_rows.c.row_key,
        import_rows.c.content_hash,
        card_versions.c.content_before,
    )
    .join(import_sources, import_sources.c.id == import_rows.c.source_id)
    .join(
        card_versions,
        (card_versions.c.book_id == import_sources.c.book_id)
        & (card_versions.c.card_uid == import_rows.c.card_uid),
    )
    .where(
        card_versions.c.book_id == bindparam("book_id"),
        card_versions.c.content_before.is_not(None),
        func.length(import_rows.c.marks) == 0,
    )
)


def marks_of(connection: Connection, book_id: int, row: ImportedRow) -> bytes:
    """Return the marks of a row of a book; none of a card that history has no longer."""
    if row.marks != NOT_MADE:
        return row.marks
    where = {"book_id": book_id, "card_uid": row.card_uid}
    for content in connection.execute(_EARLIER, where).scalars():
        if hash_content(content) == row.content_hash:
            return card_marks(content)
    return NOT_MADE


def keep_marks(connection: Connection, book_id: int, lost: ColumnElement[bool]) -> None:
    """Make the marks that need versions of a book which are about to be lost.

    Args:
        connection: a transaction.
        book_id: the book, which is locked.
        lost: a condition on ``card_versions``.
    """
    rows = connection.execute(_WITHOUT_MARKS.where(lost), {"book_id": book_id}).all()
    for source_id, row_key, content_hash, content in rows:
        if hash_content(content) == content_hash:
            connection.execute(
                update(import_rows)
                .where(import_rows.c.source_id == source_id, import_rows.c.row_key == row_key)
                .values(marks=card_marks(content))
            )
