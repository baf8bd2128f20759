"""Who may know whom: every way to know somebody, and that each ends with its reason."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain import acquaintances, books, principals
from sharedbooks.domain.books import Book
from sharedbooks.domain.principals import Principal, PrincipalKind
from sharedbooks.domain.privileges import Privilege
from tests.support.factories import give, make_book, make_group, make_user, take


def _known(database: Database, user: Principal) -> set[str]:
    """Return whom ``user`` knows, groups as ``group:name``, asked for one by one as well."""
    with database.read() as connection:
        listed = acquaintances.list_acquaintances(connection, user.id)
        everybody = [
            *principals.list_principals(connection, PrincipalKind.USER),
            *principals.list_principals(connection, PrincipalKind.GROUP),
        ]
        found = [
            acquaintances.find_acquaintance(connection, user.id, one.kind, one.name)
            for one in everybody
        ]
    assert sorted(one.id for one in listed) == sorted(one.id for one in found if one is not None)
    assert [one for one in found if one is not None] == [
        one for one in everybody if one.id in {known.id for known in listed}
    ]
    return {f"group:{one.name}" if one.kind is PrincipalKind.GROUP else one.name for one in listed}


@dataclass
class Town:
    """Alice and people around her; nobody has anything to do with anybody yet."""

    database: Database
    alice: Principal = field(init=False)
    bob: Principal = field(init=False)
    carol: Principal = field(init=False)

    def __post_init__(self) -> None:
        self.alice, self.bob, self.carol = (
            make_user(self.database, name) for name in ("alice", "bob", "carol")
        )

    def book(self, reference: str = "sales") -> Book:
        return make_book(self.database, reference)

    def group(self, name: str, *members: Principal) -> Principal:
        return make_group(self.database, name, members)

    def give(self, book: Book, grantee: Principal, privilege: Privilege) -> None:
        give(self.database, book, grantee, privilege)

    def known(self, user: Principal | None = None) -> set[str]:
        return _known(self.database, user or self.alice)


@pytest.fixture
def town(database: Database) -> Town:
    return Town(database)


def test_a_stranger_is_not_known_and_oneself_is(town: Town) -> None:
    town.group("others", town.bob)
    town.give(town.book("bob/contacts"), town.carol, Privilege.MANAGE)
    town.give(town.book(), town.carol, Privilege.READ)
    assert town.known() == {"alice"}


def test_fellows_of_a_group_are_known_until_one_leaves(town: Town) -> None:
    crew = town.group("crew", town.alice, town.bob)
    town.group("others", town.bob, town.carol)
    assert town.known() == {"alice", "bob", "group:crew"}
    assert town.known(town.carol) == {"bob", "carol", "group:others"}
    with town.database.write() as connection:
        principals.remove_member(connection, crew, town.bob)
    assert town.known() == {"alice", "group:crew"}
    with town.database.write() as connection:
        principals.remove_member(connection, crew, town.alice)
    assert town.known() == {"alice"}


@pytest.mark.parametrize("through_a_group", [False, True])
def test_who_shares_a_book_is_known_for_as_long(
    town: Town,
    through_a_group: bool,  # noqa: FBT001
) -> None:
    book = town.book("bob/contacts")
    grantee = town.group("crew", town.alice) if through_a_group else town.alice
    before = town.known()
    town.give(book, grantee, Privilege.READ)
    assert town.known() == before | {"bob"}
    take(town.database, book, grantee)
    assert town.known() == before
    town.give(book, grantee, Privilege.WRITE)
    with town.database.write() as connection:
        books.delete_book(connection, book.id)
    assert town.known() == before


def test_a_group_named_like_the_owner_is_another_principal(town: Town) -> None:
    town.group("bob", town.carol)
    town.give(town.book("bob/contacts"), town.alice, Privilege.READ)
    assert town.known() == {"alice", "bob"}
    with town.database.read() as connection:
        for name in ("Bob", "bob ", "", "BOB"):
            assert (
                acquaintances.find_acquaintance(connection, town.alice.id, PrincipalKind.USER, name)
                is None
            )


def test_an_owner_knows_to_whom_the_book_is_granted(town: Town) -> None:
    book = town.book("alice/contacts")
    town.give(book, town.bob, Privilege.READ)
    town.give(book, town.group("crew", town.carol), Privilege.READ)
    # Who is in the group is the business of those who are.
    assert town.known() == {"alice", "bob", "group:crew"}
    with town.database.write() as connection:
        books.delete_book(connection, book.id)
    assert town.known() == {"alice"}


@pytest.mark.parametrize("through_a_group", [False, True])
@pytest.mark.parametrize("privilege", list(Privilege))
def test_only_managers_know_to_whom_a_book_is_granted(
    town: Town,
    privilege: Privilege,
    through_a_group: bool,  # noqa: FBT001
) -> None:
    book = town.book()
    own = town.group("own", town.alice) if through_a_group else town.alice
    town.give(book, own, privilege)
    town.give(book, town.bob, Privilege.READ)
    town.give(book, town.group("crew", town.carol), Privilege.READ)
    town.give(town.book("other"), town.carol, Privilege.READ)
    expected = {"alice", "group:own"} if through_a_group else {"alice"}
    if privilege is Privilege.MANAGE:
        expected |= {"bob", "group:crew"}
    assert town.known() == expected


def test_the_organisation_is_nobody_to_meet(town: Town) -> None:
    town.give(town.book(), town.alice, Privilege.MANAGE)
    assert town.known() == {"alice"}
    with town.database.read() as connection:
        listed = acquaintances.list_acquaintances(connection, town.alice.id)
        assert {one.kind for one in listed} == {PrincipalKind.USER}


def test_acquaintances_come_by_kind_and_name(town: Town) -> None:
    for name in ("zoo", "bees"):
        town.group(name, town.alice, town.carol, town.bob)
    with town.database.read() as connection:
        listed = acquaintances.list_acquaintances(connection, town.alice.id)
    assert [one.name for one in listed] == ["alice", "bob", "carol", "bees", "zoo"]


Asked = Callable[[Principal, list[Principal]], dict[str, list[str]]]


@pytest.fixture
def groups_of(town: Town) -> Asked:
    def ask(user: Principal, members: list[Principal]) -> dict[str, list[str]]:
        with town.database.read() as connection:
            found = acquaintances.known_groups_of(
                connection, user.id, [member.id for member in members]
            )
        return {member.name: list(found.get(member.id, ())) for member in members}

    return ask


@pytest.fixture
def members_of(town: Town) -> Asked:
    def ask(user: Principal, groups: list[Principal]) -> dict[str, list[str]]:
        with town.database.read() as connection:
            found = acquaintances.known_members_of(
                connection, user.id, [group.id for group in groups]
            )
        return {group.name: list(found.get(group.id, ())) for group in groups}

    return ask


def test_own_groups_are_known_and_those_of_a_fellow_only_if_shared(
    town: Town, groups_of: Asked
) -> None:
    town.group("crew", town.alice, town.bob)
    town.group("board", town.alice)
    town.group("club", town.bob, town.carol)
    everybody = [town.alice, town.bob, town.carol]
    assert groups_of(town.alice, everybody) == {
        "alice": ["board", "crew"], "bob": ["crew"], "carol": [],
    }  # fmt: skip
    assert groups_of(town.bob, everybody) == {
        "alice": ["crew"], "bob": ["club", "crew"], "carol": ["club"],
    }  # fmt: skip


def test_a_manager_sees_the_group_and_of_its_members_those_known_otherwise(
    town: Town, groups_of: Asked, members_of: Asked
) -> None:
    crew = town.group("crew", town.bob, town.carol)
    town.give(town.book(), town.alice, Privilege.MANAGE)
    assert members_of(town.alice, [crew]) == {"crew": []}
    book = town.book("customers")
    town.give(book, town.alice, Privilege.MANAGE)
    town.give(book, crew, Privilege.WRITE)
    assert members_of(town.alice, [crew]) == {"crew": []}
    town.give(town.book("bob/contacts"), town.alice, Privilege.READ)
    assert members_of(town.alice, [crew]) == {"crew": ["bob"]}
    assert groups_of(town.alice, [town.bob]) == {"bob": ["crew"]}
    assert members_of(town.bob, [crew]) == {"crew": ["bob", "carol"]}
