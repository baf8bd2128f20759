"""``sharedbooks history``: who changed what in an address book, from where, and how."""

from itertools import islice

import click
from sqlalchemy import Connection

from sharedbooks.cli.commands import Command, Invocation
from sharedbooks.cli.lookup import find_book, find_card
from sharedbooks.cli.output import Row, moment, show_list
from sharedbooks.cli.parameters import MOMENT, book_argument
from sharedbooks.cli.store import open_store
from sharedbooks.domain.card_history import HistoryEntry, iterate_history
from sharedbooks.domain.history import Action
from sharedbooks.identifiers import BookReference
from sharedbooks.vcard.differences import PropertyChange

_COLUMNS = {
    "revision": "Revision",
    "at": "When",
    "who": "Who",
    "source": "From",
    "action": "Did",
    "card": "Card",
    "summary": "What",
}
_SHOWN_CHANGES = 3
_SHOWN_CHARACTERS = 40


@click.command(cls=Command)
@book_argument
@click.argument("card", metavar="[CARD]", required=False)
@click.option("--since", type=MOMENT, metavar="MOMENT", help="From when on.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10000),
    default=50,
    show_default=True,
    help="Number of changes shown.",
)
@click.pass_obj
def history(
    invocation: Invocation,
    reference: BookReference,
    card: str | None,
    since: int | None,
    limit: int,
) -> None:
    """Show the changes of BOOK, or of one CARD, newest first.

    CARD is a name as people see it, a file name or a UID, of a deleted card too. The number of a
    revision is what 'card restore' and 'book restore' take.
    """

    def work(connection: Connection) -> list[Row]:
        book = find_book(connection, reference)
        uid = None if card is None else find_card(connection, book, card)
        entries = iterate_history(connection, book.id, card_uid=uid, since=since or 0)
        return [_document(entry) for entry in islice(entries, limit)]

    with open_store(invocation) as store:
        rows = store.database.run_read(work)
    if not invocation.as_json:
        rows = [{**row, "summary": _summary(row)} for row in rows]
    show_list(invocation, rows, _COLUMNS, if_empty="There are no such changes.")


def _document(entry: HistoryEntry) -> Row:
    version = entry.version
    return {
        "revision": version.revision,
        "at": moment(version.at),
        "who": version.actor_name,
        "device": version.device,
        "client": version.client,
        "source": version.device or version.client.partition(" ")[0],
        "action": str(version.action),
        "card": entry.display_name,
        "resource_name": version.resource_name,
        "uid": version.card_uid,
        "changes": [change._asdict() for change in entry.changes],
    }


def _summary(row: Row) -> str:
    changes = row["changes"]
    if row["action"] != Action.EDIT.value or not isinstance(changes, list):
        return ""
    told = [_told(PropertyChange(**change)) for change in changes[:_SHOWN_CHANGES]]
    more = len(changes) - len(told)
    return "; ".join([*told, *([f"and {more} more"] if more else [])])


def _told(change: PropertyChange) -> str:
    if change.before is None:
        return f"{change.name}: added {_short(change.after)}"
    if change.after is None:
        return f"{change.name}: removed {_short(change.before)}"
    return f"{change.name}: {_short(change.before)} → {_short(change.after)}"


def _short(value: str | None) -> str:
    text = " ".join((value or "").split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
