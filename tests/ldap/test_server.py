"""Logins against a directory over HTTP: two worker processes, many phones, a directory away."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import checked_passwords
from sharedbooks.domain import credentials, principals
from tests.http.client import Client
from tests.http.world import vcard
from tests.plugins.stock import StockServer
from tests.support.configured import describe
from tests.support.databases import SqliteDatabases
from tests.support.metrics import Metrics
from tests.support.network import LOOPBACK
from tests.support.openldap import OpenLdapServer
from tests.support.process import RunningServer

PEOPLE = 50
PHONES = 200


@pytest.fixture(scope="module")
def database_url(sqlite_databases: SqliteDatabases) -> Iterator[str]:
    with sqlite_databases.migrated() as url:
        yield url


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as opened:
        yield opened


@pytest.fixture(scope="module")
def people(openldap: OpenLdapServer) -> Iterator[str]:
    """DN of a unit with fifty people, ``p0`` to ``p49``."""
    branch = f"ou=phones,{openldap.base}"
    openldap.add(branch, {"objectClass": ["organizationalUnit"], "ou": "phones"})
    for number in range(PEOPLE):
        name = f"p{number}"
        openldap.add_person(name, branch, f"secret-{name}", mail=f"{name}@example.org")
    yield branch
    openldap.delete(branch)


@contextmanager
def serving(
    url: str, openldap: OpenLdapServer, people: str, folder: Path
) -> Iterator[RunningServer]:
    """``sharedbooks serve`` with two workers, for the people of the directory."""
    settings: Mapping[str, Any] = {
        "server.workers": 2,
        "auth.throttle_failures": 10000,
        "monitoring.allow": [LOOPBACK],
    }
    running = RunningServer(folder, url, settings)
    text = describe(openldap, folder, user_base=people, group_base=people, timeout="2 s")
    running.config.write_text(running.config.read_text() + text)
    with running:
        yield running


@pytest.fixture(scope="module")
def server(
    database_url: str,
    openldap: OpenLdapServer,
    people: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningServer]:
    """A server whose directory answers."""
    folder = tmp_path_factory.mktemp("server")
    with serving(database_url, openldap, people, folder) as running:
        yield running


@pytest.fixture
def lonely(
    database_url: str, openldap: OpenLdapServer, people: str, tmp_path: Path
) -> Iterator[RunningServer]:
    """A server of the test's own, whose directory goes away."""
    with serving(database_url, openldap, people, tmp_path) as running:
        yield running


def phone(port: int, name: str, password: str | None = None) -> Client:
    return Client(port, (name, password or f"secret-{name.partition('@')[0]}"))


def poll(port: int, name: str, password: str | None = None) -> tuple[int, str]:
    """Ask for the home on a connection of its own; status and Retry-After."""
    with phone(port, name, password) as client:
        answer = client.propfind("/", ("D:current-user-principal",), depth=0)
        return answer.status, answer.headers.get("Retry-After", "")


def test_first_login_gives_home_and_personal_book(server: RunningServer) -> None:
    with phone(server.port, "p0@example.org") as client:
        assert "/p0/" in client.propfind("/", ("D:current-user-principal",), depth=0).body.decode()
        listing = client.propfind("/p0/", ("D:resourcetype",), depth=1)
        assert "/p0/contacts/" in listing.hrefs
        path = "/p0/contacts/ann.vcf"
        assert client.request("PUT", path, vcard()).status == 201
        assert client.request("GET", path).status == 200
    with phone(server.port, "P0", "secret-p0") as client:
        assert client.request("GET", path).status == 200


def test_first_request_of_a_user_may_write(server: RunningServer) -> None:
    with phone(server.port, "p1") as client:
        assert client.request("PUT", "/p1/contacts/ann.vcf", vcard()).status == 201


@pytest.mark.parametrize("name", ["p2", "nobody", "*", "p*)(uid=p2"])
def test_wrong_login_is_401(server: RunningServer, name: str) -> None:
    assert poll(server.port, name, "wrong") == (401, "")
    assert poll(server.port, name, "wrong") == (401, "")


def test_phones_poll_with_few_binds(server: RunningServer, openldap: OpenLdapServer) -> None:
    names = [f"p{number % PEOPLE}" for number in range(PHONES)]
    before = openldap.count_binds()
    with ThreadPoolExecutor(4) as threads:
        for _ in range(3):
            answers = list(threads.map(lambda name: poll(server.port, name), names))
            assert {status for status, _ in answers} == {207}
    binds = openldap.count_binds() - before
    # Everybody once who was not there before, and some connections to search.
    assert PEOPLE // 2 <= binds < 2 * PEOPLE


def test_whether_the_directory_answers_is_told(
    lonely: RunningServer, openldap: OpenLdapServer, people: str
) -> None:
    # Of those who have logged in before, in any test, the database knows enough.
    for name in ("newcomer", "latecomer"):
        openldap.add_person(name, people, f"secret-{name}", mail=f"{name}@example.org")

    def told() -> tuple[Metrics, bytes]:
        with Client(lonely.port) as client:
            return Metrics(client.get("/-/metrics").body.decode()), client.get("/-/ready").body

    metrics, ready = told()
    assert "sharedbooks_directory_up" not in metrics.names
    assert ready == b"ready\ndirectory corp: not asked yet\n"
    assert poll(lonely.port, "newcomer")[0] == 207
    metrics, ready = told()
    assert metrics("sharedbooks_directory_up", directory="corp") == 1
    assert ready == b"ready\ndirectory corp: up\n"
    openldap.suspend()
    try:
        assert poll(lonely.port, "latecomer")[0] == 503
        metrics, ready = told()
    finally:
        openldap.resume()
    assert metrics.values("sharedbooks_directory_up", "directory") == {"corp"}
    assert metrics("sharedbooks_directory_up", directory="corp") == 0
    assert metrics("sharedbooks_logins_total", outcome="unavailable") == 1
    assert ready == b"ready\ndirectory corp: down\n"


def test_directory_that_hangs(
    lonely: RunningServer, openldap: OpenLdapServer, database: Database
) -> None:
    for name in ("p10", "p11", "p12"):
        assert poll(lonely.port, name)[0] == 207
    with database.write() as connection:
        user = principals.get_user(connection, "p12")
        device = credentials.add_device(connection, user, "phone")
        expired = principals.get_user(connection, "p11")
        connection.execute(
            update(checked_passwords)
            .where(checked_passwords.c.principal_id == expired.id)
            .values(checked_at=0)
        )
    openldap.suspend()
    try:
        with ThreadPoolExecutor(60) as threads:
            strangers = [threads.submit(poll, lonely.port, "p11") for _ in range(50)]
            waits = []
            deadline = time.monotonic() + 4
            while time.monotonic() < deadline:
                started = time.monotonic()
                assert poll(lonely.port, "p10") == (207, "")
                assert poll(lonely.port, "p12", device) == (207, "")
                waits.append(time.monotonic() - started)
            answers = {each.result() for each in strangers}
    finally:
        openldap.resume()
    assert {status for status, _ in answers} == {503}
    assert all(1 <= int(seconds) <= 30 for _, seconds in answers)
    assert max(waits) < 2


def test_directory_that_is_down(lonely: RunningServer, openldap: OpenLdapServer) -> None:
    assert poll(lonely.port, "p20")[0] == 207
    openldap.stop()
    try:
        assert poll(lonely.port, "p20")[0] == 207
        status, seconds = poll(lonely.port, "never-seen", "secret")
        assert (status, seconds.isdigit()) == (503, True)
    finally:
        openldap.restart()
    assert "failed login of 'never-seen'" not in lonely.log
    assert "Traceback" not in lonely.log


def test_stock_mode_asks_the_directory(
    database_url: str, openldap: OpenLdapServer, people: str, tmp_path: Path
) -> None:
    configuration = tmp_path / "sharedbooks.toml"
    text = describe(openldap, tmp_path, user_base=people, group_base=people)
    configuration.write_text(f'[database]\nurl = "{database_url}"\n{text}')
    with ExitStack() as stack:
        stock = stack.enter_context(StockServer(tmp_path, configuration))
        client = stack.enter_context(phone(stock.port, "p30@example.org"))
        assert client.request("PROPFIND", "/p30/", headers={"Depth": "1"}).status == 207
        assert client.request("PUT", "/p30/contacts/ann.vcf", vcard()).status == 201
        assert poll(stock.port, "p30", "wrong")[0] == 401
        before = openldap.count_binds()
        assert client.request("GET", "/p30/contacts/ann.vcf").status == 200
        assert openldap.count_binds() == before
        openldap.suspend()
        try:
            assert client.request("GET", "/p30/contacts/ann.vcf").status == 200
            assert poll(stock.port, "never-seen", "secret")[0] == 500
        finally:
            openldap.resume()
