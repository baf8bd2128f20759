"""Clients that send and read as slowly as they can: nobody else waits for a thread."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from sharedbooks.db.engine import Database
from tests.http.world import Member, World, vcard
from tests.support.databases import SqliteDatabases
from tests.support.network import LOOPBACK
from tests.support.process import RunningServer

THREADS = 8
ALLOWED = THREADS // 4
"""Bodies that one address may have on their way."""

_PATIENCE = 5.0
"""Seconds within which an honest client has its answer, on a busy machine."""


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[World]:
    """A server of one process with few threads, whose clients are no proxies."""
    settings = {"server.threads": THREADS, "server.trusted_proxies": ["192.0.2.7"]}
    with (
        sqlite_databases.migrated() as url,
        RunningServer(tmp_path_factory.mktemp("slow"), url, settings) as server,
        closing(Database(url)) as database,
        World(database, server.port) as made,
    ):
        yield made


def _send(port: int, address: str, octets: bytes) -> socket.socket:
    """Open a connection from one of the loopback addresses, and send the beginning of a request."""
    connection = socket.create_connection((LOOPBACK, port), timeout=30, source_address=(address, 0))
    connection.sendall(octets)
    return connection


def _head(member: Member | None, path: str, length: int) -> bytes:
    login = "" if member is None else f"Authorization: {member.headers['Authorization']}\r\n"
    return (
        f"PUT {path} HTTP/1.1\r\nHost: x\r\n{login}Content-Length: {length}\r\n\r\nBEGIN"
    ).encode()


@contextmanager
def _besieged(port: int, address: str, octets: bytes, number: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(_send(port, address, octets)) for _ in range(number)]


def _require_service(member: Member) -> None:
    """Check that an honest client at another address is served as ever."""
    started = time.monotonic()
    for number in range(10):
        path = f"{member.contacts}{number}.vcf"
        assert member.put(path, vcard(f"{number}")).status in {201, 204}
        assert member.propfind(member.home, depth=1).status == 207
        assert member.get(path).status == 200
    assert time.monotonic() - started < _PATIENCE


@pytest.mark.parametrize("logged_in", [True, False], ids=["a member", "nobody"])
def test_bodies_that_never_come_hold_few_threads(world: World, logged_in: bool) -> None:  # noqa: FBT001
    alice = world.member()
    alice.listing()
    octets = _head(alice if logged_in else None, f"{alice.contacts}slow.vcf", 500_000)
    with _besieged(world.port, "127.0.0.66", octets, 4 * THREADS) as slow:
        _require_service(alice)
        refused = _answered(slow)
        assert len(refused) == 4 * THREADS - ALLOWED
        if logged_in:
            assert all(b" 503 " in told and b"retry-after: 5" in told.lower() for told in refused)
        else:
            assert all(b" 401 " in told for told in refused)
    # They are gone: whoever is at that address is served again.
    time.sleep(0.5)
    with _send(world.port, "127.0.0.66", _head(alice, f"{alice.contacts}a.vcf", 5)) as again:
        assert b" 403 " in again.recv(1000)


def _answered(connections: list[socket.socket]) -> list[bytes]:
    """Return what those connections got that were answered."""
    told = []
    for connection in connections:
        connection.settimeout(0.3)
        try:
            octets = connection.recv(4000)
        except TimeoutError:
            continue
        told.append(octets)
    return told


def test_headers_that_never_end_hold_no_thread(world: World) -> None:
    alice = world.member()
    alice.listing()
    with _besieged(world.port, "127.0.0.67", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", 100):
        _require_service(alice)


def test_answers_that_nobody_reads_hold_no_database(world: World) -> None:
    """A whole book is read from the database before the first octet of it is sent."""
    alice = world.member()
    alice.listing()
    for number in range(8):
        card = vcard(f"large-{number}", "Ann", "NOTE:" + "x" * 900_000)
        assert alice.put(f"{alice.contacts}large-{number}.vcf", card).status == 201
    login = alice.headers["Authorization"]
    octets = f"GET {alice.contacts} HTTP/1.1\r\nHost: x\r\nAuthorization: {login}\r\n\r\n".encode()
    with _besieged(world.port, "127.0.0.68", octets, THREADS // 2):
        time.sleep(1)
        _require_service(alice)


def test_an_honest_client_with_a_body_in_pieces_is_heard(world: World) -> None:
    alice = world.member()
    alice.listing()
    body, path = vcard("slow"), f"{alice.contacts}slow.vcf"
    with _send(world.port, "127.0.0.69", _head(alice, path, len(body))) as connection:
        for at in range(5, len(body), 20):
            connection.sendall(body[at : at + 20])
            time.sleep(0.02)
        assert connection.recv(1000).startswith(b"HTTP/1.1 201 ")
    assert alice.get(path).body == body


def test_headers_and_urls_have_a_limit(world: World) -> None:
    alice = world.member()
    alice.listing()
    for octets, expected in ((30_000, {207}), (200_000, {400, 414, 431})):
        long = "x" * octets
        for path, headers in ((alice.home, {"X-Long": long}), (f"{alice.home}?{long}", {})):
            alice.close()
            answer = alice.request("PROPFIND", path, b"", {"Depth": "0", **headers})
            assert answer.status in expected, answer
    alice.close()
    assert alice.propfind(alice.home).status == 207
