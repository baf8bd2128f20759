"""Arguments and options that several commands about duplicates take."""

from collections.abc import Callable, Sequence
from typing import Any

import click
from sqlalchemy import Connection

from sharedbooks.cli.lookup import find_book, find_card
from sharedbooks.domain.distinct_cards import CardKey
from sharedbooks.identifiers import BookReference, parse_book_reference

CardArgument = tuple[BookReference, str]
"""A card of another book, as ``--from`` names it."""

books_argument = click.argument(
    "references", metavar="BOOK...", nargs=-1, required=True, type=parse_book_reference
)
cards_argument = click.argument("named", metavar="CARD...", nargs=-1)
from_option = click.option(
    "--from",
    "elsewhere",
    type=(parse_book_reference, str),
    multiple=True,
    metavar="BOOK CARD",
    help="A card of another book; may be given several times.",
)


def threshold_option(default: float) -> Callable[[Any], Any]:
    """Return the option ``--threshold``."""
    return click.option(
        "--threshold",
        type=click.FloatRange(0, 1),
        default=default,
        show_default=True,
        help="Lowest score, 0 to 1, of a pair that counts.",
    )


def find_keys(
    connection: Connection,
    reference: BookReference,
    named: Sequence[str],
    elsewhere: Sequence[CardArgument],
) -> list[CardKey]:
    """Return the cards named, those of ``reference`` first, each once.

    Raises:
        NotFound: a book or card is not there.
        Conflict: several cards have that name.
    """
    book = find_book(connection, reference)
    keys = [(book.id, find_card(connection, book, text)) for text in named]
    for other_reference, text in elsewhere:
        other = find_book(connection, other_reference)
        keys.append((other.id, find_card(connection, other, text)))
    return list(dict.fromkeys(keys))
