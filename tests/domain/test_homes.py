from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import mounts
from sharedbooks.domain import books, homes, principals
from sharedbooks.domain.at_once import at_once
from sharedbooks.domain.book_access import BookAccess, get_book, open_for_writing
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import AccessDenied, Conflict, InvalidName, NotFound
from tests.support.factories import (
    Device,
    complete_home,
    give,
    join_book,
    look_home,
    make_book,
    make_device,
    make_group,
    make_new_user,
    make_own_book,
    make_user,
    take,
    vcard,
)


def _describe(
    device: Device,
    *,
    display_name: str | None = None,
    description: str | None = None,
    **properties: str | None,
) -> BookAccess:
    named = {f"{{urn:x}}{key}": value for key, value in properties.items()}
    with device.database.write() as connection:
        homes.describe_book(
            connection,
            open_for_writing(connection, device.user.id, device.book),
            display_name=display_name,
            description=description,
            properties=named,
        )
    return device.access()


def test_first_login_makes_the_personal_book_once(database: Database) -> None:
    user = make_new_user(database)
    with database.read() as connection:
        assert not homes.is_complete(connection, user)
        assert homes.list_home(connection, user.id) == []
    [personal] = look_home(database, user).values()
    assert (personal.name, personal.display_name) == ("contacts", "Contacts")
    assert personal.owned
    assert personal.privilege is Privilege.MANAGE
    user = database.run_read(lambda c: principals.get_user(c, "alice"))
    assert user.first_login_at is not None
    assert database.run_read(lambda c: homes.is_complete(c, user))
    with database.write() as connection:
        homes.delete_own_book(connection, personal)
    assert look_home(database, user) == {}
    complete_home(database, user)
    assert look_home(database, user) == {}


def test_first_logins_at_once_make_one_personal_book(database: Database) -> None:
    user = make_new_user(database)
    for number in range(3):
        give(database, make_book(database, f"book {number}"), user, Privilege.READ)
    with ThreadPoolExecutor(5) as pool:
        for _ in pool.map(lambda _: complete_home(database, user), range(5)):
            pass
    assert list(look_home(database, user)) == ["contacts", "book 0", "book 1", "book 2"]


def test_personal_book_made_before_the_first_login_is_kept(database: Database) -> None:
    user = make_new_user(database)
    made = make_own_book(database, user, "contacts")
    assert [access.book_id for access in look_home(database, user).values()] == [made.book_id]


def test_personal_book_that_no_home_showed_yet_is_kept(database: Database) -> None:
    user = make_new_user(database)
    made = make_book(database, "alice/contacts")
    assert [access.book_id for access in look_home(database, user).values()] == [made.id]


def test_personal_book_comes_before_a_shared_one_of_its_name(database: Database) -> None:
    user = make_new_user(database)
    give(database, make_book(database, "contacts"), user, Privilege.READ)
    home = look_home(database, user)
    assert list(home) == ["contacts", "contacts-2"]
    assert home["contacts"].owned
    assert not home["contacts-2"].owned


def test_granted_books_appear_and_go_by_themselves(database: Database) -> None:
    user = make_user(database)
    group = make_group(database, "crew", [user])
    own, crew = make_book(database, "own"), make_book(database, "crew")
    give(database, own, user, Privilege.READ)
    give(database, crew, group, Privilege.WRITE)
    home = look_home(database, user)
    assert {name: access.privilege for name, access in home.items()} == {
        "crew": Privilege.WRITE,
        "own": Privilege.READ,
    }
    take(database, own, user)
    with database.write() as connection:
        principals.remove_member(connection, group, user)
    assert look_home(database, user) == {}
    for name in ("own", "crew"):
        with pytest.raises(NotFound), database.read() as connection:
            get_book(connection, user.id, name)
        with pytest.raises(NotFound), database.write() as connection:
            open_for_writing(connection, user.id, name)


def test_nothing_to_mount_is_seen_without_writing(database: Database) -> None:
    user = make_user(database)
    give(database, make_book(database), user, Privilege.READ)
    with database.read() as connection:
        assert not homes.is_complete(connection, user)
        assert homes.list_home(connection, user.id) == []
        with pytest.raises(NotFound):
            homes.list_complete_home(connection, user.id)
    look_home(database, user)
    with database.read() as connection:
        assert homes.is_complete(connection, user)
        assert homes.list_complete_home(connection, user.id) == homes.list_home(connection, user.id)


def test_what_a_complete_home_lists(database: Database) -> None:
    user, colleague = make_user(database), make_user(database, "bob")
    group = make_group(database, "crew", [user])
    own, shown = make_own_book(database, user, "own"), make_book(database, "shown")
    hidden = make_book(database, "hidden")
    make_own_book(database, colleague, "theirs")
    for book in (shown, hidden):
        give(database, book, group, Privilege.WRITE)
    look_home(database, user)
    with database.write() as connection:
        connection.execute(update(mounts).where(mounts.c.book_id == hidden.id).values(hidden=True))
    with database.read() as connection:
        listed = homes.list_complete_home(connection, user.id)
        assert listed == homes.list_home(connection, user.id)
    assert {access.name for access in listed} == {own.name, "shown"}
    assert listed[-1].name == "shown"
    assert homes.list_complete_home(at_once(database), user.id) == listed


def test_name_is_stable_over_revocation_and_new_grant(database: Database) -> None:
    user = make_user(database)
    first = make_book(database, "sales-bob")
    give(database, first, user, Privilege.READ)
    assert look_home(database, user)["sales-bob"].book_id == first.id
    take(database, first, user)
    # Another book comes by meanwhile that would like the name.
    bob = make_user(database, "bob")
    second = make_own_book(database, bob, "sales")
    shared = database.run_read(lambda c: books.get_book_by_id(c, second.book_id))
    give(database, shared, user, Privilege.READ)
    look_home(database, user)
    give(database, first, user, Privilege.WRITE)
    home = look_home(database, user)
    assert home["sales-bob"].book_id == first.id
    assert home["sales-bob-2"].book_id == second.book_id


def test_names_that_clash_are_numbered(database: Database) -> None:
    user = make_user(database)
    make_own_book(database, user, "sales")
    make_own_book(database, user, "Sales")
    long = "l" * 255
    make_own_book(database, user, long)
    for name in ("sales", long):
        give(database, make_book(database, name), user, Privilege.READ)
    bob = make_user(database, "bob")
    make_own_book(database, user, "contacts-bob")
    contacts = make_book(database, "bob/contacts")
    give(database, contacts, user, Privilege.READ)
    home = look_home(database, user)
    shared = {name for name, access in home.items() if not access.owned}
    assert shared == {"sales-2", "l" * 253 + "-2", "contacts-bob-2"}
    assert look_home(database, bob)["contacts"].owned
    assert look_home(database, user) == home


def test_shared_book_says_whose_it_is(database: Database) -> None:
    alice = make_user(database, "alice")
    bob = make_user(database, "bob", display_name="Bob B.")
    make_own_book(database, bob, "contacts")
    contacts = database.run_read(books.list_books)[0]
    give(database, contacts, alice, Privilege.READ)
    access = look_home(database, alice)["contacts-bob"]
    assert (access.owner, access.owner_display_name) == ("bob", "Bob B.")
    assert access.display_name == "contacts (Bob B.)"
    assert look_home(database, bob)["contacts"].display_name == "contacts"


def test_organisational_book_has_no_owner(device: Device) -> None:
    access = device.access()
    assert access.owner is None
    assert not access.owned
    assert access.display_name == "sales"
    assert "sync_key" in repr(access)


def test_own_books_come_first(database: Database) -> None:
    user = make_user(database)
    give(database, make_book(database, "a-shared"), user, Privilege.READ)
    look_home(database, user)
    make_own_book(database, user, "z-own")
    make_book(database, "alice/y-own")
    assert list(look_home(database, user)) == ["y-own", "z-own", "a-shared"]


def test_hidden_book_is_not_listed_and_can_be_opened(device: Device) -> None:
    with device.database.write() as connection:
        connection.execute(update(mounts).values(hidden=True))
    assert look_home(device.database, device.user) == {}
    device.put("ann.vcf", vcard())
    assert device.access().revision == 1


def test_same_card_has_the_same_name_in_every_home(device: Device) -> None:
    device.put("ann.vcf", vcard())
    bob = make_user(device.database, "bob")
    make_own_book(device.database, bob, "sales")
    book = next(b for b in device.database.run_read(books.list_books) if b.owner is None)
    give(device.database, book, bob, Privilege.READ)
    look_home(device.database, bob)
    other = Device(device.database, bob, "sales-2")
    assert other.contents() == device.contents()
    assert other.token() == device.token()


def test_reader_describes_the_book_for_themselves(database: Database) -> None:
    writer = make_device(database, Privilege.WRITE)
    book = database.run_read(books.list_books)[0]
    other = join_book(database, book, "bob", Privilege.READ)
    seen = _describe(writer, display_name="My sales", description="mine", color="red", order="1")
    assert (seen.display_name, seen.description) == ("My sales", "mine")
    assert seen.properties == {"{urn:x}color": "red", "{urn:x}order": "1"}
    assert _describe(writer, color=None).properties == {"{urn:x}order": "1"}
    assert _describe(writer, description="").description == ""
    unchanged = other.access()
    assert (unchanged.display_name, unchanged.description) == ("sales", "")
    assert unchanged.properties == {}
    assert database.run_read(books.list_books) == [book]


def test_manager_describes_the_book_for_everyone(database: Database) -> None:
    manager = make_device(database, Privilege.READ)
    book = database.run_read(books.list_books)[0]
    other = join_book(database, book, "bob", Privilege.READ)
    _describe(manager, display_name="Only mine", description="mine")
    give(database, book, manager.user, Privilege.MANAGE)
    _describe(manager, display_name="Our sales", description="ours", color="red")
    for device in (manager, other):
        seen = device.access()
        assert (seen.display_name, seen.description) == ("Our sales", "ours")
        assert seen.properties == {"{urn:x}color": "red"}
    _describe(manager, color=None, size="2")
    assert other.access().properties == {"{urn:x}size": "2"}
    assert other.access().display_name == "Our sales"


def test_what_a_member_set_stays_theirs_when_they_become_manager(database: Database) -> None:
    manager = make_device(database, Privilege.READ)
    book = database.run_read(books.list_books)[0]
    other = join_book(database, book, "bob", Privilege.READ)
    _describe(manager, display_name="My sales", note="private")
    give(database, book, manager.user, Privilege.MANAGE)
    seen = _describe(manager, color="red")
    assert other.access().properties == {"{urn:x}color": "red"}
    assert other.access().display_name == "sales"
    assert seen.display_name == "My sales"
    assert seen.properties == {"{urn:x}color": "red", "{urn:x}note": "private"}
    assert _describe(manager, note=None).properties == {"{urn:x}color": "red"}


@pytest.mark.parametrize("privilege", [Privilege.READ, Privilege.MANAGE])
def test_long_display_name_is_cut(database: Database, privilege: Privilege) -> None:
    device = make_device(database, privilege)
    assert _describe(device, display_name="ü" * 300).display_name == "ü" * 255


def test_book_made_by_the_member(database: Database) -> None:
    user = make_user(database)
    with database.write() as connection:
        made = homes.add_own_book(
            connection,
            user,
            "Freunde, 1",
            display_name="Freunde",
            description="…",
            properties={"{urn:x}a": "1"},
        )
    assert made == look_home(database, user)["Freunde, 1"]
    assert made.owned
    assert (made.display_name, made.description) == ("Freunde", "…")
    assert made.properties == {"{urn:x}a": "1"}


def test_name_taken_in_the_home_is_a_conflict(device: Device) -> None:
    make_own_book(device.database, device.user, "friends")
    for name in ("friends", "sales"):
        with pytest.raises(Conflict, match=f"already an address book '{name}' here"):
            make_own_book(device.database, device.user, name)
    with pytest.raises(InvalidName):
        make_own_book(device.database, device.user, "a/b")
    make_own_book(device.database, device.user, "Friends")


def test_own_book_is_deleted_and_frees_its_name(database: Database) -> None:
    user = make_user(database)
    first = make_own_book(database, user, "friends")
    Device(database, user, "friends").put("ann.vcf", vcard())
    with database.write() as connection:
        homes.delete_own_book(connection, first)
    assert look_home(database, user) == {}
    second = make_own_book(database, user, "friends")
    assert second.book_id != first.book_id
    assert second.sync_key != first.sync_key
    assert Device(database, user, "friends").contents() == {}


def test_place_of_a_revoked_book_can_be_taken(device: Device) -> None:
    database = device.database
    book = database.run_read(books.list_books)[0]
    take(database, book, device.user)
    mine = make_own_book(database, device.user, "sales")
    give(database, book, device.user, Privilege.READ)
    home = look_home(database, device.user)
    assert home["sales"].book_id == mine.book_id
    assert home["sales-2"].book_id == book.id


def test_shared_book_is_not_for_members_to_delete(database: Database) -> None:
    device = make_device(database, Privilege.MANAGE)
    with pytest.raises(AccessDenied) as caught, database.write() as connection:
        homes.delete_own_book(connection, device.access())
    assert caught.value.privileges == ("unbind",)
    assert list(look_home(database, device.user)) == ["sales"]
