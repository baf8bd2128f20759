"""Which cards can hold a text, found by its trigrams instead of reading every card.

SQLite keeps one text a card in an FTS5 table, which this module writes; PostgreSQL keeps trigrams
of ``card_properties.value`` by itself (extension pg_trgm), and uses them for ``LIKE '%…%'``.
MariaDB has none, and reads the values of the property that is asked for from their index.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import card_properties

TRIGRAM = 3
"""A shorter text has no trigram to be found by."""

_BY_NAME = Prepared(
    select(card_properties.c.card_id).where(
        card_properties.c.book_id == bindparam("book_id"),
        card_properties.c.name == bindparam("name"),
    )
)
# CROSS JOIN is SQLite's word for: in this order. The other way round it would look into the index
# once for each card of the book.
_BY_TRIGRAMS = """
    SELECT cards.id FROM card_texts CROSS JOIN cards ON cards.id = card_texts.rowid
    WHERE card_texts MATCH ? AND cards.book_id = ?
"""


def index_texts(connection: Connection, texts: Sequence[tuple[int, str]]) -> None:
    """Note the folded text of new cards, by card id."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            "INSERT INTO card_texts (rowid, text) VALUES (?, ?)", list(texts)
        )


def forget_text(connection: Connection, card_id: int) -> None:
    """Forget the text of a card that changes or goes."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DELETE FROM card_texts WHERE rowid = ?", (card_id,))


def ids_of_cards_with(
    connection: Connection, book_id: int, property_name: str, folded: str
) -> set[int]:
    """Return the ids of all cards of a book with that text in that property, and perhaps more."""
    if connection.dialect.name == "sqlite" and len(folded) >= TRIGRAM:
        phrase = '"' + folded.replace('"', '""') + '"'
        rows = connection.exec_driver_sql(_BY_TRIGRAMS, (phrase, book_id))
        return {row[0] for row in rows}
    statement = select(card_properties.c.card_id).where(
        card_properties.c.book_id == book_id,
        card_properties.c.name == property_name,
        card_properties.c.value.contains(folded, autoescape=True),
    )
    return set(connection.execute(statement).scalars())


def ids_of_cards_having(connection: Connection, book_id: int, names: Sequence[str]) -> set[int]:
    """Return the ids of the cards of a book that have one of those rows in the index."""
    found: set[int] = set()
    for name in names:
        rows = _BY_NAME.all(connection, {"book_id": book_id, "name": name})
        found.update(row[0] for row in rows)
    return found
