"""Which card of a directory book is whose, for those who may see it."""

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain import bulk, directory_books
from sharedbooks.domain.books import Book
from sharedbooks.domain.directory_books import DirectoryEntry
from sharedbooks.domain.directory_principals import DirectoryPrincipal, put_user
from sharedbooks.domain.history import Actor
from sharedbooks.domain.own_cards import find_own_cards
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.principals import Principal
from sharedbooks.domain.privileges import Privilege
from tests.support.factories import (
    MAX_CARD_SIZE,
    complete_home,
    give,
    make_book,
    make_user,
    take,
    vcard,
)


def person(database: Database, source: str, source_id: str) -> Principal:
    wanted = DirectoryPrincipal(source_id, f"{source}-{source_id}", source_id, "", source_id)
    return database.run_write(lambda connection: put_user(connection, source, wanted))


def entry(source_id: str, card_uid: str, *, is_group: bool = False) -> DirectoryEntry:
    return DirectoryEntry(source_id, is_group, card_uid, "", card_uid, "1", None, None)


def directory_book(database: Database, name: str, entries: list[DirectoryEntry]) -> Book:
    """A book of the directory corp with a card for each of ``entries``."""
    book = make_book(database, name)
    prepared = [prepare_card(vcard(each.card_uid), max_size=MAX_CARD_SIZE) for each in entries]
    actor = Actor(None, "directory:corp", "", "")
    with database.write() as connection:
        directory_books.add_directory_book(connection, book.reference, "corp")
        bulk.store_cards(connection, book.id, actor, prepared, from_directory=True)
        directory_books.write_entries(connection, book.id, entries)
    return book


def own_cards(
    database: Database, viewer: Principal, *users: Principal
) -> dict[int, tuple[str, str]]:
    with database.read() as connection:
        return dict(find_own_cards(connection, viewer.id, [user.id for user in users]))


@pytest.fixture
def staff(database: Database) -> Book:
    group = entry("crew", "crew-card", is_group=True)
    return directory_book(database, "staff", [entry("1", "ann"), entry("2", "bob"), group])


def test_the_card_of_each_person_in_the_viewers_home(database: Database, staff: Book) -> None:
    ann, bob = person(database, "corp", "1"), person(database, "corp", "2")
    stranger, local = person(database, "lab", "1"), make_user(database, "local")
    without, crew = person(database, "corp", "3"), person(database, "corp", "crew")
    everybody = (ann, bob, stranger, local, without, crew)
    give(database, staff, local, Privilege.READ)
    complete_home(database, local)
    assert own_cards(database, local, *everybody) == {
        ann.id: ("staff", "ann.vcf"),
        bob.id: ("staff", "bob.vcf"),
    }
    # Ann herself does not see the book.
    complete_home(database, ann)
    assert own_cards(database, ann, *everybody) == {}
    take(database, staff, local)
    assert own_cards(database, local, *everybody) == {}


def test_of_several_books_the_first_in_the_home(database: Database, staff: Book) -> None:
    more = directory_book(database, "people", [entry("1", "ann")])
    ann = person(database, "corp", "1")
    for book in (staff, more):
        give(database, book, ann, Privilege.READ)
    complete_home(database, ann)
    assert own_cards(database, ann, ann) == {ann.id: ("people", "ann.vcf")}
