"""A directory book over a branch of a real directory, and what there is to do with both."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sharedbooks.config.card_mapping import merge_card_mappings
from sharedbooks.db.engine import Database
from sharedbooks.directory.books import BookSyncSummary, sync_book
from sharedbooks.directory.connection import Directory
from sharedbooks.domain import directory_books
from sharedbooks.domain.cards import iterate_cards
from sharedbooks.domain.directory_books import DirectoryBook
from sharedbooks.domain.privileges import Privilege
from sharedbooks.identifiers import BookReference
from sharedbooks.vcard.contentlines import unfold
from tests.support.configured import configure
from tests.support.directories import DirectoryServer
from tests.support.factories import Device, join_book, make_book

MAX_CARD_SIZE = 64 * 1024


@dataclass
class Office:
    """A branch of a directory that the book ``staff`` shows.

    Attributes:
        options: of the ``[directory.corp]``, over those that reach the server.
        mapping: in its ``[directory.corp.card]``.
    """

    server: DirectoryServer
    branch: str
    database: Database
    folder: Path
    options: dict[str, Any]
    mapping: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        make_book(self.database, "staff")
        self._book: DirectoryBook | None = None

    def open(self, **more: Any) -> DirectoryBook:
        """Let the book show the branch; see ``add_directory_book``."""
        with self.database.write() as connection:
            reference = BookReference(None, "staff")
            self._book = directory_books.add_directory_book(
                connection, reference, "corp", **{"base": self.branch, **more}
            )
        return self._book

    @property
    def book(self) -> DirectoryBook:
        """The book as it is now."""
        book = self._book or self.open()
        with self.database.read() as connection:
            return directory_books.get_directory_book(connection, book.book.reference)

    def sync(self, **how: Any) -> BookSyncSummary:
        """Sync the book."""
        usual = {"max_card_size": MAX_CARD_SIZE, "dry_run": False, "force": False}
        config = configure(self.server, self.folder, **self.options)
        config = replace(config, card=merge_card_mappings(config.card, self.mapping.items()))
        with closing(Directory(config)) as directory:
            return sync_book(
                self.database, directory, self.book, advance=lambda _: None, **{**usual, **how}
            )

    def counts(self, **how: Any) -> tuple[int, int, int]:
        """Sync the book; return how many cards are new, changed and gone."""
        done = self.sync(**how)
        return done.added, done.changed, done.removed

    def person(self, name: str, **attributes: Any) -> str:
        """Add a person to the branch; return the DN."""
        return self.server.add_person(name, self.branch, "Passw0rd", **attributes)

    def group(self, name: str, members: Sequence[str] = ()) -> str:
        """Add a group to the branch; return the DN."""
        return self.server.add_group(name, self.branch, members)

    def cards(self) -> dict[str, list[str]]:
        """The lines of every card, by its FN."""
        with self.database.read() as connection:
            contents = [card.content for card in iterate_cards(connection, self.book.book.id)]
        cards = [unfold(content).decode().split("\r\n")[1:-2] for content in contents]
        found = {_values(lines, "FN")[0]: lines for lines in cards}
        assert len(found) == len(cards)
        return found

    def values(self, name: str, prop: str) -> list[str]:
        """What the card called ``name`` says of a property, with its parameters."""
        return _values(self.cards()[name], prop)

    def uid(self, name: str) -> str:
        """The UID of the card called ``name``."""
        return self.values(name, "UID")[0]

    def reader(self) -> Device:
        """A user to whom the book is granted, with a device."""
        return join_book(self.database, self.book.book, "alice", Privilege.WRITE)


def _values(lines: list[str], prop: str) -> list[str]:
    found = (line.partition(":") for line in lines)
    return [value for head, _, value in found if head.partition(";")[0] == prop]
