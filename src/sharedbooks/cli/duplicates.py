"""``sharedbooks duplicates``: finding cards of the same person, and judging pairs different."""

from collections.abc import Sequence
from itertools import islice

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Group, Invocation
from sharedbooks.cli.duplicate_merge import merge, merges, undo
from sharedbooks.cli.duplicate_parameters import (
    CardArgument,
    books_argument,
    cards_argument,
    find_keys,
    from_option,
    threshold_option,
)
from sharedbooks.cli.duplicate_review import review
from sharedbooks.cli.lookup import find_book
from sharedbooks.cli.output import Row, moment, say, show_list, show_stream
from sharedbooks.cli.parameters import book_argument, country_option
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import administrator, open_store
from sharedbooks.domain.book_checks import parse_country
from sharedbooks.domain.books import list_books
from sharedbooks.domain.distinct_cards import dismiss_pair, forget_dismissal, list_distinct
from sharedbooks.domain.duplicates import DuplicatePair, find_duplicates
from sharedbooks.identifiers import BookReference
from sharedbooks.matching.scoring import DEFAULT_THRESHOLD

_COLUMNS = {
    "score": "Score",
    "book": "Book",
    "card": "Card",
    "name": "Name",
    "other_book": "Book",
    "other_card": "Card",
    "other_name": "Name",
    "reasons": "Reasons",
}
_DISTINCT_COLUMNS = {
    "book": "Book",
    "uid": "UID",
    "other_book": "Book",
    "other_uid": "UID",
    "at": "Judged",
    "who": "By",
}


@click.group(cls=Group)
def duplicates() -> None:
    """Cards of the same person or company: find, review, merge.

    A CARD is a file name or a UID, or a name as people see it if only one card has it.
    """


duplicates.add_command(review)
duplicates.add_command(merge)
duplicates.add_command(merges)
duplicates.add_command(undo)


@duplicates.command("find")
@books_argument
@threshold_option(DEFAULT_THRESHOLD)
@country_option
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Show the likeliest N only.")
@click.pass_obj
def find(
    invocation: Invocation,
    references: Sequence[BookReference],
    threshold: float,
    country: str | None,
    limit: int | None,
) -> None:
    """Show pairs of cards that may be of one person, the likeliest first.

    It looks within each BOOK and across them. Pairs judged different are left out.
    """
    region = None if country is None else parse_country(country)
    with open_store(invocation) as store, store.database.read() as connection:
        books = [find_book(connection, reference) for reference in references]
        found = find_duplicates(
            connection,
            books,
            threshold=threshold,
            country=region,
            progress=show_progress,
        )
        rows = (_document(pair) for pair in islice(found, limit))
        show_stream(invocation, rows, _COLUMNS, if_empty="No duplicates were found.")


def _document(pair: DuplicatePair) -> Row:
    left, right = pair.left, pair.right
    return {
        "score": round(pair.score, 3),
        "book": str(left.book),
        "card": left.resource_name,
        "uid": left.card_uid,
        "name": left.display_name,
        "other_book": str(right.book),
        "other_card": right.resource_name,
        "other_uid": right.card_uid,
        "other_name": right.display_name,
        "reasons": [each.text for each in pair.evidence],
        "evidence": [
            {"kind": str(each.kind), "text": each.text, "bits": round(each.bits, 1)}
            for each in pair.evidence
        ],
    }


@duplicates.command("dismiss")
@book_argument
@cards_argument
@from_option
@click.option("--forget", is_flag=True, help="Take back that they are different.")
@click.pass_obj
def dismiss(
    invocation: Invocation,
    reference: BookReference,
    named: Sequence[str],
    elsewhere: Sequence[CardArgument],
    *,
    forget: bool,
) -> None:
    """Note that the CARDs of BOOK are of different people; they are not shown as duplicates again.

    With --from, cards of other books are among them.
    """

    def work(connection: Connection) -> int:
        keys = find_keys(connection, reference, named, elsewhere)
        if len(keys) < 2:
            raise click.UsageError("Name two cards or more")
        pairs = [(one, other) for place, one in enumerate(keys) for other in keys[place + 1 :]]
        if forget:
            return sum(forget_dismissal(connection, *pair) for pair in pairs)
        actor = administrator("sharedbooks duplicates dismiss")
        return sum(dismiss_pair(connection, *pair, actor) for pair in pairs)

    with open_store(invocation) as store:
        number = store.database.run_write(work)
    did = "Taken back" if forget else "Noted as different"
    say(invocation, {"pairs": number, "forgotten": forget}, f"{did}: {number} pairs.")


@duplicates.command("dismissed")
@book_argument
@click.pass_obj
def dismissed(invocation: Invocation, reference: BookReference) -> None:
    """List the pairs with a card of BOOK that were judged different."""

    def work(connection: Connection) -> list[Row]:
        names = {each.id: str(each.reference) for each in list_books(connection)}
        book = find_book(connection, reference)
        return [
            {
                "book": names.get(each.left[0]),
                "uid": each.left[1],
                "other_book": names.get(each.right[0]),
                "other_uid": each.right[1],
                "at": moment(each.at),
                "who": each.actor_name,
            }
            for each in list_distinct(connection, book.id)
        ]

    with open_store(invocation) as store:
        rows = store.database.run_read(work)
    show_list(invocation, rows, _DISTINCT_COLUMNS, if_empty="No pairs were judged different.")
