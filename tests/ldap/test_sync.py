"""``sync_principals``: the same people whatever they are called, and out when they are out."""

import threading
from collections.abc import Callable, Iterator

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.directory.people import ensure_user, person_attributes
from sharedbooks.directory.sync import sync_principals
from sharedbooks.domain.audit import iterate_events
from sharedbooks.domain.books import list_books
from sharedbooks.domain.credentials import add_device
from sharedbooks.domain.grants import list_grants
from sharedbooks.domain.principals import Principal, PrincipalKind, set_enabled
from sharedbooks.domain.privileges import Privilege
from sharedbooks.errors import Conflict, DirectoryShrunk, DirectoryUnavailable, NotFound
from tests.ldap.doors import opened
from tests.ldap.site import PASSWORD, Site
from tests.support.certificates import Authority
from tests.support.factories import give, look_home, make_book, make_group, make_new_user
from tests.support.openldap import OpenLdapServer
from tests.support.samba import SambaServer

USER, GROUP = PrincipalKind.USER, PrincipalKind.GROUP


@pytest.fixture
def samba_site(
    samba: SambaServer, samba_branch: str, open_site: Callable[..., Site]
) -> Iterator[Site]:
    return open_site(samba, samba_branch)


def login(site: Site, dn: str) -> Principal:
    """Make the user as a login does."""
    config = site.directory.config
    entry = site.directory.read(dn, person_attributes(config))
    assert entry is not None
    return site.database.run_write(lambda connection: ensure_user(connection, config, entry))


def refuse_writing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it writes")

    monkeypatch.setattr(site.database, "run_write", refuse)


def test_people_and_groups_come(site: Site):
    alice = site.add_person("alice", mail="alice@example.org", displayName="Alice Adams")
    site.add_group("Sales", alice)
    summary = site.sync()
    assert (summary.people, summary.groups, summary.memberships_added) == (1, 1, 1)
    assert summary.added == ["alice", "Sales"]
    made = site.user("alice")
    assert (made.email, made.source, made.enabled) == ("alice@example.org", "corp", True)
    assert made.dn is not None
    assert made.dn.lower() == alice.lower()
    assert site.members("Sales") == {"alice"}


def test_nothing_is_written_where_nothing_differs(site: Site, monkeypatch: pytest.MonkeyPatch):
    site.add_group("Sales", site.add_person("alice"))
    site.sync()
    refuse_writing(site, monkeypatch)
    summary = site.sync()
    assert (summary.added, summary.changed, summary.memberships_added) == ([], [], 0)


def test_a_dry_run_says_what_would_be(site: Site, monkeypatch: pytest.MonkeyPatch):
    site.add_group("Sales", site.add_person("alice"))
    refuse_writing(site, monkeypatch)
    summary = site.sync(dry_run=True)
    assert (summary.added, summary.memberships_added) == (["alice", "Sales"], 1)
    assert site.names(USER) == site.names(GROUP) == set()


def test_renamed_and_moved_people_are_the_same(site: Site):
    before = site.add_person("alice")
    site.add_group("Sales", before)
    site.sync()
    old = site.user("alice")
    new_name = {"uid": "smith"} if isinstance(site.server, OpenLdapServer) else None
    unit = site.add_unit("Elsewhere")
    moved = site.server.rename(before, f"{before.split('=')[0]}=smith", under=unit)
    site.server.replace(moved, new_name or {"sAMAccountName": "smith"})
    if isinstance(site.server, OpenLdapServer):
        # Without the refint overlay the group still names the old DN.
        site.server.replace(f"cn=Sales,{site.branch}", {"member": moved})
    summary = site.sync()
    assert (summary.changed, summary.added, summary.vanished) == (["smith"], [], [])
    assert site.user("smith").id == old.id
    assert site.groups_of("smith") == {"Sales"}
    assert site.names(USER) == {"smith"}


def test_a_renamed_group_keeps_members_and_grants(site: Site):
    alice = site.add_person("alice")
    sales = site.add_group("Sales", alice)
    site.sync()
    book = make_book(site.database)
    give(site.database, book, site.group("Sales"), Privilege.READ)
    site.server.rename(sales, "cn=Verkauf\\, Süd")
    site.sync()
    assert site.names(GROUP) == {"Verkauf, Süd"}
    assert site.members("Verkauf, Süd") == {"alice"}
    (grant,) = site.database.run_read(lambda c: list_grants(c, book))
    assert grant.grantee == "Verkauf, Süd"


def test_exchanged_names(openldap_site: Site):
    site = openldap_site
    dns = {}
    for name in ("alice", "bob", "carol"):
        dns[name] = f"cn={name},{site.branch}"
        person = {"objectClass": ["inetOrgPerson"], "sn": name, "uid": name}
        site.server.add(dns[name], person)
    site.sync()
    ids = {name: site.user(name).id for name in dns}
    new_names = {"alice": "bob", "bob": "carol", "carol": "alice"}
    for name, new in new_names.items():
        site.server.replace(dns[name], {"uid": new})
    summary = site.sync()
    assert (sorted(summary.changed), summary.problems) == (["alice", "bob", "carol"], [])
    assert {site.user(new).id: name for name, new in new_names.items()} == {
        key: name for name, key in ids.items()
    }


def test_nobody_takes_the_name_of_a_local_user(site: Site, database: Database):
    local = make_new_user(database, "alice")
    dn = site.add_person("alice")
    summary = site.sync()
    assert summary.added == []
    (problem,) = summary.problems
    assert "local user 'alice'" in problem
    assert site.user("alice") == local
    with pytest.raises(Conflict, match="local user 'alice'"):
        login(site, dn)


def test_two_directories_side_by_side(
    openldap: OpenLdapServer, openldap_branch: str, open_site: Callable[..., Site]
):
    units = []
    for name in ("one", "two"):
        dn = f"ou={name},{openldap_branch}"
        openldap.add(dn, {"objectClass": ["organizationalUnit"], "ou": name})
        alice = openldap.add_person("alice", dn, PASSWORD)
        openldap.add_group("Sales", dn, [alice])
        units.append(dn)
    one = open_site(openldap, units[0], "one")
    two = open_site(openldap, units[1], "two", suffix="two.example", qualified_names=True)
    one.sync()
    two.sync()
    assert one.names(USER) == {"alice", "alice@two.example"}
    assert two.members("Sales@two.example") == {"alice@two.example"}
    assert one.sync().vanished == []


def test_who_is_gone_is_out_until_they_come_back(site: Site, open_site: Callable[..., Site]):
    dn = site.add_person("alice")
    site.add_person("bob")
    site.add_group("Sales", dn)
    site.sync()
    known = site.user("alice")
    phone = site.database.run_write(lambda c: add_device(c, known, "phone"))
    hidden = open_site(site.server, site.branch, user_filter="(cn=nobody)")
    with pytest.raises(DirectoryShrunk):
        hidden.sync()
    assert site.user("alice").enabled
    summary = hidden.sync(force=True)
    assert sorted(summary.vanished) == ["alice", "bob"]
    assert not site.user("alice").enabled
    assert site.user("alice").barred == "gone"
    assert site.members("Sales") == set()
    with opened(site.database, hidden.directory.config) as door:
        assert door.refuses("alice", phone)
    summary = site.sync()
    assert sorted(summary.admitted) == ["alice", "bob"]
    with opened(site.database, site.directory.config) as door:
        assert door.login("alice", phone).user.id == known.id
    assert site.user("alice").id == known.id
    assert site.user("alice").enabled
    assert site.members("Sales") == {"alice"}


def test_somebody_new_of_the_same_name_is_somebody_else(site: Site):
    dn = site.add_person("alice")
    site.add_person("bob")
    site.sync()
    old = site.user("alice")
    look_home(site.database, old)
    site.server.delete(dn)
    again = site.add_person("alice")
    with pytest.raises(Conflict):
        login(site, again)
    site.sync()
    new = site.user("alice")
    assert new.id != old.id
    assert new.enabled
    assert login(site, again) == new
    former = site.user(f"alice (former {old.id})")
    assert (former.id, former.enabled) == (old.id, False)


def test_disabled_in_active_directory(samba_site: Site, samba: SambaServer):
    dn = samba_site.add_person("alice")
    samba_site.sync()
    samba.set_enabled(dn, enabled=False)
    assert samba_site.sync().barred == ["alice"]
    assert samba_site.user("alice").barred == "disabled"
    samba.set_enabled(dn, enabled=True)
    assert samba_site.sync().admitted == ["alice"]
    assert samba_site.user("alice").enabled
    # 2001, as Windows counts.
    samba.replace(dn, {"accountExpires": "126227808000000000"})
    samba_site.sync()
    assert samba_site.user("alice").barred == "expired"
    samba.replace(dn, {"accountExpires": "9223372036854775807"})
    samba_site.sync()
    assert samba_site.user("alice").enabled


def test_locked_and_expired_in_openldap(openldap_site: Site):
    dn = openldap_site.add_person("alice")
    openldap_site.server.replace(dn, {"pwdAccountLockedTime": "000001010000Z"})
    openldap_site.sync()
    assert openldap_site.user("alice").barred == "locked"
    openldap_site.server.replace(dn, {"pwdAccountLockedTime": []})
    assert openldap_site.sync().admitted == ["alice"]
    openldap_site.server.add_values(dn, {"objectClass": "shadowAccount", "shadowExpire": "19000"})
    openldap_site.sync()
    assert openldap_site.user("alice").barred == "expired"


def test_who_was_disabled_here_stays_so(site: Site):
    site.add_person("alice")
    site.sync()
    site.database.run_write(lambda c: set_enabled(c, site.user("alice"), enabled=False))
    site.sync()
    assert not site.user("alice").enabled
    assert site.user("alice").barred is None


def test_personal_books_are_kept_and_then_deleted(
    openldap: OpenLdapServer, openldap_branch: str, open_site: Callable[..., Site]
):
    site = open_site(openldap, openldap_branch, keep_personal_books="1 d")
    dn = site.add_person("alice")
    site.add_person("bob")
    site.sync()
    look_home(site.database, site.user("alice"))
    make_book(site.database, "crm")
    openldap.delete(dn)
    assert (site.sync().vanished, site.sync().deleted) == (["alice"], [])
    books = {str(each.reference) for each in site.database.run_read(list_books)}
    assert books == {"alice/contacts", "crm"}
    short = open_site(openldap, openldap_branch, keep_personal_books=0)
    assert short.sync(dry_run=True).deleted == ["alice"]
    assert short.sync().deleted == ["alice"]
    assert {str(each.reference) for each in site.database.run_read(list_books)} == {"crm"}
    with pytest.raises(NotFound):
        site.user("alice")
    assert short.sync().deleted == []
    events = site.database.run_read(lambda c: list(iterate_events(c, since=0, until=2**62)))
    (deletion,) = [each for each in events if each.action == "user delete"]
    assert (deletion.actor_name, deletion.details["name"]) == ("directory:corp", "alice")


def test_grants_of_a_group_that_is_gone_wait(site: Site):
    alice = site.add_person("alice")
    dns = [site.add_group(name, alice) for name in ("Sales", "Support")]
    site.sync()
    book = make_book(site.database)
    give(site.database, book, site.group("Sales"), Privilege.READ)
    unit = f"ou=Outside {site.branch.split('=')[1].split(',')[0]},{site.server.base}"
    site.server.add(unit, {"objectClass": ["organizationalUnit"]})
    try:
        away = site.server.rename(dns[0], "cn=Sales", under=unit)
        assert site.sync().vanished == ["Sales"]
        assert site.members("Sales") == set()
        site.server.rename(away, "cn=Sales", under=site.branch)
    finally:
        site.server.delete(unit)
    site.sync()
    assert site.members("Sales") == {"alice"}
    (grant,) = site.database.run_read(lambda c: list_grants(c, book))
    assert grant.grantee == "Sales"


def test_local_groups_hold_people_of_the_directory(site: Site, database: Database):
    site.add_person("alice")
    site.sync()
    make_group(database, "office", [site.user("alice")])
    assert site.sync().memberships_removed == 0
    assert site.members("office") == {"alice"}


def test_an_entry_that_cannot_be_used_is_left_out(openldap_site: Site):
    openldap_site.add_person("good")
    openldap_site.add_person("bad:name")
    nameless = {"objectClass": ["inetOrgPerson"], "sn": "nameless"}
    openldap_site.server.add(f"cn=nameless,{openldap_site.branch}", nameless)
    summary = openldap_site.sync()
    assert summary.added == ["good"]
    assert ["nameless" in each or "'bad:name'" in each for each in summary.problems] == [True] * 2


@pytest.fixture
def own_server(authority: Authority) -> Iterator[OpenLdapServer]:
    with OpenLdapServer(authority) as server:
        yield server


@pytest.mark.databases("sqlite")
def test_a_server_that_cannot_be_asked_changes_nothing(
    own_server: OpenLdapServer, open_site: Callable[..., Site]
):
    own_server.add(
        f"ou=people,{own_server.base}", {"objectClass": ["organizationalUnit"], "ou": "people"}
    )
    site = open_site(own_server, f"ou=people,{own_server.base}", page_size=1)
    site.add_group("Sales", site.add_person("alice"))
    site.add_person("bob")
    site.sync()
    stopped = threading.Event()

    def stop_in_the_middle(_: int) -> None:
        if not stopped.is_set():
            stopped.set()
            own_server.suspend()

    with pytest.raises(DirectoryUnavailable):
        sync_principals(
            site.database, site.directory, dry_run=False, force=True, advance=stop_in_the_middle
        )
    own_server.kill()
    with pytest.raises(DirectoryUnavailable):
        site.sync(force=True)
    assert site.user("alice").enabled
    assert site.members("Sales") == {"alice"}
