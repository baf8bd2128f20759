"""Finding the cards of a book that match a filter.

The search index narrows the book down, generously; the octets decide.
"""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from sharedbooks.db.search_index import BookIndex
from sharedbooks.domain.at_once import AtOnce, MoreWanted
from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.cards import Card, get_cards_at, get_cards_by_id, iterate_cards
from sharedbooks.vcard.filters import CardFilter, PropFilter, TextMatch
from sharedbooks.vcard.index import CUT_MARK, INDEXED_NAMES, MAX_VALUE_LENGTH, fold_text

Candidates = set[int] | None
"""Ids of the cards that can match; None if every card of the book can."""
_FEW = 100
"""Candidates that are read at once, by one statement."""


def search_book(connection: Connection, access: BookAccess, wanted: CardFilter) -> Iterator[Card]:
    """Yield the cards of an opened book that match; ``connection`` may be one for reading at once.

    Raises:
        MoreWanted: they could not be read at once.
    """
    if not isinstance(connection, AtOnce):
        return search_cards(connection, access.book_id, wanted)
    with connection.apart() as apart:
        narrowed = _candidates(apart, access.book_id, wanted)
        if narrowed is None or len(narrowed) > _FEW:
            raise MoreWanted
        found = get_cards_at(apart, access, sorted(narrowed))
    if len(found) < len(narrowed):
        # The book has changed since it was opened.
        raise MoreWanted
    return (card for card in found if wanted.accepts(card.content))


def search_cards(connection: Connection, book_id: int, wanted: CardFilter) -> Iterator[Card]:
    """Yield the cards of a book that match, in bounded memory."""
    narrowed = _candidates(connection, book_id, wanted)
    if narrowed is None:
        candidates: Iterator[Card] = iterate_cards(connection, book_id)
    else:
        candidates = get_cards_by_id(connection, sorted(narrowed))
    for card in candidates:
        if wanted.accepts(card.content):
            yield card


def _candidates(connection: Connection, book_id: int, wanted: CardFilter) -> Candidates:
    names = {prop.name for prop in wanted.props} & INDEXED_NAMES
    index = BookIndex(connection, book_id, names, {CUT_MARK, *(name + CUT_MARK for name in names)})
    return _combine((_narrow(index, prop) for prop in wanted.props), all_of=wanted.all_of)


def _combine(parts: Iterable[Candidates], *, all_of: bool) -> Candidates:
    """Return the cards in all of ``parts``, or in any; of no parts, every card."""
    collected = list(parts)
    known = [part for part in collected if part is not None]
    if all_of:
        return set.intersection(*known) if known else None
    return set.union(*known) if known and len(known) == len(collected) else None


def _narrow(index: BookIndex, prop: PropFilter) -> Candidates:
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


def _narrow_text(index: BookIndex, name: str, text: TextMatch) -> Candidates:
    """Return which cards can have a value of that property that ``text`` accepts."""
    # The index joins components and splits lists, so separators are not found in it.
    if text.negate or set(text.text) & set(";,"):
        return None
    folded = fold_text(text.text.strip())
    if not folded or len(folded) > MAX_VALUE_LENGTH:
        return None
    # Contains is true for every way to match, and for a list or a name of which one part is meant.
    return index.cards_with(name, folded)
