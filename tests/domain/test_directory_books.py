from dataclasses import replace

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain import books, bulk, directory_books
from sharedbooks.domain.directory_books import DirectoryEntry
from sharedbooks.domain.history import Action, Actor
from sharedbooks.domain.prepared_cards import PreparedCard, prepare_card
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import AccessDenied, Conflict, NotFound
from sharedbooks.identifiers import parse_book_reference
from tests.support.factories import (
    MAX_CARD_SIZE,
    Device,
    join_book,
    make_book,
    make_own_book,
    make_user,
    vcard,
)

DIRECTORY = Actor(None, "directory:corp", "", "")


def _cards(*names: str) -> list[PreparedCard]:
    return [prepare_card(vcard(name, name.title()), max_size=MAX_CARD_SIZE) for name in names]


def _store(database: Database, book_id: int, *names: str, **more: bool) -> None:
    database.run_write(
        lambda connection: bulk.store_cards(connection, book_id, DIRECTORY, _cards(*names), **more)
    )


@pytest.fixture
def staff(database: Database) -> directory_books.DirectoryBook:
    """A directory book with two cards."""
    reference = make_book(database, "staff").reference
    made = database.run_write(
        lambda connection: directory_books.add_directory_book(
            connection, reference, "corp", base="ou=people", mapping={"NOTE": "description"}
        )
    )
    _store(database, made.book.id, "ann", "bob", from_directory=True)
    return made


@pytest.fixture
def reader(database: Database, staff: directory_books.DirectoryBook) -> Device:
    """A user who was given the strongest privilege on it."""
    return join_book(database, staff.book, "alice", Privilege.MANAGE)


def test_what_a_directory_book_is_made_of(
    database: Database, staff: directory_books.DirectoryBook
) -> None:
    reference = staff.book.reference
    with database.read() as connection:
        found = directory_books.get_directory_book(connection, reference)
        assert (found.directory, found.base, found.filter) == ("corp", "ou=people", "")
        assert (found.group_filter, found.mapping) == (None, {"NOTE": "description"})
        assert found.book.read_only
        assert directory_books.list_directory_books(connection, "corp") == [found]
        assert directory_books.list_directory_books(connection, "other") == []
        assert directory_books.list_directory_books(connection) == [found]


@pytest.mark.parametrize("reference", ["alice/contacts", "full", "staff"])
def test_only_an_empty_book_of_the_organisation_shows_a_directory(
    database: Database, staff: directory_books.DirectoryBook, reference: str
) -> None:
    make_own_book(database, make_user(database))
    full = make_book(database, "full")
    _store(database, full.id, "carol")
    with database.write() as connection:
        if reference == "staff":
            uids = ["ann", "bob"]
            book_id = staff.book.id
            bulk.remove_cards(connection, book_id, DIRECTORY, uids, from_directory=True)
        with pytest.raises(Conflict):
            directory_books.add_directory_book(connection, parse_book_reference(reference), "corp")


def test_a_book_that_is_not_there_or_ordinary(database: Database) -> None:
    reference = make_book(database, "sales").reference
    with database.read() as connection:
        for name in (reference, parse_book_reference("missing")):
            with pytest.raises(NotFound):
                directory_books.get_directory_book(connection, name)


def test_a_deleted_book_is_synced_no_more(
    database: Database, staff: directory_books.DirectoryBook
) -> None:
    with database.write() as connection:
        books.delete_book(connection, staff.book.id)
        assert directory_books.list_directory_books(connection) == []


def test_nobody_writes_cards_in_any_way(
    database: Database, staff: directory_books.DirectoryBook, reader: Device
) -> None:
    before, token = reader.contents(), reader.token()
    book_id = staff.book.id
    attempts = [
        lambda: reader.put("new.vcf", vcard("new")),
        lambda: reader.put("ann.vcf", vcard("ann", "Changed")),
        lambda: reader.delete("ann.vcf"),
        lambda: reader.move("ann.vcf", "renamed.vcf"),
        lambda: _store(database, book_id, "carol"),
        lambda: database.run_write(lambda c: bulk.remove_cards(c, book_id, DIRECTORY, ["ann"])),
    ]
    for attempt in attempts:
        with pytest.raises(AccessDenied):
            attempt()
    assert (reader.contents(), reader.token()) == (before, token)
    # What changes nothing is no change: an export imported again says so instead of failing.
    _store(database, book_id, "ann", "bob")


def test_a_directory_writes_no_ordinary_book(database: Database) -> None:
    sales = make_book(database, "sales")
    with pytest.raises(AccessDenied):
        _store(database, sales.id, "ann", from_directory=True)


def test_many_cards_are_deleted_and_told(
    database: Database, staff: directory_books.DirectoryBook, reader: Device
) -> None:
    names = [f"uid-{number}" for number in range(150)]
    _store(database, staff.book.id, *names, from_directory=True)
    token = reader.token()
    gone = names[:120]
    removed = database.run_write(
        lambda connection: bulk.remove_cards(
            connection, staff.book.id, DIRECTORY, [*gone, "never there"], from_directory=True
        )
    )
    assert removed == 120
    told = reader.changes(token)
    assert (told.changed, sorted(told.removed)) == ([], sorted(f"{name}.vcf" for name in gone))
    assert len(reader.contents()) == 32
    deletions = [each for each in reader.history() if each.action is Action.DELETE]
    assert {each.content_before for each in deletions} == {
        vcard(name, name.title()) for name in gone
    }
    assert len({each.revision for each in deletions}) == 120


def test_release_lets_members_write(
    database: Database, staff: directory_books.DirectoryBook, reader: Device
) -> None:
    before = reader.contents()
    database.run_write(lambda c: directory_books.release_book(c, staff.book.id))
    assert reader.contents() == before
    reader.put("ann.vcf", vcard("ann", "Changed"))
    with database.read() as connection, pytest.raises(NotFound):
        directory_books.get_directory_book(connection, staff.book.reference)


def test_entries_are_noted_anew_and_forgotten(
    database: Database, staff: directory_books.DirectoryBook
) -> None:
    book_id = staff.book.id
    ann = DirectoryEntry(
        source_id="1",
        is_group=False,
        card_uid="ann",
        dn_hash="a" * 32,
        name="Ann",
        stamp="20240101000000Z",
        manager_hash=None,
        problem=None,
    )
    crew = replace(ann, source_id="2", is_group=True, name="Crew", problem="It has no name.")
    later = replace(ann, name="Änn", stamp="", manager_hash="b" * 32)
    with database.write() as connection:
        directory_books.write_entries(connection, book_id, [ann, crew])
        assert directory_books.list_entries(connection, book_id) == [ann, crew]
        directory_books.write_entries(connection, book_id, [later])
        assert directory_books.list_entries(connection, book_id) == [later, crew]
        assert directory_books.count_entries(connection, book_id) == 2
        assert directory_books.list_problems(connection, book_id) == [crew]
        directory_books.forget_entries(connection, book_id, ["2", "none"])
        assert directory_books.list_entries(connection, book_id) == [later]
        directory_books.finish_sync(connection, book_id, "server")
        found = directory_books.get_directory_book(connection, staff.book.reference)
        assert found.stamps_of == "server"
        assert found.synced_at is not None
        directory_books.forget_stamps(connection, book_id)
        found = directory_books.get_directory_book(connection, staff.book.reference)
        assert found.stamps_of == ""
