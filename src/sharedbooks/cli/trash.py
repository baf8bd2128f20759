"""``sharedbooks trash``: deleted cards and address books, and bringing them back."""

from collections.abc import Sequence

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Group, Invocation
from sharedbooks.cli.failures import command
from sharedbooks.cli.lookup import find_book, find_card
from sharedbooks.cli.output import Row, moment, say, show_list, show_tables
from sharedbooks.cli.progress import show_progress
from sharedbooks.cli.store import Store, administrator, open_store
from sharedbooks.domain import trash as domain
from sharedbooks.domain.books import Book, list_books
from sharedbooks.domain.trash import DeletedBook
from sharedbooks.errors import Conflict, NotFound
from sharedbooks.identifiers import BookReference, parse_book_reference

_CARDS_A_TRANSACTION = 100

_CARD_COLUMNS = {
    "name": "Name",
    "deleted_at": "Deleted",
    "deleted_by": "By",
    "source": "From",
    "resource_name": "File",
    "uid": "UID",
}
_BOOK_COLUMNS = {
    "book": "Deleted book",
    "number": "Number",
    "cards": "Cards",
    "deleted_at": "Deleted",
}
_COUNT_COLUMNS = {"book": "Book", "cards": "Deleted cards"}


@click.group(cls=Group)
def trash() -> None:
    """Deleted cards and address books, and bringing them back."""


@trash.command("list")
@click.argument("reference", metavar="[BOOK]", required=False, type=parse_book_reference)
@click.pass_obj
def list_(invocation: Invocation, reference: BookReference | None) -> None:
    """List the deleted address books, and how many deleted cards others have; or those of BOOK."""
    if reference is not None:
        _list_cards(invocation, reference)
        return

    def work(connection: Connection) -> Row:
        deleted = domain.count_deleted_cards(connection)
        return {
            "books": [_book_document(each) for each in domain.list_deleted_books(connection)],
            "cards": [
                {"book": str(each.reference), "cards": deleted[each.id]}
                for each in list_books(connection)
                if each.id in deleted
            ],
        }

    with open_store(invocation) as store:
        document = store.database.run_read(work)
    show_tables(
        invocation,
        document,
        {"books": _BOOK_COLUMNS, "cards": _COUNT_COLUMNS},
        if_empty="The trash is empty.",
    )


def _list_cards(invocation: Invocation, reference: BookReference) -> None:
    def work(connection: Connection) -> list[Row]:
        book = find_book(connection, reference)
        return [
            {
                "name": card.display_name,
                "resource_name": card.resource_name,
                "uid": card.card_uid,
                "revision": card.revision,
                "deleted_at": moment(card.deleted_at),
                "deleted_by": card.deleted_by,
                "device": card.device,
                "client": card.client,
                "source": card.device or card.client.partition(" ")[0],
            }
            for card in domain.iterate_deleted_cards(connection, book.id)
        ]

    with open_store(invocation) as store:
        rows = store.database.run_read(work)
    if_empty = f"No card of {str(reference)!r} is in the trash."
    show_list(invocation, rows, _CARD_COLUMNS, if_empty=if_empty)


@trash.command("restore")
@click.argument("reference", metavar="[BOOK]", required=False, type=parse_book_reference)
@click.argument("cards", metavar="[CARD]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every deleted card of BOOK.")
@click.option("--book", "deleted", metavar="NAME", help="A deleted book, by its name or number.")
@click.option(
    "--as", "new", metavar="BOOK", type=parse_book_reference, help="Another name for that book."
)
@click.pass_obj
def restore(
    invocation: Invocation,
    reference: BookReference | None,
    cards: Sequence[str],
    *,
    every: bool,
    deleted: str | None,
    new: BookReference | None,
) -> None:
    """Bring each CARD back into BOOK, or with --book a deleted address book.

    Cards come back as they were, and go to every device. A book comes back with its cards, their
    history, and its grants.
    """
    if deleted is not None and reference is None and not every:
        _restore_book(invocation, deleted, new)
    elif deleted is None and reference is not None and new is None and every != bool(cards):
        _restore_cards(invocation, reference, cards)
    else:
        raise click.UsageError("Give BOOK with each CARD or --all, or --book NAME alone")


def _restore_cards(invocation: Invocation, reference: BookReference, named: Sequence[str]) -> None:
    def find(connection: Connection) -> tuple[Book, list[str]]:
        book = find_book(connection, reference)
        if named:
            return book, [find_card(connection, book, text) for text in named]
        return book, [card.card_uid for card in domain.iterate_deleted_cards(connection, book.id)]

    with open_store(invocation) as store:
        book, uids = store.database.run_read(find)
        with show_progress("Restoring", len(uids)) as advance:
            names: list[str] = []
            for start in range(0, len(uids), _CARDS_A_TRANSACTION):
                some = uids[start : start + _CARDS_A_TRANSACTION]
                names += _bring_back(store, book, some)
                advance(len(some))
    if named and not names:
        listing = command("trash", "list", str(reference))
        raise NotFound(f"None of these cards is in the trash. {listing} shows what is.")
    say(
        invocation,
        {"book": str(reference), "restored": names},
        f"Cards of {str(reference)!r} brought back: {len(names)}.",
    )


def _bring_back(store: Store, book: Book, uids: Sequence[str]) -> list[str]:
    actor = administrator("sharedbooks trash restore")
    return store.database.run_write(lambda c: domain.restore_cards(c, book.id, actor, uids))


def _restore_book(invocation: Invocation, text: str, new: BookReference | None) -> None:
    def work(connection: Connection) -> Row:
        found = _find_deleted(connection, text)
        wanted = new or BookReference(found.owner, found.name)
        if new is None and found.owner is None and "/" in found.name:
            raise Conflict(
                f"The owner of {found.name!r} was deleted too; give the book a name with --as."
            )
        try:
            domain.restore_book(connection, found.id, wanted)
        except Conflict as error:
            error.add_note("Give the one from the trash another name with --as.")
            raise
        return {"book": str(wanted), "number": found.id, "cards": found.cards}

    with open_store(invocation) as store:
        document = store.database.run_write(work)
    say(
        invocation,
        document,
        f"Address book {document['book']!r} is back with its cards ({document['cards']}).",
    )


def _find_deleted(connection: Connection, text: str) -> DeletedBook:
    books = domain.list_deleted_books(connection)
    found = [each for each in books if each.label == text]
    found = found or [each for each in books if str(each.id) == text]
    listing = command("trash", "list")
    if not found:
        raise NotFound(f"There is no address book {text!r} in the trash. {listing} shows them.")
    if len(found) > 1:
        raise Conflict(
            f"The trash has several address books {text!r}: give the number of one, which {listing}"
            " shows."
        )
    return found[0]


def _book_document(deleted: DeletedBook) -> dict[str, object]:
    return {
        "book": deleted.label,
        "number": deleted.id,
        "owner": deleted.owner,
        "display_name": deleted.display_name,
        "cards": deleted.cards,
        "deleted_at": moment(deleted.deleted_at),
    }
