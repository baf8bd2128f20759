import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain import books, principals, trash
from sharedbooks.domain.bringing_back import restore_version
from sharedbooks.domain.history import Actor
from sharedbooks.domain.privileges import Privilege
from sharedbooks.domain.trash import DeletedBook, DeletedCard
from sharedbooks.errors import AccessDenied, Conflict, NotFound
from sharedbooks.identifiers import BookReference
from tests.support.factories import (
    Device,
    join_book,
    look_home,
    make_device,
    make_own_book,
    make_user,
    vcard,
)

ADMINISTRATOR = Actor(None, "root", "", "sharedbooks trash restore")


def _deleted(device: Device) -> list[DeletedCard]:
    with device.database.read() as connection:
        return list(trash.iterate_deleted_cards(connection, device.access().book_id))


def _restore(device: Device, *uids: str) -> list[str]:
    book_id = device.access().book_id
    return device.database.run_write(
        lambda c: trash.restore_cards(c, book_id, ADMINISTRATOR, list(uids))
    )


def _deleted_books(database: Database) -> list[DeletedBook]:
    return database.run_read(trash.list_deleted_books)


def test_deleted_cards_with_who_and_when(device: Device) -> None:
    for name in ("ann", "bob", "eve", "moved"):
        device.put(f"{name}.vcf", vcard(name, name.title()))
    device.delete("ann.vcf")
    device.delete("eve.vcf")
    device.move("moved.vcf", "elsewhere.vcf")
    device.put("again.vcf", vcard("again"))
    device.delete("again.vcf")
    device.put("again.vcf", vcard("again"))
    found = _deleted(device)
    assert [(card.card_uid, card.resource_name, card.display_name) for card in found] == [
        ("eve", "eve.vcf", "Eve"),
        ("ann", "ann.vcf", "Ann"),
    ]
    assert (found[1].revision, found[1].deleted_by, found[1].device) == (5, "alice", "phone")
    assert found[1].client == "DAVx5/4"
    assert found[0].deleted_at > found[1].deleted_at
    with device.database.read() as connection:
        assert trash.count_deleted_cards(connection) == {device.access().book_id: 2}


def test_a_restored_card_is_the_same_and_syncs(device: Device) -> None:
    odd = b"\r\nBEGIN:VCARD\nVERSION:4.0\nUID:ann\nFN:Ann\nX-A:b\nEND:VCARD"
    device.put("ann.vcf", odd)
    device.put("bob.vcf", vcard("bob"))
    device.delete("ann.vcf")
    token = device.token()
    assert _restore(device, "ann", "bob", "nobody") == ["ann.vcf"]
    card = device.get("ann.vcf")
    assert (card.content, card.card_uid, card.version) == (odd, "ann", "4.0")
    told = device.changes(token)
    assert [name for name, _ in told.changed] == ["ann.vcf"]
    assert told.removed == []
    assert device.history()[-1].actor_name == "root"
    assert _deleted(device) == []


def test_a_name_that_is_taken_is_left_to_its_holder(device: Device) -> None:
    device.put("ann.vcf", vcard("ann"))
    device.delete("ann.vcf")
    device.put("ann.vcf", vcard("other"))
    [name] = _restore(device, "ann")
    assert name != "ann.vcf"
    assert device.get(name).card_uid == "ann"
    assert device.get("ann.vcf").card_uid == "other"


def test_a_restored_card_belongs_to_who_made_it(device: Device) -> None:
    [book] = device.database.run_read(books.list_books)
    own = join_book(device.database, book, "carol", Privilege.EDIT_OWN)
    own.put("mine.vcf", vcard("mine"))
    device.put("theirs.vcf", vcard("theirs"))
    for name in ("mine.vcf", "theirs.vcf"):
        device.delete(name)
    _restore(device, "mine", "theirs")
    device.delete("mine.vcf")
    _restore(device, "mine")
    own.put("mine.vcf", vcard("mine", "Changed"))
    with pytest.raises(AccessDenied):
        own.put("theirs.vcf", vcard("theirs", "Changed"))


def test_card_back_to_a_version(device: Device) -> None:
    contents = [vcard("ann", f"Ann {number}") for number in range(3)]
    for content in contents:
        device.put("ann.vcf", content)
    book_id = device.access().book_id

    def restore(revision: int) -> tuple[str, bool]:
        return device.database.run_write(
            lambda c: restore_version(c, book_id, "ann", revision, ADMINISTRATOR)
        )

    token = device.token()
    assert restore(1) == ("ann.vcf", True)
    assert device.get("ann.vcf").content == contents[0]
    assert [name for name, _ in device.changes(token).changed] == ["ann.vcf"]
    assert restore(4) == ("ann.vcf", False)
    assert restore(3) == ("ann.vcf", True)
    assert device.get("ann.vcf").content == contents[2]
    device.delete("ann.vcf")
    with pytest.raises(Conflict, match="not there at revision 6"):
        restore(6)
    with pytest.raises(Conflict, match="not there at revision 0"):
        restore(0)
    assert restore(2) == ("ann.vcf", True)
    assert device.get("ann.vcf").content == contents[1]
    assert len(device.history()) == 7


def test_a_deleted_book_comes_back_with_all_it_had(device: Device) -> None:
    device.put("ann.vcf", vcard())
    token, book_id = device.token(), device.access().book_id
    with device.database.write() as connection:
        books.delete_book(connection, book_id)
        with pytest.raises(NotFound):
            trash.restore_cards(connection, book_id, ADMINISTRATOR, ["ann"])
    [deleted] = _deleted_books(device.database)
    assert (deleted.id, deleted.label, deleted.owner, deleted.cards) == (book_id, "sales", None, 1)
    with device.database.write() as connection:
        trash.restore_book(connection, book_id, BookReference(None, "sales"))
    assert device.get("ann.vcf").content == vcard()
    assert device.changes(token).changed == []
    assert _deleted_books(device.database) == []
    device.put("bob.vcf", vcard("bob"))
    assert [name for name, _ in device.changes(token).changed] == ["bob.vcf"]


def test_a_book_whose_name_is_taken_gets_another(database: Database) -> None:
    device = make_device(database)
    book_id = device.access().book_id
    with database.write() as connection:
        books.delete_book(connection, book_id)
        books.add_book(connection, BookReference(None, "sales"))
    with database.write() as connection:
        with pytest.raises(Conflict, match="'sales'"):
            trash.restore_book(connection, book_id, BookReference(None, "sales"))
        restored = trash.restore_book(connection, book_id, BookReference(None, "old sales"))
    assert (restored.id, str(restored.reference)) == (book_id, "old sales")
    with database.write() as connection, pytest.raises(NotFound):
        trash.restore_book(connection, book_id, BookReference(None, "third"))


def test_the_book_of_a_deleted_user_goes_to_another_one(database: Database) -> None:
    alice, bob = make_user(database), make_user(database, "bob")
    made = make_own_book(database, alice)
    Device(database, alice, "contacts").put("ann.vcf", vcard())
    with database.write() as connection:
        principals.delete_principal(connection, alice)
    [deleted] = _deleted_books(database)
    assert (deleted.owner, deleted.label) == (None, "alice/contacts")
    with database.write() as connection:
        with pytest.raises(NotFound):
            trash.restore_book(connection, made.book_id, BookReference("alice", "contacts"))
        trash.restore_book(connection, made.book_id, BookReference("bob", "from alice"))
    assert look_home(database, bob)["from alice"].owned
    assert Device(database, bob, "from alice").get("ann.vcf").content == vcard()


def test_an_own_book_comes_back_into_the_home(database: Database) -> None:
    alice = make_user(database)
    made = make_own_book(database, alice)
    with database.write() as connection:
        books.delete_book(connection, made.book_id)
    assert look_home(database, alice) == {}
    with database.write() as connection:
        trash.restore_book(connection, made.book_id, BookReference("alice", "contacts"))
    assert list(look_home(database, alice)) == ["contacts"]
