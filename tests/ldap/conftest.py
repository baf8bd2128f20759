"""Directories for the tests: one OpenLDAP and one Samba server a run, a branch for each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.directory.connection import Directory
from tests.ldap.site import Site
from tests.support.certificates import Authority
from tests.support.configured import configure
from tests.support.crowd import Crowd
from tests.support.directories import DirectoryServer
from tests.support.openldap import OpenLdapServer
from tests.support.samba import SambaServer

_numbers = count(1)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The run's own certificate authority."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def openldap(authority: Authority) -> Iterator[OpenLdapServer]:
    """The run's own OpenLDAP, with nobody in it: tests work in ``openldap_branch``."""
    with OpenLdapServer(authority) as server:
        yield server


@pytest.fixture(scope="session")
def samba(authority: Authority) -> Iterator[SambaServer]:
    """The run's own Active Directory: tests work in ``samba_branch``."""
    with SambaServer(authority) as server:
        yield server


@pytest.fixture(scope="session")
def crowd() -> Crowd:
    """Ten thousand people in five hundred groups, as they are in ``crowded_openldap``."""
    return Crowd(people=10_000, groups=500, base=OpenLdapServer.base)


@pytest.fixture(scope="session")
def crowded_openldap(authority: Authority, crowd: Crowd) -> Iterator[OpenLdapServer]:
    """An OpenLDAP server with the whole crowd; what a test changes there it changes back."""
    with OpenLdapServer(authority, crowd.entries()) as server:
        yield server


@pytest.fixture
def openldap_branch(openldap: OpenLdapServer) -> Iterator[str]:
    """DN of an organisational unit of the test's own."""
    yield from _branch(openldap)


@pytest.fixture
def samba_branch(samba: SambaServer) -> Iterator[str]:
    """DN of an organisational unit of the test's own; account names are the whole domain's."""
    yield from _branch(samba)


def _branch(server: DirectoryServer) -> Iterator[str]:
    name = f"Test {next(_numbers)}"
    dn = f"ou={name},{server.base}"
    server.add(dn, {"objectClass": ["organizationalUnit"], "ou": name})
    yield dn
    server.delete(dn)


@pytest.fixture
def open_site(
    database: Database, tmp_path: Path
) -> Iterator[Callable[[DirectoryServer, str], Site]]:
    """Opens branches of servers as directories; more options as in the configuration."""
    with ExitStack() as stack:

        def open_one(server: DirectoryServer, branch: str, name: str = "corp", **more: Any) -> Site:
            config = configure(server, tmp_path, name, **{"base": branch, **more})
            directory = stack.enter_context(closing(Directory(config)))
            return Site(server, branch, directory, database)

        yield open_one


@pytest.fixture(params=["openldap", "samba"])
def site(request: pytest.FixtureRequest, open_site: Callable[..., Site]) -> Site:
    """An empty branch of either server, as the directory ``corp``."""
    kind = request.param
    server = request.getfixturevalue(kind)
    return open_site(server, request.getfixturevalue(f"{kind}_branch"))


@pytest.fixture
def openldap_site(
    openldap: OpenLdapServer, openldap_branch: str, open_site: Callable[..., Site]
) -> Site:
    """An empty branch of OpenLDAP, as the directory ``corp``."""
    return open_site(openldap, openldap_branch)
