"""Who is in which group: nesting, cycles, awkward names, primary groups; so at every login."""

from collections.abc import Callable

import pytest

from sharedbooks.directory.names import normalise_dn
from sharedbooks.domain.principals import PrincipalKind, list_principals
from tests.ldap.site import Site
from tests.support.crowd import Crowd
from tests.support.openldap import OpenLdapServer
from tests.support.samba import SambaServer


def by_dn(site: Site, kind: PrincipalKind) -> dict[str, str]:
    """Names of principals by normalised DN."""
    found = site.read(lambda connection: list_principals(connection, kind))
    return {normalise_dn(each.dn): each.name for each in found if each.dn}


def check_memberships(site: Site, crowd: Crowd, some: range) -> None:
    users = by_dn(site, PrincipalKind.USER)
    groups = by_dn(site, PrincipalKind.GROUP)
    assert len(users) == crowd.people
    assert len(groups) == crowd.groups
    expected = crowd.memberships()
    for number in some:
        name = groups[normalise_dn(crowd.group(number))]
        assert site.members(name) == {crowd.uid(each) for each in expected[number]}


@pytest.mark.databases("sqlite")
def test_ten_thousand_people_in_five_hundred_groups(
    crowd: Crowd, crowded_openldap: OpenLdapServer, open_site: Callable[..., Site]
) -> None:
    site = open_site(crowded_openldap, crowded_openldap.base)
    summary = site.sync()
    assert (summary.people, summary.groups, summary.problems) == (10_000, 500, [])
    check_memberships(site, crowd, range(0, 500, 3))
    ids = {each.name: each.source_id for each in site.read(_all_groups)}
    for number in range(40):
        found = site.groups_at_login(crowd.person(number))
        assert found == {ids[name] for name in site.groups_of(crowd.uid(number))}


def _all_groups(connection):
    return list_principals(connection, PrincipalKind.GROUP)


@pytest.mark.databases("sqlite")
def test_nesting_and_names_in_active_directory(
    samba: SambaServer, samba_branch: str, open_site: Callable[..., Site]
) -> None:
    crowd = Crowd(people=60, groups=20, base=samba_branch)
    crowd.load(samba)
    site = open_site(samba, samba_branch)
    assert site.sync().problems == []
    expected = crowd.memberships()
    shown = {each.display_name: each for each in site.read(_all_groups)}
    for number in range(20):
        group = shown[" ".join(crowd.group_name(number).split())]
        assert site.members(group.name) == {crowd.uid(each) for each in expected[number]}
    ids = {each.name: each.source_id for each in shown.values()}
    for number in range(0, 60, 7):
        dn = f"CN={crowd.uid(number)},{crowd.people_dn}"
        assert site.groups_at_login(dn) == {ids[name] for name in site.groups_of(crowd.uid(number))}


def test_primary_group(samba: SambaServer, samba_branch: str, open_site: Callable[..., Site]):
    site = open_site(samba, samba_branch)
    alice = site.add_person("alice")
    outer = site.add_group("Staff", site.add_group("Sales", alice))
    (sid,) = samba.attributes(f"CN=Sales,{samba_branch}", "objectSid")["objectSid"]
    rid = int.from_bytes(sid[-4:], "little")
    samba.replace(alice, {"primaryGroupID": str(rid)})
    # Active Directory itself takes the member out of "member" then.
    assert samba.attributes(f"CN=Sales,{samba_branch}", "member")["member"] == []
    site.sync()
    assert site.groups_of("alice") == {"Sales", "Staff"}
    assert site.groups_at_login(alice) == {site.group(n).source_id for n in ("Sales", "Staff")}
    assert outer


def test_groups_between_need_not_fit_the_filter(site: Site, open_site: Callable[..., Site]):
    alice = site.add_person("alice")
    middle = site.add_group("Middle", alice)
    site.add_group("books-crm", middle)
    wanted = open_site(site.server, site.branch, group_filter="(cn=books-*)")
    wanted.sync()
    assert wanted.names(PrincipalKind.GROUP) == {"books-crm"}
    assert wanted.groups_of("alice") == {"books-crm"}
    known = wanted.group("books-crm").source_id
    assert known in wanted.groups_at_login(alice)


def test_without_nesting_only_members_themselves_count(site: Site, open_site: Callable[..., Site]):
    alice, bob = site.add_person("alice"), site.add_person("bob")
    site.add_group("Outer", bob, site.add_group("Inner", alice))
    flat = open_site(site.server, site.branch, nested=False)
    flat.sync()
    assert (flat.members("Outer"), flat.members("Inner")) == ({"bob"}, {"alice"})
    assert flat.groups_at_login(alice) == {flat.group("Inner").source_id}


def test_groups_of_one_short_name_are_told_apart(site: Site):
    alice, bob = site.add_person("alice"), site.add_person("bob")
    # An account name in Active Directory is the whole domain's.
    more = {} if isinstance(site.server, OpenLdapServer) else {"sAMAccountName": "sales-2"}
    site.add_group("Sales", alice, under=site.add_unit("Berlin"))
    site.server.add_group("Sales", site.add_unit("Lyon"), [bob], **more)
    site.sync()
    assert site.names(PrincipalKind.GROUP) == {"Sales (Berlin)", "Sales (Lyon)"}
    assert site.members("Sales (Lyon)") == {"bob"}
    assert site.sync().changed == []


def test_member_of_counts_where_it_is_configured(samba, samba_branch, open_site):
    alice = samba.add_person("alice", samba_branch, "x")
    samba.add_group("Sales", samba_branch, [alice])
    site = open_site(samba, samba_branch, member_attributes=["memberOf"])
    site.sync()
    assert site.groups_of("alice") == {"Sales"}
    assert site.groups_at_login(alice) == {site.group("Sales").source_id}


@pytest.mark.parametrize("name", ["../x", "a:b/c", ". .", "-x"])
def test_group_names_that_no_url_may_have(openldap_site: Site, name: str):
    openldap_site.add_group(name, openldap_site.add_person("alice"))
    summary = openldap_site.sync()
    assert summary.problems == []
    (made,) = openldap_site.names(PrincipalKind.GROUP)
    assert made[0] not in ".-"
    assert not set(made) & set("/:")
    assert openldap_site.members(made) == {"alice"}
    assert openldap_site.group(made).display_name == name
