"""Finding the cards of a book that match a filter.

The database narrows the book down by the search index, generously; the octets decide.
"""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from sharedbooks.db.schema import card_properties, cards
from sharedbooks.domain.cards import Card, card_columns
from sharedbooks.vcard.filters import CardFilter, PropFilter, TextMatch
from sharedbooks.vcard.index import CUT_MARK, INDEXED_NAMES, MAX_VALUE_LENGTH, fold_text

Condition = ColumnElement[bool]

_ROWS_AT_ONCE = 200


def search_cards(connection: Connection, book_id: int, wanted: CardFilter) -> Iterator[Card]:
    """Yield the cards of a book that match, by name, in bounded memory."""
    statement = select(*card_columns()).where(cards.c.book_id == book_id)
    narrowed = _combine([_narrow(book_id, prop) for prop in wanted.props], all_of=wanted.all_of)
    if narrowed is not None:
        statement = statement.where(narrowed)
    result = connection.execute(
        statement.order_by(cards.c.resource_name),
        execution_options={"yield_per": _ROWS_AT_ONCE},
    )
    for row in result:
        card = Card(*row)
        if wanted.accepts(card.content):
            yield card


def _combine(conditions: list[Condition | None], *, all_of: bool) -> Condition | None:
    """Join conditions, None being one that every card may fulfil."""
    known = [condition for condition in conditions if condition is not None]
    if all_of:
        return and_(*known) if known else None
    return or_(*known) if known and len(known) == len(conditions) else None


def _narrow(book_id: int, prop: PropFilter) -> Condition | None:
    """Return what the index says of every card that can match ``prop``; None if it says nothing."""
    if prop.name not in INDEXED_NAMES or not prop.defined:
        return None
    texts = [_narrow_text(text) for text in prop.texts]
    # Nothing of parameters or groups is in the index.
    value = _combine([*texts, *(None for _ in prop.params)], all_of=prop.all_of)
    named = card_properties.c.name == prop.name
    # Of a value or a card that was cut, what is looked for may be beyond the cut.
    cut = card_properties.c.name.in_([prop.name + CUT_MARK, CUT_MARK])
    found = select(card_properties.c.card_id).where(
        card_properties.c.book_id == book_id,
        or_(named if value is None else and_(named, value), cut),
    )
    return cards.c.id.in_(found)


def _narrow_text(text: TextMatch) -> Condition | None:
    """Return what the index says of every value that ``text`` can accept; None: nothing."""
    # The index joins components and splits lists, so separators are not found in it.
    if text.negate or set(text.text) & set(";,"):
        return None
    folded = fold_text(text.text.strip())
    if not folded or len(folded) > MAX_VALUE_LENGTH:
        return None
    # Contains is true for every way to match, and for a list or a name of which one part is meant.
    return card_properties.c.value.contains(folded, autoescape=True)
