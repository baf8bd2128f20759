"""Whether every phone has what the server has, and the server what it acknowledged."""

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import Connection

from benchmarks.soak.ledger import Ledger, check_book, steps_of
from benchmarks.soak.office import IMPORTER
from benchmarks.soak.phone import Held, Phone
from sharedbooks.db.engine import Database
from sharedbooks.domain import books, cards, history, homes, principals
from sharedbooks_radicale.protocol.representations import Form, card_text

_SHOWN = 20
"""So many differences of one copy are told."""


class Truth:
    """What the server has, as clients of either version see it, read in one snapshot."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._books: dict[tuple[int, str], dict[str, Held]] = {}

    def book(self, book_id: int, version: str) -> dict[str, Held]:
        """Return the cards of a book by resource name."""
        key = (book_id, version)
        if key not in self._books:
            form = Form(version)
            self._books[key] = {
                card.resource_name: Held(card.etag, card_text(form.of(card)).replace("\r\n", "\n"))
                for card in cards.iterate_cards(self._connection, book_id)
            }
        return self._books[key]

    def home(self, user: str) -> dict[str, int]:
        """Return the books that a user sees: ids by path."""
        user_id = principals.get_user(self._connection, user).id
        listed = homes.list_home(self._connection, user_id)
        return {f"/{user}/{access.name}/": access.book_id for access in listed}


def check_phones(database: Database, phones: Iterable[Phone]) -> tuple[int, list[str]]:
    """Compare every copy with the server; return the number of cards, and the differences."""
    checked, wrong = 0, []
    with database.read() as connection:
        truth = Truth(connection)
        for phone in phones:
            home = truth.home(phone.device.user)
            who = f"{phone.kind} of {phone.device.user}"
            wrong += [f"{who}: lacks {path}" for path in home.keys() - phone.copies.keys()]
            wrong += [f"{who}: keeps {path}" for path in phone.copies.keys() - home.keys()]
            for path in home.keys() & phone.copies.keys():
                copy = phone.copies[path]
                checked += len(copy.cards)
                found = differences(copy.cards, truth.book(home[path], phone.version))
                wrong += [f"{who}: {path}: {what}" for what in found]
    return checked, wrong


def differences(copy: Mapping[str, Held], truth: Mapping[str, Held]) -> Iterator[str]:
    """Yield what a phone's copy of a book has otherwise than the server, some of it."""
    lost = [f"{name} is lost" for name in truth.keys() - copy.keys()]
    risen = [f"{name} is there still or again" for name in copy.keys() - truth.keys()]
    stale = [
        f"{name} is stale" if held.etag != truth[name].etag else f"{name} has another text"
        for name, held in copy.items()
        if name in truth and held != truth[name]
    ]
    yield from (lost + risen + stale)[:_SHOWN]


def check_history(database: Database, ledger: Ledger) -> tuple[int, list[str]]:
    """Compare every edit sent with the history of its book; return the number of changes there."""
    changes, wrong = 0, []
    with database.read() as connection:
        for book in books.list_books(connection):
            present = {
                card.resource_name: card.content
                for card in cards.iterate_cards(connection, book.id)
            }
            steps = list(steps_of(history.list_versions(connection, book.id), present))
            changes += sum(step.version.actor_name != IMPORTER for step in steps)
            reference = str(book.reference)
            found = check_book(ledger.of_book(reference), steps, IMPORTER)
            wrong += [f"{reference}: {what}" for what in found]
    return changes, wrong
