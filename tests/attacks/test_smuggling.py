"""Requests hidden in others: the proxy and the server agree where each one ends.

The log tells whether the server took a hidden request for one; the number of answers tells how many
the proxy saw.
"""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count

import pytest

from sharedbooks.db.engine import Database
from tests.http.client import Client
from tests.http.world import Member, World, vcard
from tests.support.databases import SqliteDatabases
from tests.support.network import LOOPBACK
from tests.support.nginx import Nginx
from tests.support.process import RunningServer

_NODES = 3
_AT_ONCE = 32
_SILENCE = 2.0
"""Seconds in which a server that took a request for one would have answered."""
_numbers = count(1)
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


def _request(*headers: bytes, body: bytes = b"", line: bytes = b"POST / HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: x", *headers, b"", body])


def _chunked(hidden: bytes, *headers: bytes) -> bytes:
    """A body that is empty if it is taken for chunks, and holds ``hidden`` if it is not."""
    body = b"0\r\n\r\n" + hidden
    return _request(*headers, b"Content-Length: %d" % len(body), body=body)


def _sized(hidden: bytes, *headers: bytes) -> bytes:
    """A body of chunks that hold ``hidden``, announced to be shorter."""
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)
    return _request(*headers, b"Content-Length: 4", body=chunks)


_TE = b"Transfer-Encoding: chunked"
_ODD_CODINGS = (
    *(
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\tchunked",
        b"Transfer-Encoding: xchunked",
    ),
    *(b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: identity, chunked"),
    *(b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: chunked\x00", b"X: y\r\n " + _TE),
    *(b"Transfer-Encoding:\r\n chunked", b"X: y\n" + _TE, b"X: y\r" + _TE, b" " + _TE),
    *(b"Transfer-Encoding: gzip, chunked", _TE + b"\r\n" + _TE, b"Transfer-Encoding: 'chunked'"),
    *(
        _TE + b"\r\nTransfer-Encoding: identity",
        b"TRANSFER-ENCODING: CHUNKED",
        b"Transfer_Encoding: chunked",
    ),
)
_ODD_LENGTHS = (
    b"+%d",
    b"0x%x",
    b"%d ",
    b"%d, %d",
    b"0%d",
    b"-%d",
    b"%d\x00",
    b"%d;",
    b" \t%d",
    b"1e2",
)


def attacks(hidden: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield requests that may be read in two ways, one of them with ``hidden`` as another one."""
    size = len(hidden)
    for coding in (_TE, *_ODD_CODINGS):
        yield f"length first, then {coding!r}", _chunked(hidden, coding)
        yield f"{coding!r} first, then length", _sized(hidden, coding)
        yield f"{coding!r} alone", _request(coding, body=b"0\r\n\r\n" + hidden)
    for odd in _ODD_LENGTHS:
        value = odd % ((size,) * odd.count(b"%"))
        yield f"length {value!r}", _request(b"Content-Length: " + value, body=hidden)
        for pair in ((value, b"0"), (b"0", value)):
            lines = [b"Content-Length: " + one for one in pair]
            yield f"two lengths {pair!r}", _request(*lines, body=hidden)
    for size_line in (
        b"0x0",
        b"+0",
        b"00000000000000000",
        b"0;a=b",
        b"0;\n",
        b"0 ",
        b"-0",
        b"0\n",
        b"",
    ):
        yield f"chunk of {size_line!r}", _request(_TE, body=size_line + b"\r\n\r\n" + hidden)
    for length in (b"FFFFFFFFFFFFFFFFF", b"10000000000000000", b"1;\x00", b"1\r\nab", b"1\n"):
        yield f"chunk {length!r}", _request(_TE, body=length + b"\r\na\r\n0\r\n\r\n" + hidden)
    yield "extension with a line end", _request(_TE, body=b"1;x\ny\r\na\r\n0\r\n\r\n" + hidden)
    yield "trailer", _request(_TE, body=b"0\r\nContent-Length: 5\r\n\r\n" + hidden)
    yield "bare LF", b"POST / HTTP/1.1\nHost: x\nContent-Length: 0\n\n" + hidden
    yield (
        "body of a GET",
        _request(b"Content-Length: %d" % size, body=hidden, line=b"GET / HTTP/1.1"),
    )
    yield "old version", _request(_TE, body=b"0\r\n\r\n" + hidden, line=b"POST / HTTP/1.0")
    yield "no version", b"GET /\r\n\r\n" + hidden
    yield "line end in the path", _request(line=b"GET /%0d%0a%0d%0aGET%20/ HTTP/1.1") + hidden
    yield "another host", _request(line=b"GET http://evil/ HTTP/1.1", body=hidden)
    yield "awaited", _request(b"Expect: 100-continue", b"Content-Length: %d" % size, body=hidden)
    yield "upgrade", _request(
        b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQ",
        body=hidden,
    )  # fmt: skip
    yield (
        "length by connection",
        _request(b"Connection: Content-Length", b"Content-Length: %d" % size, body=hidden),
    )


@dataclass
class Line:
    """A server with a proxy before it, and an honest member."""

    server: RunningServer
    proxy: Nginx
    member: Member

    def seen(self, mark: str) -> int:
        """How often the server took a request of that path for one."""
        return self.server.log.count(f"'/{mark}'")


def _answers(port: int, octets: bytes) -> int:
    """Send octets, and return how many answers came before it was silent for long enough."""
    answered = b""
    connection = socket.create_connection((LOOPBACK, port), timeout=_SILENCE)
    with connection, suppress(OSError):
        connection.sendall(octets)
        while piece := connection.recv(65_536):
            answered += piece
    return sum(1 for status in _STATUS.findall(answered) if status != b"100")


@pytest.fixture(scope="module")
def line(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[Line]:
    settings = {"log.level": "debug"}
    with (
        sqlite_databases.migrated() as url,
        RunningServer(tmp_path_factory.mktemp("server"), url, settings) as server,
        Nginx(tmp_path_factory.mktemp("nginx"), [server.port] * _NODES) as proxy,
        closing(Database(url)) as database,
        World(database, server.port) as world,
    ):
        alice = world.member()
        assert alice.put(f"{alice.contacts}ann.vcf", vcard()).status in {201, 404}
        alice.listing()
        assert alice.put(f"{alice.contacts}ann.vcf", vcard()).status in {201, 204}
        yield Line(server, proxy, alice)


def _hidden(mark: str) -> bytes:
    return f"GET /{mark} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.mark.parametrize("through", ["proxy", "server"])
def test_no_request_hides_in_another(line: Line, through: str) -> None:
    port = line.proxy.port if through == "proxy" else line.server.port
    marks = [f"hidden-{next(_numbers)}" for _ in attacks(b"")]
    named = [list(attacks(_hidden(mark)))[number] for number, mark in enumerate(marks)]
    with (
        ThreadPoolExecutor(_AT_ONCE) as pool,
        Client(port, headers=line.member.headers) as victim,
    ):
        waiting = [pool.submit(_answers, port, octets) for _, octets in named]
        # Whoever shares the proxy's connections with the attacker gets what they asked for.
        while not all(future.done() for future in waiting):
            card = victim.get(f"{line.member.contacts}ann.vcf")
            assert (card.status, card.body) == (200, vcard())
    for (name, _), mark, future in zip(named, marks, waiting, strict=True):
        # What was answered on its own was no secret to whoever stands in between.
        assert line.seen(mark) <= max(0, future.result() - 1), name


def test_a_request_behind_another_is_seen(line: Line) -> None:
    """The hidden request would be in the log: else the test above says nothing."""
    for port in (line.proxy.port, line.server.port):
        mark = f"hidden-{next(_numbers)}"
        assert _answers(port, _request(b"Content-Length: 0") + _hidden(mark)) == 2
        assert line.seen(mark) == 1


def test_a_packed_body_is_not_unpacked(line: Line) -> None:
    """A bomb of 10 KB would be 10 MB."""
    alice = line.member
    alice.close()
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
        for method, path in (("PUT", f"{alice.contacts}bomb.vcf"), ("PROPFIND", alice.home)):
            answer = alice.request(method, path, b"\x1f\x8b" * 5000, {"Content-Encoding": coding})
            assert answer.status == 415, answer
            assert answer.headers["Accept-Encoding"] == "identity"
    identity = {"Content-Encoding": "identity"}
    assert alice.request("PROPFIND", alice.home, b"", identity).status == 207
