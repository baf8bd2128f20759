"""The real proxies with our files, before real servers: what arrives, and what comes back."""

import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from sharedbooks.db.engine import Database
from tests.http.client import Client, basic
from tests.http.world import Member, World, vcard
from tests.service.proxies import CLIENT_ADDRESS, KINDS, Place, Proxy
from tests.support.certificates import Authority
from tests.support.databases import SqliteDatabases
from tests.support.network import LOOPBACK, wait_for
from tests.support.process import RunningServer

_SETTINGS = {
    "server.threads": 4,
    "server.max_body": "5 MiB",
    "books.max_card_size": "4 MiB",
    "auth.throttle_failures": 10000,
}


@dataclass
class Front:
    """A proxy with both servers behind it, and what they hold."""

    proxy: Proxy
    server: RunningServer
    world: World
    below: World

    def twin(self, member: Member, **headers: str) -> Client:
        """A client with the member's password, in front of the proxy."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.proxy.client({**member.headers, **named})


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[tuple[RunningServer, World, RunningServer, World]]:
    def folder(name: str) -> Path:
        return tmp_path_factory.mktemp(name)

    with (
        sqlite_databases.migrated() as url,
        sqlite_databases.migrated() as below_url,
        closing(Database(url)) as database,
        closing(Database(below_url)) as below_database,
        RunningServer(folder("server"), url, _SETTINGS) as server,
        RunningServer(folder("below"), below_url, {**_SETTINGS, "server.prefix": "/dav"}) as below,
        World(database, server.port) as world,
        World(below_database, below.port) as below_world,
    ):
        yield server, world, below, below_world


@pytest.fixture(scope="module", params=KINDS)
def front(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    servers: tuple[RunningServer, World, RunningServer, World],
) -> Iterator[Front]:
    server, world, below, below_world = servers
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate = authority.issue("localhost", "DNS:localhost")
    folder = tmp_path_factory.mktemp(request.param)
    proxy = Proxy(request.param, Place(folder, server.port, below.port, certificate), authority)
    proxy.start()
    try:
        yield Front(proxy, server, world, below_world)
    finally:
        proxy.kill()


def test_apps_find_their_books(front: Front) -> None:
    alice, book = front.world.shared()
    with front.twin(alice) as client:
        found = client.propfind("/.well-known/carddav", ["D:current-user-principal"])
        [resource] = found.resources.values()
        [principal] = resource.hrefs("D:current-user-principal")
        home = client.find(principal, "CARD:addressbook-home-set")
        [place] = home.hrefs("CARD:addressbook-home-set")
        listed = client.propfind(place, depth=1).hrefs
        assert f"{place}{book.name}/" in listed
        assert client.propfind(place, depth=0).hrefs == [place]
        assert client.get("/.well-known/carddav").headers["Location"].endswith("/")


def test_cards_come_and_go_with_their_etags(front: Front) -> None:
    alice, book = front.world.shared()
    path, other = alice.path(book, "ann.vcf"), alice.path(book, "a%20%C3%BC.vcf")
    with front.twin(alice, accept_encoding="gzip") as client:
        card = vcard("ann", "Ann", "NOTE:" + "words " * 1000)
        made = client.put(path, card, if_none_match="*")
        assert made.status == 201
        assert made.etag is not None
        assert made.etag.startswith('"')
        assert client.put(path, card, if_none_match="*").status == 412
        got = client.get(path)
        assert got.etag == made.etag
        assert got.body == card
        assert client.get(path, if_none_match=made.etag).status == 304
        synced = client.sync(alice.path(book), names=["D:getetag", "CARD:address-data"])
        # Packed once, by the server.
        assert synced.headers.get_all("Content-Encoding") == ["gzip"]
        assert synced[path].text("D:getetag") == made.etag
        token = synced.sync_token
        changed = client.put(path, vcard("ann", "Ann B"), if_match=made.etag)
        assert changed.status == 204
        assert client.delete(path, if_match=made.etag).status == 412
        assert client.sync(alice.path(book), token).hrefs == [path]
        target = f"https://localhost:{client.port}{other}"
        moved = client.request("MOVE", path, headers={"Destination": target, "Overwrite": "F"})
        assert moved.status == 201, moved
        assert client.multiget(alice.path(book), [other]).hrefs == [other]
    assert front.world.stored(book) == {"a ü.vcf": vcard("ann", "Ann B")}


def test_below_a_path_everything_is_there_too(front: Front) -> None:
    alice, book = front.below.shared()
    with front.proxy.client(alice.headers, prefix=True) as client:
        found = client.propfind("/.well-known/carddav", ["D:current-user-principal"])
        [resource] = found.resources.values()
        [principal] = resource.hrefs("D:current-user-principal")
        assert principal.startswith("/dav/")
        path = f"/dav{alice.path(book, 'ann.vcf')}"
        assert client.put(path, vcard()).status == 201
        headers = {"Destination": path.replace("ann", "bob")}
        assert client.request("MOVE", path, headers=headers).status == 201
        assert client.sync(f"/dav{alice.path(book)}").hrefs == [path.replace("ann", "bob")]


def test_http_is_sent_to_https(front: Front) -> None:
    connection = HTTPConnection(LOOPBACK, front.proxy.plain_port, timeout=30)
    with closing(connection):
        connection.request("GET", "/x", headers={"Host": "localhost"})
        answer = connection.getresponse()
        assert answer.status in {301, 308}
        assert answer.headers["Location"].startswith("https://localhost")


def test_http_2_is_spoken(front: Front) -> None:
    alice = front.world.member()
    command = [
        *("curl", "--silent", "--insecure", "--http2", "--request", "PROPFIND"),
        *("--header", f"Authorization: {alice.headers['Authorization']}", "--header", "Depth: 0"),
        *("--output", "/dev/null", "--write-out", "%{http_version} %{http_code}"),
        f"https://localhost:{front.proxy.port}{alice.home}",
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "2 207"


def test_the_address_of_a_failed_login_is_the_clients(front: Front) -> None:
    """Whatever the client says about itself."""
    name = f"mallory-{time.monotonic_ns()}"
    forged = {
        "Authorization": basic(name, "wrong"),
        "X-Forwarded-For": "192.0.2.66, 127.0.0.1",
        "Forwarded": "for=192.0.2.66",
        "X-Real-IP": "192.0.2.66",
    }
    with front.proxy.client(forged) as client:
        assert client.propfind("/").status == 401
    line = re.search(rf"failed login of '{name}' from (\S+)", front.server.log)
    assert line
    assert line[1] == CLIENT_ADDRESS


def test_a_client_cannot_give_itself_a_prefix_or_a_host(front: Front) -> None:
    alice = front.world.member()
    forged = {"X_Script_Name": "/evil", "X_Forwarded_Host": "evil.example"}
    with front.twin(alice, **forged) as client:
        answer = client.propfind(alice.home, ["D:current-user-principal"], depth=1)
        assert alice.home in answer.hrefs
        assert b"evil" not in answer.body


def _connect(front: Front) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    link = socket.create_connection((LOOPBACK, front.proxy.port), timeout=60)
    return context.wrap_socket(link, server_hostname="localhost")


def _head(member: Member, path: str, length: int) -> bytes:
    """The beginning of a PUT, up to its body."""
    lines = (
        f"PUT {path} HTTP/1.1", "Host: localhost",
        f"Authorization: {member.headers['Authorization']}", f"Content-Length: {length}", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode()


def test_a_body_too_large_is_413(front: Front) -> None:
    alice, book = front.world.shared()
    path = alice.path(book, "big.vcf")
    with front.twin(alice) as client:
        assert client.put(path, b"x" * (5 * 2**20 + 1)).status == 413
    # What is announced to be larger than the proxy's own limit need not even be sent.
    with closing(_connect(front)) as link:
        link.sendall(_head(alice, path, 64 * 2**20 + 1))
        assert link.recv(1000).split()[1] == b"413"
    with front.twin(alice) as client, suppress(ConnectionError, ssl.SSLError):
        assert client.put(path, b"x" * (64 * 2**20 + 1)).status == 413
    assert front.world.stored(book) == {}


def test_slow_bodies_leave_the_server_free(front: Front) -> None:
    alice, book = front.world.shared()
    head = _head(alice, alice.path(book, "slow.vcf"), 100_000)
    slow: list[ssl.SSLSocket] = []
    try:
        for _ in range(12):  # three times the threads of the server
            slow.append(_connect(front))
            slow[-1].sendall(head + b"x" * 40_000)
        started = time.monotonic()
        answers = []

        def served() -> bool:
            with suppress(OSError), front.twin(alice) as client:
                answers.append(client.propfind(alice.home).status)
            return 207 in answers

        wait_for(served, 40, "an answer")
        assert time.monotonic() - started < 10
    finally:
        for link in slow:
            link.close()
