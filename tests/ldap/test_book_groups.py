"""Groups of a real directory as contact groups of a book."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.errors import DirectoryShrunk
from tests.ldap.offices import Office

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture(params=["openldap", "samba"])
def office(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Office:
    server = request.getfixturevalue(request.param)
    branch = request.getfixturevalue(f"{request.param}_branch")
    return Office(server, branch, database, tmp_path, {"group_base": branch})


@pytest.fixture
def members_of(office: Office) -> Callable[[str], set[str]]:
    """Tell the names of the cards in a contact group."""

    def names(group: str) -> set[str]:
        uids = {office.uid(name): name for name in office.cards()}
        return {uids[uri.removeprefix("urn:uuid:")] for uri in office.values(group, "MEMBER")}

    return names


def test_groups_follow_the_directory(office: Office, members_of: Callable[[str], set[str]]) -> None:
    office.open(group_filter="")
    ann, bob, eve = (office.person(name) for name in ("ann", "bob", "eve"))
    sales = office.group("Sales, EMEA", [ann, bob])
    office.group("Nobody's")
    done = office.sync()
    assert (done.added, done.entries) == (4, 4)
    assert office.values("Sales\\, EMEA", "KIND") == ["group"]
    assert members_of("Sales\\, EMEA") == {"ann", "bob"}
    assert office.counts() == (0, 0, 0)
    office.server.add_values(sales, {"member": eve})
    office.server.remove_values(sales, {"member": ann})
    assert office.counts() == (0, 1, 0)
    assert members_of("Sales\\, EMEA") == {"bob", "eve"}
    before = office.uid("Sales\\, EMEA")
    office.server.rename(sales, "cn=Sales")
    assert office.counts() == (0, 1, 0)
    assert office.uid("Sales") == before
    # OpenLDAP leaves his name in the group, Active Directory takes it out.
    office.server.delete(bob)
    assert office.counts() == (0, 1, 1)
    assert members_of("Sales") == {"eve"}


def test_who_is_in_a_group_within_a_group_is_in_both(
    office: Office, members_of: Callable[[str], set[str]]
) -> None:
    office.open(group_filter="(cn=outer*)")
    ann, bob = office.person("ann"), office.person("bob")
    inner = office.group("inner", [bob])
    middle = office.group("middle", [inner])
    outer = office.group("outer", [ann, middle])
    office.server.add_values(inner, {"member": outer})
    office.sync()
    assert set(office.cards()) == {"ann", "bob", "outer"}
    assert members_of("outer") == {"ann", "bob"}


def test_only_members_in_the_book_are_named(
    office: Office, members_of: Callable[[str], set[str]]
) -> None:
    office.open(group_filter="", entry_filter="(title=staff)")
    ann = office.person("ann", title="staff")
    bob = office.person("bob")
    office.group("team", [ann, bob])
    office.sync()
    assert members_of("team") == {"ann"}
    office.server.replace(bob, {"title": "staff"})
    assert office.counts() == (1, 1, 0)
    assert members_of("team") == {"ann", "bob"}


def test_groups_that_all_seem_gone_stay(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.open(group_filter="")
    ann = office.person("ann")
    office.group("team", [ann])
    office.sync()
    office.options["group_filter"] = "(cn=mistake)"
    with pytest.raises(DirectoryShrunk):
        office.sync()
    assert set(office.cards()) == {"ann", "team"}
    assert office.counts(force=True) == (0, 0, 1)


def test_without_groups_there_are_people_only(office: Office) -> None:
    office.group("team", [office.person("ann")])
    office.sync()
    assert set(office.cards()) == {"ann"}


def test_posix_and_unique_members(
    openldap: Any, openldap_branch: str, database: Database, tmp_path: Path
) -> None:
    office = Office(openldap, openldap_branch, database, tmp_path, {"group_base": openldap_branch})
    office.open(group_filter="")
    ann = office.person("ann")
    for number, attributes in enumerate(
        (
            {"objectClass": ["groupOfUniqueNames"], "uniqueMember": ann.upper()},
            {"objectClass": ["posixGroup"], "gidNumber": "5", "memberUid": "ann"},
        )
    ):
        cn = f"g{number}"
        openldap.add(f"cn={cn},{openldap_branch}", {**attributes, "cn": cn})
    office.sync()
    assert set(office.cards()) == {"ann", "g0", "g1"}
    assert office.values("g0", "MEMBER") == office.values("g1", "MEMBER")
    assert office.values("g1", "MEMBER") == [f"urn:uuid:{office.uid('ann')}"]
