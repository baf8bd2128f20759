"""Which cards can hold a text, found by its trigrams instead of reading every card.

SQLite keeps one text a card in an FTS5 table, which this module writes; PostgreSQL keeps trigrams
of ``card_properties.value`` by itself (extension pg_trgm), and uses them for ``LIKE '%…%'``.
MariaDB has none, and reads the values of the property that is asked for from their index.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, column, delete, insert, select, table, text

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
_TEXTS = table("card_texts", column("rowid"), column("text"))
_INDEX = Prepared(insert(_TEXTS).values(rowid=bindparam("card"), text=bindparam("text")))
_FORGET = Prepared(delete(_TEXTS).where(_TEXTS.c.rowid == bindparam("card")))
# CROSS JOIN is SQLite's word for: in this order. The other way round it would look into the index
# once for each card of the book.
_BY_TRIGRAMS = Prepared(
    text(
        "SELECT cards.id FROM card_texts CROSS JOIN cards ON cards.id = card_texts.rowid"
        " WHERE card_texts MATCH :trigrams AND cards.book_id = :book_id"
    )
)


def index_texts(connection: Connection, texts: Sequence[tuple[int, str]]) -> None:
    """Note the folded text of new cards, by card id."""
    if connection.dialect.name == "sqlite":
        _INDEX.run(connection, *({"card": card_id, "text": text} for card_id, text in texts))


def forget_text(connection: Connection, card_id: int) -> None:
    """Forget the text of a card that changes or goes."""
    if connection.dialect.name == "sqlite":
        _FORGET.run(connection, {"card": card_id})


def drop_texts(connection: Connection) -> None:
    """Take the table of texts away, where there is one."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DROP TABLE IF EXISTS card_texts")


def rebuild_texts(connection: Connection) -> None:
    """Make the texts of all cards anew from their indexed properties, after rows came past them."""
    if connection.dialect.name == "sqlite" and _has_texts(connection):
        connection.exec_driver_sql("DELETE FROM card_texts")
        connection.exec_driver_sql(
            "INSERT INTO card_texts (rowid, text)"
            " SELECT card_id, group_concat(value, char(10)) FROM card_properties GROUP BY card_id"
        )


def _has_texts(connection: Connection) -> bool:
    """False for a database of a schema before this index."""
    found = "SELECT 1 FROM sqlite_master WHERE name = 'card_texts'"
    return connection.exec_driver_sql(found).first() is not None


class BookIndex:
    """What the index knows of one book, asked for one search."""

    def __init__(self, connection: Connection, book_id: int) -> None:
        self._connection = connection
        self._book_id = book_id
        self._by_text: dict[str, set[int]] = {}

    def cards_with(self, property_name: str, folded: str) -> set[int]:
        """Return the ids of all cards with that text in that property, and perhaps more."""
        if self._connection.dialect.name == "sqlite" and len(folded) >= TRIGRAM:
            return self._cards_with_anywhere(folded)
        statement = select(card_properties.c.card_id).where(
            card_properties.c.book_id == self._book_id,
            card_properties.c.name == property_name,
            card_properties.c.value.contains(folded, autoescape=True),
        )
        return set(self._connection.execute(statement).scalars())

    def cards_having(self, names: Sequence[str]) -> set[int]:
        """Return the ids of the cards that have a row of one of those names in the index."""
        found: set[int] = set()
        for name in names:
            where = {"book_id": self._book_id, "name": name}
            found.update(row[0] for row in _BY_NAME.all(self._connection, where))
        return found

    def _cards_with_anywhere(self, folded: str) -> set[int]:
        # Clients look for the same text in names and in addresses.
        if folded not in self._by_text:
            where = {"trigrams": _all_trigrams(folded), "book_id": self._book_id}
            rows = _BY_TRIGRAMS.all(self._connection, where)
            self._by_text[folded] = {row[0] for row in rows}
        return self._by_text[folded]


def _all_trigrams(folded: str) -> str:
    """Return the query for texts with every trigram of ``folded``; where they stand is not kept."""
    trigrams = {folded[at : at + TRIGRAM] for at in range(len(folded) - TRIGRAM + 1)}
    return " AND ".join('"' + each.replace('"', '""') + '"' for each in sorted(trigrams))
