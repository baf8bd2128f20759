"""The log of the server: JSON or text, an id for each request, and lines that nobody can forge."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text

from sharedbooks.db.engine import Database
from tests.http.client import Answer
from tests.http.conftest import Served
from tests.http.world import World, fresh, vcard
from tests.support.databases import Databases
from tests.support.network import wait_for
from tests.support.process import RunningServer


@pytest.fixture
def world(watched: Served) -> Iterator[World]:
    """People and books on the server that writes JSON."""
    with watched.world() as made:
        yield made


def lines(watched: Served, word: str) -> list[dict[str, Any]]:
    """The JSON lines of the log that hold ``word``; what is not JSON is not ours."""
    found = [line for line in watched.server.log.splitlines() if line.startswith("{")]
    return [document for document in map(json.loads, found) if word in json.dumps(document)]


def access(watched: Served, answer: Answer) -> dict[str, Any]:
    """The line of one request."""
    name = answer.headers["X-Request-ID"]
    found = wait_for(lambda: lines(watched, name), 10, "the line of the request")
    [line] = [line for line in found if line["logger"] == "sharedbooks.access"]
    return line


def test_a_request_is_one_line_with_all_there_is_to_know(world: World, watched: Served) -> None:
    alice = world.member()
    agent = "iOS/26.6.1 (23G90) dataaccessd/1.0"
    phone = world.client(headers={**alice.headers, "User-Agent": agent})
    line = access(watched, phone.request("PROPFIND", f"{alice.home}?token=hidden"))
    device = line.pop("device")
    assert device.startswith("phone-")
    assert line.pop("ms") > 0
    assert line.pop("time").endswith("+00:00")
    assert line.pop("message").startswith(f"127.0.0.1 '{alice.name}' '{device}' ios PROPFIND ")
    assert line.pop("request_id")
    assert line == {
        "level": "info",
        "logger": "sharedbooks.access",
        "method": "PROPFIND",
        "path": alice.home,
        "address": "127.0.0.1",
        "user": alice.name,
        "client": "ios",
        "user_agent": agent,
        "status": 207,
    }
    assert "hidden" not in watched.server.log


def test_other_lines_of_a_request_say_whose_it_is(world: World, watched: Served) -> None:
    name = fresh("nobody")
    # Where other tests of this server have failed to log in, it does not come to that.
    address = "192.0.2.178"
    answer = world.client((name, "wrong"), {"X-Forwarded-For": address}).propfind("/x/")
    [failure] = [line for line in lines(watched, name) if line["logger"] == "sharedbooks.login"]
    assert failure["message"] == f"failed login of {name!r} from {address}"
    assert failure["request_id"] == answer.headers["X-Request-ID"]
    assert failure["path"] == "/x/"


def test_every_request_has_an_id_of_its_own(world: World) -> None:
    answers = [world.client().request("OPTIONS", "/") for _ in range(20)]
    answers.append(world.client().get("/%FF"))
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 21


@pytest.mark.parametrize(
    ("given", "taken"),
    [("proxy-17.a_B~/+=:", True), ("x" * 65, False), ("two words", False), ("æ", False)],
)
def test_a_trusted_proxy_gives_ids(world: World, given: str, *, taken: bool) -> None:
    answer = world.client(headers={"X-Request-ID": given}).request("OPTIONS", "/")
    assert (answer.headers["X-Request-ID"] == given) is taken


def test_nobody_else_gives_ids(untrusting: Served) -> None:
    with untrusting.world() as world:
        answer = world.client(headers={"X-Request-ID": "mine"}).request("OPTIONS", "/")
        assert answer.headers["X-Request-ID"] != "mine"


FORGED = "\n2026-01-01 00:00:00,000 WARNING sharedbooks.login: failed login of 'x' from 192.0.2.1"
SEPARATORS = ("\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029")


def _send_forgeries(world: World) -> None:
    for separator in SEPARATORS:
        forged = FORGED.replace("\n", separator)
        quoted = "".join(f"%{octet:02X}" for octet in forged.encode())
        world.client((forged, "guess")).propfind(f"/{quoted}/")
        # What a header may hold: the server's HTTP refuses the rest.
        agent = FORGED[1:] + "\x85\t" + FORGED[1:]
        world.client(headers={"User-Agent": agent}).propfind(f"/{quoted}/")


def test_json_lines_cannot_be_forged(world: World, watched: Served) -> None:
    before = len(watched.server.log.splitlines())
    _send_forgeries(world)
    for line in watched.server.log.splitlines()[before:]:
        if line.startswith("Serving at "):
            # The command's output, which may come late.
            continue
        assert line.isascii()
        assert {"time", "level", "logger", "message"} <= json.loads(line).keys()


def test_text_lines_cannot_be_forged(served: Served) -> None:
    with served.world() as usual:
        _send_forgeries(usual)
    # As Python and as a terminal take lines apart.
    for line in served.server.log.splitlines():
        assert not line.startswith("2026-01-01")
        assert not set(line) & {*map(chr, range(32)), *map(chr, range(127, 160))}


class Sending(Thread):
    """A request that is sent while the test goes on."""

    def __init__(self, send: Callable[..., Answer], *arguments: Any) -> None:
        super().__init__(daemon=True)
        self._send, self._arguments = send, arguments
        self.answer: Answer | None = None

    def run(self) -> None:
        self.answer = self._send(*self._arguments)


@pytest.fixture
def slow(tmp_path: Path, databases: Databases) -> Iterator[tuple[RunningServer, World]]:
    """A server for which a second is long, on each kind of database."""
    with (
        databases.migrated() as url,
        closing(Database(url)) as database,
        RunningServer(tmp_path, url, {"log.slow_request": "1 s"}) as server,
        World(database, server.port) as made,
    ):
        yield server, made


def test_a_slow_request_is_told_with_its_statements(slow: tuple[RunningServer, World]) -> None:
    server, world = slow
    alice, book = world.shared()

    def told(name: str) -> list[str]:
        return [x for x in server.log.splitlines() if "slow request" in x and name in x]

    # Where the machine is busy one may be slow by itself.
    statuses = [
        alice.put(alice.path(book, f"quick-{number}.vcf"), vcard(f"{number}", "Ann Secret")).status
        for number in range(3)
    ]
    assert statuses == [201, 201, 201]
    assert len(told("quick-")) < 3
    with world.database.write() as connection:
        connection.execute(
            text("UPDATE address_books SET description = 'x' WHERE id = :id"), {"id": book.id}
        )
        sending = Sending(alice.put, alice.path(book, "late.vcf"), vcard("late", "Bob Secret"))
        sending.start()
        sending.join(1.5)
        assert sending.is_alive()
    sending.join(30)
    assert sending.answer is not None
    assert sending.answer.status == 201
    line = wait_for(lambda: told("late.vcf"), 10, "it")
    assert len(line) == 1
    assert "WARNING sharedbooks.slow: " in line[0]
    assert f"PUT '{alice.path(book, 'late.vcf')}' of '{alice.name}'" in line[0]
    longest, *others = line[0].split("statements: ")[1].split("; ")
    assert float(longest.split()[2]) > 1000
    if world.database.dialect == "postgresql":
        # The lock and all that is written travel with the commit, which waits for them.
        assert longest.endswith(" COMMIT")
        assert [each for each in others if "FOR NO KEY UPDATE" in each]
        assert [each for each in others if "UPDATE address_books" in each]
    else:
        assert "<waiting for the lock>" in longest or "FOR " in longest
        assert [each for each in others if "INSERT INTO card" in each]
    assert "Secret" not in server.log
