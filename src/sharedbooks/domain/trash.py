"""The trash: deleted cards of a book, deleted books, and bringing them back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, exists, func, select, update
from sqlalchemy.exc import IntegrityError

from sharedbooks.db.schema import (
    ORGANISATION_ID,
    address_books,
    card_versions,
    cards,
    principals,
)
from sharedbooks.domain.books import Book, get_book_by_id, lock_book
from sharedbooks.domain.bringing_back import insert_again, stored_before
from sharedbooks.domain.history import Action, Actor
from sharedbooks.domain.principals import get_user
from sharedbooks.errors import Conflict, NotFound
from sharedbooks.identifiers import BookReference, parse_resource_name
from sharedbooks.vcard.card import inspect_card


@dataclass(frozen=True, slots=True)
class DeletedCard:
    """A card in the trash; ``deleted_at`` is microseconds since 1970, ``revision`` its deletion's.

    ``deleted_by``, ``device`` and ``client`` say who deleted it and from where.
    """

    card_uid: str
    resource_name: str
    display_name: str
    revision: int
    deleted_at: int
    deleted_by: str
    device: str
    client: str


@dataclass(frozen=True, slots=True)
class DeletedBook:
    """A book in the trash, with the number of its cards; ``deleted_at`` as all moments.

    ``owner`` is None for a book of the organisation. One whose owner was deleted with it belongs to
    the organisation, and its name is ``OWNER/NAME``.
    """

    id: int
    owner: str | None
    name: str
    display_name: str
    cards: int
    deleted_at: int
    keep_trash: int | None

    @property
    def label(self) -> str:
        """How the book was called."""
        return self.name if self.owner is None else f"{self.owner}/{self.name}"


_later = card_versions.alias("later")
_LAST = ~exists().where(
    _later.c.book_id == card_versions.c.book_id,
    _later.c.card_uid == card_versions.c.card_uid,
    _later.c.revision > card_versions.c.revision,
)
IN_TRASH = (card_versions.c.action == Action.DELETE.value) & _LAST
"""The changes that put a card into the trash where it still is, as an SQL condition."""

_DELETED = (
    select(
        card_versions.c.card_uid,
        card_versions.c.resource_name,
        card_versions.c.revision,
        card_versions.c.at,
        card_versions.c.actor_name,
        card_versions.c.device,
        card_versions.c.client,
        card_versions.c.content_before,
    )
    .where(card_versions.c.book_id == bindparam("book_id"), IN_TRASH)
    .order_by(card_versions.c.revision.desc())
)
_COUNTED = (
    select(card_versions.c.book_id, func.count()).where(IN_TRASH).group_by(card_versions.c.book_id)
)
_OF_UIDS = select(
    card_versions.c.card_uid, card_versions.c.resource_name, card_versions.c.content_before
).where(
    card_versions.c.book_id == bindparam("book_id"),
    card_versions.c.card_uid.in_(bindparam("uids", expanding=True)),
    IN_TRASH,
)


def _select_deleted_books() -> Select[Any]:
    counted = (
        select(func.count())
        .select_from(cards)
        .where(cards.c.book_id == address_books.c.id)
        .scalar_subquery()
    )
    return (
        select(
            address_books.c.id,
            address_books.c.owner_id,
            principals.c.name,
            address_books.c.name,
            address_books.c.display_name,
            counted,
            address_books.c.deleted_at,
            address_books.c.keep_trash,
        )
        .join(principals, principals.c.id == address_books.c.owner_id)
        # Below 0 a book is being purged.
        .where(address_books.c.deletion > 0)
        .order_by(address_books.c.deleted_at.desc(), address_books.c.id.desc())
    )


_DELETED_BOOKS = _select_deleted_books()


def iterate_deleted_cards(connection: Connection, book_id: int) -> Iterator[DeletedCard]:
    """Yield the deleted cards of a book, the last deleted first, in bounded memory."""
    streamed = {"yield_per": 100}
    with connection.execute(_DELETED, {"book_id": book_id}, execution_options=streamed) as result:
        for uid, name, revision, at, actor, device, client, content in result:
            shown = inspect_card(content).display_name
            yield DeletedCard(uid, name, shown, revision, at, actor, device, client)


def count_deleted_cards(connection: Connection) -> dict[int, int]:
    """Return how many deleted cards each book has, by its id."""
    return {row[0]: row[1] for row in connection.execute(_COUNTED)}


def restore_cards(
    connection: Connection, book_id: int, actor: Actor, uids: Sequence[str]
) -> list[str]:
    """Bring deleted cards back: UID, octets, and resource name if it is free; return their names.

    UIDs of cards that are not in the trash are passed over. Some hundred a transaction is a good
    number.

    Raises:
        NotFound: the book is gone.
    """
    lock_book(connection, book_id)
    rows = connection.execute(_OF_UIDS, {"book_id": book_id, "uids": list(uids)}).all()
    some = [(name, stored_before(content)) for _, name, content in rows]
    return insert_again(connection, book_id, actor, some)


def list_deleted_books(connection: Connection) -> list[DeletedBook]:
    """Return the deleted books, the last deleted first."""
    return [
        DeletedBook(book_id, None if owner_id == ORGANISATION_ID else owner, *rest)
        for book_id, owner_id, owner, *rest in connection.execute(_DELETED_BOOKS)
    ]


def restore_book(connection: Connection, book_id: int, reference: BookReference) -> Book:
    """Bring a deleted book back as ``reference``: with its cards, history, grants and settings.

    Its sync tokens are valid again, since nothing could change meanwhile.

    Raises:
        InvalidName: the name is unsafe.
        NotFound: it is not in the trash, or the owner is no user.
        Conflict: there is a living book of that name.
    """
    name = parse_resource_name(reference.name)
    owner = None if reference.owner is None else get_user(connection, reference.owner)
    values = {
        "owner_id": ORGANISATION_ID if owner is None else owner.id,
        "name": name,
        "deletion": 0,
        "deleted_at": None,
    }
    try:
        with connection.begin_nested():
            found = connection.execute(
                update(address_books)
                .where(address_books.c.id == book_id, address_books.c.deletion > 0)
                .values(values)
            ).rowcount
    except IntegrityError as error:
        raise Conflict(f"There is an address book {str(reference)!r}.") from error
    if not found:
        raise NotFound("This address book is not in the trash.")
    return get_book_by_id(connection, book_id)
