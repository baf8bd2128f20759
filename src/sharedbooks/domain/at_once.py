"""Reading without a transaction that lasts: what opens a request, and one statement more.

Beginning and ending a snapshot are two journeys to a database's server, as many as most requests
need for all that they read. A second statement about a book is made such that it finds something
only while the book is as the first one told it. So both tell of one moment, or everything is read
again. One about a home tells all that is told of it, privileges included, and one that searches
finds whole cards: they are of its own moment.
"""

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, bindparam, select

from sharedbooks.db.engine import Database
from sharedbooks.db.prepared import Parameters, Prepared
from sharedbooks.db.schema import address_books

if TYPE_CHECKING:
    from sharedbooks.domain.cards import Card

AT_REVISION: ColumnElement[bool] = (
    select(address_books.c.id)
    .where(
        address_books.c.id == bindparam("book_id"),
        address_books.c.revision == bindparam("revision"),
    )
    .exists()
)
"""A condition for a second statement about a book: it is at that revision still."""


class MoreWanted(Exception):
    """What was read at once is not enough, or would not be of one moment."""


class _NoConnection:
    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        raise MoreWanted


NO_CONNECTION = cast("Connection", _NoConnection())
"""Stands for a connection where nothing more is to be read; whoever tries gets ``MoreWanted``."""


class News(NamedTuple):
    """Changes of a book after the revision ``since``, oldest first, read as it was opened.

    Attributes:
        since: the revision.
        changed: (revision, resource name, content hash) of each card new or changed.
        removed: (revision, resource name) of each name that is no longer there.
    """

    since: int
    changed: list[tuple[int, str, str]]
    removed: list[tuple[int, str]]


class AtOnce(_NoConnection):
    """Stands for a connection where one statement more is to be read, and one that is made for it.

    Args:
        database: where it is read.
        news: what is there to be told without it.
        card: a card of the book that is there as well.
    """

    __slots__ = ("_database", "card", "news")

    def __init__(self, database: Database, news: News | None, card: "Card | None") -> None:
        self._database = database
        self.news = news
        self.card = card

    def rows(self, statement: Prepared, parameters: Parameters) -> list[Any]:
        """Return the rows of a statement that asks for ``AT_REVISION``, or needs no book.

        Raises:
            MoreWanted: there are none, be it because the book has changed meanwhile.
            StoreBusy: the database cannot be reached.
        """
        rows = self.all_rows(statement, parameters)
        if not rows:
            raise MoreWanted
        return rows

    def all_rows(self, statement: Prepared, parameters: Parameters) -> list[Any]:
        """Return the rows of a statement that tells all there is, in whatever state the book is.

        Raises:
            StoreBusy: the database cannot be reached.
        """
        return self._database.read_statement(statement, parameters)


def at_once(database: Database, news: News | None = None, card: "Card | None" = None) -> Connection:
    """Return what handlers take for a connection, and may read from at once; see ``AtOnce``."""
    return cast("Connection", AtOnce(database, news, card))
