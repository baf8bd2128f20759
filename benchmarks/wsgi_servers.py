"""Compare WSGI servers: throughput, and how they behave when clients or workers misbehave.

Every server runs the same toy application with two workers on a loopback port. Throughput needs
``wrk`` on the PATH; a server whose package is missing is left out. Figures of two runs on a busy
machine differ: compare servers within one run, by ratio.
"""

import argparse
import contextlib
import hashlib
import http.client
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from defusedxml import ElementTree

WORKERS = 2
THREADS = 16
SLOW_CLIENTS = 50
BODY = (
    b'<?xml version="1.0"?><propfind xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav"><prop>'
    b"<getetag/><displayname/><resourcetype/><c:addressbook-description/></prop></propfind>"
)
WRK_SCRIPT = """wrk.method = "PROPFIND"
wrk.body = [[%s]]
wrk.headers["Content-Type"] = "application/xml"
"""
HERE = Path(__file__)
_local = threading.local()


# The toy application; workers import this file.


def _rows() -> list[Any]:
    if not hasattr(_local, "db"):
        _local.db = sqlite3.connect(os.environ["TOY_DATABASE"])
    return [
        _local.db.execute("SELECT value FROM item WHERE id = ?", (key,)).fetchone()
        for key in (1, 2, 3)
    ]


def _body(environ: dict[str, Any]) -> bytes:
    if "CONTENT_LENGTH" in environ and "HTTP_TRANSFER_ENCODING" not in environ:
        return bytes(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0)))
    return b"".join(iter(lambda: environ["wsgi.input"].read(65536), b""))


def _stream(megabytes: int) -> Iterator[bytes]:
    for _ in range(megabytes * 16):
        yield b"x" * 65536


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer by the first path segment; anything unknown is the measured request."""
    path = environ["PATH_INFO"]
    first = path.split("/")[1]
    if first == "large":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return _stream(20)
    if first in {"204", "304"}:
        start_response(f"{first} No body", [("ETag", '"1"')])
        return []
    status, data = "200 OK", b""
    if first == "slow":
        time.sleep(float(path.split("/")[2]))
        data = b"done"
    elif first == "limit":
        seen = len(environ["wsgi.input"].read(65536))
        status, data = "413 Content Too Large", str(seen).encode()
    elif first == "environ":
        body = _body(environ)
        facts = {k: v for k, v in environ.items() if isinstance(v, str | int | bool)}
        facts |= {"pid": os.getpid(), "length": len(body), "sha": hashlib.sha1(body).hexdigest()}
        data = json.dumps(facts).encode()
    else:
        ElementTree.fromstring(_body(environ) or BODY)
        status, data = "207 Multi-Status", repr(_rows()).encode() * 4
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(data)))])
    return [data]


# Starting the servers.


def _granian(port: int, tls: list[str]) -> list[str]:
    cert = ["--ssl-certificate", tls[0], "--ssl-keyfile", tls[1]] if tls else []
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--http", "1"),
        *("--port", str(port), "--workers", str(WORKERS), "--blocking-threads", str(THREADS)),
        *("--respawn-failed-workers", "--log-level", "warning", *cert),
        f"{HERE}:application",
    ]


def _gunicorn(port: int, tls: list[str]) -> list[str]:
    cert = ["--certfile", tls[0], "--keyfile", tls[1]] if tls else []
    return [
        *(sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--chdir"),
        *(str(HERE.parent), "--bind", f"127.0.0.1:{port}", "--workers", str(WORKERS)),
        *("--threads", str(THREADS), "--log-level", "warning", *cert, "wsgi_servers:application"),
    ]


def _forked(name: str) -> Callable[[int, list[str]], list[str]]:
    return lambda port, tls: [sys.executable, str(HERE), "--run", name, "--port", str(port), "--tls", *tls]


def _sharedbooks(port: int, tls: list[str]) -> list[str]:
    return [sys.executable, str(HERE), "--run", "sharedbooks", "--port", str(port), "--tls", *tls]


SERVERS: dict[str, tuple[str, Callable[[int, list[str]], list[str]]]] = {
    "sharedbooks": ("sharedbooks", _sharedbooks),
    "granian": ("granian", _granian),
    "gunicorn": ("gunicorn", _gunicorn),
    "cheroot": ("cheroot", _forked("cheroot")),
    "waitress": ("waitress", _forked("waitress")),
}


def run_server(name: str, port: int, tls: list[str]) -> None:
    """Run a server that has no command line of its own for several workers."""
    if name == "sharedbooks":
        _run_sharedbooks(port, tls)
        return
    shared = socket.create_server(("127.0.0.1", port), backlog=1024, reuse_port=True)
    children = [child for _ in range(WORKERS - 1) if (child := os.fork())]
    start, stop = (_cheroot if name == "cheroot" else _waitress)(port, tls, shared)

    def end(*_: object) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)
        threading.Thread(target=stop).start()

    signal.signal(signal.SIGTERM, end)
    start()
    for child in children:
        os.waitpid(child, 0)


def _cheroot(port: int, tls: list[str], shared: socket.socket) -> tuple[Callable[[], Any], ...]:
    from cheroot import wsgi  # noqa: PLC0415 - optional, and only in this process
    from cheroot.ssl.builtin import BuiltinSSLAdapter  # noqa: PLC0415

    shared.close()
    server = wsgi.Server(
        ("127.0.0.1", port), application, numthreads=THREADS, reuse_port=True, shutdown_timeout=10
    )
    server.ssl_adapter = BuiltinSSLAdapter(*tls) if tls else None
    return server.safe_start, server.stop


def _waitress(_port: int, tls: list[str], shared: socket.socket) -> tuple[Callable[[], Any], ...]:
    from waitress.server import create_server  # noqa: PLC0415

    if tls:
        raise SystemExit("waitress has no TLS")
    server = create_server(application, sockets=[shared], threads=THREADS)
    return server.run, server.close


def _run_sharedbooks(port: int, tls: list[str]) -> None:
    from sharedbooks import serving  # noqa: PLC0415 - only measured once it is there

    sys.path.insert(0, str(HERE.parent))
    options = serving.ServeOptions(
        host="127.0.0.1",
        port=port,
        workers=WORKERS,
        threads=THREADS,
        tls_certificate=Path(tls[0]) if tls else None,
        tls_key=Path(tls[1]) if tls else None,
    )
    serving.serve("wsgi_servers:toy", options)


def toy() -> Callable[..., Iterable[bytes]]:
    return application


class Running:
    """One server on a free loopback port, with its processes."""

    def __init__(self, name: str, folder: Path, tls: list[str] | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        environment = os.environ | {"TOY_DATABASE": str(folder / "toy.sqlite")}
        self.log = folder / f"{name}.log"
        self.tls = tls
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                SERVERS[name][1](self.port, tls or []),
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> "Running":
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.request("GET", "/environ")[0] == 200:
                    time.sleep(0.5)
                    return self
            time.sleep(0.1)
        self.__exit__()
        raise RuntimeError(self.log.read_text()[-500:])

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def connect(self, timeout: float = 5) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def request(
        self, method: str, path: str, body: bytes | None = None, timeout: float = 5
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def raw(self, data: bytes, seconds: float = 1.0) -> bytes:
        """Send octets and return all that comes until the end or a silence of some seconds."""
        received = b""
        with self.connect(seconds) as link, contextlib.suppress(OSError):
            link.sendall(data)
            while part := link.recv(65536):
                received += part
        return received

    def processes(self) -> list[int]:
        found = subprocess.run(
            ["ps", "-o", "pid=", "-s", str(self.process.pid)], capture_output=True, check=False
        )
        return [int(pid) for pid in found.stdout.split()]

    def cpu_seconds(self) -> float:
        ticks = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        pages = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# Throughput.


def load(server: Running, folder: Path, connections: int, seconds: int, *, close: bool) -> str:
    """Requests a second and CPU milliseconds a request, as ``wrk`` and the kernel count them."""
    script = folder / "load.lua"
    script.write_text(
        WRK_SCRIPT % BODY.decode() + ('wrk.headers["Connection"] = "close"' if close else "")
    )
    before = server.cpu_seconds()
    result = subprocess.run(
        [
            *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)),
            f"http://127.0.0.1:{server.port}/book/",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    used = server.cpu_seconds() - before
    requests = int(re.findall(r"(\d+) requests in", result)[0])
    errors = re.findall(r"(?:Socket errors|Non-2xx).*", result)
    return f"{requests / seconds:.0f}/s {used * 1000 / max(requests, 1):.2f} ms" + (
        f" ({'; '.join(errors)})" if errors else ""
    )


# Behaviour. Each check returns the words for its cell.


def _served_meanwhile(server: Running, clients: list[socket.socket], drip: bytes) -> str:
    took, failed = [], 0
    for _ in range(10):
        for link in clients:
            with contextlib.suppress(OSError):
                link.send(drip)
        start = time.monotonic()
        try:
            server.request("PROPFIND", "/book/", BODY, timeout=2)
        except OSError:
            failed += 1
        took.append(time.monotonic() - start)
    for link in clients:
        link.close()
    return f"{10 - failed}/10 served, median {statistics.median(took) * 1000:.0f} ms"


def slow_headers(server: Running) -> str:
    clients = [server.connect() for _ in range(SLOW_CLIENTS)]
    for link in clients:
        link.send(b"GET /book/ HTTP/1.1\r\nHost: x\r\n")
    return _served_meanwhile(server, clients, b"X-A: b\r\n")


def slow_bodies(server: Running) -> str:
    clients = [server.connect() for _ in range(SLOW_CLIENTS)]
    for link in clients:
        link.send(b"PUT /book/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n")
    time.sleep(0.5)
    return _served_meanwhile(server, clients, b"x")


def slow_readers(server: Running) -> str:
    before = server.memory_mb()
    clients = [server.connect() for _ in range(10)]
    for link in clients:
        link.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(2)
    grown = server.memory_mb() - before
    return f"+{grown:.0f} MB for 10 x 20 MB; " + _served_meanwhile(server, clients, b"")


def _in_threads(count: int, work: Callable[[int], bool]) -> Callable[[], str]:
    good: list[bool] = []

    def one(number: int) -> None:
        try:
            good.append(work(number))
        except (OSError, http.client.HTTPException):
            good.append(False)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()

    def result() -> str:
        for thread in threads:
            thread.join()
        return f"{sum(good)}/{count}"

    return result


def graceful_stop(server: Running) -> str:
    idle = server.connect()
    idle.send(b"GET /environ HTTP/1.1\r\nHost: x\r\n\r\n")
    idle.recv(65536)
    finish = _in_threads(8, lambda _: server.request("GET", "/slow/1.5", timeout=10)[1] == b"done")
    time.sleep(0.5)
    start = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    late = "refused"
    with contextlib.suppress(OSError, http.client.HTTPException):
        late = str(server.request("GET", "/environ", timeout=3)[0])
    answered = finish()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.process.wait(40)
    code = server.process.poll()
    return f"{answered} answered, new {late}, {time.monotonic() - start:.1f} s, exit {code}"


def reload_under_load(server: Running) -> str:
    stop = time.monotonic() + 12
    lost: list[str] = []
    done = [0]

    def trickle(number: int) -> bool:
        while time.monotonic() < stop:
            try:
                path = "/slow/0.3" if number % 2 else "/book/"
                server.request("PROPFIND", path, BODY, timeout=10)
                done[0] += 1
            except (OSError, http.client.HTTPException) as problem:
                lost.append(type(problem).__name__)
        return True

    finish = _in_threads(12, trickle)
    before = set(server.processes())
    for _ in range(1):
        time.sleep(1)
        server.process.send_signal(signal.SIGHUP)
    finish()
    new = len(set(server.processes()) - before)
    kinds = f" ({', '.join(sorted(set(lost)))})" if lost else ""
    return f"{len(lost)} of {done[0]} lost{kinds}, {new} new processes"


def killed_worker(server: Running) -> str:
    pid = json.loads(server.request("GET", "/environ")[1])["pid"]
    if pid == server.process.pid:
        return "worker is the main process"
    os.kill(pid, signal.SIGKILL)
    time.sleep(3)
    _in_threads(8, lambda _: server.request("GET", "/slow/0.2")[0] == 200)()
    seen = set()
    for _ in range(40):
        with contextlib.suppress(OSError, http.client.HTTPException):
            seen.add(json.loads(server.request("GET", "/environ")[1])["pid"])
    return f"{len(seen)} workers answer afterwards"


def bodies(server: Running) -> str:
    chunks = b"".join(b"%x\r\n%s\r\n" % (40000, b"x" * 40000) for _ in range(5)) + b"0\r\n\r\n"
    head = b"PUT /environ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    answer = server.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    chunked = b'"length": 200000' in answer
    early = server.raw(b"PUT /limit HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 70000)
    expect = server.raw(head + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    return (
        f"chunked {'whole' if chunked else 'LOST'}; early answer "
        f"{early[9:12].decode() or 'none'}; 100-continue {expect[9:12].decode() or 'none'}"
    )


def paths(server: Running) -> str:
    facts = json.loads(server.request("PROPFIND", "/environ/%C3%BC/a%2Fb")[1])
    raw = [key for key in ("RAW_URI", "REQUEST_URI") if key in facts]
    keys = ("SERVER_PROTOCOL", "REMOTE_ADDR", "wsgi.multithread", "wsgi.multiprocess")
    return f"{facts['PATH_INFO']!r} {','.join(raw) or 'no raw'} " + " ".join(
        str(facts.get(key)) for key in keys
    )


def no_bodies(server: Running) -> str:
    result = []
    for method, path in (("HEAD", "/book/"), ("GET", "/204"), ("GET", "/304")):
        answer = server.raw(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 0.4)
        head, _, body = answer.partition(b"\r\n\r\n")
        wrong = re.search(rb"(?i)transfer-encoding|content-length: 0", head)
        result.append(f"{path} {len(body)} octets" + (f" {wrong[0].decode()}" if wrong else ""))
    return "; ".join(result)


def header_limit(server: Running) -> str:
    for size in (8, 16, 64, 256, 512):
        head = b"GET /environ HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * size * 1024 + b"\r\n\r\n"
        if b" 200 " not in server.raw(head, 0.4)[:20]:
            return f"under {size} KiB"
    return "over 512 KiB"


CHECKS = (
    slow_headers,
    slow_bodies,
    slow_readers,
    graceful_stop,
    reload_under_load,
    killed_worker,
    bodies,
    paths,
    no_bodies,
    header_limit,
)


def measure(name: str, folder: Path, seconds: int, *, checks_only: bool) -> dict[str, str]:
    """All figures of one server, by row title."""
    rows: dict[str, str] = {}
    if not checks_only:
        for title, connections, close in (
            ("1 connection", 1, False),
            ("8 connections", 8, False),
            ("200 connections", 200, False),
            ("8, new each request", 8, True),
        ):
            with Running(name, folder) as server:
                rows[title] = load(server, folder, connections, seconds, close=close)
    for check in CHECKS:
        with Running(name, folder) as server:
            try:
                rows[check.__name__.replace("_", " ")] = check(server)
            except (OSError, http.client.HTTPException, ValueError) as problem:
                rows[check.__name__.replace("_", " ")] = f"failed: {problem!r}"
    return rows


def main() -> None:
    """Measure the named servers and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", default=list(SERVERS), help=", ".join(SERVERS))
    parser.add_argument("--seconds", type=int, default=5, help="length of one load run")
    parser.add_argument("--checks-only", action="store_true", help="leave the load runs out")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--tls", nargs="*", default=[], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        run_server(arguments.run, arguments.port, arguments.tls)
        return
    names = [n for n in arguments.servers if importlib.util.find_spec(SERVERS[n][0])]
    columns = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with contextlib.closing(sqlite3.connect(folder / "toy.sqlite")) as database:
            database.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, value TEXT)")
            database.executemany("INSERT INTO item VALUES (?, ?)", [(n, "v" * 40) for n in (1, 2, 3)])
            database.commit()
        checks_only = arguments.checks_only or not shutil.which("wrk")
        for server in names:
            columns[server] = measure(
                server, folder, arguments.seconds, checks_only=checks_only
            )
    for row in next(iter(columns.values())):
        for server, cells in columns.items():
            print(f"{row:22} {server:12} {cells[row]}")


if __name__ == "__main__":
    main()
