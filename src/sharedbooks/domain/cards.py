"""Reading the cards of a book."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import cards
from sharedbooks.domain.at_once import AT_REVISION, AtOnce
from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.card_contents import OF_BOOK, Among
from sharedbooks.domain.conditions import make_etag
from sharedbooks.errors import NotFound


@dataclass(frozen=True, slots=True)
class CardInfo:
    """What a listing tells of a card.

    ``revision`` is the book's when the card last changed; ``created_at`` and ``changed_at`` are
    microseconds since 1970, UTC; ``size`` is in octets.
    """

    id: int
    resource_name: str
    card_uid: str
    content_hash: str
    revision: int
    size: int
    version: str
    kind: str
    creator_id: int | None
    created_at: int
    changed_at: int

    @property
    def etag(self) -> str:
        """Strong entity tag, quotes included."""
        return make_etag(self.content_hash)


@dataclass(frozen=True, slots=True)
class Card(CardInfo):
    """A stored card with its ``content``, exactly as the client sent it."""

    content: bytes


CARD_INFO_COLUMNS: tuple[Any, ...] = (
    cards.c.id,
    cards.c.resource_name,
    cards.c.card_uid,
    cards.c.content_hash,
    cards.c.revision,
    cards.c.size,
    cards.c.version,
    cards.c.kind,
    cards.c.creator_id,
    cards.c.created_at,
    cards.c.changed_at,
)
"""What makes a ``CardInfo``, in the order of its fields."""
CARD_COLUMNS: tuple[Any, ...] = (*CARD_INFO_COLUMNS, cards.c.content)
"""What makes a ``Card``, in the order of its fields."""
_OF_NAME = (
    cards.c.book_id == bindparam("book_id"),
    cards.c.resource_name == bindparam("resource_name"),
)
_BY_NAME = Prepared(select(*CARD_COLUMNS).where(*_OF_NAME))
_BY_NAME_AT_ONCE = Prepared(select(*CARD_COLUMNS).where(*_OF_NAME, AT_REVISION))
_INFO_BY_NAME = Prepared(select(*CARD_INFO_COLUMNS).where(*_OF_NAME))
_BY_NAMES = Among(CARD_COLUMNS, cards.c.resource_name, OF_BOOK)
_BY_IDS = Among(CARD_COLUMNS, cards.c.id)
_INFOS_BY_NAMES = Among(CARD_INFO_COLUMNS, cards.c.resource_name, OF_BOOK)
_ALL = (
    select(*CARD_COLUMNS)
    .where(cards.c.book_id == bindparam("book_id"))
    .order_by(cards.c.resource_name)
)
_LISTED = (
    select(*CARD_INFO_COLUMNS)
    .where(cards.c.book_id == bindparam("book_id"))
    .order_by(cards.c.resource_name)
)
_BY_DISPLAY_NAME = (
    select(cards.c.display_name, *CARD_INFO_COLUMNS)
    .where(cards.c.book_id == bindparam("book_id"))
    .order_by(cards.c.display_name, cards.c.resource_name)
)
_HASHES = Prepared(
    select(cards.c.resource_name, cards.c.content_hash)
    .where(cards.c.book_id == bindparam("book_id"))
    # The order of the one index that holds all of this.
    .order_by(cards.c.revision)
)
_NAME_OF_UID = Prepared(
    select(cards.c.resource_name).where(
        cards.c.book_id == bindparam("book_id"), cards.c.card_uid == bindparam("card_uid")
    )
)


def find_card(connection: Connection, book_id: int, resource_name: str) -> Card | None:
    """Return the card of that name, or None."""
    row = _BY_NAME.first(connection, {"book_id": book_id, "resource_name": resource_name})
    return None if row is None else Card(*row)


def get_card(connection: Connection, book_id: int, resource_name: str) -> Card:
    """Return the card of that name.

    Raises:
        NotFound: there is none.
    """
    card = find_card(connection, book_id, resource_name)
    if card is None:
        raise no_card(resource_name)
    return card


def no_card(resource_name: str) -> NotFound:
    """Return what to raise where a book has no card of that name."""
    return NotFound(f"There is no card {resource_name!r} in this address book.")


def get_card_of(connection: Connection, access: BookAccess, resource_name: str) -> Card:
    """Return the card of that name in a book; ``connection`` may be one for reading at once.

    Raises:
        NotFound: the book has no such card.
        MoreWanted: it could not be read at once.
    """
    if not isinstance(connection, AtOnce):
        return get_card(connection, access.book_id, resource_name)
    if connection.card is not None and connection.card.resource_name == resource_name:
        return connection.card
    where = {
        "book_id": access.book_id,
        "resource_name": resource_name,
        "revision": access.revision,
    }
    [row] = connection.rows(_BY_NAME_AT_ONCE, where)
    return Card(*row)


def get_card_info(connection: Connection, book_id: int, resource_name: str) -> CardInfo:
    """Return what there is to tell of the card of that name.

    Raises:
        NotFound: there is none.
    """
    row = _INFO_BY_NAME.first(connection, {"book_id": book_id, "resource_name": resource_name})
    if row is None:
        raise no_card(resource_name)
    return CardInfo(*row)


def get_cards(connection: Connection, book_id: int, names: Sequence[str]) -> Iterator[Card]:
    """Yield the cards that exist among ``names``, in no particular order."""
    for row in _BY_NAMES.rows(connection, names, book_id=book_id):
        yield Card(*row)


def get_cards_by_id(connection: Connection, ids: Sequence[int]) -> Iterator[Card]:
    """Yield the cards that exist among those ids, in bounded memory."""
    for row in _BY_IDS.rows(connection, ids):
        yield Card(*row)


def get_card_infos(
    connection: Connection, book_id: int, names: Sequence[str]
) -> Iterator[CardInfo]:
    """Yield what there is to tell of the cards among ``names``, in no particular order."""
    for row in _INFOS_BY_NAMES.rows(connection, names, book_id=book_id):
        yield CardInfo(*row)


def list_hashes(connection: Connection, book_id: int) -> list[tuple[str, str]]:
    """Return resource name and content hash of every card of the book, oldest change first."""
    return _HASHES.all(connection, {"book_id": book_id})


def list_cards(connection: Connection, book_id: int) -> list[CardInfo]:
    """Return what there is to tell of every card of the book, by name."""
    return [CardInfo(*row) for row in connection.execute(_LISTED, {"book_id": book_id})]


def list_named_cards(connection: Connection, book_id: int) -> list[tuple[str, CardInfo]]:
    """Return display name, and what else there is to tell, of every card, by display name."""
    rows = connection.execute(_BY_DISPLAY_NAME, {"book_id": book_id})
    return [(name, CardInfo(*info)) for name, *info in rows]


def iterate_cards(connection: Connection, book_id: int) -> Iterator[Card]:
    """Yield every card of the book by name, in bounded memory."""
    streamed = {"yield_per": 200}
    # Closed also when the caller stops early: MariaDB would take no other statement meanwhile.
    with connection.execute(_ALL, {"book_id": book_id}, execution_options=streamed) as result:
        for row in result:
            yield Card(*row)


def find_name_of_uid(connection: Connection, book_id: int, card_uid: str) -> str | None:
    """Return the resource name of the card with that UID, or None."""
    row = _NAME_OF_UID.first(connection, {"book_id": book_id, "card_uid": card_uid})
    return None if row is None else str(row[0])
