"""Cards brought back from history: by changes like any other, which every device sees."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select, update

from sharedbooks.db.schema import card_versions, cards
from sharedbooks.domain.books import lock_book
from sharedbooks.domain.card_history import content_at
from sharedbooks.domain.card_rows import choose_names, insert_cards, replace_card
from sharedbooks.domain.cards import find_name_of_uid, get_card
from sharedbooks.domain.changes import raise_revision
from sharedbooks.domain.history import Action, Actor
from sharedbooks.domain.prepared_cards import PreparedCard, prepare_card
from sharedbooks.errors import Conflict

_CREATOR = (
    select(card_versions.c.actor_id)
    .where(
        card_versions.c.book_id == cards.c.book_id,
        card_versions.c.card_uid == cards.c.card_uid,
        card_versions.c.action == Action.CREATE.value,
        card_versions.c.actor_id.is_not(None),
        card_versions.c.revision < bindparam("first"),
    )
    .order_by(card_versions.c.revision.desc())
    .limit(1)
    .scalar_subquery()
)
_GIVE_BACK = (
    update(cards)
    .where(
        cards.c.book_id == bindparam("book"),
        cards.c.revision.between(bindparam("first"), bindparam("last")),
    )
    .values(creator_id=_CREATOR)
)
_LAST_NAME = (
    select(card_versions.c.resource_name)
    .where(
        card_versions.c.book_id == bindparam("book_id"),
        card_versions.c.card_uid == bindparam("card_uid"),
    )
    .order_by(card_versions.c.revision.desc())
    .limit(1)
)


def stored_before(content: bytes) -> PreparedCard:
    """Return a card that was stored once, ready to be stored again."""
    return prepare_card(content, max_size=len(content))


def insert_again(
    connection: Connection, book_id: int, actor: Actor, some: Sequence[tuple[str, PreparedCard]]
) -> list[str]:
    """Insert cards that the book had before, which this transaction has locked; return their names.

    Each gets the resource name it is given with if that is free, and belongs to the member who
    made it (for ``edit-own``).
    """
    if not some:
        return []
    named = choose_names(connection, book_id, some)
    last = raise_revision(connection, book_id, len(named))
    first = last - len(named) + 1
    insert_cards(connection, book_id, actor, first, named)
    connection.execute(_GIVE_BACK, {"book": book_id, "first": first, "last": last})
    return [name for name, _ in named]


def restore_version(
    connection: Connection, book_id: int, card_uid: str, revision: int, actor: Actor
) -> tuple[str, bool]:
    """Make a card what it was at a revision of its book; return its name, and if it changed.

    A deleted card comes back under its last resource name if that is free.

    Raises:
        Conflict: the card was not there at that revision, or history does not reach back so far.
        NotFound: the book is gone.
    """
    lock_book(connection, book_id)
    content = content_at(connection, book_id, card_uid, revision)
    if content is None:
        raise Conflict(f"The card was not there at revision {revision}.")
    wanted = stored_before(content)
    name = find_name_of_uid(connection, book_id, card_uid)
    if name is None:
        where = {"book_id": book_id, "card_uid": card_uid}
        last_name = connection.execute(_LAST_NAME, where).scalar_one()
        return insert_again(connection, book_id, actor, [(last_name, wanted)])[0], True
    existing = get_card(connection, book_id, name)
    if existing.content_hash == wanted.content_hash:
        return name, False
    made = raise_revision(connection, book_id)
    replace_card(connection, book_id, existing, wanted, actor, made)
    return name, True
