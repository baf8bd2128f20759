"""``sharedbooks card``: the cards of an address book, one by one."""

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Group, Invocation
from sharedbooks.cli.failures import command
from sharedbooks.cli.lookup import advice, find_book, find_card
from sharedbooks.cli.output import Row, moment, say, show_details, show_list
from sharedbooks.cli.parameters import book_argument, card_argument
from sharedbooks.cli.store import administrator, open_store
from sharedbooks.domain.bringing_back import restore_version
from sharedbooks.domain.cards import CardInfo, find_name_of_uid, get_card, list_named_cards
from sharedbooks.errors import NotFound
from sharedbooks.identifiers import BookReference
from sharedbooks.vcard.differences import differences

_COLUMNS = {
    "name": "Name",
    "kind": "Kind",
    "resource_name": "File",
    "uid": "UID",
    "changed_at": "Changed",
}
_LABELS = {**_COLUMNS, "version": "vCard", "size": "Octets", "revision": "Revision"}
_PROPERTIES = {"name": "Property", "value": "Value"}


@click.group(cls=Group)
def card() -> None:
    """The cards of an address book.

    A CARD is a name as people see it, a file name or a UID.
    """


@card.command("list")
@book_argument
@click.pass_obj
def list_(invocation: Invocation, reference: BookReference) -> None:
    """List the cards of BOOK by name."""

    def work(connection: Connection) -> list[Row]:
        book = find_book(connection, reference)
        return [_document(name, info) for name, info in list_named_cards(connection, book.id)]

    with open_store(invocation) as store:
        rows = store.database.run_read(work)
    show_list(invocation, rows, _COLUMNS, if_empty="There are no cards in this address book.")


@card.command("show")
@book_argument
@card_argument
@click.pass_obj
def show(invocation: Invocation, reference: BookReference, card: str) -> None:
    """Show the properties of CARD; photos by their size."""

    def work(connection: Connection) -> Row:
        book = find_book(connection, reference)
        name = find_name_of_uid(connection, book.id, find_card(connection, book, card))
        if name is None:
            restore = command("trash", "restore", str(reference), card)
            raise NotFound(f"The card {card!r} is in the trash; {restore} brings it back.")
        found = get_card(connection, book.id, name)
        properties = [
            {"name": label, "value": value} for label, _, value in differences(None, found.content)
        ]
        shown = next((row["value"] for row in properties if row["name"] == "FN"), "")
        return {**_document(shown or "", found), "properties": properties}

    with open_store(invocation) as store:
        document = store.database.run_read(work)
    show_details(invocation, document, _LABELS, {"properties": _PROPERTIES})


@card.command("restore")
@book_argument
@card_argument
@click.option(
    "--version",
    "revision",
    type=click.IntRange(1),
    required=True,
    metavar="N",
    help="Revision in the history at which the card was as it should be.",
)
@click.pass_obj
def restore(invocation: Invocation, reference: BookReference, card: str, revision: int) -> None:
    """Make CARD what it was after the change N of the history, deleted or not.

    That is a change like any other: it goes to every device, and stands in the history.
    """

    def work(connection: Connection) -> tuple[str, bool]:
        book = find_book(connection, reference)
        uid = find_card(connection, book, card)
        with advice(f"{command('history', str(reference), card)} shows its versions."):
            return restore_version(
                connection, book.id, uid, revision, administrator("sharedbooks card restore")
            )

    with open_store(invocation) as store:
        name, changed = store.database.run_write(work)
    done = "is again" if changed else "is already"
    say(
        invocation,
        {"book": str(reference), "resource_name": name, "revision": revision, "changed": changed},
        f"Card {card!r} of {str(reference)!r} {done} what it was at revision {revision}.",
    )


def _document(name: str, info: CardInfo) -> dict[str, object]:
    return {
        "name": name,
        "kind": info.kind,
        "resource_name": info.resource_name,
        "uid": info.card_uid,
        "version": info.version,
        "size": info.size,
        "revision": info.revision,
        "created_at": moment(info.created_at),
        "changed_at": moment(info.changed_at),
    }
