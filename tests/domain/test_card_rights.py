import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain import books, storing
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import AccessDenied, NotFound, PreconditionFailed
from tests.support.factories import (
    Device,
    give,
    join_book,
    look_home,
    make_book,
    make_device,
    make_own_book,
    take,
    vcard,
)


@pytest.fixture
def book(device: Device) -> books.Book:
    """The book of ``device``, with a card of its user."""
    device.put("theirs.vcf", vcard("theirs"))
    return device.database.run_read(books.list_books)[0]


def _may(device: Device, name: str, octets: bytes) -> bool:
    """Try to store; check that a refusal changes nothing."""
    token = device.token()
    try:
        device.put(name, octets)
    except AccessDenied as error:
        assert error.privileges in {("bind",), ("write-content",)}  # noqa: PT017
        assert device.token() == token
        return False
    return True


@pytest.mark.parametrize("privilege", list(Privilege))
def test_what_a_privilege_allows(device: Device, book: books.Book, privilege: Privilege) -> None:
    bob = join_book(device.database, book, "bob", Privilege.WRITE)
    bob.put("own.vcf", vcard("own"))
    give(device.database, book, bob.user, privilege)
    assert set(bob.contents()) == {"own.vcf", "theirs.vcf"}
    assert _may(bob, "new.vcf", vcard("new")) is (privilege >= Privilege.CREATE)
    assert _may(bob, "own.vcf", vcard("own", "2")) is (privilege >= Privilege.EDIT_OWN)
    assert _may(bob, "theirs.vcf", vcard("theirs", "2")) is (privilege >= Privilege.WRITE)
    for name, needed in (("own.vcf", Privilege.EDIT_OWN), ("theirs.vcf", Privilege.WRITE)):
        allowed = privilege >= needed
        assert storing.may_edit(bob.access(), bob.get(name).creator_id) is allowed
        if allowed:
            bob.delete(name)
            assert bob.find(name) is None
        else:
            with pytest.raises(AccessDenied) as caught:
                bob.delete(name)
            assert caught.value.privileges == ("unbind",)
            assert bob.find(name) is not None


def test_what_is_missing_is_named(device: Device, book: books.Book) -> None:
    bob = join_book(device.database, book, "bob", Privilege.READ)
    with pytest.raises(AccessDenied) as caught:
        bob.put("new.vcf", vcard("new"))
    assert caught.value.privileges == ("bind",)
    with pytest.raises(AccessDenied) as caught:
        bob.put("theirs.vcf", vcard("theirs", "2"))
    assert caught.value.privileges == ("write-content",)


def test_refusal_tells_nothing_of_the_card(device: Device, book: books.Book) -> None:
    """Whether the tag was right, or the content the same, is not for those who may not write."""
    bob = join_book(device.database, book, "bob", Privilege.READ)
    for tag in ('"wrong"', device.get("theirs.vcf").etag):
        with pytest.raises(AccessDenied):
            bob.put("theirs.vcf", vcard("theirs"), if_match=tag)
        with pytest.raises(AccessDenied):
            bob.delete("theirs.vcf", if_match=tag)


def test_right_is_asked_before_conditions_hold(device: Device, book: books.Book) -> None:
    bob = join_book(device.database, book, "bob", Privilege.CREATE)
    with pytest.raises(AccessDenied):
        bob.put("theirs.vcf", vcard("theirs"), if_none_match="*")
    with pytest.raises(PreconditionFailed):
        device.put("theirs.vcf", vcard("theirs"), if_none_match="*")


def test_card_stays_its_creators_when_others_edit_it(device: Device, book: books.Book) -> None:
    bob = join_book(device.database, book, "bob", Privilege.EDIT_OWN)
    bob.put("own.vcf", vcard("own"))
    device.put("own.vcf", vcard("own", "2"))
    bob.put("own.vcf", vcard("own", "3"))
    assert bob.get("own.vcf").creator_id == bob.user.id


def test_card_without_creator_is_nobodys_own(device: Device, book: books.Book) -> None:
    bob = join_book(device.database, book, "bob", Privilege.EDIT_OWN)
    assert not storing.may_edit(bob.access(), None)


def test_revocation_counts_at_once(device: Device, book: books.Book) -> None:
    bob = join_book(device.database, book, "bob", Privilege.WRITE)
    bob.put("new.vcf", vcard("new"))
    take(device.database, book, bob.user)
    for action in (
        lambda: bob.put("new.vcf", vcard("new", "2")),
        lambda: bob.delete("new.vcf"),
        bob.contents,
        bob.changes,
    ):
        with pytest.raises(NotFound):
            action()
    assert device.get("new.vcf").content == vcard("new")


def test_move_needs_rights_at_both_ends(database: Database) -> None:
    device = make_device(database, Privilege.WRITE)
    archive = make_book(database, "archive")
    give(database, archive, device.user, Privilege.READ)
    bob = join_book(database, archive, "bob", Privilege.WRITE)
    assert set(look_home(database, device.user)) == {"archive", "sales"}
    alice_archive = Device(database, device.user, "archive")
    device.put("ann.vcf", vcard("ann"))
    bob.put("old.vcf", vcard("old"))
    with pytest.raises(NotFound):
        device.move("ann.vcf", "ann.vcf", "nowhere")
    with pytest.raises(AccessDenied) as caught:
        device.move("ann.vcf", "ann.vcf", "archive")
    assert caught.value.privileges == ("bind",)
    with pytest.raises(AccessDenied) as caught:
        alice_archive.move("old.vcf", "old.vcf", "sales")
    assert caught.value.privileges == ("unbind",)
    assert set(device.contents()) == {"ann.vcf"}
    assert set(bob.contents()) == {"old.vcf"}


def test_own_book_may_be_written(database: Database) -> None:
    device = make_device(database, Privilege.READ)
    make_own_book(database, device.user, "friends")
    friends = Device(database, device.user, "friends")
    friends.put("ann.vcf", vcard())
    friends.put("ann.vcf", vcard("ann", "2"))
    friends.delete("ann.vcf")
