"""The server process: connections, bodies, workers, start and stop."""

import gzip
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from sqlalchemy import text

from sharedbooks.db.engine import Database
from tests.http.client import Answer, Client
from tests.http.conftest import Served
from tests.http.world import Member, World, vcard
from tests.support.daemon import family_of
from tests.support.databases import SqliteDatabases
from tests.support.network import LOOPBACK, free_port
from tests.support.process import RunningServer, toml


def test_many_requests_go_over_one_connection(world: World) -> None:
    alice = world.member()
    alice.listing()
    used = alice._connection.sock
    assert used is not None
    for number in range(20):
        path = f"{alice.contacts}{number}.vcf"
        assert alice.put(path, vcard(f"{number}")).status == 201
        assert alice.request("HEAD", path).status == 200
        assert alice.delete(path).status == 204
        assert alice.get(path).status == 404
        assert alice.get(path, if_none_match="*").status == 404
        assert alice.put(path, b"no card").status == 403
    assert alice._connection.sock is used


def _send_chunked(client: Client, path: str, chunks: Iterator[bytes]) -> Answer:
    connection = HTTPConnection(LOOPBACK, client.port, timeout=30)
    headers = {**client.headers, "Transfer-Encoding": "chunked"}
    try:
        connection.request("PUT", path, chunks, headers, encode_chunked=True)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def test_a_body_may_come_in_chunks_of_unknown_number(world: World) -> None:
    alice = world.member()
    card = vcard("ann", "Ann", "NOTE:" + "x" * 200_000)
    path = f"{alice.contacts}ann.vcf"
    chunks = (card[start : start + 7_777] for start in range(0, len(card), 7_777))
    assert _send_chunked(alice, path, chunks).status == 201
    assert alice.get(path).body == card


def test_a_body_in_chunks_has_the_same_limit(world: World) -> None:
    alice = world.member()
    chunks = (b" " * 65_536 for _ in range(81))
    assert _send_chunked(alice, f"{alice.contacts}ann.vcf", chunks).status == 413


@pytest.mark.parametrize("framing", ["Content-Length: 5000", "Transfer-Encoding: chunked"])
def test_a_body_that_breaks_off_is_not_stored(world: World, framing: str) -> None:
    alice = world.member()
    alice.listing()
    body = vcard("ann", "Ann", "NOTE:" + "x" * 1000)
    if "chunked" in framing:
        body = b"%x\r\n" % len(body) + body[:-20]
    with socket.create_connection((LOOPBACK, alice.port), timeout=10) as connection:
        head = f"PUT {alice.contacts}ann.vcf HTTP/1.1\r\nHost: x\r\n{framing}\r\n"
        login = f"Authorization: {alice.headers['Authorization']}\r\n\r\n"
        connection.sendall((head + login).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answered = connection.makefile("rb").read()
    assert b" 201 " not in answered
    assert world.stored(world.own_book(alice)) == {}


def test_a_client_that_waits_for_leave_to_send_gets_it_or_the_answer(world: World) -> None:
    alice = world.member()
    alice.listing()
    card = vcard()
    for login, expected in ((alice.headers["Authorization"], b" 100 "), ("none", b" 401 ")):
        with socket.create_connection((LOOPBACK, alice.port), timeout=10) as connection:
            stream = connection.makefile("rb")
            lines = (
                f"PUT {alice.contacts}ann.vcf HTTP/1.1", "Host: x", f"Content-Length: {len(card)}",
                "Expect: 100-continue", f"Authorization: {login}", "", "",
            )  # fmt: skip
            connection.sendall("\r\n".join(lines).encode())
            assert expected in stream.readline()
            if expected == b" 100 ":
                assert stream.readline() == b"\r\n"
                connection.sendall(card)
                assert b" 201 " in stream.readline()


def test_an_encoded_body_is_not_taken_for_a_card(world: World) -> None:
    alice = world.member()
    packed = gzip.compress(vcard())
    answer = alice.put(f"{alice.contacts}ann.vcf", packed, content_encoding="gzip")
    assert answer.status in {403, 415}


def _begin_put(member: Member, path: str) -> Callable[[], bytes]:
    """Send half of a card; what is returned sends the rest, and returns the status line."""
    card = vcard(path)
    head = (
        f"PUT {path} HTTP/1.1", "Host: x", f"Authorization: {member.headers['Authorization']}",
        f"Content-Length: {len(card)}", "", "",
    )  # fmt: skip
    connection = socket.create_connection((LOOPBACK, member.port), timeout=30)
    connection.sendall("\r\n".join(head).encode() + card[:30])

    def finish() -> bytes:
        with connection, connection.makefile("rb") as stream:
            connection.sendall(card[30:])
            return stream.readline()

    return finish


def test_clients_that_send_slowly_stop_nobody_else(world: World) -> None:
    alice, book = world.shared()
    alice.listing()
    slow = [_begin_put(alice, alice.path(book, f"slow-{number}.vcf")) for number in range(6)]
    started = time.monotonic()
    for number in range(12):
        client = _twin(world, alice)
        assert client.put(alice.path(book, f"{number}.vcf"), vcard(f"{number}")).status == 201
        assert client.propfind(alice.path(book), depth=1).status == 207
    assert time.monotonic() - started < 10
    assert [finish() for finish in slow] == [b"HTTP/1.1 201 Created\r\n"] * 6
    assert len(world.stored(book)) == 18


def test_what_one_worker_stored_another_sees_at_once(world: World, served: Served) -> None:
    alice, book = world.shared()
    workers = family_of(served.server.pid) - {served.server.pid}
    assert len(workers) >= 2
    clients = [world.client(headers=alice.headers) for _ in range(8)]
    for number in range(16):
        path = alice.path(book, f"{number}.vcf")
        writer, reader = clients[number % 8], clients[(number + 3) % 8]
        etag = writer.put(path, vcard(f"{number}")).etag
        assert reader.get(path).etag == etag
        assert len(reader.sync(alice.path(book)).hrefs) == number + 1


def test_writers_of_one_card_do_not_lose_an_update(world: World) -> None:
    """Each of them counts up what it read; a 412 makes it read again."""
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    alice.put(path, vcard("ann", "0"))

    def count_up(client: Client) -> None:
        done = 0
        while done < 10:
            got = client.get(path)
            value = int(got.body.split(b"FN:")[1].split(b"\r")[0])
            answer = client.put(path, vcard("ann", str(value + 1)), if_match=got.etag or "")
            assert answer.status in {204, 412}
            done += answer.status == 204

    _run_all([threading.Thread(target=count_up, args=[_twin(world, alice)]) for _ in range(4)])
    assert b"FN:40\r\n" in alice.get(path).body


def test_one_of_many_who_create_the_same_card_succeeds(world: World) -> None:
    alice, book = world.shared()
    statuses: list[int] = []

    def create(client: Client, number: int) -> None:
        path = alice.path(book, "ann.vcf")
        card = vcard("ann", f"Number {number}")
        statuses.append(client.put(path, card, if_none_match="*").status)

    threads = [
        threading.Thread(target=create, args=[_twin(world, alice), number]) for number in range(8)
    ]
    _run_all(threads)
    assert sorted(statuses) == [201] + [412] * 7


def test_a_first_login_from_many_devices_at_once_makes_one_home(world: World) -> None:
    user = world.user()
    clients = [world.log_in(user) for _ in range(6)]
    found: list[set[str]] = []
    _run_all([threading.Thread(target=lambda c=c: found.append(c.books())) for c in clients])
    assert found == [{"contacts"}] * 6


def _twin(world: World, member: Member) -> Client:
    return world.client(headers=member.headers)


def _run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@dataclass
class _Writer:
    """A client that stores one card after the other until the server is gone."""

    client: Client
    folder: str
    number: int
    acknowledged: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def run(self) -> None:
        for count in range(10_000):
            name = f"{self.number}-{count}.vcf"
            try:
                answer = self.client.put(self.folder + name, vcard(name))
            except ConnectionRefusedError:
                return
            except ConnectionError:  # closed before anything was answered
                self.unanswered.add(name)
                self.client.close()
            except (HTTPException, OSError) as error:
                self.failures.append(repr(error))
                return
            else:
                if answer.status == 201:
                    self.acknowledged.add(name)
                else:
                    self.failures.append(repr(answer))


def test_an_orderly_stop_under_load_finishes_what_was_begun(
    tmp_path: Path, sqlite_databases: SqliteDatabases
) -> None:
    with (
        sqlite_databases.migrated() as url,
        closing(Database(url)) as database,
        RunningServer(tmp_path, url, {"server.workers": 2}) as server,
        World(database, server.port) as world,
    ):
        alice, book = world.shared()
        assert alice.books()
        writers = [_Writer(_twin(world, alice), alice.path(book), n) for n in range(8)]
        threads = [threading.Thread(target=writer.run) for writer in writers]
        for thread in threads:
            thread.start()
        slow = [_begin_put(alice, alice.path(book, f"slow-{n}.vcf")) for n in range(3)]
        while sum(len(writer.acknowledged) for writer in writers) < 40:
            time.sleep(0.01)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        time.sleep(1.5)
        assert stopping.is_alive()
        assert [finish() for finish in slow] == [b"HTTP/1.1 201 Created\r\n"] * 3
        for thread in (stopping, *threads):
            thread.join(30)
        stored = set(world.stored(book))
    assert [writer.failures for writer in writers] == [[]] * 8
    acknowledged = set().union(*(writer.acknowledged for writer in writers))
    unanswered = set().union(*(writer.unanswered for writer in writers))
    assert len(acknowledged) >= 40
    assert {"slow-0.vcf", "slow-1.vcf", "slow-2.vcf"} <= stored
    assert acknowledged <= stored
    # What was begun was answered: nobody has to guess whether a card was stored.
    assert not unanswered & stored


@pytest.mark.parametrize(
    ("statement", "remedy"),
    [
        ("DROP TABLE alembic_version", "sharedbooks db upgrade"),
        ("UPDATE alembic_version SET version_num = 'from the future'", "install the newer"),
    ],
    ids=["older", "newer"],
)
def test_it_does_not_start_on_a_database_of_another_version(
    tmp_path: Path, sqlite_databases: SqliteDatabases, statement: str, remedy: str
) -> None:
    with sqlite_databases.migrated() as url:
        with closing(Database(url)) as database, database.write() as connection:
            connection.execute(text(statement))
        config = tmp_path / "config.toml"
        config.write_text(toml({"database.url": url, "server.port": free_port()}))
        command = [sys.executable, "-m", "sharedbooks.cli", "--config", str(config), "serve"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert remedy in done.stderr
    assert "Traceback" not in done.stderr


def test_health_is_told_to_everybody_and_nothing_else(world: World) -> None:
    answer = world.client().get("/-/health")
    assert (answer.status, answer.body) == (200, b"ok\n")
    alice = world.member()
    for path in ("/-/", "/-/other"):
        assert world.client().get(path).status == 401
        assert alice.get(path).status == 404
