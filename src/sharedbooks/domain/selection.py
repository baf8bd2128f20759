"""Which cards of a book are wanted: all, those of a category, those that hold a text."""

from collections.abc import Iterator

from sqlalchemy import Connection

from sharedbooks.domain.cards import Card
from sharedbooks.domain.search import search_cards
from sharedbooks.vcard.filters import CardFilter, MatchType, PropFilter, TextMatch

_SEARCHED = (
    "FN",
    "N",
    "NICKNAME",
    "ORG",
    "EMAIL",
    "TEL",
    "ADR",
    "TITLE",
    "ROLE",
    "NOTE",
    "CATEGORIES",
)


def select_cards(
    connection: Connection, book_id: int, *, category: str | None = None, text: str | None = None
) -> Iterator[Card]:
    """Yield the cards of a book that meet every condition given, in bounded memory.

    Args:
        connection: a snapshot.
        book_id: the book.
        category: a category they are in, whatever its case, or None.
        text: a text that a name, address, number, title, note or category holds, or None.
    """
    in_category = _category_filter(category) if category is not None else None
    wanted = _text_filter(text) if text is not None else in_category or CardFilter()
    for card in search_cards(connection, book_id, wanted):
        if in_category is None or wanted is in_category or in_category.accepts(card.content):
            yield card


def _category_filter(category: str) -> CardFilter:
    match = TextMatch(category, match_type=MatchType.EQUALS)
    return CardFilter((PropFilter("CATEGORIES", texts=(match,)),))


def _text_filter(text: str) -> CardFilter:
    return CardFilter(tuple(PropFilter(name, texts=(TextMatch(text),)) for name in _SEARCHED))
