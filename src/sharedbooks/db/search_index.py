"""Which cards can hold a text, found by its trigrams instead of reading every card.

SQLite keeps one text a card in an FTS5 table, which this module writes; PostgreSQL keeps trigrams
of ``card_properties.value`` by itself (extension pg_trgm), and uses them for ``LIKE '%…%'``.
MariaDB has none, and reads the values of the property that is asked for from their index.

A transaction that writes FTS5 writes some fifteen pages whether it changes one text or twenty. So
single changes wait in a plain table, which a search reads too, until there are enough of them. Of
a card whose change waits the index still has the old text: it finds too much, never too little.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import (
    ARRAY,
    Connection,
    String,
    any_,
    bindparam,
    column,
    delete,
    insert,
    select,
    table,
    text,
)

from sharedbooks.db.prepared import Parameters, Prepared
from sharedbooks.db.schema import card_properties

TRIGRAM = 3
"""A shorter text has no trigram to be found by."""

_BY_NAME = Prepared(
    select(card_properties.c.card_id).where(
        card_properties.c.book_id == bindparam("book_id"),
        card_properties.c.name == bindparam("name"),
    )
)
_WITH_TEXT = Prepared(
    select(card_properties.c.card_id).where(
        card_properties.c.book_id == bindparam("book_id"),
        card_properties.c.name == bindparam("name"),
        card_properties.c.value.like(bindparam("pattern"), escape="\\"),
    )
)
# All that a search of one text wants to know, in one journey to PostgreSQL.
_WITH_TEXT_OR_MARK = Prepared(
    text(
        "SELECT name, card_id FROM card_properties"
        " WHERE book_id = :book_id AND name = ANY(:names) AND value LIKE :pattern"
        " UNION ALL SELECT name, card_id FROM card_properties"
        " WHERE book_id = :book_id AND name = ANY(:marks)"
    )
)
_OF_BOOK = card_properties.c.book_id == bindparam("book_id")
WITH_ONE_TEXT = (
    select(card_properties.c.card_id)
    .where(
        _OF_BOOK,
        card_properties.c.name == any_(bindparam("names", type_=ARRAY(String))),
        card_properties.c.value.like(bindparam("pattern", type_=String)),
    )
    .union_all(
        select(card_properties.c.card_id).where(
            _OF_BOOK, card_properties.c.name == any_(bindparam("marks", type_=ARRAY(String)))
        )
    )
)
"""For a statement of PostgreSQL: ids of the cards that have one text in some properties, or a
row of some names whatever its value; with ``one_text_parameters``."""
_TRIGRAM_INDEX = (
    "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()"
    " AND indexname = 'ix_card_properties_trigrams'"
)
_WILD = re.compile(r"[\\%_]")
_MOST_WAITING = 32
"""Changed texts that wait to go into the index together."""
_TEXTS = table("card_texts", column("rowid"), column("text"))
_INDEX = Prepared(insert(_TEXTS).values(rowid=bindparam("card"), text=bindparam("text")))
_FORGET = Prepared(delete(_TEXTS).where(_TEXTS.c.rowid == bindparam("card")))
_WAIT = Prepared(text("INSERT OR REPLACE INTO card_texts_recent VALUES (:card, :text)"))
_COUNT_WAITING = Prepared(text("SELECT count(*) FROM card_texts_recent"))
_WAITING = Prepared(text("SELECT card_id, text FROM card_texts_recent"))
_NONE_WAITING = Prepared(text("DELETE FROM card_texts_recent"))
# CROSS JOIN is SQLite's word for: in this order. The other way round it would look into the index
# once for each card of the book.
_BY_TRIGRAMS = Prepared(
    text(
        "SELECT cards.id FROM card_texts CROSS JOIN cards ON cards.id = card_texts.rowid"
        " WHERE card_texts MATCH :trigrams AND cards.book_id = :book_id"
        " UNION ALL"
        " SELECT cards.id FROM card_texts_recent AS recent"
        " CROSS JOIN cards ON cards.id = recent.card_id"
        " WHERE instr(recent.text, :folded) > 0 AND cards.book_id = :book_id"
    )
)


def one_text_parameters(
    book_id: int, names: Collection[str], marks: Collection[str], folded: str
) -> Parameters:
    """Return the parameters of ``WITH_ONE_TEXT``."""
    return {
        "book_id": book_id,
        "names": list(names),
        "marks": list(marks),
        "pattern": _pattern(folded),
    }


def index_changed_text(connection: Connection, card_id: int, searched: str) -> None:
    """Note the folded text that a card has now."""
    if connection.dialect.name == "sqlite":
        _let_wait(connection, card_id, searched)


def index_texts(connection: Connection, texts: Sequence[tuple[int, str]]) -> None:
    """Note the folded texts of new cards, by card id."""
    if connection.dialect.name != "sqlite":
        return
    if len(texts) == 1:
        _let_wait(connection, *texts[0])
        return
    # An id may be that of a card which is gone, and whose text is not gone yet.
    settle_texts(connection)
    _INDEX.run(connection, *({"card": card_id, "text": text} for card_id, text in texts))


def forget_texts(connection: Connection, card_ids: Sequence[int]) -> None:
    """Forget the texts of cards that go."""
    if connection.dialect.name != "sqlite":
        return
    if len(card_ids) == 1:
        _let_wait(connection, card_ids[0], None)
        return
    settle_texts(connection)
    _FORGET.run(connection, *({"card": card_id} for card_id in card_ids))


def settle_texts(connection: Connection) -> None:
    """Bring the changed texts that wait into the index, which then has no others."""
    if connection.dialect.name != "sqlite":
        return
    waiting = _WAITING.all(connection, {})
    if not waiting:
        return
    _FORGET.run(connection, *({"card": card_id} for card_id, _ in waiting))
    _INDEX.run(
        connection,
        *({"card": card_id, "text": text} for card_id, text in waiting if text is not None),
    )
    _NONE_WAITING.run(connection, {})


def merge_texts(connection: Connection) -> None:
    """Make one of the index's pieces, where there are any; it then holds no deleted text either."""
    if connection.dialect.name == "sqlite":
        settle_texts(connection)
        connection.exec_driver_sql("INSERT INTO card_texts (card_texts) VALUES ('optimize')")


def drop_texts(connection: Connection) -> None:
    """Take the tables of texts away, where there are any."""
    if connection.dialect.name == "sqlite":
        for name in ("card_texts", "card_texts_recent"):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")


@contextmanager
def made_anew(connection: Connection) -> Iterator[None]:
    """Leave the index behind while rows come in by themselves, and make it of all at the end."""
    definition = None
    if connection.dialect.name == "postgresql":
        # Kept up row by row it takes several times as long as all else.
        definition = connection.exec_driver_sql(_TRIGRAM_INDEX).scalar()
    if definition is not None:
        connection.exec_driver_sql("DROP INDEX ix_card_properties_trigrams")
    yield
    if definition is not None:
        connection.exec_driver_sql(definition)
    if connection.dialect.name == "sqlite":
        _rebuild_texts(connection)


def _rebuild_texts(connection: Connection) -> None:
    # A database of an older schema lacks one of them, or both.
    if _has_table(connection, "card_texts_recent"):
        _NONE_WAITING.run(connection, {})
    if _has_table(connection, "card_texts"):
        connection.exec_driver_sql("DELETE FROM card_texts")
        connection.exec_driver_sql(
            "INSERT INTO card_texts (rowid, text)"
            " SELECT card_id, group_concat(value, char(10)) FROM card_properties GROUP BY card_id"
        )


def _let_wait(connection: Connection, card_id: int, searched: str | None) -> None:
    _WAIT.run(connection, {"card": card_id, "text": searched})
    if _COUNT_WAITING.all(connection, {})[0][0] >= _MOST_WAITING:
        settle_texts(connection)


def _has_table(connection: Connection, name: str) -> bool:
    found = "SELECT 1 FROM sqlite_master WHERE name = ?"
    return connection.exec_driver_sql(found, (name,)).first() is not None


class BookIndex:
    """What the index knows of one book, asked for one search.

    Args:
        connection: a snapshot.
        book_id: the book.
        properties: names of the properties that are going to be asked for.
        marks: names of the rows that are going to be asked for, whatever their value.
    """

    def __init__(
        self,
        connection: Connection,
        book_id: int,
        properties: Collection[str],
        marks: Collection[str],
    ) -> None:
        self._connection = connection
        self._book_id = book_id
        self._properties = list(properties)
        self._marks = list(marks)
        # By text: clients look for the same one in names and in addresses.
        self._anywhere: dict[str, set[int]] = {}
        self._by_property: dict[str, dict[str, set[int]]] = {}
        self._marked: dict[str, set[int]] = {}

    def cards_with(self, property_name: str, folded: str) -> set[int]:
        """Return the ids of all cards with that text in that property, and perhaps more."""
        kind = self._connection.dialect.name
        if kind == "sqlite" and len(folded) >= TRIGRAM:
            return self._cards_with_anywhere(folded)
        if kind == "postgresql":
            return self._cards_by_property(folded).get(property_name, set())
        where = {"book_id": self._book_id, "name": property_name, "pattern": _pattern(folded)}
        return {row[0] for row in _WITH_TEXT.all(self._connection, where)}

    def cards_having(self, names: Sequence[str]) -> set[int]:
        """Return the ids of the cards that have a row of one of those names in the index."""
        return set[int]().union(*map(self._cards_having_one, names))

    def _cards_having_one(self, name: str) -> set[int]:
        if name not in self._marked:
            rows = _BY_NAME.all(self._connection, {"book_id": self._book_id, "name": name})
            self._marked[name] = {row[0] for row in rows}
        return self._marked[name]

    def _cards_with_anywhere(self, folded: str) -> set[int]:
        if folded not in self._anywhere:
            where = {"trigrams": _trigrams(folded), "folded": folded, "book_id": self._book_id}
            rows = _BY_TRIGRAMS.all(self._connection, where)
            self._anywhere[folded] = {row[0] for row in rows}
        return self._anywhere[folded]

    def _cards_by_property(self, folded: str) -> dict[str, set[int]]:
        if folded not in self._by_property:
            where = one_text_parameters(self._book_id, self._properties, self._marks, folded)
            found: dict[str, set[int]] = {name: set() for name in self._marks}
            for name, card_id in _WITH_TEXT_OR_MARK.all(self._connection, where):
                found.setdefault(name, set()).add(card_id)
            self._marked = {name: found[name] for name in self._marks}
            self._by_property[folded] = found
        return self._by_property[folded]


def _pattern(folded: str) -> str:
    """Return the pattern of ``LIKE`` for values that hold a text."""
    return "%" + _WILD.sub(r"\\\g<0>", folded) + "%"


def _trigrams(folded: str) -> str:
    """Return the query for texts with the trigrams of ``folded``; where they stand is not kept.

    Side by side they cover the text. Those that overlap them would hardly tell more, and each one
    costs as much as reading a card.
    """
    last = len(folded) - TRIGRAM
    trigrams = {folded[at : at + TRIGRAM] for at in (*range(0, last, TRIGRAM), last)}
    return " AND ".join('"' + each.replace('"', '""') + '"' for each in sorted(trigrams))
