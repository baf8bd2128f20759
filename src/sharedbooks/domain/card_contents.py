"""What reports show of many cards: name, hash and octets, read with as little as that takes."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Connection, any_, bindparam, select

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import cards


class CardContent(NamedTuple):
    """A card's resource name, content hash, version of vCard, and octets as they came."""

    resource_name: str
    content_hash: str
    version: str
    content: bytes


class Among:
    """Reads columns of the cards that have one of some values.

    Args:
        columns: the columns of ``cards`` to be read.
        key: the column that has the values.
        conditions: what else is true of the cards, with bound parameters.
    """

    _SIZES = (1, 10, 100)
    """Lengths of the lists that statements are prepared for; shorter ones are filled up."""

    def __init__(self, columns: tuple[Any, ...], key: Any, *conditions: Any) -> None:
        # An array is one parameter however long it is, and one statement to be planned.
        values: Any = bindparam("values", type_=ARRAY(key.type))
        self._postgresql = Prepared(select(*columns).where(*conditions, key == any_(values)))
        self._statements = {
            size: Prepared(
                select(*columns).where(
                    *conditions, key.in_([bindparam(f"value_{i}") for i in range(size)])
                )
            )
            for size in self._SIZES
        }

    def rows(
        self, connection: Connection, values: Sequence[Any], **parameters: Any
    ) -> Iterator[Any]:
        """Yield the rows of the cards that exist, in no particular order."""
        for start in range(0, len(values), self._SIZES[-1]):
            some = values[start : start + self._SIZES[-1]]
            if connection.dialect.name == "postgresql":
                where = parameters | {"values": list(some)}
                yield from self._postgresql.all(connection, where)
                continue
            size = next(size for size in self._SIZES if size >= len(some))
            filled = [*some, *[some[-1]] * (size - len(some))]
            where = parameters | {f"value_{number}": value for number, value in enumerate(filled)}
            yield from self._statements[size].all(connection, where)


OF_BOOK = cards.c.book_id == bindparam("book_id")
"""A condition for ``Among``."""

_COLUMNS: tuple[Any, ...] = (
    cards.c.resource_name,
    cards.c.content_hash,
    cards.c.version,
    cards.c.content,
)
_BY_NAMES = Among(_COLUMNS, cards.c.resource_name, OF_BOOK)
_PAGE = 100
MAX_REVISION = 2**63 - 1
"""No book gets that far."""

# In the order in which most databases have them on their disks. Each change of a card has a
# revision of its own, so a page ends exactly between two cards.
_NEXT_PAGE = Prepared(
    select(*_COLUMNS, cards.c.revision)
    .where(OF_BOOK, cards.c.revision > bindparam("after"), cards.c.revision <= bindparam("until"))
    .order_by(cards.c.revision)
    .limit(_PAGE)
)


def get_contents(
    connection: Connection, book_id: int, names: Sequence[str]
) -> Iterator[CardContent]:
    """Yield the cards that exist among ``names``, in no particular order."""
    return map(CardContent._make, _BY_NAMES.rows(connection, names, book_id=book_id))


def iterate_contents(
    connection: Connection, book_id: int, since: int = 0, until: int = MAX_REVISION
) -> Iterator[CardContent]:
    """Yield the cards of the book, the one that changed last at the end, in bounded memory.

    Those only that changed after the revision ``since``, and not after ``until``.
    """
    where = {"book_id": book_id, "after": since, "until": until}
    while page := _NEXT_PAGE.all(connection, where):
        for *columns, where["after"] in page:
            yield CardContent._make(columns)
