import pytest
from sqlalchemy import Connection, select

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import ORGANISATION_ID, address_books, credentials, grants, mounts
from sharedbooks.domain import books, principals
from sharedbooks.domain.credentials import add_device
from sharedbooks.domain.history import list_versions
from sharedbooks.domain.principals import Principal, PrincipalKind
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import Conflict, InvalidName, NotFound
from sharedbooks.identifiers import parse_grantee_reference
from tests.support.factories import (
    Device,
    give,
    look_home,
    make_book,
    make_group,
    make_new_user,
    make_own_book,
    make_user,
    vcard,
)

STRANGE_NAMES = [
    "Sales, EMEA",
    "o'brien",
    'the "boss"',
    "x@example.org",
    "Jürgen Müller",
    "山田太郎",
    "😀",
    "100%_sure",
    "back\\slash",
    "a b",
    "x" * 255,
    "ü" * 255,
]


def _find(database: Database, name: str, kind: PrincipalKind = PrincipalKind.USER) -> str | None:
    found = database.run_read(lambda c: principals.find_principal(c, kind, name))
    return None if found is None else found.name


def test_user_has_what_was_given(database: Database) -> None:
    made = make_new_user(database, "alice", display_name="Alice Å", email="alice@example.org")
    assert made == database.run_read(lambda c: principals.get_user(c, "alice"))
    assert (made.display_name, made.email) == ("Alice Å", "alice@example.org")
    assert made.enabled
    assert (made.source, made.source_id, made.properties) == ("local", None, {})
    assert made.first_login_at is None


def test_display_name_is_the_name_unless_given(database: Database) -> None:
    assert make_user(database, "bob").display_name == "bob"
    assert make_group(database, "crew").display_name == "crew"
    assert make_user(database, "carol", display_name="ü" * 300).display_name == "ü" * 255


def test_names_are_kept_exactly(database: Database) -> None:
    for name in STRANGE_NAMES:
        make_user(database, name)
        assert _find(database, name) == name
    listed = database.run_read(lambda c: principals.list_principals(c, PrincipalKind.USER))
    assert [user.name for user in listed] == sorted(STRANGE_NAMES)


def test_names_differ_by_case_accent_and_space(database: Database) -> None:
    names = ["alice", "Alice", "ALICE", "alicé", "al ice"]
    made = {make_user(database, name).id for name in names}
    assert len(made) == len(names)
    for other in ["aLICE", "alice ", " alice", "alice\t", "álice", "alic_", "alice%"]:
        assert _find(database, other) is None


def test_name_is_composed(database: Database) -> None:
    assert make_user(database, "Ju\u0308rgen").name == "J\u00fcrgen"
    with pytest.raises(Conflict):
        make_user(database, "J\u00fcrgen")


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".web", "a/b", "a:b", "alice ", "a\nb", "a\0b", "-x", "x" * 256]
)
def test_unsafe_name_is_refused(database: Database, name: str) -> None:
    with pytest.raises(InvalidName):
        make_user(database, name)


def test_name_taken_is_a_conflict_and_leaves_the_transaction_usable(database: Database) -> None:
    first = make_user(database, "alice")
    with database.write() as connection:
        with pytest.raises(Conflict, match="already a user 'alice'"):
            principals.add_principal(connection, PrincipalKind.USER, "alice")
        principals.add_principal(connection, PrincipalKind.USER, "bob")
    assert _find(database, "bob") == "bob"
    assert database.run_read(lambda c: principals.get_user(c, "alice")) == first


def test_user_and_group_may_share_a_name(database: Database) -> None:
    user, group = make_user(database, "sales"), make_group(database, "sales")

    def get(text: str) -> Principal:
        reference = parse_grantee_reference(text)
        return database.run_read(lambda c: principals.get_grantee(c, reference))

    assert get("user:sales") == user
    assert get("group:sales") == group


def test_nobody_is_not_found(database: Database) -> None:
    make_group(database, "crew")
    with database.read() as connection:
        with pytest.raises(NotFound, match="no user 'crew'"):
            principals.get_user(connection, "crew")
        with pytest.raises(NotFound, match="no group 'alice'"):
            principals.get_group(connection, "alice")


def test_organisation_is_never_listed(database: Database) -> None:
    with database.read() as connection:
        assert principals.list_principals(connection, PrincipalKind.USER) == []
        assert principals.list_principals(connection, PrincipalKind.GROUP) == []


def test_membership(database: Database) -> None:
    alice, bob = make_user(database, "alice"), make_user(database, "bob")
    crew, other = make_group(database, "Sales, EMEA"), make_group(database, "Sales")
    with database.write() as connection:
        assert principals.add_member(connection, crew, bob)
        assert principals.add_member(connection, crew, alice)
        assert not principals.add_member(connection, crew, alice)
        assert principals.add_member(connection, other, bob)
    with database.read() as connection:
        assert principals.list_members(connection, crew) == [alice, bob]
        assert principals.list_groups_of(connection, alice) == [crew]
        assert principals.list_groups_of(connection, bob) == [other, crew]
    with database.write() as connection:
        principals.remove_member(connection, crew, alice)
        with pytest.raises(NotFound, match="'alice' is not in group 'Sales, EMEA'"):
            principals.remove_member(connection, crew, alice)
    with database.read() as connection:
        assert principals.list_groups_of(connection, alice) == []


def test_properties_of_a_home_are_replaced(database: Database) -> None:
    user = make_user(database)
    for properties in ({"{DAV:}a": "<a>ä</a>", "{urn:x}b": "1"}, {"{urn:x}b": "2"}, {}):
        given: dict[str, str] = properties
        database.run_write(lambda c, new=given: principals.set_properties(c, user.id, new))
        found = database.run_read(lambda c: principals.get_user(c, user.name))
        assert found.properties == given


def test_disabled_and_enabled_again(database: Database) -> None:
    user = make_user(database)
    for enabled in (False, True):
        with database.write() as connection:
            principals.set_enabled(connection, user, enabled=enabled)
            assert principals.get_user(connection, user.name).enabled is enabled


def test_deleted_user_leaves_organisational_books_and_a_name_in_history(database: Database) -> None:
    alice, bob = make_user(database, "alice"), make_user(database, "bob")
    sales = make_book(database, "sales")
    for user in (alice, bob):
        give(database, sales, user, Privilege.WRITE)
        look_home(database, user)
    Device(database, alice, "sales").put("ann.vcf", vcard())

    assert database.run_write(lambda c: principals.delete_principal(c, alice)) == 0

    device = Device(database, bob, "sales")
    card = device.get("ann.vcf")
    assert card.content == vcard()
    assert card.creator_id is None
    [version] = device.history()
    assert version.actor_name == "alice"
    device.delete("ann.vcf")


def test_deleted_user_takes_own_books_to_the_trash(database: Database) -> None:
    alice, bob = make_user(database, "alice"), make_user(database, "bob")
    make_own_book(database, alice, "contacts")
    make_own_book(database, alice, "n" * 255)
    Device(database, alice, "contacts").put("ann.vcf", vcard())
    shared = make_book(database, "alice/shared")
    give(database, shared, bob, Privilege.WRITE)
    assert list(look_home(database, bob)) == ["shared-alice"]

    assert database.run_write(lambda c: principals.delete_principal(c, alice)) == 3

    assert look_home(database, bob) == {}
    with database.read() as connection:
        assert books.list_books(connection) == []
        trashed = connection.execute(
            select(address_books.c.id, address_books.c.owner_id, address_books.c.name).where(
                address_books.c.deletion == address_books.c.id,
                address_books.c.deleted_at.is_not(None),
            )
        ).all()
        assert {owner for _, owner, _ in trashed} == {ORGANISATION_ID}
        names = {name: book for book, _, name in trashed}
        assert set(names) == {"alice/contacts", "alice/shared", ("alice/" + "n" * 255)[:255]}
        assert len(list_versions(connection, names["alice/contacts"])) == 1


def test_deleted_user_leaves_nothing_else(database: Database) -> None:
    user = make_user(database)
    group = make_group(database, "crew", [user])
    give(database, make_book(database), user, Privilege.READ)
    look_home(database, user)
    with database.write() as connection:
        add_device(connection, user, "phone")
        principals.delete_principal(connection, user)
        for table in (grants, mounts, credentials):
            assert connection.execute(select(table)).all() == []
        assert principals.list_members(connection, group) == []
        with pytest.raises(NotFound):
            principals.get_user(connection, user.name)


def test_name_of_a_deleted_user_is_free_and_inherits_nothing(database: Database) -> None:
    for _ in range(2):
        user = make_user(database, "alice")
        assert look_home(database, user) == {}
        give(database, _book_once(database), user, Privilege.WRITE)
        make_own_book(database, user)
        assert list(look_home(database, user)) == ["contacts", "sales"]

        def delete(connection: Connection, user: Principal = user) -> int:
            return principals.delete_principal(connection, user)

        assert database.run_write(delete) == 1


def _book_once(database: Database) -> books.Book:
    listed = database.run_read(books.list_books)
    return next((book for book in listed if book.name == "sales"), None) or make_book(database)


def test_deleted_group_takes_its_grants_and_leaves_its_members(database: Database) -> None:
    user = make_user(database)
    group = make_group(database, "crew", [user])
    give(database, make_book(database), group, Privilege.WRITE)
    assert list(look_home(database, user)) == ["sales"]
    database.run_write(lambda c: principals.delete_principal(c, group))
    assert look_home(database, user) == {}
    assert _find(database, "alice") == "alice"
    assert database.run_read(books.list_books)[0].name == "sales"
