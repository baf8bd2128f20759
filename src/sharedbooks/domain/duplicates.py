"""Cards that may be of one person, within and across books."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from sharedbooks.db.schema import cards
from sharedbooks.domain.book_checks import get_checks
from sharedbooks.domain.books import Book, count_cards
from sharedbooks.domain.distinct_cards import CardKey, distinct_keys, ordered_keys
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
    # The order of an index: any other would be sorted with all contents in memory.
    .order_by(cards.c.resource_name)
)
_SUMMARIES = select(
    cards.c.id,
    cards.c.book_id,
    cards.c.resource_name,
    cards.c.card_uid,
    cards.c.content_hash,
    cards.c.display_name,
).where(cards.c.id.in_(bindparam("ids", expanding=True)))


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
        left: the one of the book that was given first, or in a book the first by resource name.
        right: the other.
        score: how likely they are of one person, 0 to 1.
        evidence: what speaks for it and against it, the weightiest first.
    """

    left: DuplicateCard
    right: DuplicateCard
    score: float
    evidence: tuple[Evidence, ...]


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
    distinct = distinct_keys(connection, list(references))
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
                if ordered_keys(pair[0].key, pair[1].key) not in distinct:
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
