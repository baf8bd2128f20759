import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain import grants, principals
from sharedbooks.domain.books import Book
from sharedbooks.domain.principals import Principal
from sharedbooks.domain.privileges import PRIVILEGES_BY_NAME, Privilege
from sharedbooks.errors import Conflict, NotFound
from tests.support.factories import give, look_home, make_book, make_group, make_user, take


def _privilege(database: Database, user: Principal, book: Book) -> Privilege | None:
    """Return what the user's home says, and check that the reasons say the same."""
    shown = {access.book_id: access.privilege for access in look_home(database, user).values()}
    reasons = _reasons(database, user, book)
    strongest = max((privilege for privilege, _ in reasons), default=None)
    assert shown.get(book.id) == strongest
    return strongest


def _reasons(database: Database, user: Principal, book: Book) -> list[tuple[Privilege, str]]:
    explained = database.run_read(lambda c: grants.explain(c, user, book))
    return [(reason.privilege, reason.text) for reason in explained]


def test_names_of_privileges() -> None:
    names = ["read", "create", "edit-own", "write", "manage"]
    assert [str(PRIVILEGES_BY_NAME[name]) for name in names] == names
    assert sorted(PRIVILEGES_BY_NAME.values()) == [PRIVILEGES_BY_NAME[name] for name in names]


def test_stranger_has_nothing(database: Database) -> None:
    alice, bob = make_user(database, "alice"), make_user(database, "bob")
    book = make_book(database)
    give(database, book, bob, Privilege.MANAGE)
    assert _privilege(database, alice, book) is None


@pytest.mark.parametrize("privilege", list(Privilege))
def test_grant_to_a_user(database: Database, privilege: Privilege) -> None:
    user, book = make_user(database), make_book(database)
    give(database, book, user, privilege)
    assert _privilege(database, user, book) is privilege
    assert _reasons(database, user, book) == [(privilege, "granted to the user")]


def test_strongest_of_own_and_group_grants_counts(database: Database) -> None:
    user, book = make_user(database), make_book(database)
    readers = make_group(database, "readers", [user])
    writers = make_group(database, "writers", [user])
    strangers = make_group(database, "strangers")
    give(database, book, user, Privilege.CREATE)
    give(database, book, readers, Privilege.READ)
    give(database, book, strangers, Privilege.MANAGE)
    assert _privilege(database, user, book) is Privilege.CREATE
    give(database, book, writers, Privilege.WRITE)
    assert _privilege(database, user, book) is Privilege.WRITE
    assert _reasons(database, user, book) == [
        (Privilege.WRITE, "granted to group writers"),
        (Privilege.CREATE, "granted to the user"),
        (Privilege.READ, "granted to group readers"),
    ]
    with database.write() as connection:
        principals.remove_member(connection, writers, user)
    assert _privilege(database, user, book) is Privilege.CREATE
    take(database, book, user)
    assert _privilege(database, user, book) is Privilege.READ
    take(database, book, readers)
    assert _privilege(database, user, book) is None


def test_weaker_grant_to_the_user_does_not_take_from_the_group(database: Database) -> None:
    user, book = make_user(database), make_book(database)
    give(database, book, make_group(database, "crew", [user]), Privilege.MANAGE)
    give(database, book, user, Privilege.READ)
    assert _privilege(database, user, book) is Privilege.MANAGE


def test_group_named_like_two_groups_is_neither(database: Database) -> None:
    """Nor is a user named like a group in it; names with commas are whole names."""
    alice, bob = make_user(database, "alice"), make_user(database, "Sales")
    sales, both = make_group(database, "Sales"), make_group(database, "Sales, EMEA", [alice])
    make_group(database, "EMEA", [bob])
    book, other = make_book(database, "book"), make_book(database, "other")
    give(database, book, sales, Privilege.WRITE)
    give(database, other, both, Privilege.READ)
    for user in (alice, bob):
        assert _privilege(database, user, book) is None
    assert _privilege(database, alice, other) is Privilege.READ
    assert _reasons(database, alice, other) == [(Privilege.READ, "granted to group Sales, EMEA")]
    assert _privilege(database, bob, other) is None


def test_grant_is_on_one_book(database: Database) -> None:
    user = make_user(database)
    book, other = make_book(database, "sales"), make_book(database, "Sales")
    give(database, book, user, Privilege.READ)
    assert _privilege(database, user, book) is Privilege.READ
    assert _privilege(database, user, other) is None


def test_owner_manages_and_needs_no_grant(database: Database) -> None:
    alice, bob = make_user(database, "alice"), make_user(database, "bob")
    book = make_book(database, "alice/contacts")
    assert _reasons(database, alice, book) == [(Privilege.MANAGE, "owns the book")]
    assert _privilege(database, alice, book) is Privilege.MANAGE
    with pytest.raises(Conflict, match="'alice' owns the address book 'alice/contacts'"):
        give(database, book, alice, Privilege.READ)
    give(database, book, make_group(database, "crew", [alice, bob]), Privilege.READ)
    assert _privilege(database, alice, book) is Privilege.MANAGE
    assert _privilege(database, bob, book) is Privilege.READ


def test_new_grant_replaces_the_one_before(database: Database) -> None:
    user, book = make_user(database), make_book(database)
    before = []
    for privilege in (Privilege.WRITE, Privilege.READ, Privilege.READ):
        with database.write() as connection:
            before.append(grants.set_grant(connection, book, user, privilege))
    assert before == [None, Privilege.WRITE, Privilege.READ]
    assert _privilege(database, user, book) is Privilege.READ


def test_grants_are_listed_groups_first(database: Database) -> None:
    book, other = make_book(database, "sales"), make_book(database, "other")
    for grantee, privilege in [
        (make_user(database, "bob"), Privilege.READ),
        (make_user(database, "alice"), Privilege.WRITE),
        (make_group(database, "staff"), Privilege.READ),
        (make_group(database, "alice"), Privilege.MANAGE),
    ]:
        give(database, book, grantee, privilege)
    listed = database.run_read(lambda c: grants.list_grants(c, book))
    assert [(str(g.grantee_kind), g.grantee, str(g.privilege)) for g in listed] == [
        ("group", "alice", "manage"),
        ("group", "staff", "read"),
        ("user", "alice", "write"),
        ("user", "bob", "read"),
    ]
    assert database.run_read(lambda c: grants.list_grants(c, other)) == []


def test_what_was_not_granted_cannot_be_revoked(database: Database) -> None:
    user, group, book = make_user(database), make_group(database, "crew"), make_book(database)
    give(database, book, group, Privilege.READ)
    with pytest.raises(NotFound, match="no grant on 'sales' for user:alice"):
        take(database, book, user)
    take(database, book, group)
    with pytest.raises(NotFound, match="no grant on 'sales' for group:crew"):
        take(database, book, group)
