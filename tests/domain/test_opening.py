"""The one statement that most requests begin with says what the statements it stands for say."""

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain import books, credentials, principals
from sharedbooks.domain.at_once import NO_CONNECTION, MoreWanted
from sharedbooks.domain.book_access import BookAccess, find_book
from sharedbooks.domain.cards import get_card_info
from sharedbooks.domain.credentials import UserWithCredentials, find_user_with_credentials
from sharedbooks.domain.opening import Opening
from sharedbooks.domain.principals import Principal
from sharedbooks.domain.privileges import Privilege
from sharedbooks.identifiers import BookReference
from tests.support.factories import (
    Device,
    give,
    look_home,
    make_book,
    make_device,
    make_group,
    make_own_book,
    make_user,
    take,
    vcard,
)


def _open(
    database: Database, login_name: str, book_name: str
) -> tuple[UserWithCredentials | None, BookAccess | None]:
    """Read both ways, alone and in a snapshot; they have to agree with the separate statements."""
    alone, inside = Opening(book_name), Opening(book_name)
    with_card = Opening(book_name, resource_name="nothing.vcf")
    found = alone.find_alone(database, login_name)
    assert with_card.find_alone(database, login_name) == found
    with database.read() as connection:
        user = find_user_with_credentials(connection, login_name)
        book = None if user is None else find_book(connection, user[0].id, book_name)
        assert inside.find(connection, login_name) == found == user
    assert inside.book == alone.book == with_card.book == book
    assert with_card.info is None
    return found, book


def _privilege(database: Database, user: Principal, book_name: str = "sales") -> Privilege | None:
    _, book = _open(database, user.name, book_name)
    return None if book is None else book.privilege


def test_every_way_to_a_privilege_and_back(database: Database) -> None:
    alice, bob = make_user(database), make_user(database, "bob")
    group, book = make_group(database, "sellers", [alice, bob]), make_book(database)
    assert _privilege(database, alice) is None
    give(database, book, group, Privilege.CREATE)
    for user in (alice, bob):
        look_home(database, user)
        assert _privilege(database, user) is Privilege.CREATE
    give(database, book, alice, Privilege.WRITE)
    assert (_privilege(database, alice), _privilege(database, bob)) == (
        Privilege.WRITE,
        Privilege.CREATE,
    )
    with database.write() as connection:
        principals.remove_member(connection, group, bob)
    assert _privilege(database, bob) is None
    take(database, book, alice)
    assert _privilege(database, alice) is Privilege.CREATE
    with database.write() as connection:
        books.delete_book(connection, book.id)
    assert _privilege(database, alice) is None


def test_own_books_and_those_of_a_colleague(database: Database) -> None:
    alice, bob = make_user(database), make_user(database, "bob")
    make_own_book(database, alice)
    assert _privilege(database, alice, "contacts") is Privilege.MANAGE
    with database.read() as connection:
        book = books.get_book(connection, BookReference("alice", "contacts"))
    give(database, book, bob, Privilege.READ)
    [name] = look_home(database, bob)
    assert _privilege(database, bob, name) is Privilege.READ
    assert _privilege(database, bob, "contacts") is None


@pytest.mark.parametrize("devices", [0, 1, 3])
def test_all_credentials_are_found_whether_the_book_is_there_or_not(
    database: Database, devices: int
) -> None:
    alice = make_user(database)
    make_own_book(database, alice)
    with database.write() as connection:
        for number in range(devices):
            credentials.add_device(connection, alice, f"phone {number}")
    for name in ("contacts", "nothing"):
        found, _ = _open(database, "alice", name)
        assert found is not None
        assert [known.label for known in found[1]] == [f"phone {n}" for n in range(devices)]


def test_nobody_and_those_who_are_no_users(database: Database) -> None:
    make_user(database)
    make_group(database, "sellers")
    for name in ("Alice", "sellers", "nobody"):
        assert _open(database, name, "sales") == (None, None)


def test_the_card_that_is_to_be_stored(database: Database) -> None:
    device = make_device(database)
    make_own_book(database, device.user)
    device.put("ann.vcf", vcard())
    with database.read() as connection:
        info = get_card_info(connection, device.access().book_id, "ann.vcf")
    assert device.look("ann.vcf").info == info
    assert device.look("bob.vcf").info is None
    assert device.look("ann.vcf").card is None
    assert Device(database, device.user, "contacts").look("ann.vcf").info is None


def test_the_card_that_is_asked_for_if_it_is_short(database: Database) -> None:
    device = make_device(database)
    for name, photo in (("short.vcf", "x" * 10_000), ("long.vcf", "x" * 20_000)):
        device.put(name, vcard(name, "Ann", f"PHOTO;ENCODING=b:{photo}"))
        opening = Opening("sales", resource_name=name, content=True)
        opening.find_alone(database, device.user.name)
        card = device.get(name)
        assert opening.info is not None
        assert opening.info.etag == card.etag
        assert opening.card == (card if name == "short.vcf" else None)


def test_snapshots_still_last_after_a_statement_alone(database: Database) -> None:
    alice = make_user(database)
    make_own_book(database, alice)
    for _ in range(3):
        before = Opening("contacts")
        before.find_alone(database, "alice")
        with database.read() as connection:
            assert find_book(connection, alice.id, "contacts") == before.book
            with database.write() as writing:
                assert before.book is not None
                books.set_book(
                    writing, before.book.book_id, display_name=f"{before.book.display_name}."
                )
            assert find_book(connection, alice.id, "contacts") == before.book


def test_nothing_is_read_where_there_is_no_connection() -> None:
    with pytest.raises(MoreWanted):
        find_user_with_credentials(NO_CONNECTION, "alice")
    with pytest.raises(MoreWanted):
        principals.find_principal(NO_CONNECTION, principals.PrincipalKind.USER, "alice")
