"""Which card of a directory book is whose."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, bindparam, false, select

from sharedbooks.db.schema import (
    address_books,
    cards,
    directory_books,
    directory_entries,
    mounts,
    principals,
)
from sharedbooks.domain.grants import granted_books

_CARDS_OF = (
    select(principals.c.id, mounts.c.name, cards.c.resource_name)
    .join(
        directory_books,
        directory_books.c.directory == principals.c.source,
    )
    .join(
        directory_entries,
        (directory_entries.c.book_id == directory_books.c.book_id)
        & (directory_entries.c.source_id == principals.c.source_id),
    )
    .join(
        cards,
        (cards.c.book_id == directory_entries.c.book_id)
        & (cards.c.card_uid == directory_entries.c.card_uid),
    )
    .join(address_books, address_books.c.id == directory_books.c.book_id)
    .join(mounts, mounts.c.book_id == address_books.c.id)
    .where(
        principals.c.id.in_(bindparam("ids", expanding=True)),
        directory_entries.c.is_group == false(),
        address_books.c.deletion == 0,
        granted_books("viewer_id"),
        mounts.c.principal_id == bindparam("viewer_id"),
        mounts.c.hidden == false(),
    )
    .order_by(mounts.c.position.desc(), mounts.c.name.desc())
)


def find_own_cards(
    connection: Connection, viewer_id: int, user_ids: Collection[int]
) -> Mapping[int, tuple[str, str]]:
    """Return where the viewer finds the cards that a directory has of those users.

    By user: the book's name in the viewer's home and the card's resource name. Of several books
    with a card of the user, the one that comes first in the home counts. Users without a card that
    the viewer may see are left out.
    """
    rows = connection.execute(_CARDS_OF, {"ids": list(user_ids), "viewer_id": viewer_id})
    return {user_id: (book, card) for user_id, book, card in rows}
