"""What imports remember: for each source of a book its rows, with the card each became.

A row is known by a hash of its key, and by one mark for each value it had (``vcard.marks``). So a
source that is imported again changes its own cards, and what members made of them stays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Integer, bindparam, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from sharedbooks.db.schema import card_properties, import_mappings, import_rows, import_sources
from sharedbooks.errors import NotFound
from sharedbooks.vcard.index import IndexedProperty

_CARDS_A_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """A row as the source had it when it was last imported.

    Attributes:
        row_key: hash of what the row is known by in its source, 32 hex digits.
        card_uid: the card of the book that it became or went into.
        content_hash: hash of the card as the source gave it.
        marks: one for each value of that card, as ``vcard.marks`` makes them; see ``import_marks``.
    """

    row_key: str
    card_uid: str
    content_hash: str
    marks: bytes


_COLUMNS = (
    import_rows.c.row_key,
    import_rows.c.card_uid,
    import_rows.c.content_hash,
    import_rows.c.marks,
)
_BY_KEYS = select(*_COLUMNS).where(
    import_rows.c.source_id == bindparam("source_id"),
    import_rows.c.row_key.in_(bindparam("keys", expanding=True)),
)
_BY_CARDS = select(*_COLUMNS).where(
    import_rows.c.source_id == bindparam("source_id"),
    import_rows.c.card_uid.in_(bindparam("uids", expanding=True)),
)
_FORGET = delete(import_rows).where(
    import_rows.c.source_id == bindparam("source_id"),
    import_rows.c.row_key.in_(bindparam("keys", expanding=True)),
)
_VALUE = card_properties.c.value
_IN_BOOK = (
    card_properties.c.book_id == bindparam("book_id"),
    card_properties.c.name == bindparam("name"),
    _VALUE.in_(bindparam("texts", expanding=True)),
)
_HOLDERS = select(card_properties.c.card_id, _VALUE).where(*_IN_BOOK)
_RARE = (
    select(_VALUE)
    .where(*_IN_BOOK)
    .group_by(_VALUE)
    .having(func.count() <= bindparam("most", type_=Integer()))
)
_OF_CARDS = select(card_properties.c.card_id, card_properties.c.name, _VALUE).where(
    card_properties.c.card_id.in_(bindparam("ids", expanding=True)),
    card_properties.c.name.in_(bindparam("names", expanding=True)),
)


def find_source(connection: Connection, book_id: int, name: str) -> int | None:
    """Return the id of a source of a book, or None if nothing was imported from it yet."""
    found = connection.execute(
        select(import_sources.c.id).where(
            import_sources.c.book_id == book_id, import_sources.c.name == name
        )
    ).scalar()
    return None if found is None else int(found)


def add_source(connection: Connection, book_id: int, name: str) -> int:
    """Return the id of a source of a book that is locked; it is made if it is new."""
    found = find_source(connection, book_id, name)
    if found is not None:
        return found
    added = connection.execute(insert(import_sources).values(book_id=book_id, name=name))
    assert added.inserted_primary_key is not None  # noqa: S101 - an insert of one row has a key
    return int(added.inserted_primary_key[0])


def rows_of_keys(
    connection: Connection, source_id: int, keys: Sequence[str]
) -> dict[str, ImportedRow]:
    """Return the rows of a source that are known by those keys, by key."""
    where = {"source_id": source_id, "keys": list(keys)}
    return {row[0]: ImportedRow(*row) for row in connection.execute(_BY_KEYS, where)}


def rows_of_cards(
    connection: Connection, source_id: int, uids: Sequence[str]
) -> dict[str, ImportedRow]:
    """Return the rows of a source that became those cards, by UID of the card."""
    where = {"source_id": source_id, "uids": list(uids)}
    return {row[1]: ImportedRow(*row) for row in connection.execute(_BY_CARDS, where)}


def remember_rows(
    connection: Connection, source_id: int, rows: Sequence[ImportedRow], forgotten: Iterable[str]
) -> None:
    """Keep rows in place of those with their keys, and forget the rows of other keys."""
    gone = [*forgotten, *(row.row_key for row in rows)]
    if gone:
        connection.execute(_FORGET, {"source_id": source_id, "keys": gone})
    if rows:
        values = [
            {
                "source_id": source_id,
                "row_key": row.row_key,
                "card_uid": row.card_uid,
                "content_hash": row.content_hash,
                "marks": row.marks,
            }
            for row in rows
        ]
        connection.execute(insert(import_rows), values)


def cards_with_values(
    connection: Connection, book_id: int, name: str, texts: Sequence[str], *, most: int = 0
) -> dict[str, set[int]]:
    """Return the ids of the cards of a book that have one of those values, by value.

    Args:
        connection: a transaction.
        book_id: the book.
        name: an indexed property.
        texts: values as ``vcard.index.fold_text`` makes them.
        most: a value that more cards have is left out; 0 for no such limit.
    """
    wanted = {"book_id": book_id, "name": name, "texts": list(texts)}
    if most and texts:
        # Counting reads the index alone; a common name may be that of a thousand cards.
        rare = connection.execute(_RARE, {**wanted, "most": most})
        wanted["texts"] = list(rare.scalars())
    found: dict[str, set[int]] = {}
    if wanted["texts"]:
        for card_id, value in connection.execute(_HOLDERS, wanted):
            found.setdefault(value, set()).add(card_id)
    return found


def values_of_cards(
    connection: Connection, ids: Sequence[int], names: Sequence[str]
) -> dict[int, list[IndexedProperty]]:
    """Return what the search index has of some properties of those cards, by id of the card."""
    found: dict[int, list[IndexedProperty]] = {}
    for start in range(0, len(ids), _CARDS_A_STATEMENT):
        where = {"ids": list(ids[start : start + _CARDS_A_STATEMENT]), "names": list(names)}
        for card_id, name, value in connection.execute(_OF_CARDS, where):
            found.setdefault(card_id, []).append(IndexedProperty(name, value))
    return found


def save_mapping(connection: Connection, name: str, assignments: Sequence[str]) -> None:
    """Keep a mapping of columns under a name, in place of the one of that name."""
    connection.execute(delete(import_mappings).where(import_mappings.c.name == name))
    try:
        with connection.begin_nested():
            connection.execute(
                insert(import_mappings).values(name=name, assignments=list(assignments))
            )
    except IntegrityError:
        # Somebody saved one of that name at the same moment: theirs is as good.
        return


def get_mapping(connection: Connection, name: str) -> list[str]:
    """Return the assignments of the mapping of that name.

    Raises:
        NotFound: there is none; names those there are.
    """
    columns = select(import_mappings.c.name, import_mappings.c.assignments)
    known = {row[0]: row[1] for row in connection.execute(columns)}
    if name not in known:
        there = ", ".join(repr(each) for each in sorted(known)) or "none yet"
        raise NotFound(f"There is no saved mapping {name!r}; saved are: {there}.")
    return [str(each) for each in known[name]]
