"""The connection to a directory: real servers that come, go, hang and show wrong certificates."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sharedbooks.directory.connection import Directory
from sharedbooks.directory.filters import all_of, any_of, equals, matches
from sharedbooks.directory.names import normalise_dn
from sharedbooks.directory.scope import Scope
from sharedbooks.errors import ConfigProblem, DirectoryUnavailable
from tests.support.certificates import Authority
from tests.support.configured import configure
from tests.support.directories import DirectoryServer
from tests.support.network import free_port
from tests.support.openldap import OpenLdapServer
from tests.support.samba import SambaServer

Connect = Callable[..., Directory]


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    made: list[Directory] = []

    def open_directory(server: DirectoryServer, **values: Any) -> Directory:
        made.append(Directory(configure(server, tmp_path, **values)))
        return made[-1]

    yield open_directory
    for directory in made:
        directory.close()


@pytest.fixture
def second(authority: Authority) -> Iterator[OpenLdapServer]:
    """A server of the test's own, to be stopped."""
    with OpenLdapServer(authority) as server:
        yield server


def names(directory: Directory, branch: str, search_filter: str = "(uid=*)") -> set[str | None]:
    return {entry.text("uid") for entry in directory.search(branch, search_filter, ["uid"])}


@pytest.mark.parametrize("kind", ["openldap", "samba"])
@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
def test_search_and_bind_over_tls(
    kind: str, scheme: str, connect: Connect, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(kind)
    branch = request.getfixturevalue(f"{kind}_branch")
    alice = server.add_person("alice, (x)", branch, "secret", mail="a@example.org")
    directory = connect(server, servers=[server.plain_url if scheme == "ldap" else server.url])
    identity = directory.config.id_attribute
    (found,) = directory.search(branch, equals("mail", "a@example.org"), ["cn", identity])
    assert normalise_dn(found.dn) == normalise_dn(alice)
    assert found.text("CN") == "alice, (x)"
    read = directory.read(alice, [identity])
    assert read is not None
    assert read.identity(identity) == found.identity(identity)
    assert len(found.identity(identity) or "") == 36
    assert directory.read(f"cn=nobody,{branch}", ["cn"]) is None
    assert directory.accepts(found.dn, "secret")
    assert not directory.accepts(found.dn, "wrong")
    assert not directory.accepts(f"cn=nobody,{branch}", "secret")


def test_no_password_without_a_question(openldap: OpenLdapServer, connect: Connect) -> None:
    directory = connect(openldap)
    before = openldap.count_binds()
    for password in ("", "\0", "a\0b", "\udcff"):
        assert not directory.accepts(openldap.service_dn, password)
    assert not directory.accepts("", "secret")
    assert openldap.count_binds() == before


def test_answers_come_page_by_page(
    openldap: OpenLdapServer, openldap_branch: str, connect: Connect
) -> None:
    for number in range(25):
        openldap.add_person(f"p{number}", openldap_branch, "secret")
    directory = connect(openldap, page_size=10)
    assert names(directory, openldap_branch) == {f"p{number}" for number in range(25)}
    search = directory.search(openldap_branch, "(uid=*)", ["uid"])
    next(search)
    search.close()
    assert len(names(directory, openldap_branch)) == 25


def test_scopes(openldap: OpenLdapServer, openldap_branch: str, connect: Connect) -> None:
    openldap.add(
        f"ou=below,{openldap_branch}", {"objectClass": ["organizationalUnit"], "ou": "below"}
    )
    openldap.add_person("deep", f"ou=below,{openldap_branch}", "secret")
    directory = connect(openldap)

    def found(scope: Scope) -> int:
        return len(list(directory.search(openldap_branch, "(objectClass=*)", ["1.1"], scope=scope)))

    assert [found(scope) for scope in (Scope.BASE, Scope.LEVEL, Scope.SUBTREE)] == [1, 1, 3]


AWKWARD = ["*", "a*", "(uid=*)", ")(uid=*", "\\", "\\2a", " x ", "ä", "太郎", "a\0b", "'\"", "#;,+"]


@pytest.mark.parametrize("value", AWKWARD)
def test_values_stay_values(
    value: str, openldap: OpenLdapServer, openldap_branch: str, connect: Connect
) -> None:
    openldap.add_person("other", openldap_branch, "secret", employeeNumber="a")
    openldap.add_person("who", openldap_branch, "secret", description=value)
    directory = connect(openldap)
    assert names(directory, openldap_branch, equals("description", value)) == {"who"}
    assert names(directory, openldap_branch, equals("uid", value)) == set()
    both = all_of(equals("uid", "who"), equals("description", value))
    assert names(directory, openldap_branch, any_of(both, equals("uid", value))) == {"who"}
    exact = matches("description", "caseExactMatch", value)
    assert names(directory, openldap_branch, exact) == {"who"}


def test_connections_are_used_again_and_replaced(second: OpenLdapServer, connect: Connect) -> None:
    directory = connect(second)
    before = second.count_binds()
    for _ in range(20):
        assert directory.read(second.base, ["o"]) is not None
    assert second.count_binds() == before + 1
    second.restart()
    assert directory.read(second.base, ["o"]) is not None


def test_many_threads_share_a_directory(
    openldap: OpenLdapServer, openldap_branch: str, connect: Connect
) -> None:
    for number in range(5):
        openldap.add_person(f"p{number}", openldap_branch, f"secret{number}")
    directory = connect(openldap, timeout="10 s")

    def ask(number: int) -> bool:
        name = f"p{number % 5}"
        (found,) = directory.search(openldap_branch, equals("uid", name), ["uid"])
        return found.text("uid") == name and directory.accepts(found.dn, f"secret{number % 5}")

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(200)))


def test_unknown_authority_is_refused(
    openldap: OpenLdapServer, connect: Connect, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"))
    for url in (openldap.url, openldap.plain_url):
        directory = connect(openldap, servers=[url], ca_file=str(stranger.file))
        before = openldap.count_binds()
        with pytest.raises(DirectoryUnavailable, match="certificate verify failed"):
            directory.read(openldap.base, ["o"])
        with pytest.raises(DirectoryUnavailable):
            directory.accepts(openldap.service_dn, openldap.service_password)
        assert openldap.count_binds() == before
    lenient = connect(openldap, ca_file=str(stranger.file), verify=False)
    assert lenient.read(openldap.base, ["o"]) is not None


def test_wrong_host_name_is_refused(openldap: OpenLdapServer, connect: Connect) -> None:
    for url in (openldap.url, openldap.plain_url):
        # The certificate names 127.0.0.1 and localhost.
        other = url.replace("127.0.0.1", "127.0.0.2")
        with pytest.raises(DirectoryUnavailable, match=r"IP address mismatch|refused"):
            connect(openldap, servers=[other]).read(openldap.base, ["o"])
        named = connect(openldap, servers=[url.replace("127.0.0.1", "localhost")])
        assert named.read(openldap.base, ["o"]) is not None


def test_client_certificate_is_shown(
    openldap: OpenLdapServer, authority: Authority, connect: Connect
) -> None:
    issued = authority.issue("client")
    directory = connect(
        openldap, client_certificate=str(issued.certificate), client_key=str(issued.key)
    )
    assert directory.read(openldap.base, ["o"]) is not None


def test_file_without_a_certificate_is_a_problem(
    openldap: OpenLdapServer, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_text("nothing")
    with pytest.raises(ConfigProblem, match=r"\[directory.corp\] ca_file cannot be used"):
        connect(openldap, ca_file=str(tmp_path / "empty"))


def test_wrong_password_of_the_account_is_told(openldap: OpenLdapServer, connect: Connect) -> None:
    with pytest.raises(DirectoryUnavailable, match="refuses the login of cn=service") as caught:
        connect(openldap, bind_password="hunter2").read(openldap.base, ["o"])
    assert "hunter2" not in str(caught.value)


def test_next_server_is_asked(openldap: OpenLdapServer, connect: Connect) -> None:
    nobody = f"ldap://127.0.0.1:{free_port()}"
    directory = connect(openldap, servers=[nobody, openldap.url])
    assert directory.read(openldap.base, ["o"]) is not None
    assert directory.accepts(openldap.service_dn, openldap.service_password)
    with pytest.raises(DirectoryUnavailable, match="refused") as caught:
        connect(openldap, servers=[nobody]).read(openldap.base, ["o"])
    assert 1 <= caught.value.retry_after <= 2


def test_hanging_server_is_passed_over(
    openldap: OpenLdapServer,
    second: OpenLdapServer,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    directory = connect(openldap, servers=[second.url, openldap.url])
    assert directory.read(second.base, ["o"]) is not None
    second.suspend()
    for _ in range(5):
        assert directory.read(openldap.base, ["o"]) is not None
        assert directory.accepts(openldap.service_dn, openldap.service_password)
    assert caplog.text.count("does not answer") == 1
    second.resume()


def test_hanging_directory_is_not_asked_again_at_once(
    second: OpenLdapServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    directory = connect(second, timeout="2 s")
    second.suspend()
    with pytest.raises(DirectoryUnavailable):
        directory.read(second.base, ["o"])
    assert caplog.text.count("does not answer") == 1
    with pytest.raises(DirectoryUnavailable, match="it did not answer a moment ago") as caught:
        directory.accepts(second.service_dn, second.service_password)
    assert caplog.text.count("does not answer") == 1
    assert 20 <= caught.value.retry_after <= 30
    second.resume()


def test_server_back_after_a_restart_is_asked(second: OpenLdapServer, connect: Connect) -> None:
    directory = connect(second)
    second.stop()
    with pytest.raises(DirectoryUnavailable):
        directory.read(second.base, ["o"])
    second.restart()
    deadline = time.monotonic() + 5
    while True:
        try:
            assert directory.read(second.base, ["o"]) is not None
            break
        except DirectoryUnavailable as error:
            assert time.monotonic() < deadline
            threading.Event().wait(min(error.retry_after, 0.5))


def test_server_that_stops_between_pages(second: OpenLdapServer, connect: Connect) -> None:
    for number in range(6):
        second.add_person(f"p{number}", second.base, "secret")
    search = connect(second, page_size=2).search(second.base, "(uid=*)", ["uid"])
    next(search)
    second.suspend()
    with pytest.raises(DirectoryUnavailable):
        list(search)
    second.resume()


def test_referrals_are_not_followed(
    openldap: OpenLdapServer, second: OpenLdapServer, openldap_branch: str, connect: Connect
) -> None:
    openldap.add_person("here", openldap_branch, "secret")
    elsewhere = f"{second.plain_url}/{second.base}"
    dn = f"cn=elsewhere,{openldap_branch}"
    openldap.add(
        dn, {"objectClass": ["referral", "extensibleObject"], "cn": "elsewhere", "ref": elsewhere}
    )
    directory = connect(openldap)
    before = second.count_binds()
    assert names(directory, openldap_branch, "(objectClass=*)") == {None, "here"}
    with pytest.raises(DirectoryUnavailable, match="refers to another server"):
        directory.read(f"uid=x,{dn}", ["uid"])
    assert not directory.accepts(f"uid=x,{dn}", "secret")
    assert second.count_binds() == before
    openldap.admin.delete(dn, controls=[("2.16.840.1.113730.3.4.2", True, None)])


def test_values_that_come_in_parts_are_put_together(
    samba: SambaServer, samba_branch: str, connect: Connect
) -> None:
    people = [samba.add_person(f"part{number}", samba_branch, "secret") for number in range(7)]
    group = samba.add_group("Parts", samba_branch, people)
    directory = connect(samba)
    # Asked so, Samba gives what Active Directory gives of more than 1500 values.
    for asked in ("member;range=0-2", "member;range=0-6", "member;range=0-*"):
        (found,) = directory.search(group, "(objectClass=group)", [asked, "cn"], scope=Scope.BASE)
        assert set(found.attributes) == {"cn", "member"}
        assert sorted(map(normalise_dn, found.texts("member"))) == sorted(map(normalise_dn, people))
