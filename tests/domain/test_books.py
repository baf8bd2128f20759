import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain import books
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import Conflict, InvalidName, NotFound
from sharedbooks.identifiers import BookReference, parse_book_reference
from tests.support.factories import Device, give, look_home, make_book, make_user, vcard


def _get(database: Database, reference: str) -> books.Book:
    parsed = parse_book_reference(reference)
    return database.run_read(lambda c: books.get_book(c, parsed))


def _delete(database: Database, book: books.Book) -> None:
    database.run_write(lambda c: books.delete_book(c, book.id))


def test_book_has_what_was_given(database: Database) -> None:
    reference = BookReference(None, "sales")
    with database.write() as connection:
        made = books.add_book(
            connection,
            reference,
            display_name="Sales & Märkte",
            description="Our customers, 世界\n" * 1000,
            properties={"{urn:x}color": "<c>#ff0000ff</c>"},
        )
    assert made == _get(database, "sales")
    assert made.display_name == "Sales & Märkte"
    assert made.description == "Our customers, 世界\n" * 1000
    assert made.properties == {"{urn:x}color": "<c>#ff0000ff</c>"}
    assert (made.owner, made.revision, made.reference) == (None, 0, reference)


def test_display_name_is_the_name_unless_given(database: Database) -> None:
    assert make_book(database, "sales").display_name == "sales"


def test_long_display_name_is_cut(database: Database) -> None:
    made = make_book(database, "sales", display_name="ü" * 300)
    assert made.display_name == "ü" * 255
    with database.write() as connection:
        books.set_book(connection, made.id, display_name="x" * 300)
    assert _get(database, "sales").display_name == "x" * 255


@pytest.mark.parametrize("name", ["Sales, EMEA", "o'brien", 'a"b', "Ä ö", "😀", "a:b", "a%2Fb"])
def test_strange_names_are_kept(database: Database, name: str) -> None:
    alice = make_user(database)
    for reference in (BookReference(None, name), BookReference(alice.name, name)):
        made = database.run_write(lambda c, wanted=reference: books.add_book(c, wanted))
        assert made.name == name
        assert _get(database, str(reference)) == made


@pytest.mark.parametrize("name", ["", ".", "..", "a\nb", "x" * 256])
def test_unsafe_name_is_refused(database: Database, name: str) -> None:
    with pytest.raises(InvalidName), database.write() as connection:
        books.add_book(connection, BookReference(None, name))


def test_books_of_one_name_and_several_owners(database: Database) -> None:
    for owner in ("alice", "bob", "Alice"):
        make_user(database, owner)
    references = ["contacts", "alice/contacts", "bob/contacts", "Alice/contacts", "Contacts"]
    made = {reference: make_book(database, reference) for reference in references}
    assert len({book.id for book in made.values()}) == 5
    assert len({book.sync_key for book in made.values()}) == 5
    for reference, book in made.items():
        assert _get(database, reference) == book
        assert str(book.reference) == reference
    listed = database.run_read(books.list_books)
    assert [str(book.reference) for book in listed] == [
        "Contacts", "contacts", "Alice/contacts", "alice/contacts", "bob/contacts",
    ]  # fmt: skip


def test_name_taken_is_a_conflict_and_leaves_the_transaction_usable(database: Database) -> None:
    make_user(database, "alice")
    for reference in ("sales", "alice/contacts"):
        make_book(database, reference)
        with database.write() as connection:
            with pytest.raises(Conflict, match=f"already an address book '{reference}'"):
                books.add_book(connection, parse_book_reference(reference))
            books.add_book(connection, parse_book_reference(f"{reference}-2"))
        assert _get(database, f"{reference}-2").revision == 0


def test_nobody_owns_no_book(database: Database) -> None:
    with pytest.raises(NotFound, match="no user 'alice'"):
        make_book(database, "alice/contacts")
    for reference in ("sales", "alice/contacts"):
        with pytest.raises(NotFound, match=f"no address book '{reference}'"):
            _get(database, reference)


def test_what_is_not_given_stays(database: Database) -> None:
    book = make_book(database, "sales", display_name="Sales", description="Customers")
    with database.write() as connection:
        books.set_book(connection, book.id)
        books.set_book(connection, book.id, properties={"{urn:x}a": "1"})
        books.set_book(connection, book.id, description="")
    found = _get(database, "sales")
    assert (found.display_name, found.description) == ("Sales", "")
    assert found.properties == {"{urn:x}a": "1"}
    assert found.revision == 0


def test_deleted_book_is_gone_and_its_name_free(database: Database) -> None:
    alice = make_user(database)
    keys = set()
    for _ in range(3):
        book = make_book(database, "sales")
        keys.add(book.sync_key)
        give(database, book, alice, Privilege.WRITE)
        assert len(look_home(database, alice)) == 1
        _delete(database, book)
        with pytest.raises(NotFound):
            _get(database, "sales")
        with pytest.raises(NotFound, match="gone"), database.read() as connection:
            books.get_book_by_id(connection, book.id)
        with pytest.raises(NotFound, match="gone"), database.write() as connection:
            books.lock_book(connection, book.id)
        assert database.run_read(books.list_books) == []
        assert look_home(database, alice) == {}
    assert len(keys) == 3


def test_deleting_twice_changes_nothing(database: Database) -> None:
    book = make_book(database, "sales")
    _delete(database, book)
    again = make_book(database, "sales")
    _delete(database, book)
    assert _get(database, "sales") == again


def test_cards_are_counted(device: Device) -> None:
    for number in range(3):
        device.put(f"{number}.vcf", vcard(f"{number}"))
    device.delete("1.vcf")
    book = _get(device.database, "sales")
    assert device.database.run_read(lambda c: books.count_cards(c, book.id)) == 2
    assert book.revision == 4
    assert book.changed_at > book.created_at
    assert device.database.run_read(lambda c: books.get_book_by_id(c, book.id)) == book
