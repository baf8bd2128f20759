"""Compare WSGI servers: throughput, and how they behave when clients or workers misbehave.

Every server runs the same toy application with two workers on a loopback port. Throughput needs
``wrk`` on the PATH; a server whose package is missing is left out. Figures of two runs on a busy
machine differ: compare servers within one run, by ratio.
"""

import argparse
import contextlib
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
from concurrent import futures
from pathlib import Path
from typing import Any, NamedTuple, Self

from defusedxml import ElementTree

WORKERS = 2
THREADS = 32
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
SERVERS = ("sharedbooks", "granian", "gunicorn", "cheroot", "waitress")
_local = threading.local()


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
    status, data = "200 OK", b""
    if first == "slow":
        time.sleep(float(path.split("/")[2]))
        data = b"done"
    elif first == "environ":
        body = _body(environ)
        data = json.dumps({"pid": os.getpid(), "length": len(body)}).encode()
    else:
        ElementTree.fromstring(_body(environ) or BODY)
        status, data = "207 Multi-Status", repr(_rows()).encode() * 4
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(data)))])
    return [data]


def create() -> Callable[..., Iterable[bytes]]:
    return application


def run_server(name: str, port: int) -> None:
    """Run a server that has no command line of its own for several workers."""
    if name == "sharedbooks":
        from sharedbooks import serving  # noqa: PLC0415 - not needed to measure the others

        options = serving.ServeOptions("127.0.0.1", port, workers=WORKERS, threads=THREADS)
        serving.serve("wsgi_servers:create", options)
        return
    children = [child for _ in range(WORKERS - 1) if (child := os.fork())]
    start, stop = _cheroot(port) if name == "cheroot" else _waitress(port)

    def end(*_: object) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)
        threading.Thread(target=stop).start()

    signal.signal(signal.SIGTERM, end)
    start()
    for child in children:
        os.waitpid(child, 0)


def _cheroot(port: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    from cheroot import wsgi  # noqa: PLC0415 - optional, and only in this process

    server = wsgi.Server(
        ("127.0.0.1", port), application, numthreads=THREADS, reuse_port=True, shutdown_timeout=10
    )
    return server.safe_start, server.stop


def _waitress(port: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    from waitress.server import create_server  # noqa: PLC0415

    listener = socket.create_server(("127.0.0.1", port), backlog=1024, reuse_port=True)
    server = create_server(application, sockets=[listener], threads=THREADS)
    return server.run, server.close


def _command(name: str, port: int) -> list[str]:
    workers, threads = ("--workers", str(WORKERS)), str(THREADS)
    if name == "granian":
        options = ["--interface", "wsgi", "--no-ws", "--http", "1", "--port", str(port), *workers]
        options += ["--blocking-threads", threads, "--respawn-failed-workers"]
        return [sys.executable, "-m", "granian", *options, "wsgi_servers:application"]
    if name == "gunicorn":
        options = ["--worker-class", "gthread", "--bind", f"127.0.0.1:{port}", *workers]
        return [
            *(sys.executable, "-m", "gunicorn", *options),
            *("--threads", threads, "wsgi_servers:application"),
        ]
    return [sys.executable, str(HERE), "--run", name, "--port", str(port)]


class Load(NamedTuple):
    """Requests a second, and milliseconds of the servers' CPU time for one."""

    rate: float
    cpu_ms: float


class Running:
    """One server on a free loopback port, with its processes."""

    def __init__(self, name: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                _command(name, self.port),
                cwd=HERE.parent,
                env=os.environ | {"TOY_DATABASE": str(folder / "toy.sqlite")},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
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


def load(server: Running, folder: Path, connections: int, seconds: int, *, close: bool) -> Load:
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
    return Load(requests / seconds, used * 1000 / max(requests, 1))


def throughput(
    names: list[str], folder: Path, rounds: int, seconds: int
) -> dict[tuple[str, str], str]:
    """Medians; the servers take turns, so that a busy spell of the machine strikes them alike."""
    loads = {
        "1 connection": (1, False),
        "8 connections": (8, False),
        "200 connections": (200, False),
        "8, new each request": (8, True),
    }
    seen: dict[tuple[str, str], list[Load]] = {(row, name): [] for row in loads for name in names}
    for _ in range(rounds):
        for row, (connections, close) in loads.items():
            for name in names:
                with Running(name, folder) as server:
                    seen[row, name].append(load(server, folder, connections, seconds, close=close))
    return {
        key: f"{statistics.median(run.rate for run in runs):.0f}/s, "
        f"{statistics.median(run.cpu_ms for run in runs):.2f} ms CPU"
        for key, runs in seen.items()
    }


def _served_beside(server: Running, head: bytes, drip: bytes, count: int) -> str:
    """How normal requests fare while slow clients have begun one and go on octet by octet."""
    clients = [server.connect() for _ in range(count)]
    for link in clients:
        link.send(head)
    time.sleep(1)
    before, took, failed = server.memory_mb(), [], 0
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
    return (
        f"{10 - failed}/10 served, median {statistics.median(took) * 1000:.0f} ms, {before:.0f} MB"
    )


def slow_headers(server: Running) -> str:
    return _served_beside(server, b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n", SLOW_CLIENTS)


def slow_bodies(server: Running) -> str:
    head = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n"
    return _served_beside(server, head, b"x", SLOW_CLIENTS)


def slow_readers(server: Running) -> str:
    return _served_beside(server, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", b"", 10)


def graceful_stop(server: Running) -> str:
    with futures.ThreadPoolExecutor(8) as pool:
        running = [pool.submit(server.request, "GET", "/slow/1.5") for _ in range(8)]
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        late = "refused"
        with contextlib.suppress(OSError, http.client.HTTPException):
            late = str(server.request("GET", "/environ", timeout=3)[0])
        futures.wait(running)
        answered = sum(not one.exception() and one.result()[1] == b"done" for one in running)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.process.wait(10)
    return f"{answered}/8 answered, new client {late}, exit {server.process.poll()}"


def reload(server: Running) -> str:
    """Requests lost by clients with and without kept connections around one SIGHUP."""
    end, before = time.monotonic() + 11, set(server.processes())

    def client(number: int) -> tuple[int, int]:
        done = lost = 0
        keep = number % 2
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        while time.monotonic() < end:
            try:
                link.request("PROPFIND", "/book/", BODY)
                link.getresponse().read()
                done += 1
            except (OSError, http.client.HTTPException):
                lost += 1
                link.close()
            time.sleep(0.005)
            if not keep:
                link.close()
        return done, lost

    with futures.ThreadPoolExecutor(16) as pool:
        clients = [pool.submit(client, number) for number in range(16)]
        time.sleep(1)
        server.process.send_signal(signal.SIGHUP)
        done, lost = (sum(column) for column in zip(*(c.result() for c in clients), strict=True))
    new = len(set(server.processes()) - before)
    return f"{lost} of {done + lost} lost, {new} new processes"


def killed_worker(server: Running) -> str:
    pid = json.loads(server.request("GET", "/environ")[1])["pid"]
    if pid == server.process.pid:
        return "the worker is the main process"
    os.kill(pid, signal.SIGKILL)
    time.sleep(3)
    answers = [server.request("GET", "/environ")[1] for _ in range(40)]
    return f"{len({json.loads(answer)['pid'] for answer in answers})} workers answer afterwards"


CHECKS = (slow_headers, slow_bodies, slow_readers, graceful_stop, reload, killed_worker)


def run_check(check: Callable[[Running], str], name: str, folder: Path) -> str:
    with Running(name, folder) as server:
        try:
            return check(server)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            return f"failed: {problem!r}"


def main() -> None:
    """Measure the named servers and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", default=SERVERS, help=", ".join(SERVERS))
    parser.add_argument("--seconds", type=int, default=5, help="length of one load run")
    parser.add_argument("--rounds", type=int, default=3, help="load runs, of which the median")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        run_server(arguments.run, arguments.port)
        return
    rows: dict[tuple[str, str], str] = {}
    names = [name for name in arguments.servers if importlib.util.find_spec(name)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with contextlib.closing(sqlite3.connect(folder / "toy.sqlite")) as database:
            database.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, value TEXT)")
            database.executemany(
                "INSERT INTO item VALUES (?, ?)", [(n, "v" * 40) for n in (1, 2, 3)]
            )
            database.commit()
        if shutil.which("wrk"):
            rows |= throughput(names, folder, arguments.rounds, arguments.seconds)
        for check in CHECKS:
            for name in names:
                rows[check.__name__, name] = run_check(check, name, folder)
    for (row, server), cell in rows.items():
        print(f"{row:20} {server:12} {cell}")


if __name__ == "__main__":
    main()
