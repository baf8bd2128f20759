"""Finding the cards of a book that match a filter.

The search index narrows the book down, generously; the octets decide.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import starmap

from sqlalchemy import Connection, select

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import cards
from sharedbooks.db.search_index import WITH_ONE_TEXT, BookIndex, one_text_parameters
from sharedbooks.domain.at_once import AtOnce, MoreWanted
from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.cards import CARD_COLUMNS, Card, get_cards_by_id, iterate_cards
from sharedbooks.vcard.filters import CardFilter, PropFilter, TextMatch
from sharedbooks.vcard.index import CUT_MARK, INDEXED_NAMES, MAX_VALUE_LENGTH, fold_text

Candidates = set[int] | None
"""Ids of the cards that can match; None if every card of the book can."""
_FEW = 100
"""Candidates that are read at once."""

# For PostgreSQL: what is looked for and the cards that can have it, in one journey.
_CARDS_WITH_TEXT = Prepared(
    select(*CARD_COLUMNS).where(cards.c.id.in_(WITH_ONE_TEXT)).limit(_FEW + 1)
)


class _Question:
    """Stands for the index of a book, and notes which texts it is asked for."""

    def __init__(self) -> None:
        self.texts: set[str] = set()

    def cards_with(self, _property_name: str, folded: str) -> set[int]:
        self.texts.add(folded)
        return set()

    def cards_having(self, _names: Sequence[str]) -> set[int]:
        return set()


def search_book(connection: Connection, access: BookAccess, wanted: CardFilter) -> Iterator[Card]:
    """Yield the cards of an opened book that match; ``connection`` may be one for reading at once.

    Raises:
        MoreWanted: they could not be read at once.
    """
    if not isinstance(connection, AtOnce):
        return search_cards(connection, access.book_id, wanted)
    names = {prop.name for prop in wanted.props} & INDEXED_NAMES
    question = _Question()
    narrowed = _combine((_narrow(question, prop) for prop in wanted.props), all_of=wanted.all_of)
    if narrowed is None or len(question.texts) != 1:
        raise MoreWanted
    where = one_text_parameters(access.book_id, names, _marks(names), *question.texts)
    found = connection.all_rows(_CARDS_WITH_TEXT, where)
    if len(found) > _FEW:
        raise MoreWanted
    return (card for card in starmap(Card, found) if wanted.accepts(card.content))


def search_cards(connection: Connection, book_id: int, wanted: CardFilter) -> Iterator[Card]:
    """Yield the cards of a book that match, in bounded memory."""
    names = {prop.name for prop in wanted.props} & INDEXED_NAMES
    index = BookIndex(connection, book_id, names, _marks(names))
    narrowed = _combine((_narrow(index, prop) for prop in wanted.props), all_of=wanted.all_of)
    if narrowed is None:
        candidates: Iterator[Card] = iterate_cards(connection, book_id)
    else:
        candidates = get_cards_by_id(connection, sorted(narrowed))
    for card in candidates:
        if wanted.accepts(card.content):
            yield card


def _marks(names: Iterable[str]) -> set[str]:
    return {CUT_MARK, *(name + CUT_MARK for name in names)}


def _combine(parts: Iterable[Candidates], *, all_of: bool) -> Candidates:
    """Return the cards in all of ``parts``, or in any; of no parts, every card."""
    collected = list(parts)
    known = [part for part in collected if part is not None]
    if all_of:
        return set.intersection(*known) if known else None
    return set.union(*known) if known and len(known) == len(collected) else None


def _narrow(index: BookIndex | _Question, prop: PropFilter) -> Candidates:
    """Return which cards can match ``prop`` by what the index says."""
    if prop.name not in INDEXED_NAMES or not prop.defined:
        return None
    texts = (_narrow_text(index, prop.name, text) for text in prop.texts)
    # Nothing of parameters or groups is in the index.
    found = _combine([*texts, *(None for _ in prop.params)], all_of=prop.all_of)
    if found is None:
        return None
    # Of a value or a card that was cut, what is looked for may be beyond the cut.
    return found | index.cards_having([prop.name + CUT_MARK, CUT_MARK])


def _narrow_text(index: BookIndex | _Question, name: str, text: TextMatch) -> Candidates:
    """Return which cards can have a value of that property that ``text`` accepts."""
    # The index joins components and splits lists, so separators are not found in it.
    if text.negate or set(text.text) & set(";,"):
        return None
    folded = fold_text(text.text.strip())
    if not folded or len(folded) > MAX_VALUE_LENGTH:
        return None
    # Contains is true for every way to match, and for a list or a name of which one part is meant.
    return index.cards_with(name, folded)
