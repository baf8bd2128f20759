"""The servers of these tests are real, and go."""

import ldap3
import pytest

from tests.support.directories import DirectoryServer


def bound(server: DirectoryServer, dn: str, password: str, *, start_tls: bool = False) -> bool:
    tls = ldap3.Tls(ca_certs_file=str(server.ca_file), validate=2)
    url = server.plain_url if start_tls else server.url
    connection = ldap3.Connection(
        ldap3.Server(url, tls=tls, get_info=ldap3.NONE), dn, password, receive_timeout=5
    )
    if start_tls:
        connection.start_tls()
    try:
        return connection.bind()
    finally:
        connection.unbind()


@pytest.mark.parametrize("kind", ["openldap", "samba"])
def test_person_logs_in_over_tls(kind, request):
    server = request.getfixturevalue(kind)
    branch = request.getfixturevalue(f"{kind}_branch")
    before = server.count_binds()
    alice = server.add_person("#1 Alice, (*)", branch, "secret")
    assert bound(server, alice, "secret")
    assert bound(server, alice, "secret", start_tls=True)
    assert not bound(server, alice, "wrong")
    assert bound(server, server.service_dn, server.service_password)
    assert server.count_binds() == before + 4


@pytest.mark.parametrize("kind", ["openldap", "samba"])
def test_group_changes(kind, request):
    server = request.getfixturevalue(kind)
    branch = request.getfixturevalue(f"{kind}_branch")
    alice = server.add_person("alice", branch, "secret")
    bob = server.add_person("bob", branch, "secret")
    sales = server.add_group("Sales, EMEA", branch, [alice])
    server.add_values(sales, {"member": bob})
    assert len(server.attributes(sales, "member")["member"]) == 2
    moved = server.rename(sales, "cn=Sales")
    server.remove_values(moved, {"member": alice})
    assert [dn.lower() for dn in server.search(branch, "(cn=Sales)")] == [moved.lower()]
    (member,) = server.attributes(moved, "member")["member"]
    assert member.decode().lower() == bob.lower()
    server.delete(moved)
    assert server.search(branch, "(cn=Sales)") == {}


def test_hanging_server_answers_later(openldap):
    openldap.suspend()
    try:
        with pytest.raises(ldap3.core.exceptions.LDAPException):
            bound(openldap, openldap.service_dn, openldap.service_password)
    finally:
        openldap.resume()
    assert bound(openldap, openldap.service_dn, openldap.service_password)


def test_crowd_is_what_it_says(crowd, crowded_openldap):
    found = crowded_openldap.search(crowd.people_dn, "(objectClass=inetOrgPerson)", ["uid"])
    assert len(found) == 10_000
    groups = crowded_openldap.search(crowd.groups_dn, "(cn=*)")
    assert len(groups) == 500
    assert max(map(len, crowd.memberships().values())) > crowd.DIRECT_MEMBERS
