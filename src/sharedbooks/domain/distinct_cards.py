"""Pairs of cards that somebody judged to be of different people."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select

from sharedbooks.db.schema import card_merge_changes, card_merges, distinct_cards
from sharedbooks.db.types import now
from sharedbooks.domain.history import Actor
from sharedbooks.errors import Conflict

_DISTINCT = select(
    distinct_cards.c.book_id,
    distinct_cards.c.card_uid,
    distinct_cards.c.other_book_id,
    distinct_cards.c.other_uid,
)
_SAME_PAIR = (
    distinct_cards.c.book_id == bindparam("one_book"),
    distinct_cards.c.card_uid == bindparam("one_uid"),
    distinct_cards.c.other_book_id == bindparam("another_book"),
    distinct_cards.c.other_uid == bindparam("another_uid"),
)

CardKey = tuple[int, str]
"""A card over time: the id of its book, and its UID."""


@dataclass(frozen=True, slots=True)
class DistinctPair:
    """Two cards that somebody judged to be of two people; ``at`` as the database has it."""

    left: CardKey
    right: CardKey
    at: int
    actor_name: str


def ordered_keys(one: CardKey, other: CardKey) -> tuple[CardKey, CardKey]:
    """Return two cards in the order in which they are noted."""
    return (one, other) if one <= other else (other, one)


def distinct_keys(connection: Connection, book_ids: Sequence[int]) -> set[tuple[CardKey, CardKey]]:
    """Return the pairs judged different of which the first card is in one of the books."""
    rows = connection.execute(_DISTINCT.where(distinct_cards.c.book_id.in_(book_ids)))
    return {((book, uid), (other_book, other)) for book, uid, other_book, other in rows}


def dismiss_pair(connection: Connection, one: CardKey, other: CardKey, actor: Actor) -> bool:
    """Note that two cards are of different people; return False if that is known already.

    The pair stays judged whatever becomes of the cards, as long as they keep book and UID.

    Raises:
        Conflict: both are the same card.
    """
    if one == other:
        raise Conflict("A card cannot differ from itself.")
    key = _pair_key(one, other)
    if connection.execute(select(distinct_cards.c.at).where(*_SAME_PAIR), key).first():
        return False
    values = {
        "book_id": key["one_book"],
        "card_uid": key["one_uid"],
        "other_book_id": key["another_book"],
        "other_uid": key["another_uid"],
        "at": now(),
        "actor_name": actor.name[:255],
    }
    connection.execute(insert(distinct_cards).values(values))
    return True


def forget_dismissal(connection: Connection, one: CardKey, other: CardKey) -> bool:
    """Take back that two cards were judged different; return False if they were not."""
    done = connection.execute(delete(distinct_cards).where(*_SAME_PAIR), _pair_key(one, other))
    return done.rowcount > 0


def list_distinct(connection: Connection, book_id: int) -> list[DistinctPair]:
    """Return the pairs judged different in which a card of the book is, oldest first."""
    rows = connection.execute(
        _DISTINCT.add_columns(distinct_cards.c.at, distinct_cards.c.actor_name)
        .where(or_(distinct_cards.c.book_id == book_id, distinct_cards.c.other_book_id == book_id))
        .order_by(distinct_cards.c.at, distinct_cards.c.card_uid, distinct_cards.c.other_uid)
    )
    return [
        DistinctPair((book, uid), (other_book, other), at, actor_name)
        for book, uid, other_book, other, at, actor_name in rows
    ]


def _pair_key(one: CardKey, other: CardKey) -> dict[str, int | str]:
    first, second = ordered_keys(one, other)
    return {
        "one_book": first[0], "one_uid": first[1],
        "another_book": second[0], "another_uid": second[1],
    }  # fmt: skip


def forget_cards(connection: Connection, book_id: int, card_uids: Sequence[str]) -> None:
    """Forget what was judged of cards, and their merges, which cannot be undone then.

    For cards that are erased with their history: a UID may say whose it was.
    """
    one = and_(distinct_cards.c.book_id == book_id, distinct_cards.c.card_uid.in_(card_uids))
    other = and_(
        distinct_cards.c.other_book_id == book_id, distinct_cards.c.other_uid.in_(card_uids)
    )
    connection.execute(delete(distinct_cards).where(or_(one, other)))
    found = select(card_merge_changes.c.merge_id).where(
        card_merge_changes.c.book_id == book_id, card_merge_changes.c.card_uid.in_(card_uids)
    )
    ids = set(connection.execute(found).scalars())
    kept = select(card_merges.c.id).where(
        card_merges.c.book_id == book_id, card_merges.c.kept_uid.in_(card_uids)
    )
    ids.update(connection.execute(kept).scalars())
    for table, column in (
        (card_merge_changes, card_merge_changes.c.merge_id),
        (card_merges, card_merges.c.id),
    ):
        connection.execute(delete(table).where(column.in_(ids)))
