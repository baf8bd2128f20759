"""How much space a member takes."""

from sqlalchemy import Connection, bindparam, func, select

from sharedbooks.db.schema import address_books, cards

_USED = (
    select(func.coalesce(func.sum(cards.c.size), 0))
    .join(address_books, address_books.c.id == cards.c.book_id)
    .where(address_books.c.owner_id == bindparam("owner_id"), address_books.c.deletion == 0)
)


def used_octets(connection: Connection, user_id: int) -> int:
    """Return the octets of all cards in the books that a user owns.

    History and trash do not count: the user can do nothing about them.
    """
    return int(connection.execute(_USED, {"owner_id": user_id}).scalar_one())
