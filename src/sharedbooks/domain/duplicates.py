"""Cards that may be of one person, within and across books, and pairs judged to be of two."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select

from sharedbooks.db.schema import cards, distinct_cards
from sharedbooks.db.types import now
from sharedbooks.domain.book_checks import get_checks
from sharedbooks.domain.books import Book, count_cards
from sharedbooks.domain.history import Actor
from sharedbooks.errors import Conflict
from sharedbooks.identifiers import BookReference
from sharedbooks.matching.candidates import Candidates
from sharedbooks.matching.features import read_features
from sharedbooks.matching.keys import Rarity
from sharedbooks.matching.scoring import DEFAULT_THRESHOLD, Evidence, compare

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Shows how far a long work has come: what it does and of how many steps; yields what adds some."""

_CARDS_A_FETCH = 200
_GROUP = "group"
_TELLING = 1.0
"""Evidence of fewer bits is not told."""

_CONTENTS = (
    select(cards.c.id, cards.c.kind, cards.c.content)
    .where(cards.c.book_id == bindparam("book_id"))
    .order_by(cards.c.id)
)
_SUMMARIES = select(
    cards.c.id,
    cards.c.book_id,
    cards.c.resource_name,
    cards.c.card_uid,
    cards.c.content_hash,
    cards.c.display_name,
).where(cards.c.id.in_(bindparam("ids", expanding=True)))
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
class DuplicateCard:
    """A card of a pair. ``content_hash`` is of the octets that were compared."""

    id: int
    book_id: int
    book: BookReference
    resource_name: str
    card_uid: str
    content_hash: str
    display_name: str

    @property
    def key(self) -> CardKey:
        """What names this card, also when it has changed."""
        return self.book_id, self.card_uid


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two cards that may be of one person.

    Attributes:
        left: the one that was in its book, or in the books as they were given, first.
        right: the other.
        score: how likely they are of one person, 0 to 1.
        evidence: what speaks for it and against it, the weightiest first.
    """

    left: DuplicateCard
    right: DuplicateCard
    score: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class DistinctPair:
    """Two cards that somebody judged to be of two people; ``at`` as the database has it."""

    left: CardKey
    right: CardKey
    at: int
    actor_name: str


def _no_progress(_what: str, _total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda _steps: None)


def find_duplicates(
    connection: Connection,
    books: Sequence[Book],
    *,
    threshold: float = DEFAULT_THRESHOLD,
    country: str | None = None,
    progress: Progress = _no_progress,
) -> Iterator[DuplicatePair]:
    """Yield the pairs of cards that score at least ``threshold``, the likeliest first.

    Groups are left out, and pairs judged different. The memory it takes grows with the number of
    pairs it finds, not with the books.

    Args:
        connection: a snapshot of the database.
        books: where to look, within each and across them.
        threshold: 0 to 1.
        country: code of the country that national phone numbers are of; None: each book's own.
        progress: see ``Progress``.
    """
    references = {book.id: book.reference for book in books}
    distinct = _distinct_keys(connection, list(references))
    with Candidates() as candidates:
        ids = _read_cards(connection, books, candidates, country, progress)
        rarity = candidates.rarity()
        found = _scored(candidates, rarity, threshold, progress)
        for start in range(0, len(found), _CARDS_A_FETCH):
            some = found[start : start + _CARDS_A_FETCH]
            wanted = [ids[number] for _, left, right in some for number in (left, right)]
            rows = connection.execute(_SUMMARIES, {"ids": wanted}).all()
            known = {row[0]: _summary(row, references) for row in rows}
            for score, left, right in some:
                pair = known[ids[left]], known[ids[right]]
                if _ordered(pair[0].key, pair[1].key) not in distinct:
                    told = compare(candidates.features(left), candidates.features(right), rarity)
                    evidence = [each for each in told.evidence if abs(each.bits) >= _TELLING]
                    yield DuplicatePair(*pair, score, tuple(evidence))


def _read_cards(
    connection: Connection,
    books: Sequence[Book],
    candidates: Candidates,
    country: str | None,
    progress: Progress,
) -> "array[int]":
    """Give the cards of the books to ``candidates``; return their ids by the numbers given."""
    ids = array("q")
    streamed = {"yield_per": _CARDS_A_FETCH}
    total = sum(count_cards(connection, book.id) for book in books)
    with progress("Reading", total) as advance:
        for book in books:
            region = get_checks(connection, book.id).country if country is None else country
            # Closed also on an error: MariaDB would take no other statement meanwhile.
            with connection.execute(
                _CONTENTS, {"book_id": book.id}, execution_options=streamed
            ) as rows:
                for card_id, kind, content in rows:
                    advance(1)
                    if kind != _GROUP:
                        candidates.add(len(ids), read_features(content, region))
                        ids.append(card_id)
    return ids


def _scored(
    candidates: Candidates, rarity: Rarity, threshold: float, progress: Progress
) -> list[tuple[float, int, int]]:
    """Return score and numbers of the pairs worth telling, the likeliest first."""
    found = []
    with progress("Comparing", candidates.pair_up()) as advance:
        for left, one, right, other in candidates.pairs():
            advance(1)
            score = compare(one, other, rarity).score
            if score >= threshold:
                found.append((score, left, right))
    found.sort(key=lambda each: (-each[0], each[1], each[2]))
    return found


def _summary(row: Any, references: dict[int, BookReference]) -> DuplicateCard:
    card_id, book_id, *rest = row
    return DuplicateCard(card_id, book_id, references[book_id], *rest)


def _ordered(one: CardKey, other: CardKey) -> tuple[CardKey, CardKey]:
    return (one, other) if one <= other else (other, one)


def _distinct_keys(connection: Connection, book_ids: Sequence[int]) -> set[tuple[CardKey, CardKey]]:
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
    first, second = _ordered(one, other)
    return {
        "one_book": first[0], "one_uid": first[1],
        "another_book": second[0], "another_uid": second[1],
    }  # fmt: skip
