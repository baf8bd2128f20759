"""What a method's handler is given, and how paths become resources of a member."""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sqlalchemy import Connection

from sharedbooks.db.engine import Database
from sharedbooks.domain.book_access import BookAccess, get_book
from sharedbooks.domain.cards import CardInfo
from sharedbooks.domain.login import Member
from sharedbooks.domain.mass_deletion import DeletionWatch
from sharedbooks.errors import NotFound
from sharedbooks_radicale.protocol.hrefs import GROUPS
from sharedbooks_radicale.protocol.properties import View
from sharedbooks_radicale.request import Request


@dataclass(frozen=True, slots=True)
class Root:
    """The path ``/``."""


@dataclass(frozen=True, slots=True)
class HomePath:
    """The path ``/<user>/``."""

    user: str


@dataclass(frozen=True, slots=True)
class GroupPath:
    """The path ``/.groups/<group>/``."""

    group: str


@dataclass(frozen=True, slots=True)
class BookPath:
    """The path ``/<user>/<book>/`` in the member's own home."""

    book: str


@dataclass(frozen=True, slots=True)
class CardPath:
    """The path ``/<user>/<book>/<card>`` in the member's own home."""

    book: str
    card: str


Path: TypeAlias = Root | HomePath | GroupPath | BookPath | CardPath


class Seen(NamedTuple):
    """A book, and the card that a PUT is about, if there is one, as the login has read them."""

    book: BookAccess
    card: CardInfo | None


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one member.

    Attributes:
        request: as it came.
        member: who makes it.
        database: for writing.
        view: how answers to this member are written.
        deletions: notices when somebody deletes a great many cards.
        opened: the book of a request that reads, where it was read together with the member.
        seen: what a request that writes has seen of its book already; it is to be opened.
    """

    request: Request
    member: Member
    database: Database
    view: View
    deletions: DeletionWatch
    opened: BookAccess | None = None
    seen: Seen | None = None

    @property
    def book_id(self) -> int | None:
        """The id of the book that a request writes to, for waiting with others who do."""
        return None if self.seen is None else self.seen.book.book_id

    def book(self, connection: Connection, name: str) -> BookAccess:
        """Return the book of that name in the member's home.

        Raises:
            NotFound: there is none, or none that the member may see.
        """
        opened, user_id = self.opened, self.member.user.id
        if opened is not None and (opened.name, opened.user_id) == (name, user_id):
            return opened
        return get_book(connection, user_id, name)

    def path(self) -> Path:
        """Return the request's path.

        Raises:
            NotFound: nothing can be there for this member.
        """
        return self.resolve(self.request.segments)

    def resolve(self, segments: tuple[str, ...]) -> Path:
        """Return the path made of ``segments``.

        Books and cards are found in the member's own home only: what others call their home is
        nobody else's business, whether it exists or not.

        Raises:
            NotFound: nothing can be there for this member.
        """
        match segments:
            case ():
                return Root()
            case (user,):
                return HomePath(user)
            case (folder, group) if folder == GROUPS:
                return GroupPath(group)
            case (user, book) if user == self.member.user.name:
                return BookPath(book)
            case (user, book, card) if user == self.member.user.name:
                return CardPath(book, card)
        raise NotFound("There is nothing here.")
