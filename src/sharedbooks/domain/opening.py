"""What most requests begin with, in one statement: who asks, and the book they ask for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection, bindparam, case

from sharedbooks.db.engine import Database
from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import address_books, cards
from sharedbooks.domain.book_access import BookAccess, access_beside, beside_user
from sharedbooks.domain.cards import CARD_INFO_COLUMNS, Card, CardInfo
from sharedbooks.domain.changes import NEWS, read_news
from sharedbooks.domain.credentials import (
    USER_WITH_CREDENTIALS,
    WITH_LOGIN_NAME,
    UserWithCredentials,
    find_user_with_credentials,
    with_credentials,
)

if TYPE_CHECKING:
    from sharedbooks.domain.at_once import News

FindUser: TypeAlias = Callable[[Connection, str], UserWithCredentials | None]
"""Finds the user of a login name with what they can log in with."""

_STATEMENT = Prepared(beside_user(WITH_LOGIN_NAME))
_WITH_NEWS = Prepared(beside_user(WITH_LOGIN_NAME.add_columns(NEWS)))
_WITH_CARD = Prepared(
    beside_user(
        WITH_LOGIN_NAME.add_columns(
            *CARD_INFO_COLUMNS, case((cards.c.size <= bindparam("longest"), cards.c.content))
        )
    ).outerjoin(
        cards,
        (cards.c.book_id == address_books.c.id)
        & (cards.c.resource_name == bindparam("resource_name")),
    )
)
_MORE_AT = len(WITH_LOGIN_NAME.selected_columns)
_CONTENT_AT = _MORE_AT + len(CARD_INFO_COLUMNS)

_LONGEST = 16 * 1024
"""Octets of a card that are read along; there is a row of it for each app password of the user."""


class Opening:
    """Finds the user of a login name, and with them the book that they ask for.

    Args:
        book_name: the book's name in the user's home; None if they ask for no book.
        since: a revision of the book after which they ask for its changes; None if they do not.
        resource_name: the name of the one card that they ask for; None if they do not.
        content: whether they ask for what is in it.

    Attributes:
        book: as the user who was found sees it; None if there is none that they see.
        news: its changes, where they were few and ``find_alone`` has read them.
        info: of the card, where ``find_alone`` has found it.
        card: the card itself, where it is short and ``content`` is asked for.
    """

    def __init__(
        self,
        book_name: str | None,
        since: int | None = None,
        resource_name: str | None = None,
        *,
        content: bool = False,
    ) -> None:
        self._book_name = book_name
        self._since = since
        self._resource_name = resource_name
        self._longest = _LONGEST if content else -1
        self.book: BookAccess | None = None
        self.news: News | None = None
        self.info: CardInfo | None = None
        self.card: Card | None = None

    def find(self, connection: Connection, login_name: str) -> UserWithCredentials | None:
        """Return the user; the book is of the same snapshot."""
        if self._book_name is None:
            return find_user_with_credentials(connection, login_name)
        return self._keep(_STATEMENT.all(connection, self._where(login_name)))

    def find_alone(self, database: Database, login_name: str) -> UserWithCredentials | None:
        """Return the user, without a snapshot that would last."""
        if self._book_name is None:
            where = {"login_name": login_name}
            return with_credentials(database.read_statement(USER_WITH_CREDENTIALS, where))
        where = self._where(login_name)
        if self._resource_name is not None:
            more = {"resource_name": self._resource_name, "longest": self._longest}
            rows = database.read_statement(_WITH_CARD, where | more)
            if rows and rows[0][_MORE_AT] is not None:
                self._keep_card(rows[0])
            return self._keep(rows)
        if self._since is None:
            return self._keep(database.read_statement(_STATEMENT, where))
        rows = database.read_statement(_WITH_NEWS, where | {"since": self._since})
        if rows:
            self.news = read_news(self._since, rows[0][_MORE_AT])
        return self._keep(rows)

    def _keep_card(self, row: tuple[Any, ...]) -> None:
        self.info = CardInfo(*row[_MORE_AT:_CONTENT_AT])
        if row[_CONTENT_AT] is not None:
            self.card = Card(*row[_MORE_AT : _CONTENT_AT + 1])

    def _where(self, login_name: str) -> dict[str, Any]:
        return {"login_name": login_name, "book_name": self._book_name}

    def _keep(self, rows: list[tuple[Any, ...]]) -> UserWithCredentials | None:
        found = with_credentials(rows)
        if found is not None:
            self.book = access_beside(found[0].id, rows[0])
        return found
